package discover

import (
	"archive/zip"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// bare is a machine without any tool.
func bare(t *testing.T) Machine {
	t.Helper()
	return Machine{
		Home:     t.TempDir(),
		Getenv:   func(string) string { return "" },
		LookPath: func(string) (string, error) { return "", errors.New("not found") },
		Run: func(context.Context, string, ...string) ([]byte, error) {
			t.Error("a program was run")
			return nil, errors.New("no program")
		},
	}
}

func ask(m Machine) map[string]Answer {
	got := map[string]Answer{}
	Ask(context.Background(), m, time.Minute, func(tool string, a Answer, err error) {
		if err == nil {
			got[tool] = a
		}
	})
	return got
}

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestABareMachineHasNoAnswer(t *testing.T) {
	if got := ask(bare(t)); len(got) != 0 {
		t.Errorf("answers %v", got)
	}
}

func TestToolsAnswerWhatTheyPrint(t *testing.T) {
	m := bare(t)
	m.LookPath = func(p string) (string, error) {
		if p == "mvn" || p == "python3" {
			return "", errors.New("not found")
		}
		return "bin/" + p, nil
	}
	m.Run = func(_ context.Context, program string, _ ...string) ([]byte, error) {
		switch program {
		case "bin/npm":
			return []byte("a warning\nhttps://upstream.test/npm/\n"), nil
		case "bin/python":
			return []byte("https://u:p@upstream.test/simple\nhttps://default.upstream.test/simple\n"), nil
		}
		return nil, errors.New("no such program")
	}
	got := ask(m)
	if want := (Answer{"public:npmjs", "https://upstream.test/npm/", "npm config"}); got["npm"] != want {
		t.Errorf("npm: %v", got["npm"])
	}
	if want := (Answer{"public:pypi", "https://u:p@upstream.test/simple", "pip config"}); got["pip"] != want {
		t.Errorf("pip: %v", got["pip"])
	}
}

func TestAnAnswerThatIsNoURLIsNone(t *testing.T) {
	m := bare(t)
	m.LookPath = func(p string) (string, error) { return p, nil }
	m.Run = func(context.Context, string, ...string) ([]byte, error) { return []byte("undefined\nundefined\n"), nil }
	if got := ask(m); len(got) != 0 {
		t.Errorf("answers %v", got)
	}
}

func TestAToolThatHangsIsGivenUp(t *testing.T) {
	m := bare(t)
	m.LookPath = func(p string) (string, error) { return p, nil }
	m.Run = func(ctx context.Context, _ string, _ ...string) ([]byte, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	n := 0
	Ask(context.Background(), m, time.Millisecond, func(_ string, _ Answer, err error) {
		n++
		if err == nil {
			t.Error("an answer came")
		}
	})
	if n != len(tools) {
		t.Errorf("%d tools were heard of, want %d", n, len(tools))
	}
}

func TestMavenSettings(t *testing.T) {
	env := func(k string) string { return map[string]string{"PW": "p@ss"}[k] }
	for _, c := range []struct{ name, text, want string }{
		{"a mirror of everything", `<mirrors><mirror><id>m</id><mirrorOf>*</mirrorOf><url> https://upstream.test/m </url></mirror></mirrors>`, "https://upstream.test/m"},
		{"the first matching mirror", `<mirrors><mirror><mirrorOf>other</mirrorOf><url>https://upstream.test/1</url></mirror><mirror><mirrorOf>x, central</mirrorOf><url>https://upstream.test/2</url></mirror></mirrors>`, "https://upstream.test/2"},
		{"a mirror that leaves central out", `<mirrors><mirror><mirrorOf>*,!central</mirrorOf><url>https://upstream.test/m</url></mirror></mirrors>`, ""},
		{"credentials of the mirror's server", `<mirrors><mirror><id>m</id><mirrorOf>central</mirrorOf><url>https://upstream.test/m</url></mirror></mirrors><servers><server><id>m</id><username>me</username><password>${env.PW}</password></server></servers>`, "https://me:p%40ss@upstream.test/m"},
		{"an encrypted password is of no use here", `<mirrors><mirror><id>m</id><mirrorOf>central</mirrorOf><url>https://upstream.test/m</url></mirror></mirrors><servers><server><id>m</id><username>me</username><password>{abc=}</password></server></servers>`, "https://upstream.test/m"},
		{"an active profile", `<activeProfiles><activeProfile>p</activeProfile></activeProfiles><profiles><profile><id>p</id><repositories><repository><id>central</id><url>https://upstream.test/p</url></repository></repositories></profile></profiles>`, "https://upstream.test/p"},
		{"a profile that is not active", `<profiles><profile><id>p</id><repositories><repository><id>central</id><url>https://upstream.test/p</url></repository></repositories></profile></profiles>`, ""},
		{"a variable that nobody set", `<mirrors><mirror><mirrorOf>*</mirrorOf><url>https://${host}/m</url></mirror></mirrors>`, ""},
		{"nothing about central", ``, ""},
		{"broken", `<mirrors>`, ""},
	} {
		text := `<settings xmlns="urn:settings">` + c.text + `</settings>`
		if got := centralOfSettings([]byte(text), env); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

func TestMavensDefaultIsReadOutOfMaven(t *testing.T) {
	m := bare(t)
	home := t.TempDir()
	m.LookPath = func(p string) (string, error) { return filepath.Join(home, "bin", p), nil }
	m.Run = func(context.Context, string, ...string) ([]byte, error) { return nil, errors.New("no") }
	jar := filepath.Join(home, "lib", "maven-model-builder-3.9.9.jar")
	write(t, jar, "")
	f, err := os.Create(jar)
	if err != nil {
		t.Fatal(err)
	}
	z := zip.NewWriter(f)
	w, err := z.Create("org/apache/maven/model/pom-4.0.0.xml")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte(`<project><repositories><repository><id>central</id><url>https://upstream.test/maven2</url></repository></repositories></project>`)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if got, want := ask(m)["maven"], (Answer{central, "https://upstream.test/maven2", "Maven default"}); got != want {
		t.Errorf("got %v, want %v", got, want)
	}
	write(t, filepath.Join(m.Home, ".m2", "settings.xml"), `<settings><mirrors><mirror><mirrorOf>*</mirrorOf><url>https://upstream.test/mirror</url></mirror></mirrors></settings>`)
	if got, want := ask(m)["maven"], (Answer{central, "https://upstream.test/mirror", "Maven settings"}); got != want {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestNuGetConfig(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"the first", `<packageSources><add key="a" value="https://upstream.test/a/index.json"/><add key="b" value="https://upstream.test/b/index.json"/></packageSources>`, "https://upstream.test/a/index.json"},
		{"a disabled one is passed by", `<packageSources><add key="a" value="https://upstream.test/a/index.json"/><add key="b" value="https://upstream.test/b/index.json"/></packageSources><disabledPackageSources><add key="a" value="true"/></disabledPackageSources>`, "https://upstream.test/b/index.json"},
		{"a folder is no registry", `<packageSources><add key="a" value="/var/packages"/></packageSources>`, ""},
		{"a V2 feed has no service index", `<packageSources><add key="a" value="https://upstream.test/api/v2"/></packageSources>`, ""},
		{"clear forgets what stood before", `<packageSources><add key="a" value="https://upstream.test/a/index.json"/><clear/><add key="b" value="https://upstream.test/b/index.json"/></packageSources>`, "https://upstream.test/b/index.json"},
		{"clear-text credentials", `<packageSources><add key="my team" value="https://upstream.test/a/index.json"/></packageSources><packageSourceCredentials><my_x0020_team><add key="Username" value="me"/><add key="ClearTextPassword" value="pw"/></my_x0020_team></packageSourceCredentials>`, "https://me:pw@upstream.test/a/index.json"},
		{"broken", `<packageSources>`, ""},
	} {
		text := "\ufeff<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<configuration>" + c.text + `</configuration>`
		if got := sourceOfNuGetConfig([]byte(text)); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

// The real pip, where there is one, understands the question.
func TestPipsOwnAnswer(t *testing.T) {
	m := ThisMachine()
	if _, err := m.LookPath("python3"); err != nil {
		t.Skip("python3 is not on this machine")
	}
	if _, err := m.Run(context.Background(), "python3", "-c", "import pip"); err != nil {
		t.Skip("python3 has no pip on this machine")
	}
	t.Setenv("PIP_INDEX_URL", "https://upstream.test/simple")
	a, err := askPip(context.Background(), m)
	if want := (Answer{"public:pypi", "https://upstream.test/simple", "pip config"}); a != want || err != nil {
		t.Errorf("got %v, %v; want %v", a, err, want)
	}
}

// The real npm, where there is one, understands the question.
func TestNPMsOwnAnswer(t *testing.T) {
	m := ThisMachine()
	if _, err := m.LookPath("npm"); err != nil {
		t.Skip("npm is not on this machine")
	}
	t.Setenv("npm_config_registry", "https://upstream.test/npm/")
	a, err := askNPM(context.Background(), m)
	if want := (Answer{"public:npmjs", "https://upstream.test/npm/", "npm config"}); a != want || err != nil {
		t.Errorf("got %v, %v; want %v", a, err, want)
	}
}

func FuzzSettings(f *testing.F) {
	f.Add([]byte(`<settings><mirrors><mirror><mirrorOf>*</mirrorOf><url>https://upstream.test</url></mirror></mirrors></settings>`))
	f.Add([]byte(`<configuration><packageSources><add key="a" value="https://upstream.test/index.json"/></packageSources></configuration>`))
	f.Fuzz(func(t *testing.T, text []byte) {
		if u := centralOfSettings(text, func(string) string { return "" }); strings.Contains(u, "${") {
			t.Fatalf("%q", u)
		}
		if u := sourceOfNuGetConfig(text); u != "" && checkURL(u) != nil {
			t.Fatalf("%q", u)
		}
	})
}
