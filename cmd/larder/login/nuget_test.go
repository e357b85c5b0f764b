package login

import (
	"strings"
	"testing"
)

const nugetSource = `<add key="local/main" value="http://127.0.0.1:8484/nuget/d/local-000000000000/main/v3/index.json" protocolVersion="3" allowInsecureConnections="true" />`

const nugetCredential = `  <packageSourceCredentials>
    <local_x002F_main>
      <add key="Username" value="aws" />
      <add key="ClearTextPassword" value="eyJ.abc-_.sig" />
    </local_x002F_main>
  </packageSourceCredentials>
`

func TestNuGet(t *testing.T) {
	const whole = "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<configuration>\n  <packageSources>\n    " + nugetSource + "\n  </packageSources>\n" + nugetCredential + "</configuration>\n"
	edited(t, nuget, at("nuget"), ".config/NuGet/NuGet.Config", "", whole)
	edited(t, dotnet, at("nuget"), ".nuget/NuGet/NuGet.Config", "", whole)
	edited(t, dotnet, at("nuget"), ".nuget/NuGet/NuGet.Config", strings.ReplaceAll(strings.ReplaceAll(whole, "eyJ", "old"), "main/v3", "older/v3"), whole)

	const theirs = "<configuration>\n  <!-- mine -->\n  <packageSources>\n    <clear />\n    <add key=\"corp\" value=\"http://corp.upstream.test/\" />\n"
	edited(t, dotnet, at("nuget"), ".nuget/NuGet/NuGet.Config",
		theirs+"  </packageSources>\n  <config />\n</configuration>\n",
		theirs+"    "+nugetSource+"\n  </packageSources>\n  <config />\n"+nugetCredential+"</configuration>\n")

	secure := at("nuget")
	secure.Endpoint = strings.Replace(secure.Endpoint, "http:", "https:", 1)
	if files := apply(t, dotnet, machine(t, nil), secure); strings.Contains(files[".nuget/NuGet/NuGet.Config"], "allowInsecure") {
		t.Error("https is called insecure")
	}
}

func TestNuGetNamesOtherSources(t *testing.T) {
	m := machine(t, nil)
	put(t, m.Home, ".nuget/NuGet/NuGet.Config", "<configuration><packageSources><add key=\"corp\" value=\"http://corp.upstream.test/\" /></packageSources></configuration>")
	p, err := dotnet.Plan(m, at("nuget"))
	if err != nil || len(p.Notes) != 1 || !strings.Contains(p.Notes[0], "corp") {
		t.Errorf("%v %+v", err, p)
	}
}

func TestSourceNamesAsElementNames(t *testing.T) {
	for source, want := range map[string]string{
		"local/main":      "local_x002F_main",
		"team-1/a.b_c-d":  "team-1_x002F_a.b_c-d",
		"a/b_x0041_c":     "a_x002F_b_x005F_x0041_c",
		"a/b_x12_c":       "a_x002F_b_x12_c",
		"a/_x002F_ _x00z": "a_x002F__x005F_x002F_ _x00z",
	} {
		if got := elementName(source); got != want {
			t.Errorf("%s: got %s, want %s", source, got, want)
		}
	}
}

// Whatever the file held, the result is XML that has the source with its
// credential once, or an error.
func FuzzSetNuGetSource(f *testing.F) {
	for _, s := range []string{
		"", "<configuration/>", "<configuration><packageSources/></configuration>", "<configuration>\n<packageSources ><add key='local/main' value='x'/></packageSources></configuration>",
		"<c:configuration xmlns:c='x'/>", "<configuration><!-- </configuration> --></configuration>", "<configuration><![CDATA[x]]></configuration>",
		"<!DOCTYPE x []><configuration><packageSources>x</packageSources></configuration>", "<configuration><packageSourceCredentials><a/><local_x002F_main/></packageSourceCredentials></configuration>",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		got, _, err := setNuGetSource(text, at("nuget"))
		if err != nil {
			return
		}
		again, _, err := setNuGetSource(got, at("nuget"))
		if err != nil || string(again) != string(got) {
			t.Fatalf("%q became %q and then %q, %v", text, got, again, err)
		}
		if len(text) > 0 && elements(t, got) < elements(t, text) {
			t.Fatalf("%q lost elements: %q", text, got)
		}
	})
}

func elements(t *testing.T, text []byte) int {
	root, err := parseXML(text)
	if err != nil {
		t.Fatal(err)
	}
	// What stands in the credential is replaced whole, and not counted.
	var count func(e *xmlElement) int
	count = func(e *xmlElement) int {
		n := 1
		for _, c := range e.children {
			if c.name != "local_x002F_main" && c.name != "add" {
				n += count(c)
			}
		}
		return n
	}
	return count(root)
}
