package care

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"

	"larder/registry"
)

// Verify says how bytes are compared with rows.
type Verify struct {
	// Replica gives bytes in place of those that are missing or damaged. Nil:
	// they are only told of.
	Replica  registry.Blobs
	Problem  func(Problem)  // is told of each as it is found; nil: nobody
	Progress func(Verified) // nil: nobody is told
}

// Verified is what was looked at.
type Verified struct {
	Assets   int64 `json:"assets"` // of all versions
	Blobs    int64 `json:"blobs"`  // read; each once
	Bytes    int64 `json:"bytes"`
	Problems int64 `json:"problems"`
	Repaired int64 `json:"repaired"`
}

// Problem is an asset whose bytes are not there, or are others.
type Problem struct {
	Repository registry.RepoID
	Version    registry.VersionID
	Asset      registry.Asset
	Err        error // what is wrong
	Repaired   bool
}

func (p Problem) String() string {
	done := ""
	if p.Repaired {
		done = "; repaired"
	}
	return fmt.Sprintf("%s/%s: %s %s: %s (%s): %v%s", p.Repository.Domain.Name, p.Repository.Name,
		p.Version.Package, p.Version.Version, p.Asset.Name, p.Asset.Hashes.SHA256, p.Err, done)
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
	err := everyDomain(ctx, m, func(d registry.DomainID) error {
		run := verifying{Verify: v, ctx: ctx, m: m, b: b, domain: d, sum: &sum, seen: map[registry.Digest]error{}}
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
	seen   map[registry.Digest]error // what is wrong with bytes that were read
}

func (v *verifying) repository(r registry.RepoID) error {
	for after := ""; ; {
		var packages []registry.Package
		err := v.m.View(v.ctx, func(tx registry.Tx) (err error) {
			packages, after, err = tx.Packages(r, registry.PackageFilter{}, registry.Page{After: after, Limit: 100})
			return err
		})
		if err != nil {
			return err
		}
		for _, p := range packages {
			if err := v.pkg(r, p.ID); err != nil {
				return err
			}
		}
		if after == "" {
			return nil
		}
	}
}

func (v *verifying) pkg(r registry.RepoID, id registry.PackageID) error {
	var versions []registry.Version
	err := v.m.View(v.ctx, func(tx registry.Tx) (err error) {
		versions, err = tx.Versions(r, id)
		return err
	})
	if err != nil {
		return err
	}
	for _, version := range versions {
		for _, a := range version.Assets {
			v.sum.Assets++
			if err := v.asset(r, registry.VersionID{Package: id, Version: version.Version}, a); err != nil {
				return err
			}
		}
		v.Progress(*v.sum)
	}
	return nil
}

func (v *verifying) asset(r registry.RepoID, id registry.VersionID, a registry.Asset) error {
	digest := a.Hashes.SHA256
	wrong, seen := v.seen[digest]
	repaired := false
	if !seen {
		size, err := v.read(digest)
		v.sum.Blobs++
		v.sum.Bytes += size
		switch {
		case err == nil && size != a.Size:
			err = fmt.Errorf("%w: %d bytes, and its row says %d", errDamaged, size, a.Size)
		case registry.IsNotFound(err):
			// It may have been deleted since its row was read.
			if gone, e := v.gone(r, id, a); gone || e != nil {
				return e
			}
			err = errors.New("the bytes are missing")
		case err != nil && !errors.Is(err, errDamaged):
			return err // the store is away, or ctx is over
		}
		if wrong = err; wrong != nil && v.Replica != nil {
			if e := v.repair(digest, wrong); e == nil {
				repaired, err = true, nil
			}
		}
		v.seen[digest] = err
	}
	if wrong == nil {
		return nil
	}
	v.sum.Problems++
	if repaired {
		v.sum.Repaired++
	}
	v.Problem(Problem{r, id, a, wrong, repaired})
	return nil
}

// read reads a blob to its end.
func (v *verifying) read(digest registry.Digest) (int64, error) {
	b, err := v.b.Open(v.ctx, v.domain, digest)
	if err != nil {
		return 0, err
	}
	defer b.Close()
	h := sha256.New()
	n, err := io.Copy(h, contextReader{v.ctx, b})
	if err == nil && registry.Digest(h.Sum(nil)) != digest {
		err = errDamaged
	}
	return n, err
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

// repair puts the replica's bytes in the place of damaged or missing ones. They
// are read whole before anything is taken away.
func (v *verifying) repair(digest registry.Digest, wrong error) error {
	b, err := v.Replica.Open(v.ctx, v.domain, digest)
	if err != nil {
		return err
	}
	h := sha256.New()
	_, err = io.Copy(h, contextReader{v.ctx, b})
	if err = errors.Join(err, b.Close()); err != nil {
		return err
	}
	if registry.Digest(h.Sum(nil)) != digest {
		return errDamaged
	}
	if errors.Is(wrong, errDamaged) {
		if err := v.b.Delete(v.ctx, v.domain, digest); err != nil {
			return err
		}
	}
	_, err = transfer(v.ctx, v.Replica, v.b, v.domain, digest)
	return err
}
