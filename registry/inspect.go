package registry

import "context"

// inspected is a file that came in and that the guard lets in.
type inspected struct {
	version     Version // with what its bytes tell; the file is its only asset
	attestation *Attestation
}

// inspect judges a file whose bytes are here by all that is known of it by now:
// its age, its digests, its licence, its attestations. Denied where it is not to
// be kept. The caller holds sweeping.
func (s *Service) inspect(ctx context.Context, n *node, id VersionID, v Version, a Asset, rules Rules, guard *ruling) (inspected, error) {
	v, err := s.enriched(ctx, n.ID.Domain, v, a, rules)
	if err != nil {
		return inspected{}, err
	}
	v.Assets = []Asset{a}
	in := inspected{version: v}
	if guard.attestable(s) {
		if in.attestation, err = s.look(ctx, id, v, a, guard.attester); err != nil {
			return in, err
		}
		if in.attestation != nil {
			guard = guard.with(*in.attestation)
		}
	}
	verdict := guard.judge(v, nil)
	if !verdict.Refuse {
		return in, nil
	}
	if in.attestation != nil {
		if err := s.note(ctx, n.ID.Domain, id.Package, *in.attestation, verdict.Hide); err != nil {
			return in, err
		}
	}
	return in, refused(n.ID, id, verdict)
}

// settle keeps files that came in from a source, where that is still allowed
// and their bytes are still here; keep writes the versions.
func (s *Service) settle(ctx context.Context, c *change, n *node, id VersionID, src source, files []inspected, keep func(*change) error) error {
	if err := s.leadsStill(c, n, id, src); err != nil {
		return err
	}
	if err := c.sameOrigin(n, id, Origin{Type: OriginExternal, Connection: src.connection}); err != nil {
		return err
	}
	for _, in := range files {
		if in.attestation != nil {
			if err := c.PutAttestation(n.ID.Domain, id.Package, *in.attestation); err != nil {
				return err
			}
		}
	}
	if err := keep(c); err != nil {
		return err
	}
	for _, in := range files {
		if err := s.present(ctx, n.ID.Domain, in.version.Assets[0].Hashes.SHA256); err != nil {
			return err
		}
	}
	return nil
}
