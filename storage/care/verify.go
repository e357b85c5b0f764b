package care

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"golang.org/x/sync/errgroup"

	"larder/registry"
)

// Verify says how bytes are compared with rows.
type Verify struct {
	// Repair puts right bytes in the place of those that are missing or damaged,
	// and sets damaged ones aside for which nobody has better. Else they are only
	// told of.
	Repair bool
	// Replicas are stores that are asked for right bytes, in this order.
	Replicas []Replica
	// Puller is asked after them, for what came through an external connection. Its
	// store is a [Mending] of the one that is looked at. Nil: nobody is asked.
	Puller registry.Puller

	Problem  func(Problem)  // is told of each as it is found; nil: nobody
	Progress func(Verified) // called by one at a time; nil: nobody is told
}

// Replica is another store of the same bytes.
type Replica struct {
	Name  string // as people know it
	Blobs registry.Blobs
}

// Verified is what was looked at.
type Verified struct {
	Assets   int64 `json:"assets"` // of all versions
	Blobs    int64 `json:"blobs"`  // read; each once
	Bytes    int64 `json:"bytes"`
	Problems int64 `json:"problems"` // assets that were not whole
	Missing  int64 `json:"missing"`  // of the problems: there were no bytes
	Damaged  int64 `json:"damaged"`  // of the problems: there were other bytes
	Repaired int64 `json:"repaired"` // of the problems
	SetAside int64 `json:"setAside"` // damaged blobs that are served no more
}

// Problem is an asset whose bytes were not there, or were others.
type Problem struct {
	Repository registry.RepoID
	Version    registry.VersionID
	Asset      registry.Asset
	Err        error  // what was wrong
	From       string // who gave the right bytes; empty: nobody
	Unrepaired error  // why nobody did; nil: nobody was asked
}

// Missing reports whether there were no bytes; else there were others.
func (p Problem) Missing() bool { return errors.Is(p.Err, errMissing) }

func (p Problem) String() string {
	done := ""
	switch {
	case p.From != "":
		done = "; repaired from " + p.From
	case p.Unrepaired != nil:
		done = "; " + p.Unrepaired.Error()
	}
	return fmt.Sprintf("%s/%s: %s %s: %s (%s): %v%s", p.Repository.Domain.Name, p.Repository.Name,
		p.Version.Package, p.Version.Version, p.Asset.Name, p.Asset.Hashes.SHA256, p.Err, done)
}

// Held is how many bytes the assets of all domains have, those of a digest once in
// each.
func Held(ctx context.Context, m registry.Metadata) (int64, error) {
	var total int64
	err := everyDomain(ctx, m, func(d registry.Domain) error {
		total += d.AssetSize
		return nil
	})
	return total, err
}

// Run reads the bytes of every asset. Servers may run meanwhile. An error ends
// it; problems do not.
func (v Verify) Run(ctx context.Context, m registry.Metadata, b registry.Blobs) (Verified, error) {
	if v.Problem == nil {
		v.Problem = func(Problem) {}
	}
	if v.Progress == nil {
		v.Progress = func(Verified) {}
	}
	var sum Verified
	err := everyDomain(ctx, m, func(domain registry.Domain) error {
		d := domain.ID
		run := verifying{Verify: v, ctx: ctx, m: m, b: b, domain: d, sum: &sum, seen: map[registry.Digest]finding{}, got: map[registry.Digest]got{}}
		var repositories []registry.Repository
		err := m.View(ctx, func(tx registry.Tx) (err error) {
			repositories, err = tx.Graph(d)
			return err
		})
		if err != nil {
			return err
		}
		for _, r := range repositories {
			if err := run.repository(r.ID); err != nil {
				return err
			}
		}
		return nil
	})
	return sum, err
}

// verifying is a run over one domain.
type verifying struct {
	Verify
	ctx    context.Context
	m      registry.Metadata
	b      registry.Blobs
	domain registry.DomainID
	sum    *Verified
	seen   map[registry.Digest]finding
	got    map[registry.Digest]got // of the page
}

// finding is what was found of bytes, and what is left of it.
type finding struct {
	wrong error // nil: they were whole
	from  string
	why   error
	tried []string // who was asked in vain, and what each said
	asked string   // the connection among them
}

