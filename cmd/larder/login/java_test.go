package login

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestMaven(t *testing.T) {
	const file = ".m2/settings.xml"
	const server = "    <server>\n      <id>local-main</id>\n      <username>aws</username>\n      <password>eyJ.abc-_.sig</password>\n    </server>\n"
	edited(t, maven, at("maven"), file, "", "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<settings>\n  <servers>\n"+server+"  </servers>\n</settings>\n")
	edited(t, maven, at("maven"), file, "<settings/>\n", "<settings>\n  <servers>\n"+server+"  </servers>\n</settings>\n")
	edited(t, maven, at("maven"), file, "<settings>\n  <servers/>\n</settings>\n", "<settings>\n  <servers>\n"+server+"  </servers>\n</settings>\n")
	const theirs = "<?xml version=\"1.0\"?>\n<!-- mine -->\n<settings xmlns=\"urn:x\">\n\t<mirrors><mirror id='a'/></mirrors>\n\t<servers>\n\t\t<server>\n\t\t\t<id>corp</id><password>{enc=}</password>\n\t\t</server>\n"
	edited(t, maven, at("maven"), file, theirs+"\t</servers>\n</settings>\n",
		theirs+"\t\t<server>\n\t\t  <id>local-main</id>\n\t\t  <username>aws</username>\n\t\t  <password>eyJ.abc-_.sig</password>\n\t\t</server>\n\t</servers>\n</settings>\n")
	edited(t, maven, at("maven"), file, "<settings><servers>\n    <server><id>\nlocal-main </id><password>old</password></server>\n</servers></settings>",
		"<settings><servers>\n"+strings.TrimRight(server, "\n")+"\n</servers></settings>")
}

func TestMavenNamesWhatGoesIntoAProject(t *testing.T) {
	p, err := maven.Plan(machine(t, nil), beyond("maven"))
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	p.ShowProject(&b)
	for _, part := range []string{"<mirrorOf>*</mirrorOf>", "<distributionManagement>", "<id>local-main</id>", "http://packages.upstream.test/maven/d/local-000000000000/main/"} {
		if !strings.Contains(b.String(), part) {
			t.Errorf("%q is missing in\n%s", part, b.String())
		}
	}
	if len(p.Notes) != 1 || !strings.Contains(p.Notes[0], "plain http") {
		t.Errorf("notes %q", p.Notes)
	}
}

func TestSettingsThatAreNoXMLAreLeftAlone(t *testing.T) {
	for _, text := range []string{
		"<settings>", "settings", "<a/>", "<settings></settings><settings/>", "<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?><settings/>", "<settings><servers></settings></servers>",
	} {
		m := machine(t, nil)
		put(t, m.Home, ".m2/settings.xml", text)
		if p, err := maven.Plan(m, at("maven")); err == nil {
			t.Errorf("%q became %q", text, p.Edits[0].After)
		} else if !strings.Contains(err.Error(), "settings.xml") {
			t.Errorf("%v does not name the file", err)
		}
	}
}

// settingsSecurity is what mvn 3.8.7 --encrypt-master-password made of "secret".
const settingsSecurity = `<settingsSecurity><master>{PvNsebC2HaoHm35GjZohK6Hm5H8i8F6/URJPigpeKPA=}</master></settingsSecurity>`

