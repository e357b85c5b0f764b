package registry

import (
	"context"
	"time"
)

const (
	// sweepBatch is how many blobs are deleted while publishers wait.
	sweepBatch = 64
	// orphanAge is how old bytes must be that nothing has ever referred to. Younger
	// ones may be on their way into a version, in another process, too.
	orphanAge = time.Hour
	// uploadAge is how long a writer may take for a blob.
	uploadAge = 24 * time.Hour
)

// Sweep deletes bytes that nothing refers to: those that were not deleted when
// their last reference went, and those that were made durable for a change that
// a crash cut off. It looks at every blob that there is; it is run at start and
// now and then.
func (s *Service) Sweep(ctx context.Context) error {
	if t, ok := s.Blobs.(BlobTidier); ok {
		if err := t.Tidy(ctx, s.Clock().Add(-uploadAge)); err != nil && ctx.Err() == nil {
			s.Logger.WarnContext(ctx, "what writers left behind stays for now", "err", err)
		}
	}
	var after string
	for {
		var domains []Domain
		err := s.Metadata.View(ctx, func(tx Tx) error {
			var err error
			domains, after, err = tx.Domains("", Page{After: after, Limit: 100})
			return err
		})
		if err != nil {
			return err
		}
		for _, d := range domains {
			s.sweep(ctx, d.ID)
			if err := s.sweepOrphans(ctx, d.ID); err != nil && ctx.Err() == nil {
				s.Logger.WarnContext(ctx, "unused bytes stay for now", "domain", d.ID.Name, "err", err)
			}
		}
		if after == "" || ctx.Err() != nil {
			return ctx.Err()
		}
	}
}

// sweep deletes the domain's unused bytes. What cannot be deleted stays on the
// list for the next time.
func (s *Service) sweep(ctx context.Context, d DomainID) {
	ctx = context.WithoutCancel(ctx)
	for {
		n, err := s.sweepSome(ctx, d)
		if err != nil {
			s.Logger.WarnContext(ctx, "unused bytes stay for now", "domain", d.Name, "err", err)
		}
		if err != nil || n < sweepBatch {
			return
		}
	}
}

func (s *Service) sweepSome(ctx context.Context, d DomainID) (int, error) {
	s.sweeping.Lock()
	defer s.sweeping.Unlock()
	var unused []Digest
	err := s.Metadata.View(ctx, func(tx Tx) error {
		var err error
		unused, err = tx.UnusedBlobs(d, sweepBatch)
		return err
	})
	if err != nil || len(unused) == 0 {
		return 0, err
	}
	return len(unused), s.deleteLocked(ctx, d, unused)
}

// deleteLocked deletes those of the bytes that nothing refers to, while nothing
// can begin to. Deleting is the one effect outside of its transaction that an
// update has: done again, it changes nothing; where the commit fails, rows say
// that there are bytes to delete which are gone.
func (s *Service) deleteLocked(ctx context.Context, d DomainID, digests []Digest) error {
	return s.Metadata.Update(ctx, func(tx Tx) error {
		unused, err := tx.LockUnused(d, digests...)
		if err != nil {
			return err
		}
		for _, digest := range unused {
			if err := s.Blobs.Delete(ctx, d, digest); err != nil {
				return err
			}
		}
		return tx.ForgetBlobs(d, unused...)
	})
}

// present makes sure, within the update that refers to them, that bytes are
// there which were made durable before it: another process, be it only a command
// of the administrator, may have deleted them as unused in between, if they had
// been here before. From here on it cannot.
func (s *Service) present(ctx context.Context, d DomainID, digests ...Digest) error {
	for _, digest := range digests {
		there, err := s.exists(ctx, d, digest)
		if err != nil {
			return err
		}
		if !there {
			return Errorf(Unavailable, "the same bytes were just deleted as unused; repeat the request")
		}
	}
	return nil
}

func (s *Service) exists(ctx context.Context, d DomainID, digest Digest) (bool, error) {
	if p, ok := s.Blobs.(BlobProber); ok {
		return p.Exists(ctx, d, digest)
	}
	b, err := s.Blobs.Open(ctx, d, digest)
	if IsNotFound(err) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return true, b.Close()
}

// sweepOrphans deletes the domain's bytes that no row knows of.
func (s *Service) sweepOrphans(ctx context.Context, d DomainID) error {
	young := s.Clock().Add(-orphanAge)
	batch := make([]Digest, 0, sweepBatch)
	for b, err := range s.Blobs.List(ctx, d) {
		if err != nil {
			return err
		}
		if b.Created.After(young) {
			continue
		}
		if batch = append(batch, b.Digest); len(batch) < sweepBatch {
			continue
		}
		if err := s.deleteUnused(ctx, d, batch); err != nil {
			return err
		}
		batch = batch[:0]
	}
	return s.deleteUnused(ctx, d, batch)
}

// deleteUnused deletes those of the bytes that nothing refers to.
func (s *Service) deleteUnused(ctx context.Context, d DomainID, digests []Digest) error {
	if len(digests) == 0 {
		return nil
	}
	s.sweeping.Lock()
	defer s.sweeping.Unlock()
	var unused []Digest
	err := s.Metadata.View(ctx, func(tx Tx) error {
		unused = nil
		for _, digest := range digests {
			refs, err := tx.BlobReferences(d, digest)
			if err != nil {
				return err
			}
			if refs == 0 {
				unused = append(unused, digest)
			}
		}
		return nil
	})
	if err != nil || len(unused) == 0 {
		return err
	}
	return s.deleteLocked(ctx, d, unused)
}

// discard deletes bytes that were made durable for a change that then failed,
// unless something else refers to them. Where other processes share the bytes,
// they stay until they are old: one of those may be about to refer to them.
func (s *Service) discard(ctx context.Context, d DomainID, digests []Digest) {
	if s.Shared {
		return
	}
	ctx = context.WithoutCancel(ctx)
	if err := s.deleteUnused(ctx, d, digests); err != nil {
		s.Logger.WarnContext(ctx, "bytes of a refused publish stay behind", "domain", d.Name, "err", err)
	}
}
