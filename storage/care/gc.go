package care

import (
	"context"
	"time"

	"larder/registry"
)

// DefaultGrace is how old bytes must be that no row refers to: younger ones may
// be on their way into a version.
const DefaultGrace = time.Hour

// uploadGrace is how long an upload may take.
const uploadGrace = 24 * time.Hour

// gcBatch is how many blobs are deleted in one update.
const gcBatch = 64

// GC says how unused bytes are looked for.
type GC struct {
	Grace    time.Duration // zero: DefaultGrace; uploads that were cut off: a day
	DryRun   bool          // nothing is deleted
	Progress func(Garbage) // nil: nobody is told
	Now      func() time.Time
}

// Garbage is what was found.
type Garbage struct {
	Blobs  int64 `json:"blobs"`  // looked at
	Size   int64 `json:"size"`   // bytes of them
	Unused int64 `json:"unused"` // that no asset holds, and old enough
	Bytes  int64 `json:"bytes"`  // of the unused
}

// Run deletes bytes that no asset of their domain holds. Servers may run
// meanwhile where they share rows: a digest is locked before its bytes go.
func (g GC) Run(ctx context.Context, m registry.Metadata, b registry.Blobs) (Garbage, error) {
	if g.Grace == 0 {
		g.Grace = DefaultGrace
	}
	if g.Now == nil {
		g.Now = time.Now
	}
	if g.Progress == nil {
		g.Progress = func(Garbage) {}
	}
	var found Garbage
	if t, ok := b.(registry.BlobTidier); ok && !g.DryRun {
		if err := t.Tidy(ctx, g.Now().Add(-max(g.Grace, uploadGrace))); err != nil {
			return found, err
		}
	}
	old := g.Now().Add(-g.Grace)
	err := everyDomain(ctx, m, func(domain registry.Domain) error {
		d := domain.ID
		var batch []registry.BlobInfo
		flush := func() error {
			defer func() { batch = batch[:0] }()
			unused, err := g.delete(ctx, m, b, d, batch)
			for _, i := range unused {
				found.Unused++
				found.Bytes += i.Size
			}
			g.Progress(found)
			return err
		}
		for i, err := range b.List(ctx, d) {
			if err != nil {
				return err
			}
			found.Blobs++
			found.Size += i.Size
			if found.Blobs%gcBatch == 0 {
				g.Progress(found)
			}
			if i.Created.After(old) {
				continue
			}
			if batch = append(batch, i); len(batch) == gcBatch {
				if err := flush(); err != nil {
					return err
				}
			}
		}
		return flush()
	})
	return found, err
}

// delete gives those of the blobs that are unused, and deletes them unless it is
// a dry run.
func (g GC) delete(ctx context.Context, m registry.Metadata, b registry.Blobs, d registry.DomainID, batch []registry.BlobInfo) ([]registry.BlobInfo, error) {
	var unused []registry.BlobInfo
	err := m.View(ctx, func(tx registry.Tx) error {
		unused = nil
		for _, i := range batch {
			refs, err := tx.BlobReferences(d, i.Digest)
			if err != nil {
				return err
			}
			if refs == 0 {
				unused = append(unused, i)
			}
		}
		return nil
	})
	if err != nil || len(unused) == 0 || g.DryRun {
		return unused, err
	}
	digests, sizes := make([]registry.Digest, len(unused)), map[registry.Digest]registry.BlobInfo{}
	for n, i := range unused {
		digests[n], sizes[i.Digest] = i.Digest, i
	}
	err = m.Update(ctx, func(tx registry.Tx) error {
		unused = nil
		locked, err := tx.LockUnused(d, digests...)
		if err != nil {
			return err
		}
		for _, digest := range locked {
			if err := b.Delete(ctx, d, digest); err != nil {
				return err
			}
			unused = append(unused, sizes[digest])
		}
		return tx.ForgetBlobs(d, locked...)
	})
	return unused, err
}
