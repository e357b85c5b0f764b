package nuget

import (
	"encoding/json"
	"net/http"
	"path"
	"slices"
	"strings"

	"larder/formats"
	"larder/registry"
)

// symbolsType is the package type of a symbol package.
const symbolsType = "SymbolsPackage"

// maxPDB bounds a debug file that is looked into, in bytes.
const maxPDB = 256 << 20

// symbolEntries are the files that a symbol package may hold (NuGet
// documentation, "Creating symbol packages", "Symbol package constraints").
var symbolEntries = []string{".pdb", ".nuspec", ".xml", ".psmdcp", ".rels", ".p7s"}

// putSymbols answers PUT v3/symbolpackage: the symbol package of a version that
// this repository holds. NotFound where it does not, Conflict where the version
// has other symbols already.
func putSymbols(w http.ResponseWriter, r *formats.Request) error {
	pub, p, err := receive(r)
	if err != nil {
		return err
	}
	defer pub.Abort()
	symbols, err := p.symbols()
	if err != nil {
		return err
	}
	id, err := p.versionID()
	if err != nil {
		return err
	}
	held, err := pub.Held(r.Context(), id)
	if registry.IsNotFound(err) {
		return registry.Errorf(registry.NotFound, "there is no version %s of %s in this repository; push the package before its symbols", id.Version, p.ID)
	}
	if err != nil {
		return err
	}
	name := symbolsFile(id)
	if err := pub.Rename(staging, name); err != nil {
		return err
	}
	err = pub.Commit(r.Context(), registry.Draft{
		ID: id, Status: held.Status, Mode: registry.Extend, Assets: []string{name}, DisplayName: held.DisplayName, Manifest: held.Manifest,
		Merge: func(raw json.RawMessage) json.RawMessage {
			m := decode(raw)
			m.Symbols = symbols
			return m.encode()
		},
	})
	if err != nil {
		return err
	}
	return created(w)
}

// symbols holds a symbol package to what one may be, and gives the keys of its
// debug files with their paths.
func (p *nupkg) symbols() (map[string]string, error) {
	if !p.is(symbolsType) {
		return nil, registry.Errorf(registry.Invalid, "this is no symbol package: its nuspec does not have the package type %s; make one with dotnet pack --include-symbols -p:SymbolPackageFormat=snupkg", symbolsType)
	}
	symbols := map[string]string{}
	for name, f := range p.files {
		extension := path.Ext(name)
		if !slices.Contains(symbolEntries, extension) {
			return nil, registry.Errorf(registry.Invalid, "the symbol package has the file %q; only %s may be in one", f.Name, strings.Join(symbolEntries, ", "))
		}
		if extension != ".pdb" {
			continue
		}
		b, err := readEntry(f, maxPDB)
		if err != nil {
			return nil, err
		}
		key := pdbKey(name, b)
		if key == "" {
			return nil, registry.Errorf(registry.Invalid, "%s is no portable PDB, which are the only ones that are taken; build with DebugType portable", f.Name)
		}
		symbols[key] = name
	}
	return symbols, nil
}
