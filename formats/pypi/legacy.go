package pypi

import (
	"net/http"
	"strings"

	"larder/formats"
	"larder/registry"
)

// getJSON answers GET /pypi/{package}/json and /pypi/{package}/{version}/json:
// the JSON API of the public index before PEP 691, for tools that still ask for
// it. Of versions that were never here it knows no more than their index does.
func getJSON(w http.ResponseWriter, r *formats.Request) error {
	p, err := packageOf(r)
	if err != nil {
		return err
	}
	version := ""
	if r.Vars["version"] != "" {
		id, err := versionOf(r)
		if err != nil {
			return err
		}
		version = id.Version
	}
	d, err := r.Repo.Document(r.Context(), registry.DocumentQuery{Package: p, Version: version, Kind: "legacy " + version, Base: r.Base},
		func(view *registry.PackageView) ([]byte, error) { return renderLegacy(view, version, r.Base) })
	if err != nil {
		return err
	}
	return formats.ServeDocument(w, r, d, "application/json")
}

type legacyInfo struct {
	*about
	Name        string            `json:"name"`
	Version     string            `json:"version"`
	PackageURL  string            `json:"package_url"`
	ProjectURL  string            `json:"project_url"`
	ReleaseURL  string            `json:"release_url"`
	ProjectURLs map[string]string `json:"project_urls"`
	Yanked      bool              `json:"yanked"`
	Reason      *string           `json:"yanked_reason"`
}

type legacyFile struct {
	Filename       string            `json:"filename"`
	URL            string            `json:"url"`
	PackageType    string            `json:"packagetype"`
	PythonVersion  string            `json:"python_version"`
	Digests        map[string]string `json:"digests"`
	MD5            string            `json:"md5_digest,omitempty"`
	RequiresPython *string           `json:"requires_python"`
	Size           int64             `json:"size"`
	UploadTime     string            `json:"upload_time,omitempty"`
	UploadTimeISO  string            `json:"upload_time_iso_8601,omitempty"`
	HasSignature   bool              `json:"has_sig"`
	Yanked         bool              `json:"yanked"`
	Reason         *string           `json:"yanked_reason"`
}

// renderLegacy writes the document of a version, or, where that is empty, of
// the project with its newest version.
func renderLegacy(view *registry.PackageView, version, base string) ([]byte, error) {
	whole := version == ""
	if whole {
		version = view.Tags["latest"]
		if version == "" {
			version = view.Unlisted[len(view.Unlisted)-1].Version.Version
		}
	}
	v, ok := view.Version(version)
	if !ok {
		return nil, registry.Errorf(registry.NotFound, "there is no version %s of %s", version, view.ID.Name)
	}
	m := decode(v.Manifest)
	home := base + "simple/" + view.ID.Name + "/"
	info := legacyInfo{about: m.About, Name: view.ID.Name, Version: version, PackageURL: home, ProjectURL: home, ReleaseURL: home, Yanked: v.Status == registry.Unlisted}
	if info.about == nil {
		info.about = &about{}
	} else if m.About.Name != "" {
		info.Name = m.About.Name
	}
	for _, entry := range info.about.ProjectURLs {
		if info.ProjectURLs == nil {
			info.ProjectURLs = map[string]string{}
		}
		label, url, _ := strings.Cut(entry, ",")
		info.ProjectURLs[strings.TrimSpace(label)] = strings.TrimSpace(url)
	}
	p := pageOf(view, base)
	releases := map[string][]legacyFile{}
	for i := range p.files {
		e := &p.files[i]
		releases[e.version] = append(releases[e.version], e.legacy(view.ID.Name, home))
		if e.version == version && e.yanked != nil && *e.yanked != "" {
			info.Reason = e.yanked
		}
	}
	out := map[string]any{"info": info, "urls": orEmpty(releases[version]), "vulnerabilities": []any{}, "last_serial": view.Revision}
	if whole {
		out["releases"] = releases
	}
	return marshal(out)
}

func orEmpty(files []legacyFile) []legacyFile {
	if files == nil {
		return []legacyFile{}
	}
	return files
}

func (e *entry) legacy(project, home string) legacyFile {
	k, _ := fileOf(project, e.name)
	f := legacyFile{
		Filename: e.name, URL: home + e.path(), PackageType: k.packageType(), PythonVersion: pythonTag(k, e.name),
		Digests: map[string]string{}, Size: e.size, Yanked: e.yanked != nil, HasSignature: e.Signed != nil && *e.Signed,
	}
	if e.RequiresPython != "" {
		f.RequiresPython = &e.RequiresPython
	}
	if e.yanked != nil && *e.yanked != "" {
		f.Reason = e.yanked
	}
	for _, s := range e.hashes {
		f.Digests[s.algorithm] = s.hex
	}
	f.MD5 = f.Digests["md5"]
	if t := e.Uploaded.UTC(); !t.IsZero() {
		f.UploadTime, f.UploadTimeISO = t.Format("2006-01-02T15:04:05"), e.uploadTime()
	}
	return f
}

// pythonTag is what a file's name says of the Python that it is for.
func pythonTag(k kind, name string) string {
	if parts := strings.Split(name, "-"); k == wheelFile {
		return parts[len(parts)-3]
	}
	return "source"
}

// noXMLRPC is the answer to "pip search" and to old mirrors, as their protocol
// has it. Its code is that by which the public index refuses.
const noXMLRPC = `<?xml version="1.0"?>
<methodResponse><fault><value><struct>
<member><name>faultCode</name><value><int>-32500</int></value></member>
<member><name>faultString</name><value><string>RuntimeError: there is no XML-RPC here. Packages are listed under simple/, and with "larder package list"</string></value></member>
</struct></value></fault></methodResponse>
`

// postXMLRPC refuses XML-RPC calls.
func postXMLRPC(w http.ResponseWriter, r *formats.Request) error {
	return formats.ServeBytes(w, r, http.StatusOK, "text/xml; charset=utf-8", []byte(noXMLRPC))
}
