package registry

import "context"

// sweepBatch is how many blobs are deleted while publishers wait.
const sweepBatch = 64

// Sweep deletes bytes that nothing refers to any more and that were not
// deleted when their last reference went, as after a crash. It is run at start.
func (s *Service) Sweep(ctx context.Context) error {
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
	for _, digest := range unused {
		if err := s.Blobs.Delete(ctx, d, digest); err != nil {
			return 0, err
		}
	}
	return len(unused), s.Metadata.Update(ctx, func(tx Tx) error { return tx.ForgetBlobs(d, unused...) })
}

// discard deletes bytes that were made durable for a change that then failed,
// unless something else refers to them.
func (s *Service) discard(ctx context.Context, d DomainID, digests []Digest) {
	if len(digests) == 0 {
		return
	}
	ctx = context.WithoutCancel(ctx)
	s.sweeping.Lock()
	defer s.sweeping.Unlock()
	err := s.Metadata.View(ctx, func(tx Tx) error {
		for _, digest := range digests {
			refs, err := tx.BlobReferences(d, digest)
			if err != nil {
				return err
			}
			if refs == 0 {
				if err := s.Blobs.Delete(ctx, d, digest); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err != nil {
		s.Logger.WarnContext(ctx, "bytes of a refused publish stay behind", "domain", d.Name, "err", err)
	}
}
