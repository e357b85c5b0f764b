package login

import (
	"bytes"
	"cmp"
	"errors"
	"path/filepath"

	"github.com/pelletier/go-toml/v2"
)

// uv reads a default index from the user's uv.toml and the credential for it
// from .netrc. (uv's documentation, "Package indexes" and "HTTP credentials".)
var uv = Tool{Name: "uv", Format: "pypi", Try: "uv pip install requests", plan: planUV, helper: planUV}

func planUV(m Machine, to Target) (*Plan, error) {
	p := &Plan{}
	name := uvFile(m)
	if err := p.edit(name, func(before []byte) ([]byte, error) { return setUVIndex(before, to) }); err != nil {
		return nil, err
	}
	if to.Helper != nil {
		if err := p.dropNetrc(m, to); err != nil {
			return nil, err
		}
		if err := p.planKeyring(m, to); err != nil {
			return nil, err
		}
		p.Project = append(p.Project, Snippet{"to publish with uv", "uv publish --index larder --username " + user})
	} else {
		if err := p.planNetrc(m, to); err != nil {
			return nil, err
		}
		p.Project = append(p.Project, Snippet{"to publish with uv",
			"UV_PUBLISH_USERNAME=" + user + ` UV_PUBLISH_PASSWORD="$(larder token)" uv publish --index larder`})
	}
	for _, name := range []string{"UV_DEFAULT_INDEX", "UV_INDEX_URL", "UV_INDEX"} {
		if m.Getenv(name) != "" {
			p.Notes = append(p.Notes, "the environment variable "+name+" is set and outranks uv's settings: unset it")
		}
	}
	for _, project := range []string{"uv.toml", "pyproject.toml"} {
		name := filepath.Join(m.Dir, project)
		if text, err := readSettings(name); err == nil && bytes.Contains(text, []byte("index")) && uvProjectIndex(text) {
			p.Notes = append(p.Notes, name+" names an index too and outranks the user's settings")
		}
	}
	return p, nil
}

// uvIndexName names the index in uv.toml: a user has one default.
const uvIndexName = "larder"

func uvFile(m Machine) string {
	if name := m.Getenv("UV_CONFIG_FILE"); name != "" {
		return name
	}
	if m.OS == "windows" {
		return filepath.Join(m.appData(), "uv", "uv.toml")
	}
	return filepath.Join(m.config(), "uv", "uv.toml")
}

// uvSettings are the settings that name an index.
type uvSettings struct {
	Index []struct {
		Name    string `toml:"name"`
		Default bool   `toml:"default"`
	} `toml:"index"`
	IndexURL string `toml:"index-url"`
}

func setUVIndex(before []byte, to Target) ([]byte, error) {
	var have uvSettings
	if toml.Unmarshal(before, &have) == nil { // setTOML says what is wrong otherwise
		for _, i := range have.Index {
			if i.Default && i.Name != uvIndexName {
				return nil, errTwoDefaults
			}
		}
	}
	index := to.Endpoint + "simple/"
	if to.Helper != nil {
		index = to.asUser("simple/")
		var err error
		if before, err = setTOML(before, tomlTable{}, []tomlSetting{{"keyring-provider", "subprocess"}}); err != nil {
			return nil, err
		}
	}
	return setTOML(before, tomlTable{path: []string{"index"}, name: uvIndexName}, []tomlSetting{
		{"url", index}, {"publish-url", to.Endpoint}, {"default", true},
	})
}

// uvProjectIndex says whether a uv.toml or pyproject.toml names an index.
func uvProjectIndex(text []byte) bool {
	var both struct {
		uvSettings
		Tool struct {
			UV uvSettings `toml:"uv"`
		} `toml:"tool"`
	}
	if toml.Unmarshal(text, &both) != nil {
		return false
	}
	return len(both.Index)+len(both.Tool.UV.Index) > 0 || cmp.Or(both.IndexURL, both.Tool.UV.IndexURL) != ""
}

var errTwoDefaults = errors.New("has another index as the default already: take `default = true` out there first")
