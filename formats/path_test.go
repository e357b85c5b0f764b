package formats

import (
	"net/url"
	"strings"
	"testing"

	"larder/registry"
)

func TestPaths(t *testing.T) {
	for _, path := range []string{
		"/", "/a", "/a/", "/a/b-1.0.0.tgz", "/@s/p", "/@s%2fp", "/@s%2Fp/-/p-1.0.0.tgz", "/%40s%2fp", "/a%2bb", "/a+b", "/-/v1/search",
		"/x/..y", "/x/y..", "/x/.well-known", "/a%20b", "/%C3%A9", "/org/acme/lib/1.0-SNAPSHOT/lib-1.0-20260301.101010-1.jar", "/a=b",
	} {
		if err := checkPath(path); err != nil {
			t.Errorf("%s: %v", path, err)
		}
	}
	for _, path := range []string{
		"//", "//a", "/a//b", "/a//", "/.", "/..", "/a/../b", "/a/./b", "/a/%2e%2e/b", "/%2e", "/.%2E", "/a/..%2fb", "/..%2f", "/%2f", "/a%2f", "/%2fa",
		"/a%2fb", "/@s%2fp%2fq", "/@%2fp", "/@s%2f..", "/@s%2f", "/@s%252fp", "/%252e", "/a%25b", `/a\b`, "/a%5cb", "/a;b", "/a%3bb", "/a%00", "/a%0a",
		"/a%7f", "/a%c2%85", "/%ff", "/%c0%ae", "/%", "/%2", "/%zz", "/a\x00b", "/a\xffb",
	} {
		if err := checkPath(path); registry.CodeOf(err) != registry.Invalid {
			t.Errorf("%q: got %v", path, err)
		}
	}
}

func FuzzPath(f *testing.F) {
	for _, p := range []string{"/@s%2fp/-/p-1.0.0.tgz", "/a/../b", "/%252e", "/a;b", "/@s/p"} {
		f.Add(p)
	}
	f.Fuzz(func(t *testing.T, path string) {
		if !strings.HasPrefix(path, "/") || checkPath(path) != nil {
			return
		}
		// What passes means the same however often it is decoded, and stays where it is.
		once, err := url.PathUnescape(path)
		if err != nil {
			t.Fatal(err)
		}
		for seg := range strings.SplitSeq(strings.TrimSuffix(once[1:], "/"), "/") {
			if seg == "." || seg == ".." || seg == "" && once != "/" {
				t.Errorf("%q has the segment %q", path, seg)
			}
		}
		if strings.ContainsAny(once, "%\\;\x00\n\r") {
			t.Errorf("%q decodes to %q", path, once)
		}
	})
}
