package lockfile

import (
	"fmt"
	"net/url"
	"path"
	"regexp"
	"strings"
	"unicode"
)

// Why an entry is not fetched.
const (
	skipGit       = "a git repository"
	skipFolder    = "a folder or a file of the project"
	skipWorkspace = "a package of the workspace"
	skipURL       = "a file from a URL, not from a registry"
	skipUnpinned  = "its version is not fixed"
	skipSnapshot  = "a snapshot, which is resolved anew each time"
	skipNoPURL    = "it has no package URL"
	skipRuntime   = "a runtime, not a package"
)

// Check gives the entry if its names can be parts of a URL's path and of
// nothing else.
func Check(e Entry) (Entry, error) {
	for what, s := range map[string]string{
		"namespace": e.Namespace, "name": e.Name, "version": e.Version, "classifier": e.Classifier, "extension": e.Extension,
	} {
		optional := what != "name" && what != "version"
		if s == "" && optional {
			continue
		}
		if why := wrong(s); why != "" {
			return e, fmt.Errorf("the %s %q of %s %s", what, short(s), short(e.DisplayName()), why)
		}
	}
	for _, f := range e.Files {
		if why := wrong(f.Name); why != "" {
			return e, fmt.Errorf("the file name %q of %s %s", short(f.Name), short(e.DisplayName()), why)
		}
	}
	return e, nil
}

// wrong says what keeps s from being a segment of a path; empty: nothing does.
func wrong(s string) string {
	switch {
	case s == "":
		return "is empty"
	case len(s) > maxText:
		return fmt.Sprintf("is longer than %d bytes", maxText)
	case s == ".", s == "..":
		return "is no name"
	case strings.ContainsAny(s, `/\?#%;"<>|*`):
		return "has a character that no name has"
	case strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r == unicode.ReplacementChar || !unicode.IsPrint(r) }):
		return "has a space or a character that cannot be printed"
	}
	return ""
}

// npmName splits "@scope/name".
func npmName(full string) (scope, name string, err error) {
	if !strings.HasPrefix(full, "@") {
		return "", full, nil
	}
	scope, name, ok := strings.Cut(full[1:], "/")
	if !ok || scope == "" {
		return "", "", fmt.Errorf("%q is no name of an npm package", short(full))
	}
	return scope, name, nil
}

// npmTarball makes the entry of a version that a lock gives with the URL of its
// tarball. A URL that is none of a registry's, or of another protocol, is
// skipped: fetching the version of that name instead could bring in anything.
func npmTarball(full, version, tarball string, digests []Digest) (Entry, error) {
	scope, name, err := npmName(full)
	if err != nil {
		return Entry{}, err
	}
	e := Entry{Format: NPM, Namespace: scope, Name: name, Version: version}
	if e.Skip = protocolSkip(tarball); e.Skip == "" && strings.Contains(tarball, "://") {
		file, ok := registryFile(tarball, full, version)
		if !ok {
			e.Skip = skipURL
		} else {
			e.Files = []File{{Name: file, Digests: digests}}
		}
	} else if e.Skip == "" {
		e.Files = []File{{Name: npmFile(name, version), Digests: digests}}
	}
	if e.Skip != "" {
		return skipped(full, e.Skip)
	}
	return Check(e)
}

// skipped is an entry that is not fetched. Its name may be a URL, which is
// shown without user and password.
func skipped(name, why string) (Entry, error) {
	return Entry{Name: short(credentials.ReplaceAllString(name, "//")), Skip: why}, nil
}

var credentials = regexp.MustCompile(`//[^/\s]*@`)

// npmFile is what registries call a tarball.
func npmFile(name, version string) string {
	version, _, _ = strings.Cut(version, "+") // build metadata is not part of it
	return name + "-" + version + ".tgz"
}

// protocolSkip says why what a reference leads to is in no registry; empty: it
// may be in one.
func protocolSkip(ref string) string {
	switch {
	case strings.HasPrefix(ref, "git"), strings.HasPrefix(ref, "ssh:"), strings.HasPrefix(ref, "bitbucket:"), strings.HasPrefix(ref, "gist:"):
		return skipGit
	case strings.HasPrefix(ref, "file:"), strings.HasPrefix(ref, "link:"), strings.HasPrefix(ref, "portal:"), strings.HasPrefix(ref, "exec:"),
		strings.HasPrefix(ref, "directory:"), strings.HasPrefix(ref, "./"), strings.HasPrefix(ref, "../"):
		return skipFolder
	case strings.HasPrefix(ref, "workspace:"):
		return skipWorkspace
	case strings.HasPrefix(ref, "runtime:"):
		return skipRuntime
	}
	return ""
}

// registryFile reports whether a URL is that of a registry's tarball of the
// version, and what the file is called: ".../name/-/file.tgz" as nearly all
// have it, or with name and version as segments.
func registryFile(tarball, full, version string) (string, bool) {
	u, err := url.Parse(tarball)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || strings.HasSuffix(u.Path, ".git") {
		return "", false
	}
	_, name, err := npmName(full)
	if err != nil {
		return "", false
	}
	if at := strings.LastIndex(u.Path, "/-/"); at >= 0 {
		// Some put the scope before the file's name once more.
		return path.Base(u.Path), strings.HasSuffix(u.Path[:at], "/"+full)
	}
	_, after, ok := strings.Cut(u.Path, "/"+full+"/")
	segment, _, _ := strings.Cut(after, "/")
	if !ok || strings.TrimSuffix(segment, ".tgz") != version {
		return "", false
	}
	return npmFile(name, version), true
}

// fileOfURL is the name of the file that a URL leads to.
func fileOfURL(s string) (string, error) {
	u, err := url.Parse(s)
	if err != nil || path.Base(u.Path) == "/" || path.Base(u.Path) == "." {
		return "", fmt.Errorf("%q leads to no file", short(s))
	}
	return path.Base(u.Path), nil
}

// pypiName spells a project's name as its index does (PEP 503).
func pypiName(s string) string {
	var b strings.Builder
	separated := false
	for _, r := range strings.ToLower(s) {
		if r == '-' || r == '_' || r == '.' {
			separated = true
			continue
		}
		if separated && b.Len() > 0 {
			b.WriteByte('-')
		}
		separated = false
		b.WriteRune(r)
	}
	return b.String()
}

// mavenEntry makes the entry of an artifact.
func mavenEntry(group, artifact, version string) (Entry, error) {
	e := Entry{Format: Maven, Namespace: group, Name: artifact, Version: version}
	if group == "" {
		return e, fmt.Errorf("%q has no group", short(artifact))
	}
	if strings.HasSuffix(version, "-SNAPSHOT") {
		return skipped(group+":"+artifact+":"+version, skipSnapshot)
	}
	return Check(e)
}
