package pypi

import (
	"strings"
)

// kind is what a file is.
type kind int

const (
	noFile kind = iota
	wheelFile
	sdistFile
	eggFile // read from other indexes, not taken as an upload
)

// sdistSuffixes are those of source distributions: today's, and those of old.
var sdistSuffixes = []string{".tar.gz", ".zip", ".tgz", ".tar.bz2", ".tar.xz", ".tar.Z", ".tar"}

// fileOf reads the name of a file of the project, whose name is normalized, and
// gives the version in its normalized spelling; noFile for a name that is none
// of the project's files.
//
// Wheels: "Binary distribution format", "File name convention". Source
// distributions: "Source distribution file name", and what was allowed before:
// any spelling of the name, with "-" in it.
func fileOf(project, name string) (kind, string) {
	if stem, ok := strings.CutSuffix(name, ".whl"); ok {
		parts := strings.Split(stem, "-")
		if len(parts) != 5 && len(parts) != 6 || normalize(parts[0]) != project {
			return noFile, ""
		}
		for _, part := range parts {
			if part == "" {
				return noFile, ""
			}
		}
		return versioned(wheelFile, parts[1])
	}
	if stem, ok := strings.CutSuffix(name, ".egg"); ok {
		parts := strings.Split(stem, "-")
		if len(parts) < 2 || normalize(parts[0]) != project {
			return noFile, ""
		}
		return versioned(eggFile, strings.ReplaceAll(parts[1], "_", "-"))
	}
	for _, suffix := range sdistSuffixes {
		if stem, ok := strings.CutSuffix(name, suffix); ok {
			return sdistOf(project, stem)
		}
	}
	return noFile, ""
}

func sdistOf(project, stem string) (kind, string) {
	for i := range len(stem) {
		if stem[i] == '-' && normalize(stem[:i]) == project {
			if k, v := versioned(sdistFile, stem[i+1:]); k != noFile {
				return k, v
			}
		}
	}
	return noFile, ""
}

func versioned(k kind, s string) (kind, string) {
	v, ok := parseVersion(s)
	if !ok {
		return noFile, ""
	}
	return k, v.String()
}

// packageType is the word of the legacy APIs for it.
func (k kind) packageType() string {
	switch k {
	case wheelFile:
		return "bdist_wheel"
	case sdistFile:
		return "sdist"
	case eggFile:
		return "bdist_egg"
	}
	return ""
}