func TestMavenGetsTheTokenEncryptedWhereItsUserEncrypts(t *testing.T) {
	m := machine(t, nil)
	put(t, m.Home, ".m2/settings-security.xml", settingsSecurity)
	file := apply(t, maven, m, at("maven"))[".m2/settings.xml"]
	if strings.Contains(file, target.Token) {
		t.Fatalf("the token is in %s", file)
	}
	_, rest, _ := strings.Cut(file, "<password>")
	encrypted, _, _ := strings.Cut(rest, "<")
	if got, err := mavenDecrypt(encrypted, "secret"); err != nil || got != target.Token {
		t.Errorf("%s is %q, %v", encrypted, got, err)
	}
	for name, security := range map[string]string{
		"no master":     "<settingsSecurity/>",
		"another file":  "<settings/>",
		"no encryption": "<settingsSecurity><master>secret</master></settingsSecurity>",
		"too short":     "<settingsSecurity><master>{YWJj}</master></settingsSecurity>",
		"damaged":       "<settingsSecurity><master>{YWJjZGVmZ2gQYWJjZGVmZ2hpamtsbW5vcA==}</master></settingsSecurity>",
	} {
		m := machine(t, nil)
		put(t, m.Home, ".m2/settings-security.xml", security)
		if _, err := maven.Plan(m, at("maven")); err == nil || !strings.Contains(err.Error(), "settings-security.xml") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzMavenDecrypt(f *testing.F) {
	f.Add("{}", "clear")
	f.Add("{YWJjZGVmZ2gQYWJjZGVmZ2hpamtsbW5vcA==}", "")
	f.Fuzz(func(t *testing.T, text, clear string) {
		_, _ = mavenDecrypt(text, "password") // it may refuse, and not fall over
		encrypted, err := mavenEncrypt(clear, "password")
		if err != nil {
			t.Fatal(err)
		}
		if got, err := mavenDecrypt(encrypted, "password"); err != nil || got != clear {
			t.Fatalf("%q came back as %q, %v", clear, got, err)
		}
	})
}

func TestGradleAndSBTAskLarderInEachBuild(t *testing.T) {
	to := at("maven")
	to.Helper = &Helper{Program: `/opt/it's/larder`, Helped: Helped{Data: "/data"}}
	for _, c := range []struct {
		tool  Tool
		file  string
		parts []string
	}{
		{gradle, ".gradle/init.d/larder.init.gradle", []string{`commandLine('/opt/it\'s/larder', 'helper', 'keyring', 'get', '` + to.Endpoint + `', 'aws')`, "allowInsecureProtocol = true"}},
		{sbt, ".sbt/1.0/larder-local-main.sbt", []string{`Credentials("larder", "127.0.0.1", "aws", `, `Seq("/opt/it's/larder", "helper", "keyring", "get", "` + to.Endpoint + `", "aws")`}},
	} {
		for name, text := range apply(t, c.tool, machine(t, nil), to) {
			if strings.Contains(text, target.Token) {
				t.Errorf("%s: the token is in it", name)
			}
			if name != c.file {
				continue
			}
			for _, part := range c.parts {
				if !strings.Contains(text, part) {
					t.Errorf("%s: %q is missing in\n%s", name, part, text)
				}
			}
			c.parts = nil
		}
		if c.parts != nil {
			t.Errorf("%s was not written", c.file)
		}
	}
}

func TestGradle(t *testing.T) {
	m := machine(t, nil)
	put(t, m.Home, ".gradle/gradle.properties", "org.gradle.daemon=true\nlarderPassword : old\\\n   er\n! end")
	files := apply(t, gradle, m, at("maven"))
	if diff := cmp.Diff("org.gradle.daemon=true\nlarderPassword=eyJ.abc-_.sig\n! end\nlarderUsername=aws\n", files[".gradle/gradle.properties"]); diff != "" {
		t.Error(diff)
	}
	script := files[".gradle/init.d/larder.init.gradle"]
	for _, part := range []string{"url = uri('http://127.0.0.1:8484/maven/d/local-000000000000/main/')", "allowInsecureProtocol = true", "credentials(PasswordCredentials)"} {
		if !strings.Contains(script, part) {
			t.Errorf("%q is missing in\n%s", part, script)
		}
	}
	if strings.Contains(script, target.Token) {
		t.Error("the token is in the script")
	}
	secure := at("maven")
	secure.Endpoint = strings.Replace(secure.Endpoint, "http:", "https:", 1)
	if files := apply(t, gradle, machine(t, nil), secure); strings.Contains(files[".gradle/init.d/larder.init.gradle"], "Insecure") {
		t.Error("https is called insecure")
	}
}

func TestSBT(t *testing.T) {
	const ours = "realm=larder\nhost=127.0.0.1\nuser=aws\npassword=eyJ.abc-_.sig\n"
	settings := func(file string) string {
		return "// Made by larder login sbt, and made anew by the next one. Remove it to undo that.\n" +
			"credentials += Credentials(Path.userHome / \".sbt\" / \"" + file + "\")\n"
	}
	for before, after := range map[string]string{
		"": ours,
		"# mine\nrealm=larder\nhost = 127.0.0.1\nuser = aws\npassword=old\n": "# mine\n" + ours,
	} {
		m := machine(t, nil)
		if before != "" {
			put(t, m.Home, ".sbt/.credentials", before)
		}
		want := map[string]string{".sbt/.credentials": after, ".sbt/1.0/larder-local-main.sbt": settings(".credentials")}
		if diff := cmp.Diff(want, apply(t, sbt, m, at("maven"))); diff != "" {
			t.Error(diff)
		}
	}

	// The credential of another host stays, and ours goes beside it.
	m := machine(t, nil)
	const theirs = "realm=Corp\nhost=corp.upstream.test\nuser=me\npassword=secret\n"
	put(t, m.Home, ".sbt/.credentials", theirs)
	files := apply(t, sbt, m, at("maven"))
	want := map[string]string{".sbt/.credentials-local-main": ours, ".sbt/1.0/larder-local-main.sbt": settings(".credentials-local-main")}
	if diff := cmp.Diff(want, files); diff != "" {
		t.Error(diff)
	}
	if got, _ := os.ReadFile(filepath.Join(m.Home, ".sbt", ".credentials")); string(got) != theirs {
		t.Errorf("theirs became %q", got)
	}
	p, err := sbt.Plan(m, at("maven"))
	if err != nil || !strings.Contains(p.Project[0].Text, "withAllowInsecureProtocol(true)") || !strings.Contains(p.Project[1].Text, "maven-metadata.xml") ||
		!strings.Contains(p.Project[2].Text, ", allowInsecureProtocol") {
		t.Errorf("%v %q", err, p.Project)
	}
}

// Whatever a file held, afterwards it says what was set, in Java's reading of
// one-line values, and each other key as often as before.
func FuzzSetProperties(f *testing.F) {
	for _, s := range []string{"", "a=b\n", "k : x\\\n y\nb=c", "# k=1\n!x\\\n", "k\\", "k=\\\\\nz", "\\u006b=1\n", "  k  v\r\nb"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if strings.Contains(strings.ReplaceAll(string(text), "\r\n", "\n"), "\r") {
			return // a line end of its own to Java, which nobody writes
		}
		got := setProperties(text, []setting{{"k", "v1"}, {"other", "v2"}})
		for key, want := range map[string]string{"k": "v1", "other": "v2"} {
			if all := propertyLines(got, key); len(all) != 1 || all[0] != key+"="+want+"\n" {
				t.Fatalf("%q became %q: %s is set by %q", text, got, key, all)
			}
		}
	})
}

// propertyLines gives the lines that set a key. One that goes on from an empty
// beginning is left out: nobody writes that, and Java lets the last one win.
func propertyLines(text []byte, key string) []string {
	var all []string
	continued := false
	for line := range strings.Lines(string(text)) {
		if !continued && propertyKey(line) == key {
			all = append(all, line)
		}
		continued = (continued || !isComment(line)) && endsOpen(line)
	}
	return all
}
