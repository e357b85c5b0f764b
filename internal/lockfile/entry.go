package lockfile

import (
	"cmp"
	"slices"
	"strings"
)

// Package formats, in the control plane's words.
const (
	NPM   = "npm"
	PyPI  = "pypi"
	Maven = "maven"
	NuGet = "nuget"
)

// Entry is one version of one package that a lock names. With Skip it is one
// that no registry is asked for; then only Name need be set.
type Entry struct {
	Format    string
	Namespace string // npm: the scope without "@"; Maven: the group
	Name      string
	Version   string
	// Files are those that the lock names. None: it names none, and the format
	// says what a version has.
	Files []File
	// Digests are of files that the lock does not name: each file of the version
	// that is fetched has one of them. None: nothing is promised.
	Digests []Digest
	// Classifier and Extension of a Maven file; empty: of the main one.
	Classifier, Extension string
	Skip                  string // why it is not fetched, such as "a git repository"
}

// File is a file of a version, as a lock names it.
type File struct {
	Name    string
	Digests []Digest // none: nothing is promised
}

// DisplayName spells the package as its own clients do.
func (e Entry) DisplayName() string {
	switch {
	case e.Namespace == "":
		return e.Name
	case e.Format == NPM:
		return "@" + e.Namespace + "/" + e.Name
	}
	return e.Namespace + ":" + e.Name
}

// compare orders entries by package and version.
func compare(a, b Entry) int {
	return cmp.Or(
		strings.Compare(a.Format, b.Format), strings.Compare(a.Namespace, b.Namespace), strings.Compare(a.Name, b.Name),
		strings.Compare(a.Version, b.Version), strings.Compare(a.Skip, b.Skip), strings.Compare(a.Classifier, b.Classifier),
		strings.Compare(a.Extension, b.Extension), slices.CompareFunc(a.Files, b.Files, compareFiles),
		slices.CompareFunc(a.Digests, b.Digests, compareDigests),
	)
}

func compareFiles(a, b File) int {
	return cmp.Or(strings.Compare(a.Name, b.Name), slices.CompareFunc(a.Digests, b.Digests, compareDigests))
}

// inOrder sorts entries and leaves out those that say the same.
func inOrder(all []Entry) []Entry {
	slices.SortStableFunc(all, compare)
	return slices.CompactFunc(all, func(a, b Entry) bool { return compare(a, b) == 0 })
}
