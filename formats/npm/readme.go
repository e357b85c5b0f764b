package npm

import (
	"archive/tar"
	"compress/gzip"
	"io"
	"path"
	"strings"

	"larder/formats"
	"larder/registry"
)

// maxReadme bounds a readme, in bytes: a longer one is passed over.
const maxReadme = 1 << 20

// readmeOf digs the readme out of a tarball: README or README.* beside
// package.json, whatever the letter case, Markdown before others (as
// read-package-json of npm finds it). NotFound where there is none, also where
// the tarball cannot be read to its end.
func readmeOf(r io.ReaderAt, size int64) ([]byte, error) {
	none := registry.Errorf(registry.NotFound, "there is no readme in the tarball")
	z, err := gzip.NewReader(io.NewSectionReader(r, 0, size))
	if err != nil {
		return nil, none
	}
	archive := tar.NewReader(io.LimitReader(z, formats.Sought(size)))
	var found []byte
	for range formats.MaxEntries {
		h, err := archive.Next()
		if err != nil {
			break // the end, or what cannot be read further
		}
		// The folder is mostly "package", but clients take any.
		_, name, ok := strings.Cut(strings.TrimPrefix(h.Name, "./"), "/")
		if !ok || h.Typeflag != tar.TypeReg || h.Size == 0 || h.Size > maxReadme || !isReadme(name) || found != nil && !isMarkdown(name) {
			continue
		}
		b, err := io.ReadAll(archive)
		if err != nil {
			break
		}
		if found = b; isMarkdown(name) {
			break
		}
	}
	if found == nil {
		return nil, none
	}
	return found, nil
}

func isReadme(name string) bool {
	lower := strings.ToLower(name)
	return lower == "readme" || strings.HasPrefix(lower, "readme.") && !strings.Contains(lower, "/")
}

func isMarkdown(name string) bool {
	switch strings.ToLower(path.Ext(name)) {
	case ".md", ".markdown", ".mkd", ".mdown":
		return true
	}
	return false
}
