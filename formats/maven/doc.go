// Package maven is the Maven 2 repository layout: what mvn, Gradle, sbt and
// their kin read and deploy (Maven Repository Layout; Maven Metadata reference).
//
// A file belongs to the version that its folder names; the builds of a
// snapshot are versions of their own (spec 7.3). Nothing that says something
// about other files is stored: checksums are computed of the hashes that are
// kept, and every maven-metadata.xml is made of the versions that are there.
// Start reading at parsePath, then get.go and put.go.
package maven
