package pypi

import (
	"archive/zip"
	"io"
	"path"
	"slices"
	"strings"

	"larder/formats"
	"larder/registry"
)

// errNoMetadata says that an archive has none where it should be.
var errNoMetadata = registry.Errorf(registry.NotFound, "there is no core metadata in the file")

// wheelMetadata finds the one METADATA file of a wheel ("Binary distribution
// format": {distribution}-{version}.dist-info/METADATA).
func wheelMetadata(z *zip.Reader) (*zip.File, error) {
	var found *zip.File
	for _, f := range z.File {
		if folder, ok := strings.CutSuffix(f.Name, ".dist-info/METADATA"); ok && !strings.Contains(folder, "/") {
			if found != nil {
				return nil, registry.Errorf(registry.Invalid, "the wheel has two .dist-info folders")
			}
			found = f
		}
	}
	if found == nil {
		return nil, errNoMetadata
	}
	return found, nil
}

// extractMetadata is the METADATA file of a wheel, as it is.
func extractMetadata(r io.ReaderAt, size int64) ([]byte, error) {
	z, err := formats.OpenZip(r, size)
	if err != nil {
		return nil, err
	}
	f, err := wheelMetadata(z)
	if err != nil {
		return nil, err
	}
	return readEntry(f)
}

func readEntry(f *zip.File) ([]byte, error) {
	if f.UncompressedSize64 > maxMetadata {
		return nil, registry.Errorf(registry.Invalid, "%s is larger than %d MiB", f.Name, maxMetadata>>20)
	}
	rc, err := f.Open()
	if err != nil {
		return nil, formats.NotZip("the entry " + f.Name + " cannot be read")
	}
	defer rc.Close()
	b, err := io.ReadAll(io.LimitReader(rc, maxMetadata+1))
	if err != nil || len(b) > maxMetadata {
		return nil, formats.NotZip("the entry " + f.Name + " cannot be read")
	}
	return b, nil
}

// checkWheel holds an uploaded wheel to its format and gives its METADATA.
func checkWheel(r io.ReaderAt, size int64, project, version string) ([]byte, error) {
	z, err := formats.OpenZip(r, size)
	if err != nil {
		return nil, err
	}
	if err := formats.CheckZip(r, size, z); err != nil {
		return nil, err
	}
	f, err := wheelMetadata(z)
	if err == errNoMetadata {
		return nil, registry.Errorf(registry.Invalid, "the wheel has no .dist-info/METADATA file")
	}
	if err != nil {
		return nil, err
	}
	folder := path.Dir(f.Name)
	name, of, _ := strings.Cut(strings.TrimSuffix(folder, ".dist-info"), "-")
	if v, ok := parseVersion(of); normalize(name) != project || !ok || v.String() != version {
		return nil, registry.Errorf(registry.Invalid, "the wheel's folder %s is not of %s %s", folder, project, version)
	}
	for _, file := range []string{"WHEEL", "RECORD"} {
		if !slices.ContainsFunc(z.File, func(f *zip.File) bool { return f.Name == folder+"/"+file }) {
			return nil, registry.Errorf(registry.Invalid, "the wheel has no %s/%s file", folder, file)
		}
	}
	return readEntry(f)
}
