package maven

import (
	"regexp"
	"strings"

	"larder/registry"
)

// place is what a path of the layout names. Exactly one of file and metadata
// is what it is about.
type place struct {
	pkg     registry.PackageID
	version string // of a file: the version that it belongs to; of metadata: the base version, or empty at artifact level
	folder  string // the version as the folder has it
	file    string // the asset's name, without the suffix of a checksum
	// metadata: the path names maven-metadata.xml. Without a version it is that
	// of the artifact pkg, or of the plugins of group.
	metadata bool
	group    string
	checksum string // "sha1" where the path names that checksum of it
	plain    bool   // a file of a snapshot that is not numbered: "lib-1.0-SNAPSHOT.jar"
}

const (
	metadataFile = "maven-metadata.xml"
	snapshot     = "-SNAPSHOT"
)

// digests are the checksum files of the layout: suffix and length in hex digits.
var digests = map[string]int{"md5": 32, "sha1": 40, "sha256": 64, "sha512": 128}

// build is the version of one build of a snapshot: base, timestamp and number.
var build = regexp.MustCompile(`^(.+)-(\d{8}\.\d{6})-(\d+)$`)

// buildPrefix is the same where a file's name goes on after it.
var buildPrefix = regexp.MustCompile(`^(\d{8}\.\d{6}-\d+)(?:[-.]|$)`)

// baseVersion gives "1.0-SNAPSHOT" for a build of it, any other version as it is.
func baseVersion(version string) string {
	if m := build.FindStringSubmatch(version); m != nil {
		return m[1] + snapshot
	}
	return version
}

// isSnapshot reports whether the version is a snapshot or a build of one.
func isSnapshot(version string) bool {
	return strings.HasSuffix(baseVersion(version), snapshot)
}

// parsePath reads a path below the repository; false for what has no place in
// the layout:
//
//	{group with slashes}/{artifact}/{version}/{artifact}-{version}{rest}
//	{group}/{artifact}/{base}-SNAPSHOT/{artifact}-{base}-{timestamp}-{number}{rest}
//	{group}/{artifact}/[{base}-SNAPSHOT/]maven-metadata.xml
//	{group}/maven-metadata.xml
func parsePath(path string) (place, bool) {
	var p place
	segments := strings.Split(path, "/")
	last := len(segments) - 1
	p.file = segments[last]
	if at := strings.LastIndexByte(p.file, '.'); at > 0 {
		if _, ok := digests[p.file[at+1:]]; ok {
			p.file, p.checksum = p.file[:at], p.file[at+1:]
		}
	}
	folders := segments[:last]
	if p.file == metadataFile {
		p.metadata, p.file = true, ""
		if n := len(folders); n > 2 && strings.HasSuffix(folders[n-1], snapshot) {
			p.version, p.folder = folders[n-1], folders[n-1]
			folders = folders[:n-1]
		}
		return p.metadataOf(folders)
	}
	if len(folders) < 3 {
		return p, false
	}
	n := len(folders)
	p.pkg = registry.PackageID{Format: registry.Maven, Namespace: strings.Join(folders[:n-2], "."), Name: folders[n-2]}
	p.folder = folders[n-1]
	if !wellFormed(folders[:n-2]) || badPackage(p.pkg) != "" || badVersion(p.folder) != "" {
		return p, false
	}
	return p, p.readFile()
}

func (p place) metadataOf(folders []string) (place, bool) {
	n := len(folders)
	if n == 0 || !wellFormed(folders[:n-1]) || badName(folders[n-1]) != "" {
		return p, false
	}
	p.pkg = registry.PackageID{Format: registry.Maven, Namespace: strings.Join(folders[:n-1], "."), Name: folders[n-1]}
	if p.version == "" && wellFormed(folders[n-1:]) { // a dot may stand in an artifactId
		p.group = strings.Join(folders, ".")
	}
	return p, n > 1 || p.group != ""
}

// wellFormed reports whether folders can be the segments of a group: a dot
// within one would be the same group under another path.
func wellFormed(folders []string) bool {
	for _, f := range folders {
		if badName(f) != "" || strings.Contains(f, ".") {
			return false
		}
	}
	return true
}

// readFile finds the version that the file's name says it is of.
func (p *place) readFile() bool {
	rest, ok := p.afterName()
	if !ok {
		return false
	}
	base, snapshots := strings.CutSuffix(p.folder, snapshot)
	if base == "" {
		return false
	}
	if after, ok := strings.CutPrefix(rest, p.folder); ok && (after == "" || after[0] == '.' || after[0] == '-') {
		p.version, p.plain = p.folder, snapshots
		return true
	}
	if !snapshots {
		return false
	}
	after, ok := strings.CutPrefix(rest, base+"-")
	if !ok {
		return false
	}
	m := buildPrefix.FindStringSubmatch(after)
	if m == nil {
		return false
	}
	p.version = base + "-" + m[1]
	return true
}

// afterName gives what follows "{artifact}-" in the file's name. The plugins of
// sbt 1 have the versions of Scala and sbt in the artifact's folder alone
// ("sbt-x_2.12_1.0/1.0/sbt-x-1.0.jar").
func (p *place) afterName() (string, bool) {
	if rest, ok := strings.CutPrefix(p.file, p.pkg.Name+"-"); ok {
		return rest, true
	}
	if short, _, ok := strings.Cut(p.pkg.Name, "_"); ok && short != "" {
		return strings.CutPrefix(p.file, short+"-")
	}
	return "", false
}

// classify gives classifier and extension of a file of the version.
func classify(file string, p registry.PackageID, version string) (classifier, extension string, ok bool) {
	at := place{pkg: p, file: file}
	rest, ok := at.afterName()
	if !ok {
		return "", "", false
	}
	if rest, ok = strings.CutPrefix(rest, version); !ok || rest == "" {
		return "", "", false
	}
	if rest[0] == '-' {
		classifier, extension, ok = strings.Cut(rest[1:], ".")
		return classifier, extension, ok && classifier != ""
	}
	return "", rest[1:], rest[0] == '.'
}

// filePath gives where the layout has a file.
func filePath(id registry.VersionID, file string) string {
	return strings.ReplaceAll(id.Package.Namespace, ".", "/") + "/" + id.Package.Name + "/" + baseVersion(id.Version) + "/" + file
}

// contentType is that of a file by its extension: clients look at none of it,
// people do.
func contentType(file string) string {
	switch {
	case strings.HasSuffix(file, ".pom"), strings.HasSuffix(file, ".xml"):
		return "text/xml"
	case strings.HasSuffix(file, ".jar"), strings.HasSuffix(file, ".war"), strings.HasSuffix(file, ".ear"):
		return "application/java-archive"
	case strings.HasSuffix(file, ".module"):
		return "application/vnd.org.gradle.module+json"
	case strings.HasSuffix(file, ".asc"):
		return "application/pgp-signature"
	}
	return "application/octet-stream"
}
