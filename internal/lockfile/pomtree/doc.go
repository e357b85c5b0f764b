// Package pomtree finds out what a Maven build asks a repository for: the POMs
// with their parents and imported bills of materials, and the files that the
// dependencies come to by Maven's own mediation (Apache Maven, "Introduction to
// the Dependency Mechanism"). The model is that of deps.dev/util/maven.
//
// It reads POMs through the functions that it is given and asks nobody itself.
// Start reading at Resolve (resolve.go); model.go makes effective models.
package pomtree
