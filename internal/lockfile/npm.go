package lockfile

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// npmLock is package-lock.json or npm-shrinkwrap.json: version 1 (npm 5 and 6)
// has dependencies alone, 2 both, 3 (npm 7 and later) packages alone
// (npm documentation, "package-lock.json").
type npmLock struct {
	Packages     map[string]npmPackage `json:"packages"`
	Dependencies json.RawMessage       `json:"dependencies"`
}

type npmPackage struct {
	Name      string `json:"name"` // where it is not that of the folder
	Version   string `json:"version"`
	Resolved  loose  `json:"resolved"`
	Integrity loose  `json:"integrity"`
	Link      bool   `json:"link"`
	InBundle  bool   `json:"inBundle"` // comes with the package that it is in
}

type npmDependency struct {
	Version      string                   `json:"version"`
	Resolved     loose                    `json:"resolved"`
	Integrity    loose                    `json:"integrity"`
	Bundled      bool                     `json:"bundled"`
	Dependencies map[string]npmDependency `json:"dependencies"`
}

// loose is a text, or what old versions wrote in its place (false), which is none.
type loose string

func (l *loose) UnmarshalJSON(b []byte) error {
	var s string
	if json.Unmarshal(b, &s) == nil {
		*l = loose(s)
	}
	return nil
}

// parseNPM reads a package-lock.json.
func parseNPM(data []byte) ([]Entry, error) {
	var lock npmLock
	if err := decodeJSON(data, &lock); err != nil {
		return nil, err
	}
	if lock.Packages == nil {
		var deps map[string]npmDependency
		if lock.Dependencies != nil {
			if err := decodeJSON(lock.Dependencies, &deps); err != nil {
				return nil, at("dependencies", err)
			}
		}
		return npmDependencies(nil, deps, "dependencies", 0)
	}
	var all []Entry
	for _, key := range slices.Sorted(maps.Keys(lock.Packages)) {
		e, ok, err := lock.Packages[key].entry(key)
		if err != nil {
			return nil, at(fmt.Sprintf("packages[%q]", key), err)
		}
		if ok {
			all = append(all, e)
		}
	}
	return all, nil
}

// entry is what a folder of the tree means; false: nothing of its own.
func (p npmPackage) entry(key string) (Entry, bool, error) {
	_, name, installed := cutLast(key, "node_modules/")
	switch {
	case key == "", p.Link, p.InBundle: // the project; what another folder tells; what another tarball has
		return Entry{}, false, nil
	case !installed:
		e, err := skipped(firstOf(p.Name, key), skipFolder)
		return e, true, err
	case p.Version == "":
		e, err := skipped(name, skipUnpinned)
		return e, true, err
	}
	digests, err := integrity(string(p.Integrity))
	if err != nil {
		return Entry{}, false, err
	}
	e, err := npmTarball(firstOf(p.Name, name), p.Version, string(p.Resolved), digests)
	return e, true, err
}

// npmDependencies reads the tree of version 1. A version there may be the
// reference itself: "npm:name@version", a URL, a path.
func npmDependencies(all []Entry, deps map[string]npmDependency, member string, depth int) ([]Entry, error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("packages are in each other more than %d deep", maxDepth)
	}
	for _, name := range slices.Sorted(maps.Keys(deps)) {
		d := deps[name]
		here := fmt.Sprintf("%s[%q]", member, name)
		if !d.Bundled {
			e, err := d.entry(name)
			if err != nil {
				return nil, at(here, err)
			}
			all = append(all, e)
		}
		var err error
		if all, err = npmDependencies(all, d.Dependencies, here, depth+1); err != nil {
			return nil, err
		}
	}
	return all, nil
}

func (d npmDependency) entry(name string) (Entry, error) {
	version := d.Version
	if alias, ok := strings.CutPrefix(version, "npm:"); ok {
		if name, version, ok = cutLast(alias, "@"); !ok || name == "" {
			return Entry{}, fmt.Errorf("%q is no package and version", short(alias))
		}
	}
	switch {
	case version == "":
		return skipped(name, skipUnpinned)
	case protocolSkip(version) != "":
		return skipped(name, protocolSkip(version))
	case strings.Contains(version, "://"):
		return skipped(name, skipURL)
	}
	digests, err := integrity(string(d.Integrity))
	if err != nil {
		return Entry{}, err
	}
	return npmTarball(name, version, string(d.Resolved), digests)
}

// cutLast is strings.Cut at the last sep. Without one, after is s.
func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return "", s, false
}

func firstOf(all ...string) string {
	for _, s := range all {
		if s != "" {
			return s
		}
	}
	return ""
}
