package lockfile

import (
	"errors"
	"fmt"
	"strings"

	"github.com/pelletier/go-toml/v2"
)

// uvLock is uv.lock (uv documentation, "Lockfile").
type uvLock struct {
	Packages []uvPackage `toml:"package"`
}

type uvPackage struct {
	Name    string `toml:"name"`
	Version string `toml:"version"`
	Source  struct {
		Registry  string `toml:"registry"`
		Git       string `toml:"git"`
		URL       string `toml:"url"`
		Path      string `toml:"path"`
		Directory string `toml:"directory"`
		Editable  string `toml:"editable"`
		Virtual   string `toml:"virtual"`
	} `toml:"source"`
	Sdist  uvFile   `toml:"sdist"`
	Wheels []uvFile `toml:"wheels"`
}

type uvFile struct {
	URL      string `toml:"url"`
	Path     string `toml:"path"` // in a folder that is used as a registry
	Filename string `toml:"filename"`
	Hash     string `toml:"hash"`
}

// parseUV reads a uv.lock.
func parseUV(data []byte) ([]Entry, error) {
	var lock uvLock
	if err := decodeTOML(data, &lock); err != nil {
		return nil, err
	}
	var all []Entry
	for i, p := range lock.Packages {
		e, ok, err := p.entry()
		if err != nil {
			return nil, at(fmt.Sprintf("package %d (%s)", i+1, p.Name), err)
		}
		if ok {
			all = append(all, e)
		}
	}
	return all, nil
}

func (p uvPackage) entry() (Entry, bool, error) {
	why := ""
	switch s := p.Source; {
	case s.Virtual == "." || s.Editable == ".": // the project itself
		return Entry{}, false, nil
	case s.Git != "":
		why = skipGit
	case s.URL != "":
		why = skipURL
	case s.Path+s.Directory != "", s.Registry != "" && !strings.Contains(s.Registry, "://"):
		why = skipFolder
	case s.Editable+s.Virtual != "":
		why = skipWorkspace
	case p.Version == "":
		why = skipUnpinned
	}
	if why != "" {
		e, err := skipped(p.Name, why)
		return e, true, err
	}
	e := Entry{Format: PyPI, Name: pypiName(p.Name), Version: p.Version}
	for _, f := range append([]uvFile{p.Sdist}, p.Wheels...) {
		if f == (uvFile{}) {
			continue
		}
		file, err := f.file()
		if err != nil {
			return e, false, err
		}
		e.Files = append(e.Files, file)
	}
	e, err := Check(e)
	return e, true, err
}

func (f uvFile) file() (File, error) {
	name := f.Filename
	if name == "" {
		var err error
		if name, err = fileOfURL(firstOf(f.URL, f.Path)); err != nil {
			return File{}, err
		}
	}
	out := File{Name: name}
	if f.Hash != "" {
		var err error
		if out.Digests, err = colonDigest(f.Hash); err != nil {
			return out, at(name, err)
		}
	}
	return out, nil
}

// decodeTOML reads a document; its error says the line.
func decodeTOML(data []byte, into any) error {
	err := toml.Unmarshal(data, into)
	var where *toml.DecodeError
	if errors.As(err, &where) {
		line, _ := where.Position()
		return fmt.Errorf("line %d: %s", line, strings.TrimPrefix(where.Error(), "toml: "))
	}
	return err
}
