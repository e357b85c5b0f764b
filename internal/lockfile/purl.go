package lockfile

import (
	"fmt"
	"net/url"
	"strings"
)

// parsePURL reads a package URL (ECMA-427), "pkg:type/namespace/name@version?qualifiers#subpath".
// One of a format that no repository here has is skipped.
func parsePURL(s string, digests []Digest) (Entry, error) {
	rest, ok := strings.CutPrefix(s, "pkg:")
	if !ok {
		return Entry{}, fmt.Errorf("%q is no package URL", short(s))
	}
	rest, _, _ = strings.Cut(strings.TrimLeft(rest, "/"), "#")
	rest, query, _ := strings.Cut(rest, "?")
	format, rest, _ := strings.Cut(rest, "/")
	rest, version, versioned := cutVersion(rest)
	namespace, name, _ := cutLast(strings.Trim(rest, "/"), "/")
	q, err := url.ParseQuery(query)
	for _, part := range []*string{&namespace, &name, &version} {
		if err == nil {
			*part, err = url.PathUnescape(*part)
		}
	}
	if err != nil || name == "" {
		return Entry{}, fmt.Errorf("%q is no package URL", short(s))
	}
	if !versioned || version == "" {
		return skipped(s, skipUnpinned)
	}
	if why := elsewhere(q); why != "" {
		return skipped(s, why)
	}
	e := Entry{Namespace: namespace, Name: name, Version: version, Digests: digests}
	switch strings.ToLower(format) {
	case NPM:
		e.Format, e.Namespace = NPM, strings.TrimPrefix(namespace, "@")
	case PyPI:
		e.Format, e.Name = PyPI, pypiName(name)
	case NuGet:
		e.Format, e.Name = NuGet, strings.ToLower(name)
	case Maven:
		m, err := mavenEntry(namespace, name, version)
		if err != nil || m.Skip != "" {
			return m, err
		}
		m.Classifier, m.Extension, m.Digests = q.Get("classifier"), extensionOf(q.Get("type")), digests
		if q.Get("type") == "test-jar" && m.Classifier == "" {
			m.Classifier = "tests"
		}
		return Check(m)
	default:
		return skipped(s, "a package of "+short(format)+", which this command does not fetch")
	}
	return Check(e)
}

// elsewhere says what a package URL's qualifiers say of where it came from.
func elsewhere(q url.Values) string {
	switch {
	case q.Get("vcs_url") != "":
		return skipGit
	case q.Get("download_url") != "":
		return skipURL
	}
	return ""
}

// cutVersion splits at the last "@" of the last segment: those of scopes are
// encoded, or should be.
func cutVersion(s string) (before, version string, ok bool) {
	at := strings.LastIndex(s, "@")
	if at <= strings.LastIndex(s, "/")+1 && at <= 0 {
		return s, "", false
	}
	if strings.Contains(s[at:], "/") {
		return s, "", false
	}
	return s[:at], s[at+1:], true
}

// extensionOf is the extension of a Maven artifact's type (Maven's default
// artifact handlers).
func extensionOf(kind string) string {
	switch kind {
	case "", "jar", "bundle", "maven-plugin", "ejb", "ejb-client", "test-jar", "java-source", "javadoc", "eclipse-plugin", "takari-jar":
		return ""
	}
	return kind
}
