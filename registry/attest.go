package registry

import (
	"context"
	"maps"
	"slices"
	"time"
)

// unattestedFor is for how long attestations that do not verify are believed to
// stay so: a registry may have them later than the version.
const unattestedFor = 6 * time.Hour

// provenance gives what is known of who attested a version's assets.
func (r *ruling) provenance(v Version, listed []ListedAsset) []Provenance {
	if r.attester == nil {
		return nil
	}
	var all []Provenance
	add := func(name string, h Hashes) {
		if r.only != "" && r.only != name {
			return
		}
		offer := r.attester.Attestations(VersionID{r.pkg, v.Version}, v.Manifest, name)
		if offer.Needless {
			if r.only != "" {
				all = append(all, Provenance{Asset: name, Needless: true})
			}
			return
		}
		p := Provenance{Asset: name, Offered: offer.offered()}
		for _, a := range r.attestations[v.Version] {
			if a.Asset != name || !a.about(h) {
				continue
			}
			again := a.Checked.Add(unattestedFor)
			switch {
			case a.Problem == "":
				p.Looked, p.Claims = true, a.Claims
			case r.clock().Before(again):
				p.Looked, p.Problem, p.Until = true, a.Problem, again
			}
		}
		all = append(all, p)
	}
	for _, a := range v.Assets {
		add(a.Name, a.Hashes)
	}
	for _, a := range listed {
		if _, held := v.Asset(a.Name); !held {
			add(a.Name, a.promised())
		}
	}
	return all
}

// of gives the ruling about one asset of a version alone.
func (r *ruling) of(asset string) *ruling {
	if r == nil {
		return nil
	}
	one := *r
	one.only = asset
	return &one
}

// with gives the ruling with what was found out since.
func (r *ruling) with(found Attestation) *ruling {
	more := *r
	more.attestations = maps.Clone(r.attestations)
	if more.attestations == nil {
		more.attestations = map[string][]Attestation{}
	}
	more.attestations[found.Version] = append(slices.Clone(r.attestations[found.Version]), found)
	return &more
}

// attestable reports whether attestations of the asset are to be looked at
// before its bytes are given out.
func (r *ruling) attestable(s *Service) bool {
	return r != nil && r.Attested() && r.attester != nil && s.Attestor != nil
}

// look verifies the attestations of an asset whose bytes are here. Nil where it
// has none; an error only where they cannot be had now.
func (s *Service) look(ctx context.Context, id VersionID, v Version, a Asset, attester Attester) (*Attestation, error) {
	offer := attester.Attestations(id, v.Manifest, a.Name)
	if offer.Needless || !offer.offered() {
		return nil, nil
	}
	found := &Attestation{
		Version: id.Version, Asset: a.Name, SHA256: a.Hashes.SHA256, SHA512: a.Hashes.SHA512,
		Trust: s.Attestor.Trust(), Checked: s.Clock(),
	}
	body := offer.Kept
	switch {
	case body != nil:
	case s.Puller == nil || v.Origin.Type != OriginExternal:
		found.Problem = "nobody can be asked for it"
		return found, nil
	default:
		answer, err := s.Puller.Fetch(ctx, v.Origin.Connection, *offer.Request)
		if IsNotFound(err) {
			found.Problem = "the registry that it came from does not have the attestations that its index speaks of"
			return found, nil
		}
		if err != nil {
			return nil, &Error{
				Code: UpstreamFailed, Err: err,
				Msg: "version " + id.Version + " of package " + id.Package.DisplayName() + " has to be attested, and its attestations cannot be had now: " + MessageOf(err),
			}
		}
		body = answer.Body
	}
	bundles, err := attester.Bundles(body)
	if err != nil {
		found.Problem = MessageOf(err)
		return found, nil
	}
	found.Claims, found.Problem = s.Attestor.Verify(bundles, Attestable{
		Hashes: a.Hashes,
		Named:  func(subject string) bool { return attester.Attests(id, a.Name, subject) },
	})
	return found, nil
}

// release judges the bytes of a held asset, which may be given out where there
// is no error. Attestations that nobody has looked at are looked at now.
func (s *Service) release(ctx context.Context, n *node, id VersionID, hit *found, guard *ruling) (Verdict, error) {
	guard = guard.of(hit.asset.Name)
	verdict := guard.judge(hit.version, nil)
	if verdict.Unverified && guard.attestable(s) {
		seen, err := s.look(ctx, id, hit.version, hit.asset, guard.attester)
		if err != nil {
			return verdict, err
		}
		if seen != nil {
			verdict = guard.with(*seen).judge(hit.version, nil)
			if err := s.note(ctx, n.ID.Domain, id.Package, *seen, verdict.Hide); err != nil {
				return verdict, err
			}
		}
	}
	if verdict.Refuse {
		return verdict, refused(n.ID, id, verdict)
	}
	return verdict, nil
}

// note keeps what was found out about an asset. Where that hides its version,
// every document that shows it has to be made anew.
func (s *Service) note(ctx context.Context, d DomainID, p PackageID, found Attestation, hides bool) error {
	return s.Metadata.Update(ctx, func(tx Tx) error {
		if err := tx.PutAttestation(d, p, found); err != nil || !hides {
			return err
		}
		rules, err := guardRules(tx, d)
		if err != nil {
			return err
		}
		return tx.PutGuard(d, rules) // as it was: it moves the graph's counter
	})
}
