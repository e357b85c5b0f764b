package main

import (
	"context"
	"slices"

	"larder/internal/lockfile"
)

// npmFiles is the tarball of a version, below the URL that registries have for it.
func (p *prefetcher) npmFiles(ctx context.Context, i item) ([]want, error) {
	files := i.Files
	if files == nil { // a bill of materials names none
		files = []lockfile.File{{Name: i.Name + "-" + i.Version + ".tgz"}}
	}
	var all []want
	for _, f := range files {
		segments := []string{i.Name, "-", f.Name}
		if i.Namespace != "" {
			segments = slices.Insert(segments, 0, "@"+i.Namespace)
		}
		u, err := p.wire.address(ctx, lockfile.NPM, segments...)
		if err != nil {
			return nil, err
		}
		w := want{file: f.Name, asset: "package.tgz", url: u, promises: promised(f.Digests)}
		if promise := promised(i.Digests); promise != nil {
			w.promises = append(w.promises, promise...)
		}
		all = append(all, w)
	}
	return all, nil
}
