package pypi

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"larder/formats"
	"larder/registry"
)

// postUpload answers POST to the repository's URL: one file of a version. More
// may follow; the same file again changes nothing, other bytes under its name
// are refused in the words that clients look for.
func postUpload(w http.ResponseWriter, r *formats.Request) error {
	ctx := r.Context()
	pub, err := r.Repo.Publish(ctx, registry.PackageID{Format: registry.PyPI})
	if err != nil {
		return err
	}
	defer func() { pub.Abort() }()
	f, err := readForm(r.Request, func(project, name string, rd io.Reader) (registry.Asset, error) {
		if validName(project) {
			// Where the form names the project before its file, the right is checked
			// before a byte of the file is read.
			exact, err := r.Repo.Publish(ctx, registry.PackageID{Format: registry.PyPI, Name: normalize(project)})
			if err != nil {
				return registry.Asset{}, err
			}
			pub.Abort()
			pub = exact
		}
		return pub.Stage(ctx, name, rd)
	})
	if err != nil {
		return err
	}
	draft, err := f.draft(pub, time.Now())
	if err != nil {
		return err
	}
	r.Log.Package, r.Log.Version = draft.ID.Package.Name, draft.ID.Version
	if f.signature != nil {
		name := f.file.name + signatureSuffix
		if _, err := pub.Stage(ctx, name, bytes.NewReader(f.signature)); err != nil {
			return err
		}
		draft.Assets = append(draft.Assets, name)
	}
	if err := pub.Commit(ctx, draft); err != nil {
		if errors.Is(err, registry.ErrAssetExists) {
			return formats.Statusf(http.StatusBadRequest, "File already exists: %s has other bytes here. Files do not change; upload another version, or a wheel with a build number", f.file.name)
		}
		return err
	}
	return formats.ServeBytes(w, r, http.StatusOK, "text/plain; charset=utf-8", []byte("OK\n"))
}

// contents looks into a staged file: Publication.
type contents interface {
	Content(name string) (io.ReaderAt, error)
}

// draft checks a form and makes the version to commit, without a signature.
func (f *form) draft(staged contents, now time.Time) (registry.Draft, error) {
	var d registry.Draft
	if err := f.checkProtocol(); err != nil {
		return d, err
	}
	id, err := f.id()
	if err != nil {
		return d, err
	}
	k, err := f.checkName(id)
	if err != nil {
		return d, err
	}
	if err := f.checkDigests(); err != nil {
		return d, err
	}
	rd, err := staged.Content(f.file.name)
	if err != nil {
		return d, err
	}
	info, where, err := f.look(rd, k, id)
	if err != nil {
		return d, err
	}
	meta := parseMetadata(info)
	if err := meta.check(where, id.Package.Name, id.Version); err != nil {
		return d, err
	}
	attestations, err := f.attestations()
	if err != nil {
		return d, err
	}
	about := aboutOf(meta)
	// To the microsecond, as index pages have it.
	of := file{Uploaded: now.UTC().Truncate(time.Microsecond), RequiresPython: about.RequiresPython, Attestations: attestations}
	if k == wheelFile {
		of.Metadata = sha256Hex(info)
	}
	m := manifest{Files: map[string]file{f.file.name: of}, About: about}
	d = registry.Draft{
		ID:       id,
		Status:   registry.Published,
		Mode:     registry.Extend,
		Manifest: m.encode(),
		Merge:    m.merge,
		Assets:   []string{f.file.name},
	}
	if about.Name != id.Package.Name {
		d.DisplayName = about.Name
	}
	return d, nil
}

func (f *form) checkProtocol() error {
	switch action := f.first(":action"); action {
	case "file_upload", "":
	case "submit", "verify":
		return registry.Errorf(registry.Invalid, "projects are not registered here: upload a file")
	default:
		return registry.Errorf(registry.Invalid, "the action %q is unknown here: only files are uploaded", action)
	}
	if v := f.first("protocol_version"); v != "1" && v != "" {
		return registry.Errorf(registry.Invalid, "version %q of the upload protocol is unknown here, only 1", v)
	}
	if f.file == nil {
		return registry.Errorf(registry.Invalid, "the form has no file: it is the part called content")
	}
	if f.file.asset.Size == 0 {
		return registry.Errorf(registry.Invalid, "the file %q is empty", f.file.name)
	}
	return nil
}

// id is the version that the form names.
func (f *form) id() (registry.VersionID, error) {
	id := registry.VersionID{Package: registry.PackageID{Format: registry.PyPI, Name: f.first("name")}, Version: f.first("version")}
	if id.Package.Name == "" || id.Version == "" {
		return id, registry.Errorf(registry.Invalid, "the form does not say the project's name and version")
	}
	return rules{}.Canonical(id)
}

// checkName holds the file's name to the project, the version and the kind.
func (f *form) checkName(id registry.VersionID) (kind, error) {
	name := f.file.name
	k, version := fileOf(id.Package.Name, name)
	switch {
	case k == eggFile:
		return k, registry.Errorf(registry.Invalid, "%s is an egg: those are not uploaded any more; build a wheel", name)
	case k == noFile || k == sdistFile && !strings.HasSuffix(name, ".tar.gz") && !strings.HasSuffix(name, ".zip"):
		return k, registry.Errorf(registry.Invalid, "%q is not the name of a file of project %s: those are {name}-{version}-{python}-{abi}-{platform}.whl and {name}-{version}.tar.gz", name, id.Package.Name)
	case version != id.Version:
		return k, registry.Errorf(registry.Invalid, "the file %s is of version %s, the form says %s", name, version, id.Version)
	case !assetName(name):
		return k, registry.Errorf(registry.Invalid, "a file cannot be called %q", name)
	}
	if t := f.first("filetype"); t != "" && t != k.packageType() {
		return k, registry.Errorf(registry.Invalid, "the form says that %s is a %q, but it is a %q", name, t, k.packageType())
	}
	return k, nil
}

// look gives the core metadata in the file, and where it stands.
func (f *form) look(rd io.ReaderAt, k kind, id registry.VersionID) (info []byte, where string, err error) {
	if k == wheelFile {
		info, err = checkWheel(rd, f.file.asset.Size, id.Package.Name, id.Version)
		return info, "the wheel's METADATA", err
	}
	info, err = checkSdist(f.file.name, rd, f.file.asset.Size)
	return info, "the source distribution's PKG-INFO", err
}

// attestations are those that came with the file (PEP 740, "Upload endpoint
// changes"): an array of objects, kept for clients to verify.
func (f *form) attestations() (json.RawMessage, error) {
	raw := f.first("attestations")
	if raw == "" {
		return nil, nil
	}
	var list []struct{ Version int }
	if json.Unmarshal([]byte(raw), &list) != nil || len(list) == 0 || len(list) > 16 {
		return nil, registry.Errorf(registry.Invalid, "attestations must be an array of 1 to 16 attestation objects")
	}
	for _, a := range list {
		if a.Version != 1 {
			return nil, registry.Errorf(registry.Invalid, "an attestation has version %d; version 1 is understood here", a.Version)
		}
	}
	var out bytes.Buffer
	if json.Compact(&out, []byte(raw)) != nil {
		return nil, registry.Errorf(registry.Invalid, "attestations is not JSON")
	}
	return out.Bytes(), nil
}
