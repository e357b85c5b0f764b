// Package lockfile reads what package clients and inventory tools write down of
// the packages that a project uses: lock files, requirement lists and software
// bills of materials. Each format is one small pure function from bytes to
// entries, in a file of its own; Detect and Parse (kinds.go) choose among them.
//
// What it reads comes from anybody. Every reader has limits (limits.go), takes
// only names that can stand in a URL (names.go), and says the line or the
// member that it cannot read. It opens no file and asks no network: what a POM
// leads to is for package pomtree.
package lockfile
