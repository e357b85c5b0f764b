package nuget

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"time"

	"larder/formats"
	"larder/registry"
)

// vulnerabilityFile is one line of a vulnerability index.
type vulnerabilityFile struct {
	Name    string `json:"@name"`
	ID      string `json:"@id"`
	Updated string `json:"@updated"`
	Comment string `json:"comment,omitempty"`
}

// nothingKnown is the one file where no upstream source has any. It holds an
// empty object: that is what clients read, whatever the documentation says of
// an empty array.
var nothingKnown = vulnerabilityFile{Name: "none", Updated: "2020-01-01T00:00:00Z", Comment: "no upstream source of this repository knows of vulnerabilities"}

// maxVulnerabilityFiles is how many files clients read.
const maxVulnerabilityFiles = 16

var vulnerabilityName = regexp.MustCompile(`^[A-Za-z0-9_-]{1,32}$`)

// getVulnerabilities answers GET v3/vulnerabilities/index.json: which files of
// known vulnerabilities there are, each with its address here (NuGet
// documentation, "Vulnerability info").
func (s *served) getVulnerabilities(w http.ResponseWriter, r *formats.Request) error {
	d, err := s.passed.get(r, "vulnerabilities "+r.Base, func() ([]byte, time.Duration, error) {
		files, life := vulnerabilityFiles(r)
		if len(files) == 0 {
			files = []vulnerabilityFile{nothingKnown}
		}
		for i := range files {
			files[i].ID = r.Base + "v3/vulnerabilities/" + files[i].Name + ".json"
		}
		b, err := encodeJSON(files)
		return b, life, err
	})
	if err != nil {
		return err
	}
	return formats.ServeDocument(w, r, d, jsonType)
}

// vulnerabilityFiles gives what the upstream source has, and for how long to
// believe it. A source that fails has none for now: a restore goes on without.
func vulnerabilityFiles(r *formats.Request) ([]vulnerabilityFile, time.Duration) {
	a, err := r.Repo.Auxiliary(r.Context(), registry.NuGet, registry.AuxiliaryRequest{Kind: askVulnerabilities})
	if registry.IsNotFound(err) {
		return nil, passedLife
	}
	var in []vulnerabilityFile
	if err != nil || json.Unmarshal(bytes.TrimPrefix(a.Body, []byte("\ufeff")), &in) != nil {
		return nil, failedLife
	}
	var out []vulnerabilityFile
	for _, f := range in {
		if vulnerabilityName.MatchString(f.Name) && absolute(&url.URL{}, f.ID) != "" && len(out) < maxVulnerabilityFiles {
			out = append(out, f)
		}
	}
	return out, passedLife
}

// getVulnerabilityFile answers GET v3/vulnerabilities/{name}.json as the
// upstream source has the file.
func (s *served) getVulnerabilityFile(w http.ResponseWriter, r *formats.Request) error {
	name, ok := cutJSON(r.Vars["name"])
	if !ok || !vulnerabilityName.MatchString(name) {
		return registry.Errorf(registry.NotFound, "there is no file of vulnerabilities %q", r.Vars["name"])
	}
	d, err := s.passed.get(r, "vulnerability file "+name, func() ([]byte, time.Duration, error) {
		files, life := vulnerabilityFiles(r)
		for _, f := range files {
			if f.Name != name {
				continue
			}
			a, err := r.Repo.Auxiliary(r.Context(), registry.NuGet, registry.AuxiliaryRequest{Kind: askFile, Path: f.ID})
			if err != nil {
				return nil, 0, err
			}
			if !json.Valid(a.Body) {
				return nil, 0, registry.Errorf(registry.UpstreamFailed, "the upstream source answered with vulnerabilities that are not JSON")
			}
			return a.Body, life, nil
		}
		if name == nothingKnown.Name {
			return []byte("{}"), passedLife, nil
		}
		return nil, 0, registry.Errorf(registry.NotFound, "there is no file of vulnerabilities %q", name)
	})
	if err != nil {
		return err
	}
	return formats.ServeDocument(w, r, d, jsonType)
}
