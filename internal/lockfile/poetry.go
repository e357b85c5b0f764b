package lockfile

import "fmt"

// poetryLock is poetry.lock: since Poetry 1.5 each package has its files
// (lock-version 2), before that they stand in metadata.files, and in
// metadata.hashes without names before 1.1.
type poetryLock struct {
	Packages []poetryPackage `toml:"package"`
	Metadata struct {
		Files  map[string][]poetryFile `toml:"files"`
		Hashes map[string][]string     `toml:"hashes"`
	} `toml:"metadata"`
}

type poetryPackage struct {
	Name    string       `toml:"name"`
	Version string       `toml:"version"`
	Files   []poetryFile `toml:"files"`
	Source  struct {
		Type string `toml:"type"` // legacy is another index
	} `toml:"source"`
}

type poetryFile struct {
	File string `toml:"file"`
	Hash string `toml:"hash"`
}

// parsePoetry reads a poetry.lock.
func parsePoetry(data []byte) ([]Entry, error) {
	var lock poetryLock
	if err := decodeTOML(data, &lock); err != nil {
		return nil, err
	}
	var all []Entry
	for i, p := range lock.Packages {
		if p.Files == nil {
			p.Files = lock.Metadata.Files[p.Name]
		}
		e, err := p.entry(lock.Metadata.Hashes[p.Name])
		if err != nil {
			return nil, at(fmt.Sprintf("package %d (%s)", i+1, p.Name), err)
		}
		all = append(all, e)
	}
	return all, nil
}

func (p poetryPackage) entry(hashes []string) (Entry, error) {
	switch p.Source.Type {
	case "", "legacy":
	case "git":
		return skipped(p.Name, skipGit)
	case "url":
		return skipped(p.Name, skipURL)
	default:
		return skipped(p.Name, skipFolder)
	}
	e := Entry{Format: PyPI, Name: pypiName(p.Name), Version: p.Version}
	for _, f := range p.Files {
		digests, err := colonDigest(f.Hash)
		if err != nil {
			return e, at(f.File, err)
		}
		e.Files = append(e.Files, File{f.File, digests})
	}
	if e.Files == nil {
		for _, h := range hashes {
			digests, err := hexDigest("sha256", h)
			if err != nil {
				return e, err
			}
			e.Digests = append(e.Digests, digests...)
		}
	}
	return Check(e)
}
