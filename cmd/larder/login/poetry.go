package login

import (
	"cmp"
	"path/filepath"

	"github.com/pelletier/go-toml/v2"
)

// poetry reads credentials from the user's auth.toml, by the name that a
// project gives its source. (Poetry's documentation, "Repositories"; names with
// dots do not work there.)
var poetry = Tool{Name: "poetry", Format: "pypi", plan: planPoetry, helper: planPoetry}

func planPoetry(m Machine, to Target) (*Plan, error) {
	p := &Plan{
		KeyOnly: true,
		Try:     "poetry install",
		Project: []Snippet{
			{"once in each project, to install from it", "poetry source add --priority=primary " + to.word() + " " + to.Endpoint + "simple/"},
			{"once, for poetry publish --repository " + to.word(), "poetry config repositories." + to.word() + " " + to.Endpoint},
		},
	}
	auth := filepath.Join(poetryDir(m), "auth.toml")
	if to.Helper != nil {
		var have struct {
			Basic map[string]any `toml:"http-basic"`
		}
		if text, err := readSettings(auth); err == nil && toml.Unmarshal(text, &have) == nil && have.Basic[to.word()] != nil {
			p.Notes = append(p.Notes, auth+" has a password, which outranks the helper: poetry config --unset http-basic."+to.word())
		}
		return p, p.planKeyringBackend(m, to)
	}
	return p, p.edit(auth, func(before []byte) ([]byte, error) {
		return setTOML(before, tomlTable{path: []string{"http-basic", to.word()}}, []tomlSetting{{"username", user}, {"password", to.Token}})
	})
}

func poetryDir(m Machine) string {
	dir := filepath.Join(m.config(), "pypoetry")
	switch m.OS {
	case "windows":
		dir = filepath.Join(m.appData(), "pypoetry")
	case "darwin":
		dir = filepath.Join(m.library(), "pypoetry")
	}
	return cmp.Or(m.Getenv("POETRY_CONFIG_DIR"), dir)
}
