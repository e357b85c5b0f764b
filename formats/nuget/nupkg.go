package nuget

import (
	"archive/zip"
	"errors"
	"io"
	"net/url"
	"path"
	"strings"

	"larder/formats"
	"larder/registry"
)

// maxEntry bounds a file that is read out of a package besides its nuspec, in
// bytes: icons, readmes, licences.
const maxEntry = 2 << 20

// signatureEntry is what signing adds to a package.
const signatureEntry = ".signature.p7s"

// nupkg is a package that is looked into.
type nupkg struct {
	manifest
	files map[string]*zip.File // by path in lower case
}

// readNupkg reads the directory and the nuspec of a package (Open Packaging
// Conventions in a zip archive). Invalid where it is no package.
func readNupkg(r io.ReaderAt, size int64) (*nupkg, error) {
	z, err := formats.OpenZip(r, size)
	if err != nil {
		return nil, err
	}
	p := &nupkg{files: make(map[string]*zip.File, len(z.File))}
	var nuspecs []*zip.File
	for _, f := range z.File {
		if strings.HasSuffix(f.Name, "/") {
			continue
		}
		name := entryName(f.Name)
		if p.files[strings.ToLower(name)] != nil {
			return nil, registry.Errorf(registry.Invalid, "the package has two files %q, or two that differ in letter case alone: not every system can unpack both", f.Name)
		}
		p.files[strings.ToLower(name)] = f
		if !strings.Contains(name, "/") && strings.HasSuffix(strings.ToLower(name), nuspecSuffix) {
			nuspecs = append(nuspecs, f)
		}
	}
	switch len(nuspecs) {
	case 0:
		return nil, registry.Errorf(registry.Invalid, "the file is no NuGet package: there is no .nuspec in it")
	case 1:
	default:
		return nil, registry.Errorf(registry.Invalid, "the package has %d .nuspec files, %q and %q; it must have one", len(nuspecs), nuspecs[0].Name, nuspecs[1].Name)
	}
	b, err := readEntry(nuspecs[0], maxNuspec)
	if err != nil {
		return nil, err
	}
	if p.manifest, err = readNuspec(b); err != nil {
		return nil, err
	}
	_, p.Signed = p.files[signatureEntry]
	return p, nil
}

// checkNupkg is readNupkg for what is pushed: an archive that all tools read
// alike, in which the files are that its nuspec names.
func checkNupkg(r io.ReaderAt, size int64) (*nupkg, error) {
	z, err := formats.OpenZip(r, size)
	if err != nil {
		return nil, err
	}
	if err := formats.CheckZip(r, size, z); err != nil {
		return nil, err
	}
	p, err := readNupkg(r, size)
	if err != nil {
		return nil, err
	}
	for what, name := range map[string]string{"icon": p.Icon, "readme": p.Readme, "license": p.LicenseFile} {
		if name != "" && p.files[strings.ToLower(name)] == nil {
			return nil, badNuspec("%s is %.200q, which is not in the package", what, name)
		}
	}
	return p, nil
}

// entryName is the path of an entry: part names are percent-encoded where they
// would be no URI (Open Packaging Conventions, part names).
func entryName(s string) string {
	if !strings.Contains(s, "%") {
		return s
	}
	plain, err := url.PathUnescape(s)
	if err != nil || path.Clean("/"+plain) != "/"+plain {
		return s
	}
	return plain
}

func readEntry(f *zip.File, limit int64) ([]byte, error) {
	if f.UncompressedSize64 > uint64(limit) {
		return nil, registry.Errorf(registry.Invalid, "%s is larger than %d bytes", f.Name, limit)
	}
	rc, err := f.Open()
	if err != nil {
		return nil, formats.NotZip("the entry " + f.Name + " cannot be read")
	}
	defer rc.Close()
	b, err := io.ReadAll(io.LimitReader(rc, limit+1))
	if err != nil || int64(len(b)) > limit {
		return nil, formats.NotZip("the entry " + f.Name + " cannot be read")
	}
	return b, nil
}

// file reads a file out of the package; NotFound where its nuspec names none.
func (p *nupkg) file(name string) ([]byte, error) {
	f := p.files[strings.ToLower(name)]
	if name == "" || f == nil {
		return nil, errNoFile
	}
	return readEntry(f, maxEntry)
}

var errNoFile = registry.Errorf(registry.NotFound, "the package has no such file")

// extract gives a function that digs something out of a package (registry.Derivation).
func extract(dig func(*nupkg) ([]byte, error)) func(io.ReaderAt, int64) ([]byte, error) {
	return func(r io.ReaderAt, size int64) ([]byte, error) {
		p, err := readNupkg(r, size)
		if err == nil {
			var b []byte
			if b, err = dig(p); err == nil {
				return b, nil
			}
		}
		var known *registry.Error
		if errors.As(err, &known) && known.Code == registry.Invalid {
			// Old packages of other sources are odd.
			return nil, registry.Errorf(registry.NotFound, "the package cannot be looked into: %s", known.Msg)
		}
		return nil, err
	}
}

// nuspecOf gives the nuspec as it is in the package.
func nuspecOf(p *nupkg) ([]byte, error) {
	for name, f := range p.files {
		if !strings.Contains(name, "/") && strings.HasSuffix(name, nuspecSuffix) {
			return readEntry(f, maxNuspec)
		}
	}
	return nil, errNoFile
}
