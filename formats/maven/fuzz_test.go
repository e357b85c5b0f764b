package maven

import (
	"bytes"
	"encoding/xml"
	"strings"
	"testing"

	"larder/registry"
)

func FuzzPath(f *testing.F) {
	for _, path := range []string{
		"org/acme/lib/1.0/lib-1.0.jar", "org/acme/lib/1.0/lib-1.0-sources.jar.sha512", "org/acme/lib/maven-metadata.xml.md5",
		"org/acme/lib/1.0-SNAPSHOT/lib-1.0-20260102.030405-1.pom", "org/acme/lib/1.0-SNAPSHOT/maven-metadata.xml", "org/maven-metadata.xml",
		"a/b_2.12_1.0/1/b-1.jar", "../x/1/x-1.jar", "a/b/1.0-SNAPSHOT/b-1.0-SNAPSHOT.jar", "maven-metadata.xml", "a.b/c/1/c-1.pom", "//", "",
	} {
		f.Add(path)
	}
	f.Fuzz(func(t *testing.T, path string) {
		p, ok := parsePath(path)
		if !ok {
			return
		}
		if strings.Contains(p.file, "/") || p.file == ".." || (p.file == "") != p.metadata {
			t.Fatalf("%q: %+v", path, p)
		}
		if p.metadata {
			return
		}
		if _, err := (rules{}).Canonical(registry.VersionID{Package: p.pkg, Version: p.version}); err != nil {
			t.Fatalf("%q: %+v: %v", path, p, err)
		}
		// A file has one place: the path made of what was read leads to the same.
		again, ok := parsePath(filePath(registry.VersionID{Package: p.pkg, Version: p.version}, p.file))
		if !ok || again.pkg != p.pkg || again.version != p.version || again.file != p.file {
			t.Fatalf("%q: %+v, again %+v", path, p, again)
		}
	})
}

func FuzzPOM(f *testing.F) {
	f.Add([]byte(`<project><groupId>g</groupId><artifactId>a</artifactId><version>${v}</version><properties><v>${v}${v}</v></properties></project>`))
	f.Add([]byte(`<?xml version="1.0" encoding="ISO-8859-1"?><project><name>&oslash;` + "\xf8" + `</name></project>`))
	f.Add([]byte(`<project><dependencies><dependency><groupId>${project.groupId}</groupId></dependency></dependencies></project>`))
	f.Add([]byte(`<!DOCTYPE p [<!ENTITY a "b">]><project>&a;</project>`))
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := readPOM(bytes.NewReader(b))
		if err != nil {
			return
		}
		p.unlike(registry.VersionID{})
		var m manifest
		m.take(p)
		kept := decode(m.encode())
		kept.describe()
		if string(kept.encode()) != string(m.encode()) {
			t.Fatalf("%s is kept as %s", m.encode(), kept.encode())
		}
	})
}

func FuzzMetadata(f *testing.F) {
	f.Add([]byte(`<metadata><groupId>g</groupId><versioning><versions><version>1</version><version>2-SNAPSHOT</version></versions><lastUpdated>20260102030405</lastUpdated></versioning></metadata>`))
	f.Add([]byte(`<metadata><versioning><snapshot><timestamp>20260102.030405</timestamp><buildNumber>1</buildNumber></snapshot><snapshotVersions><snapshotVersion><value>1-20260102.030405-1</value></snapshotVersion></snapshotVersions></versioning></metadata>`))
	f.Add([]byte(`<metadata><plugins><plugin><prefix>p</prefix><artifactId>a</artifactId></plugin></plugins></metadata>`))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := readMetadata(bytes.NewReader(b))
		if err != nil {
			return
		}
		for _, p := range []place{{metadata: true}, {metadata: true, version: "1-SNAPSHOT"}} {
			if endings, err := (Options{}).endings(p, m); err == nil {
				for _, e := range endings {
					if badVersion(e.Version) != "" {
						t.Fatalf("version %q", e.Version)
					}
				}
			}
		}
		if _, err := listing(m); err != nil {
			t.Fatal(err)
		}
		out, err := m.encode()
		if err != nil {
			return // a character that XML has no way to write
		}
		var again metadata
		if err := xml.Unmarshal(out, &again); err != nil {
			t.Fatalf("%s: %v", out, err)
		}
	})
}

func FuzzChecksum(f *testing.F) {
	f.Add("da39a3ee5e6b4b0d3255bfef95601890afd80709  file.jar")
	f.Add("SHA1(file.jar)= DA39A3EE5E6B4B0D3255BFEF95601890AFD80709")
	f.Fuzz(func(t *testing.T, text string) {
		if d := findChecksum(text, "sha1"); d != "" && len(d) != 40 {
			t.Fatalf("%d digits", len(d))
		}
	})
}
