package nuget

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"

	"larder/formats"
	"larder/registry"
)

const jsonType = "application/json"

// getVersions answers GET v3/flatcontainer/{id}/index.json: every version that
// can be had, the unlisted ones too (NuGet documentation, "Package Content").
func getVersions(w http.ResponseWriter, r *formats.Request) error {
	p, err := packageOf(r)
	if err != nil {
		return err
	}
	d, err := r.Repo.Document(r.Context(), registry.DocumentQuery{Package: p, Kind: "versions"}, renderVersions)
	if err != nil {
		return err
	}
	return formats.ServeDocument(w, r, d, jsonType)
}

func renderVersions(view *registry.PackageView) ([]byte, error) {
	out := struct {
		Versions []string `json:"versions"`
	}{[]string{}}
	for _, v := range all(view) {
		out.Versions = append(out.Versions, v.Version.Version)
	}
	return json.Marshal(out)
}

// getFile answers GET v3/flatcontainer/{id}/{version}/{file}: the package, its
// symbols, or a file out of it.
func getFile(w http.ResponseWriter, r *formats.Request) error {
	id, err := versionOf(r)
	if err != nil {
		return err
	}
	switch name := r.Vars["file"]; {
	case name == packageFile(id), name == symbolsFile(id):
		a, err := r.Repo.Asset(r.Context(), id, name)
		if err != nil {
			return err
		}
		if a.Warning != "" { // which NuGet's clients print (NuGet.Protocol: ServerWarningLogHandler)
			w.Header().Set("X-NuGet-Warning", a.Warning)
		}
		return formats.ServeAsset(w, r, a, "application/octet-stream", name)
	case name == id.Package.Name+nuspecSuffix:
		return serveDerived(w, r, id, part{kind: "nuspec", dig: nuspecOf, beside: name}, func([]byte) string { return "application/xml" })
	case name == "readme":
		return serveDerived(w, r, id, part{kind: name, dig: func(p *nupkg) ([]byte, error) { return p.file(p.Readme) }, beside: name},
			func([]byte) string { return "text/markdown; charset=utf-8" })
	case name == "license":
		return serveDerived(w, r, id, part{kind: name, dig: func(p *nupkg) ([]byte, error) { return p.file(p.LicenseFile) }, beside: name},
			func([]byte) string { return "text/plain; charset=utf-8" })
	case name == "icon":
		return serveDerived(w, r, id, part{kind: name, dig: func(p *nupkg) ([]byte, error) { return p.file(p.Icon) }, beside: name}, imageType)
	}
	return registry.Errorf(registry.NotFound, "version %s of %s has no file %q", id.Version, id.Package.Name, r.Vars["file"])
}

// part is a file out of a package.
type part struct {
	kind   string
	dig    func(*nupkg) ([]byte, error)
	beside string // its name beside the package in another source's flat container
}

// serveDerived gives a file out of a package: of one that is here from its
// bytes, of another as the source has it beside the package.
func serveDerived(w http.ResponseWriter, r *formats.Request, id registry.VersionID, of part, contentType func([]byte) string) error {
	nowhere := false
	d, err := r.Repo.Derived(r.Context(), id, packageFile(id), registry.Derivation{
		Kind:    of.kind,
		Extract: extract(of.dig),
		Offered: func(_ json.RawMessage, a registry.ListedAsset) (registry.Offer, bool) {
			offer, ok := besidePackage(id, a.URL, of.beside)
			nowhere = !ok
			return offer, ok
		},
	})
	if nowhere {
		d, err = fetchedPart(r, id, of)
	}
	if err != nil {
		return err
	}
	w.Header().Set("Content-Security-Policy", "sandbox")
	return formats.ServeDocument(w, r, d, contentType(d.Plain()))
}

// fetchedPart brings the package in and reads the file out of it, for sources
// that have no flat container.
func fetchedPart(r *formats.Request, id registry.VersionID, of part) (*registry.Document, error) {
	a, err := r.Repo.Asset(r.Context(), id, packageFile(id))
	if err != nil {
		return nil, err
	}
	_, err = io.Copy(io.Discard, a.Body)
	a.Body.Close()
	if err != nil {
		return nil, err
	}
	return r.Repo.Derived(r.Context(), id, packageFile(id), registry.Derivation{Kind: of.kind, Extract: extract(of.dig)})
}

// besidePackage gives the address of a file in the flat container that a
// package's address lies in: {id}/{version}/{file}.
func besidePackage(id registry.VersionID, address, name string) (registry.Offer, bool) {
	address, _, _ = strings.Cut(address, "#")
	folder, ok := strings.CutSuffix(address, "/"+packageFile(id))
	if !ok || !strings.HasSuffix(folder, "/"+id.Package.Name+"/"+id.Version) {
		return registry.Offer{}, false
	}
	return registry.Offer{Request: registry.AuxiliaryRequest{Kind: "file", Path: folder + "/" + name}}, true
}

// imageType is the media type of an icon: PNG and JPEG are all that packages may have.
func imageType(b []byte) string {
	switch {
	case bytes.HasPrefix(b, []byte("\x89PNG\r\n\x1a\n")):
		return "image/png"
	case bytes.HasPrefix(b, []byte("\xff\xd8\xff")):
		return "image/jpeg"
	}
	return "application/octet-stream"
}

// packageOf gives the package that the path names. No package has an id that is
// not allowed: NotFound.
func packageOf(r *formats.Request) (registry.PackageID, error) {
	name := r.Vars["package"]
	if !validID(name) {
		return registry.PackageID{}, registry.Errorf(registry.NotFound, "there is no package %q: no NuGet package can have that id", name)
	}
	return registry.PackageID{Format: registry.NuGet, Name: lowerID(name)}, nil
}

// versionOf gives the version that the path names.
func versionOf(r *formats.Request) (registry.VersionID, error) {
	p, err := packageOf(r)
	if err != nil {
		return registry.VersionID{}, err
	}
	v, ok := parseVersion(r.Vars["version"])
	if !ok {
		return registry.VersionID{}, registry.Errorf(registry.NotFound, "there is no version %q of %s: that is no version", r.Vars["version"], p.Name)
	}
	return registry.VersionID{Package: p, Version: v.key()}, nil
}
