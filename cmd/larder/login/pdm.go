package login

import (
	"cmp"
	"path/filepath"

	"github.com/pelletier/go-toml/v2"
)

// pdm reads the default index and repositories to publish to from the user's
// config.toml. (PDM's documentation, "Configurations".)
var pdm = Tool{Name: "pdm", Format: "pypi", Try: "pdm install", plan: planPDM, helper: planPDM}

func planPDM(m Machine, to Target) (*Plan, error) {
	p := &Plan{Project: []Snippet{{"to publish with PDM", "pdm publish --repository " + to.word()}}}
	credential := []tomlSetting{{"username", user}, {"password", to.Token}}
	if to.Helper != nil {
		credential = credential[:1]
		if err := p.planPDMHelper(m, to); err != nil {
			return nil, err
		}
	}
	index := append([]tomlSetting{{"url", to.Endpoint + "simple/"}}, credential...)
	if to.plainHTTP() { // PDM skips an index by plain http unless told so
		index = append(index, tomlSetting{"verify_ssl", false})
	}
	for _, name := range []string{"PDM_PYPI_URL", "PDM_PYPI_USERNAME", "PDM_PYPI_PASSWORD"} {
		if m.Getenv(name) != "" {
			p.Notes = append(p.Notes, "the environment variable "+name+" is set and outranks PDM's settings: unset it")
		}
	}
	return p, p.edit(pdmFile(m), func(before []byte) ([]byte, error) {
		after, err := setTOML(before, tomlTable{path: []string{"pypi"}}, index)
		if err != nil {
			return nil, err
		}
		return setTOML(after, tomlTable{path: []string{"repository", to.word()}}, append([]tomlSetting{{"url", to.Endpoint}}, credential...))
	})
}

// planPDMHelper has PDM ask a keyring: where Python's is among its own modules
// that one, else the program of that name.
func (p *Plan) planPDMHelper(m Machine, to Target) error {
	var have struct {
		PyPI       struct{ Password string }
		Repository map[string]struct{ Password string }
	}
	text, err := readSettings(pdmFile(m))
	if err == nil && toml.Unmarshal(text, &have) == nil && cmp.Or(have.PyPI.Password, have.Repository[to.word()].Password) != "" {
		p.Notes = append(p.Notes, pdmFile(m)+" has passwords, which outrank the helper: pdm config --delete pypi.password; pdm config --delete repository."+to.word()+".password")
	}
	if err := p.planKeyringProgram(m, to); err != nil {
		return err
	}
	return p.planKeyringBackend(m, to)
}

func pdmFile(m Machine) string {
	dir := filepath.Join(m.config(), "pdm")
	switch m.OS {
	case "windows":
		dir = filepath.Join(m.localAppData(), "pdm", "pdm")
	case "darwin":
		dir = filepath.Join(m.library(), "pdm")
	}
	return cmp.Or(m.Getenv("PDM_CONFIG_FILE"), filepath.Join(dir, "config.toml"))
}
