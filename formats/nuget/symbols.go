package nuget

import (
	"archive/zip"
	"encoding/json"
	"io"
	"net/http"
	"path"
	"slices"
	"strconv"
	"strings"

	"larder/formats"
	"larder/registry"
)

// symbolsType is the package type of a symbol package.
const symbolsType = "SymbolsPackage"

// pdbHead is how much of a debug file is read to find its id, in bytes.
const pdbHead = 16 << 20

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
		b, err := readHead(f, pdbHead)
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

// readHead reads the beginning of a file out of a package.
func readHead(f *zip.File, limit int64) ([]byte, error) {
	rc, err := f.Open()
	if err != nil {
		return nil, formats.NotZip("the entry " + f.Name + " cannot be read")
	}
	defer rc.Close()
	b, err := io.ReadAll(io.LimitReader(rc, limit))
	if err != nil {
		return nil, formats.NotZip("the entry " + f.Name + " cannot be read")
	}
	return b, nil
}

// symbolHits is how many packages are looked through for a debug file, of each
// name that they may have.
const symbolHits = 50

// getSymbols answers GET v3/symbols/{file}/{key}/{file}, what debuggers ask a
// symbol server (Simple Symbol Query Protocol, "Request"). Which package has
// the file its name tells: the package's id contains it, or a beginning of it
// up to a dot.
func getSymbols(w http.ResponseWriter, r *formats.Request) error {
	file := strings.ToLower(r.Vars["pdb"])
	key := file + "/" + strings.ToLower(r.Vars["key"])
	none := registry.Errorf(registry.NotFound, "no symbol package in this repository has %s with the id %s", r.Vars["pdb"], r.Vars["key"])
	if err := r.Repo.Ping(r.Context()); err != nil {
		return err
	}
	name, ok := strings.CutSuffix(file, ".pdb")
	if !ok || strings.ToLower(r.Vars["again"]) != file {
		return none
	}
	for ; name != ""; name = name[:max(strings.LastIndexByte(name, '.'), 0)] {
		if len(name) > maxID {
			continue // which no package's id contains
		}
		found, err := r.Repo.Search(r.Context(), registry.SearchQuery{Format: registry.NuGet, Text: name, Size: symbolHits})
		if err != nil {
			return err
		}
		for _, view := range found.Hits {
			for _, v := range all(view) {
				if entry := decode(v.Manifest).Symbols[key]; entry != "" {
					return serveSymbols(w, r, registry.VersionID{Package: view.ID, Version: v.Version.Version}, entry)
				}
			}
		}
	}
	return none
}

// serveSymbols sends a file out of a version's symbol package.
func serveSymbols(w http.ResponseWriter, r *formats.Request, id registry.VersionID, name string) error {
	a, err := r.Repo.Asset(r.Context(), id, symbolsFile(id))
	if err != nil {
		return err
	}
	defer a.Body.Close()
	at, ok := a.Body.(io.ReaderAt)
	if !ok {
		return errNoFile
	}
	p, err := readNupkg(at, a.Size)
	if err != nil {
		return err
	}
	f := p.files[name]
	if f == nil {
		return errNoFile
	}
	rc, err := f.Open()
	if err != nil {
		return err
	}
	defer rc.Close()
	h := w.Header()
	h.Set("Content-Type", "application/octet-stream")
	h.Set("Content-Length", strconv.FormatUint(f.UncompressedSize64, 10))
	h.Set("Content-Security-Policy", "sandbox")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "private, max-age=31536000, immutable")
	if r.Method == http.MethodHead {
		return nil
	}
	_, _ = io.Copy(w, rc) // a client that left, or a cut answer: it has its length
	return nil
}
