package lockfile

import (
	"encoding/base64"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// nugetLock is packages.lock.json (NuGet documentation, "Enabling lock file"):
// packages by target framework, or framework and runtime.
type nugetLock struct {
	Dependencies map[string]map[string]nugetPackage `json:"dependencies"`
}

type nugetPackage struct {
	Type        string `json:"type"` // Direct, Transitive, CentralTransitive, Project
	Resolved    string `json:"resolved"`
	ContentHash string `json:"contentHash"`
}

// parseNuGet reads a packages.lock.json.
func parseNuGet(data []byte) ([]Entry, error) {
	var lock nugetLock
	if err := decodeJSON(data, &lock); err != nil {
		return nil, err
	}
	var all []Entry
	for _, framework := range slices.Sorted(maps.Keys(lock.Dependencies)) {
		packages := lock.Dependencies[framework]
		for _, name := range slices.Sorted(maps.Keys(packages)) {
			e, err := packages[name].entry(name)
			if err != nil {
				return nil, at(fmt.Sprintf("dependencies[%q][%q]", framework, name), err)
			}
			all = append(all, e)
		}
	}
	return all, nil
}

func (p nugetPackage) entry(name string) (Entry, error) {
	switch {
	case strings.EqualFold(p.Type, "Project"):
		return skipped(name, skipFolder)
	case p.Resolved == "":
		return skipped(name, skipUnpinned)
	}
	e := Entry{Format: NuGet, Name: strings.ToLower(name), Version: p.Resolved}
	if p.ContentHash != "" {
		sum, err := base64.StdEncoding.DecodeString(p.ContentHash)
		if err != nil {
			return e, fmt.Errorf("contentHash %q is no base64", short(p.ContentHash))
		}
		d, err := newDigest(Content, sum)
		if err != nil {
			return e, err
		}
		e.Digests = []Digest{d}
	}
	return Check(e)
}