func (v *verifying) repository(r registry.RepoID) error {
	for after := ""; ; {
		var held []heldAsset
		err := v.m.View(v.ctx, func(tx registry.Tx) error {
			held = nil
			packages, next, err := tx.Packages(r, registry.PackageFilter{}, registry.Page{After: after, Limit: pagePackages})
			if err != nil {
				return err
			}
			for _, p := range packages {
				versions, err := tx.Versions(r, p.ID)
				if err != nil {
					return err
				}
				for _, version := range versions {
					for _, a := range version.Assets {
						held = append(held, heldAsset{registry.VersionID{Package: p.ID, Version: version.Version}, version.Origin, a})
					}
				}
			}
			after = next
			return nil
		})
		if err != nil {
			return err
		}
		if err := v.read(held); err != nil {
			return err
		}
		for _, a := range held {
			v.sum.Assets++
			if err := v.asset(r, a); err != nil {
				return err
			}
		}
		v.Progress(*v.sum)
		if after == "" {
			return nil
		}
	}
}

// pagePackages is how many packages are looked at with one view.
const pagePackages = 20

type heldAsset struct {
	registry.VersionID
	origin registry.Origin
	registry.Asset
}

// read reads the bytes of the assets that have not been read yet, several at a
// time: a store far away answers late.
func (v *verifying) read(held []heldAsset) error {
	var mu sync.Mutex
	clear(v.got)
	workers, ctx := errgroup.WithContext(v.ctx)
	workers.SetLimit(copiers)
	for _, a := range held {
		digest := a.Hashes.SHA256
		mu.Lock()
		_, reading := v.got[digest]
		if _, seen := v.seen[digest]; seen || reading {
			mu.Unlock()
			continue
		}
		v.got[digest] = got{}
		mu.Unlock()
		workers.Go(func() error {
			size, err := whole(ctx, v.b, v.domain, digest)
			if err != nil && !registry.IsNotFound(err) && !errors.Is(err, registry.ErrDamaged) {
				return err // the store is away, or ctx is over
			}
			mu.Lock()
			defer mu.Unlock()
			v.got[digest] = got{size, err}
			v.sum.Blobs++
			v.sum.Bytes += size
			v.Progress(*v.sum)
			return nil
		})
	}
	return workers.Wait()
}

// got is how long bytes are that were read, and what is wrong with them.
type got struct {
	size int64
	err  error
}

func (v *verifying) asset(r registry.RepoID, held heldAsset) error {
	id, a := held.VersionID, held.Asset
	digest := a.Hashes.SHA256
	f, seen := v.seen[digest]
	if !seen {
		got := v.got[digest]
		if registry.IsNotFound(got.err) {
			// It may have been deleted since its row was read, or even come again.
			if gone, err := v.gone(r, id, a); gone || err != nil {
				return err
			}
			if got.size, got.err = whole(v.ctx, v.b, v.domain, digest); registry.IsNotFound(got.err) {
				got.err = errMissing
			}
		}
		if got.err != nil && got.err != errMissing && !errors.Is(got.err, registry.ErrDamaged) {
			return got.err // the store is away, or ctx is over
		}
		f.wrong = got.err
		if got.err == nil && got.size != a.Size {
			f.wrong = fmt.Errorf("the bytes are those of their digest, %d of them, and the row says %d", got.size, a.Size)
		}
	}
	if v.Repair && f.from == "" && (errors.Is(f.wrong, errMissing) || errors.Is(f.wrong, registry.ErrDamaged)) {
		if err := v.repair(&f, !seen, id, held.origin, a); err != nil {
			return err
		}
	}
	v.seen[digest] = f
	if f.wrong == nil {
		return nil
	}
	p := Problem{r, id, a, f.wrong, f.from, f.why}
	v.sum.Problems++
	if p.Missing() {
		v.sum.Missing++
	} else {
		v.sum.Damaged++
	}
	if f.from != "" {
		v.sum.Repaired++
	}
	v.Problem(p)
	return nil
}

func (v *verifying) gone(r registry.RepoID, id registry.VersionID, a registry.Asset) (gone bool, err error) {
	err = v.m.View(v.ctx, func(tx registry.Tx) error {
		version, err := tx.Version(r, id)
		if registry.IsNotFound(err) {
			gone = true
			return nil
		}
		now, there := version.Asset(a.Name)
		gone = !there || now != a
		return err
	})
	return gone, err
}
