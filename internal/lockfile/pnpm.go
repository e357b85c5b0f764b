package lockfile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// pnpmLock is pnpm-lock.yaml (pnpm/spec, "lockfile"): version 5 of pnpm 3 to 7,
// 6 of pnpm 8, 9 of pnpm 9 and later. Newer ones may write several documents
// into one file, each of this shape.
type pnpmLock struct {
	Version  string                 `yaml:"lockfileVersion"`
	Packages map[string]pnpmPackage `yaml:"packages"`
}

type pnpmPackage struct {
	Name       string `yaml:"name"` // of what is in no registry
	Version    string `yaml:"version"`
	Resolution struct {
		Integrity string `yaml:"integrity"`
		Tarball   string `yaml:"tarball"` // where its URL is not the usual one
		Type      string `yaml:"type"`    // git, directory, binary, variations
		Directory string `yaml:"directory"`
		Repo      string `yaml:"repo"`
	} `yaml:"resolution"`
}

// parsePNPM reads a pnpm-lock.yaml.
func parsePNPM(data []byte) ([]Entry, error) {
	var all []Entry
	for d := yaml.NewDecoder(bytes.NewReader(data)); ; {
		var lock pnpmLock
		if err := d.Decode(&lock); errors.Is(err, io.EOF) {
			return all, nil
		} else if err != nil {
			return nil, yamlError(err)
		}
		major, err := strconv.ParseFloat(lock.Version, 64)
		if err != nil {
			return nil, fmt.Errorf("lockfileVersion: %q is no version", short(lock.Version))
		}
		for _, key := range slices.Sorted(maps.Keys(lock.Packages)) {
			e, err := lock.Packages[key].entry(key, major)
			if err != nil {
				return nil, at(fmt.Sprintf("packages[%q]", key), err)
			}
			all = append(all, e)
		}
	}
}

func (p pnpmPackage) entry(key string, lockVersion float64) (Entry, error) {
	name, version := pnpmKey(key, lockVersion)
	shown := firstOf(p.Name, name, key)
	r := p.Resolution
	switch {
	case r.Type == "git", r.Repo != "":
		return skipped(shown, skipGit)
	case r.Type == "directory", r.Directory != "":
		return skipped(shown, skipFolder)
	case r.Type != "":
		return skipped(shown, skipRuntime)
	case protocolSkip(version) != "" || protocolSkip(key) != "":
		return skipped(shown, firstOf(protocolSkip(version), protocolSkip(key)))
	case name == "" || version == "" || strings.Contains(version, "://"):
		return skipped(shown, skipURL)
	}
	digests, err := integrity(r.Integrity)
	if err != nil {
		return Entry{}, err
	}
	if r.Tarball != "" && !strings.Contains(r.Tarball, "://") && protocolSkip(r.Tarball) == "" {
		// Relative to the registry, as version 5 could have it.
		return npmTarball(name, version, "https://registry.invalid/"+strings.TrimPrefix(r.Tarball, "/"), digests)
	}
	return npmTarball(name, version, r.Tarball, digests)
}

// pnpmKey reads the key of a package:
//
//	/name/1.0.0_peers  /@scope/name/1.0.0  upstream.host/name/1.0.0   version 5
//	/name@1.0.0(peer@1.0.0)                                           version 6
//	name@1.0.0                                                        version 9
//
// Both are empty where it is none of a registry.
func pnpmKey(key string, lockVersion float64) (name, version string) {
	if lockVersion >= 6 {
		key, _, _ = strings.Cut(strings.TrimPrefix(key, "/"), "(")
		at := strings.Index(key[min(1, len(key)):], "@") + 1
		if at == 0 {
			return "", ""
		}
		return key[:at], key[at+1:]
	}
	if !strings.HasPrefix(key, "/") { // with the host of another registry before it, or of no registry
		var host string
		if host, key, _ = strings.Cut(key, "/"); !strings.Contains(host, ".") || strings.HasPrefix(host, "@") {
			return "", ""
		}
		key = "/" + key
	}
	before, version, ok := cutLast(key[1:], "/")
	version, _, _ = strings.Cut(version, "_")
	segments := strings.Count(before, "/")
	if !ok || strings.HasPrefix(before, "@") != (segments == 1) || segments > 1 {
		return "", ""
	}
	return before, version
}

// yamlError spells an error of the library without its own name.
func yamlError(err error) error {
	return fmt.Errorf("it is no such YAML: %s", short(strings.TrimPrefix(err.Error(), "yaml: ")))
}
