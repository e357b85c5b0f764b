package pypi

import (
	"archive/tar"
	"archive/zip"
	"compress/gzip"
	"errors"
	"io"
	"strings"

	"larder/formats"
	"larder/registry"
)

// checkSdist holds an uploaded source distribution to its format ("Source
// distribution format": one folder with a PKG-INFO file) and gives the
// PKG-INFO.
func checkSdist(name string, r io.ReaderAt, size int64) ([]byte, error) {
	if strings.HasSuffix(name, ".zip") {
		return zippedSdist(r, size)
	}
	z, err := gzip.NewReader(io.NewSectionReader(r, 0, size))
	if err != nil {
		return nil, registry.Errorf(registry.Invalid, "the file is not gzip")
	}
	// What is unpacked to look for the metadata is bounded by what was sent.
	bound := &io.LimitedReader{R: z, N: formats.BombSize + size*formats.BombRatio}
	archive := tar.NewReader(bound)
	var info []byte
	for n := 0; ; n++ {
		h, err := archive.Next()
		switch {
		case errors.Is(err, io.EOF) && bound.N > 0:
			if info == nil {
				return nil, noPackageInfo()
			}
			return info, nil
		case bound.N <= 0:
			return nil, registry.Errorf(registry.Invalid, "the archive unpacks to more than %d times its size: that is not taken", formats.BombRatio)
		case err != nil:
			return nil, registry.Errorf(registry.Invalid, "the file is not a sound tar.gz archive: %v", tarError(err))
		case n == formats.MaxEntries:
			return nil, registry.Errorf(registry.Invalid, "the archive has more than %d entries", formats.MaxEntries)
		}
		entry := strings.TrimPrefix(h.Name, "./")
		if entry == "" || h.Typeflag == tar.TypeXGlobalHeader {
			continue
		}
		if err := formats.CheckEntry(entry); err != nil {
			return nil, err
		}
		if !isPackageInfo(entry) || h.Typeflag != tar.TypeReg {
			continue
		}
		if info != nil || h.Size > maxMetadata {
			return nil, registry.Errorf(registry.Invalid, "the archive has two PKG-INFO files, or one of more than %d MiB", maxMetadata>>20)
		}
		if info, err = io.ReadAll(archive); err != nil {
			return nil, registry.Errorf(registry.Invalid, "the file is not a sound tar.gz archive: %v", tarError(err))
		}
	}
}

// tarError says what is wrong without what this machine would say of its files.
func tarError(err error) string {
	switch {
	case errors.Is(err, gzip.ErrChecksum), errors.Is(err, gzip.ErrHeader):
		return "its compression is broken"
	case errors.Is(err, io.ErrUnexpectedEOF):
		return "it breaks off"
	}
	return "an entry cannot be read"
}

func isPackageInfo(entry string) bool {
	folder, ok := strings.CutSuffix(entry, "/PKG-INFO")
	return ok && folder != "" && !strings.Contains(folder, "/")
}

func noPackageInfo() error {
	return registry.Errorf(registry.Invalid, "the source distribution has no PKG-INFO file in its folder")
}

func zippedSdist(r io.ReaderAt, size int64) ([]byte, error) {
	z, err := formats.OpenZip(r, size)
	if err != nil {
		return nil, err
	}
	if err := formats.CheckZip(r, size, z); err != nil {
		return nil, err
	}
	info, err := packageInfo(z)
	if err == errNoMetadata {
		err = noPackageInfo()
	}
	return info, err
}

// sdistMetadata is the PKG-INFO file of a source distribution that came from
// elsewhere, as it is. Old ones are odd: all that matters is that one is found.
func sdistMetadata(name string, r io.ReaderAt, size int64) ([]byte, error) {
	if strings.HasSuffix(name, ".zip") {
		z, err := formats.OpenZip(r, size)
		if err != nil {
			return nil, err
		}
		return packageInfo(z)
	}
	z, err := gzip.NewReader(io.NewSectionReader(r, 0, size))
	if err != nil {
		return nil, errNoMetadata
	}
	archive := tar.NewReader(io.LimitReader(z, formats.Sought(size)))
	for range formats.MaxEntries {
		h, err := archive.Next()
		if err != nil {
			break // the end, or what cannot be read further
		}
		if h.Typeflag == tar.TypeReg && h.Size <= maxMetadata && isPackageInfo(strings.TrimPrefix(h.Name, "./")) {
			return io.ReadAll(archive)
		}
	}
	return nil, errNoMetadata
}

// packageInfo is the PKG-INFO file of a zipped source distribution.
func packageInfo(z *zip.Reader) ([]byte, error) {
	for _, f := range z.File {
		if isPackageInfo(f.Name) {
			return readEntry(f)
		}
	}
	return nil, errNoMetadata
}
