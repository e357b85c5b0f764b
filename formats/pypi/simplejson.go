package pypi

import (
	"bytes"
	"encoding/json"

	"larder/registry"
)

// apiVersion is that of the simple API that is spoken here: 1.1 brought
// versions, size and upload-time, 1.3 provenance, 1.4 the project's status.
const apiVersion = "1.4"

type jsonMeta struct {
	APIVersion string `json:"api-version"`
}

type jsonPage struct {
	Meta     jsonMeta       `json:"meta"`
	Name     string         `json:"name"`
	Versions []string       `json:"versions"`
	Files    []jsonFile     `json:"files"`
	Status   *projectStatus `json:"project-status,omitempty"`
}

type jsonFile struct {
	Filename       string            `json:"filename"`
	URL            string            `json:"url"`
	Hashes         map[string]string `json:"hashes"`
	RequiresPython string            `json:"requires-python,omitempty"`
	Size           int64             `json:"size,omitempty"`
	UploadTime     string            `json:"upload-time,omitempty"`
	Yanked         any               `json:"yanked"` // a reason, else true or false
	// Both names of the same member: the later one is that of PEP 714.
	CoreMetadata     any    `json:"core-metadata,omitempty"`
	DistInfoMetadata any    `json:"dist-info-metadata,omitempty"`
	Signed           *bool  `json:"gpg-sig,omitempty"`
	Provenance       string `json:"provenance,omitempty"`
}

// renderJSON writes a project's page as JSON (Simple repository API, "Project
// detail").
func renderJSON(view *registry.PackageView, base string) ([]byte, error) {
	p := pageOf(view, base)
	out := jsonPage{Meta: jsonMeta{apiVersion}, Name: p.name, Versions: p.versions, Files: make([]jsonFile, 0, len(p.files))}
	if out.Versions == nil {
		out.Versions = []string{}
	}
	if p.status.Status != "" {
		out.Status = &p.status
	}
	for i := range p.files {
		e := &p.files[i]
		f := jsonFile{
			Filename: e.name, URL: e.path(), Hashes: map[string]string{}, RequiresPython: e.RequiresPython,
			Size: e.size, UploadTime: e.uploadTime(), Yanked: yankedValue(e.yanked), Signed: e.Signed, Provenance: e.provenance,
		}
		for _, s := range e.hashes {
			f.Hashes[s.algorithm] = s.hex
		}
		switch e.Metadata {
		case "":
		case "true":
			f.CoreMetadata = true
		default:
			f.CoreMetadata = map[string]string{"sha256": e.Metadata}
		}
		f.DistInfoMetadata = f.CoreMetadata
		out.Files = append(out.Files, f)
	}
	return marshal(out)
}

// marshal writes JSON that is never part of a web page: "<" and ">", which stand
// in most requirements, need no escape.
func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return b.Bytes(), err
}

func yankedValue(reason *string) any {
	switch {
	case reason == nil:
		return false
	case *reason == "":
		return true
	}
	return *reason
}

// renderJSONList writes the list of projects as JSON ("Project list").
func renderJSONList(names []string) ([]byte, error) {
	type project struct {
		Name string `json:"name"`
	}
	out := struct {
		Meta     jsonMeta  `json:"meta"`
		Projects []project `json:"projects"`
	}{jsonMeta{apiVersion}, make([]project, 0, len(names))}
	for _, name := range names {
		out.Projects = append(out.Projects, project{name})
	}
	return marshal(out)
}
