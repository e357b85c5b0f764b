package maven_test

import (
	"crypto/sha1"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"larder/formats/formatstest"
	"larder/formats/maven"
	"larder/registry"
)

// long is a groupId of many segments.
var long = "com.example" + strings.Repeat(".department.of.documents", 9)

func put(path string, body []byte) formatstest.Call {
	return formatstest.Call{Method: "PUT", Path: path, Body: body}
}

func hexSHA1(b []byte) string {
	s := sha1.Sum(b)
	return hex.EncodeToString(s[:])
}

func slashes(group string) string { return strings.ReplaceAll(group, ".", "/") }

// versionsXML is the metadata that a deployer sends for an artifact.
func versionsXML(group, artifact string, versions ...string) []byte {
	return fmt.Appendf(nil, `<?xml version="1.0" encoding="UTF-8"?>
<metadata><groupId>%s</groupId><artifactId>%s</artifactId><versioning><release>%s</release>
<versions><version>%s</version></versions><lastUpdated>20260102030405</lastUpdated></versioning></metadata>`,
		group, artifact, versions[len(versions)-1], strings.Join(versions, "</version><version>"))
}

func pomXML(group, artifact, version, more string) []byte {
	return fmt.Appendf(nil, `<?xml version="1.0" encoding="UTF-8"?>
<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
<groupId>%s</groupId><artifactId>%s</artifactId><version>%s</version>%s</project>`, group, artifact, version, more)
}

func newServer(t *testing.T) *formatstest.Server {
	t.Helper()
	return formatstest.NewServer(t, maven.Format(maven.Options{}), registry.Limits{})
}

func TestMavenAnswersAsEveryFormat(t *testing.T) {
	lib := slashes(long) + "/lib/"
	jar := func(version string) string { return lib + version + "/lib-" + version + ".jar" }
	names := func(version string) formatstest.Call {
		return put(lib+"maven-metadata.xml", versionsXML(long, "lib", version))
	}
	formatstest.Run(t, maven.Format(maven.Options{}), formatstest.Fixture{
		Publish: func(version string, content []byte) formatstest.Call { return put(jar(version), content) },
		Finish:  names,
		Index:   lib + "maven-metadata.xml",
		Asset:   jar,
		Offer: func(u *formatstest.Upstream, version string, content, promised []byte) {
			u.Serve("/org/left/pad/maven-metadata.xml", formatstest.Resource{Body: versionsXML("org.left", "pad", version)})
			file := "/org/left/pad/" + version + "/pad-" + version + ".jar"
			u.Serve(file, formatstest.Resource{Body: content, Type: "application/java-archive"})
			u.ServeText(file+".sha1", hexSHA1(promised))
		},
		OfferedIndex: "org/left/pad/maven-metadata.xml",
		OfferedAsset: func(version string) string { return "org/left/pad/" + version + "/pad-" + version + ".jar" },
		Calls: []formatstest.Call{
			{Path: lib + "maven-metadata.xml"},
			{Path: lib + "maven-metadata.xml.sha1"},
			{Path: "maven-metadata.xml"},
			{Path: jar("1.0.0")},
			{Path: jar("1.0.0") + ".sha256"},
			{Path: ".meta/prefixes.txt"},
			{Path: lib + "1.0-SNAPSHOT/lib-1.0-SNAPSHOT.jar"},
			{Path: slashes(long) + "/maven-metadata.xml"},
			put(jar("1.0.1"), []byte("new")),
			put(jar("1.0.0")+".sha1", []byte(hexSHA1([]byte("x")))),
			put(lib+"README", []byte("x")),
			put(lib+"1.0-SNAPSHOT/lib-1.0-SNAPSHOT.jar", []byte("x")),
			names("1.0.0"),
			put(lib+"maven-metadata.xml.md5", []byte("d41d8cd98f00b204e9800998ecf8427e")),
			put("com/maven-metadata.xml", []byte(`<metadata><plugins><plugin><prefix>a</prefix><artifactId>b</artifactId></plugin></plugins></metadata>`)),
		},
		Writes: func(c formatstest.Call) bool { return c.Method == "PUT" },
		Missing: []string{
			"org/nothing/maven-metadata.xml", "org/nothing/maven-metadata.xml.sha1", jar("9.9.9"), lib + "1.0.0/lib-1.0.0-sources.jar",
			lib + "1.0.0/lib-1.0.0.jar.asc.sha1", lib + "1.0.0/other-1.0.0.jar", lib + "1.0.0/", lib, ".meta/prefixes.txt", "archetype-catalog.xml",
			"lib/1.0.0/lib-1.0.0.jar", lib + "1.0-SNAPSHOT/maven-metadata.xml", lib + "1.0-SNAPSHOT/lib-1.0-SNAPSHOT.jar",
			"com.example/lib/1.0.0/lib-1.0.0.jar", "com.example/lib/maven-metadata.xml", "org/nothing/1.0/nothing-1.0.pom",
		},
	})
}
