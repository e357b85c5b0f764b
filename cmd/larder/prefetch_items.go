package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"larder/internal/lockfile"
)

// item is an entry of a lock to be asked for.
type item struct{ lockfile.Entry }

// want is one file of a version.
type want struct {
	file  string // its name, in the URL and in the report
	asset string // its name in the control plane
	url   string
	// promises are what locks say of its bytes: each is kept by any one of its
	// strongest digests.
	promises [][]lockfile.Digest
	// optional: that it is not there is as it should be.
	optional bool
	// keep is called with the bytes, which are at most keepLimit; nil: they are
	// not kept.
	keep func([]byte)
}

// items gives what a lock names. What is skipped goes into the report.
func (p *prefetcher) items(ctx context.Context, l lock, maven *mavenWire) ([]item, error) {
	if l.kind == lockfile.KindPOM {
		return maven.resolve(ctx, l)
	}
	entries, err := lockfile.Parse(l.kind, l.data)
	if err != nil {
		return nil, err
	}
	var all []item
	for _, e := range entries {
		maven.modules = maven.modules || e.Format == lockfile.Maven
		if e.Skip != "" {
			p.report.skip(e.Name, e.Skip)
			continue
		}
		all = append(all, item{e})
	}
	return all, nil
}

// distinct puts what several locks say of one version together.
func distinct(all []item) []item {
	type key struct{ format, namespace, name, version, classifier, extension, digests string }
	at := map[key]int{}
	var out []item
	for _, i := range all {
		k := key{i.Format, i.Namespace, i.Name, i.Version, i.Classifier, i.Extension, ""}
		if i.Format != lockfile.PyPI { // one file, of which each promise is to be kept
			k.digests = fmt.Sprint(i.Digests)
		}
		n, ok := at[k]
		if !ok {
			at[k] = len(out)
			out = append(out, i)
			continue
		}
		have := &out[n]
		have.Files = append(slices.Clip(have.Files), i.Files...)
		if i.Format == lockfile.PyPI { // each file has one of them
			have.Digests = append(slices.Clip(have.Digests), i.Digests...)
		}
	}
	slices.SortStableFunc(out, func(a, b item) int {
		return cmp.Or(strings.Compare(a.Format, b.Format), strings.Compare(a.DisplayName(), b.DisplayName()), strings.Compare(a.Version, b.Version))
	})
	return out
}

// fetchAll asks for all items. An error is one that ends the run: what is wrong
// with one file stands in the report.
func (p *prefetcher) fetchAll(ctx context.Context, all []item, maven *mavenWire) error {
	bar := newProgress(p.cmd, "prefetch", int64(len(all)), func(n int64) string { return count(int(n), "version", "versions") })
	defer bar.end()
	var done atomic.Int64
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(p.jobs)
	for _, i := range all {
		g.Go(func() error {
			defer func() { bar.set(done.Add(1)) }()
			return p.fetchItem(ctx, i, maven)
		})
	}
	return g.Wait()
}

func (p *prefetcher) fetchItem(ctx context.Context, i item, maven *mavenWire) error {
	wants, err := p.wants(ctx, i, maven)
	var one *problem
	if errors.As(err, &one) {
		p.report.add(i.Entry, one.outcome)
		return nil
	}
	if err != nil {
		return err
	}
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(p.jobs) // the wire has the limit for all together
	of := &askedVersion{session: p.session, entry: i.Entry}
	for _, w := range merged(wants) {
		if !p.wanted(w.file) {
			continue
		}
		g.Go(func() error {
			o, err := p.wire.file(ctx, of, w)
			if err == nil && !(w.optional && (o.state == stateMissing)) {
				p.report.add(i.Entry, o)
			}
			return err
		})
	}
	return g.Wait()
}

// promised is what one lock says of a file; nothing is no promise.
func promised(digests []lockfile.Digest) [][]lockfile.Digest {
	if len(digests) == 0 {
		return nil
	}
	return [][]lockfile.Digest{lockfile.Strongest(digests)}
}

// merged puts together what is promised of one file.
func merged(all []want) []want {
	var out []want
	for _, w := range all {
		n := slices.IndexFunc(out, func(o want) bool { return o.file == w.file })
		if n < 0 {
			out = append(out, w)
			continue
		}
		for _, promise := range w.promises {
			if !slices.ContainsFunc(out[n].promises, func(have []lockfile.Digest) bool { return slices.Equal(have, promise) }) {
				out[n].promises = append(slices.Clip(out[n].promises), promise)
			}
		}
	}
	return out
}

// wanted is what --only says.
func (p *prefetcher) wanted(file string) bool {
	return len(p.only) == 0 || slices.ContainsFunc(p.only, func(pattern string) bool {
		ok, _ := path.Match(pattern, file)
		return ok
	})
}

// wants gives the files of an item; a *problem where that cannot be said.
func (p *prefetcher) wants(ctx context.Context, i item, maven *mavenWire) ([]want, error) {
	switch i.Format {
	case lockfile.NPM:
		return p.npmFiles(ctx, i)
	case lockfile.PyPI:
		return p.pypiFiles(ctx, i)
	case lockfile.Maven:
		return maven.files(ctx, i)
	}
	return p.nugetFiles(ctx, i)
}
