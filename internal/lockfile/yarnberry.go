package lockfile

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// berryBlock is one block of the lock of Yarn 2 and later. Its checksum is of
// the archive that Yarn makes of a tarball, not of the tarball: it promises
// nothing that a registry's bytes could be held to.
type berryBlock struct {
	Version    string `yaml:"version"`
	Resolution string `yaml:"resolution"`
}

// parseBerry reads the lock of Yarn 2 and later.
func parseBerry(data []byte) ([]Entry, error) {
	var lock map[string]berryBlock
	if err := yaml.Unmarshal(data, &lock); err != nil {
		return nil, yamlError(err)
	}
	delete(lock, "__metadata")
	var all []Entry
	for _, key := range slices.Sorted(maps.Keys(lock)) {
		e, ok, err := lock[key].entry()
		if err != nil {
			return nil, at(fmt.Sprintf("%q", key), err)
		}
		if ok {
			all = append(all, e)
		}
	}
	return all, nil
}

// entry reads a resolution, "name@npm:1.0.0" with parameters behind "::"; false
// for what is made of another block.
func (b berryBlock) entry() (Entry, bool, error) {
	name, ref := yarnPattern(b.Resolution)
	reference, parameters, _ := strings.Cut(ref, "::")
	protocol, version, _ := strings.Cut(reference, ":")
	switch protocol {
	case "npm":
		q, err := url.ParseQuery(parameters)
		if err != nil {
			return Entry{}, false, fmt.Errorf("resolution %q cannot be read", short(b.Resolution))
		}
		e, err := npmTarball(name, version, q.Get("__archiveUrl"), nil)
		return e, true, err
	case "patch", "virtual": // their original has a block of its own
		return Entry{}, false, nil
	}
	why := protocolSkip(reference)
	switch {
	case b.Resolution == "" || name == "":
		return Entry{}, false, fmt.Errorf("it has no resolution")
	case why == "" && strings.Contains(reference, ".git#"):
		why = skipGit
	case why == "":
		why = skipURL
	}
	e, err := skipped(name, why)
	return e, reference != "workspace:.", err
}
