package login

import (
	"strings"
	"testing"

	"github.com/pelletier/go-toml/v2"
)

func TestSetTOMLRefusesWhatItWouldBreak(t *testing.T) {
	for name, text := range map[string]string{
		"no TOML":          "[pypi",
		"an inline table":  "pypi = { url = \"x\" }\n",
		"dotted keys":      "pypi.url = \"x\"\n",
		"another kind":     "pypi = 1\n",
		"a value on lines": "[pypi]\nurl = \"\"\"\nx\n\"\"\"\n",
		"a heading inside": "a = \"\"\"\n[pypi]\nurl = \"x\"\n\"\"\"\n",
	} {
		if got, err := setTOML([]byte(text), tomlTable{path: []string{"pypi"}}, []tomlSetting{{"url", "new"}}); err == nil && name != "a heading inside" {
			t.Errorf("%s: %q became %q", name, text, got)
		}
	}
}

// Whatever the file held, the result is TOML with the value set, or an error.
func FuzzSetTOML(f *testing.F) {
	for _, s := range []string{"", "# c\n", "[pypi]\nurl='x'\n", "[a.b]\n[pypi] # c\n\n[c]\n", "[[pypi]]\n", "x = '''\n[pypi]\n'''\n", "[pypi.a]\nurl=1\n", "[ \"pypi\" ]\n\"url\" = 1 # x\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		got, err := setTOML(text, tomlTable{path: []string{"pypi"}}, []tomlSetting{{"url", "new"}, {"verify_ssl", false}})
		if err != nil {
			return
		}
		var back struct {
			PyPI struct {
				URL    string `toml:"url"`
				Verify *bool  `toml:"verify_ssl"`
			} `toml:"pypi"`
		}
		if err := toml.Unmarshal(got, &back); err != nil || back.PyPI.URL != "new" || back.PyPI.Verify == nil || *back.PyPI.Verify {
			t.Fatalf("%q became %q: %+v, %v", text, got, back, err)
		}
	})
}

// Whatever the file held, the key has this value afterwards and every other
// key is where it was; or there is an error.
func FuzzSetINI(f *testing.F) {
	for _, s := range []string{"", "[a]\nk=v\n", "[a]\nk = v\n  more\n# c\n  still\nother: x\n[b]\nk=1", "k=0\n[a]\n", "[a]\n\n[a]\nk=2\n", " [a]\n  k = 1\n   x\n", "[a]\r\nk=1\r\n"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		before, _ := parseINI([]byte(text), strings.ToLower).scan()
		file := parseINI([]byte(text), strings.ToLower)
		file.set("a", "k", "new")
		got, err := file.bytes("a", "k", "new")
		if err != nil {
			return
		}
		after, _ := parseINI(got, strings.ToLower).scan()
		others := func(keys []iniKey) string {
			var all []string
			for _, k := range keys {
				if k.section != "a" || k.key != "k" {
					all = append(all, k.section+"."+k.key)
				}
			}
			return strings.Join(all, " ")
		}
		if others(before) != others(after) {
			t.Fatalf("%q became %q", text, got)
		}
	})
}
