package registry

import (
	"context"
	"time"
)

// ruling is what a domain's rules say of one package, with what they go by.
// Nil: nothing.
type ruling struct {
	Ruling
	node       *node
	pkg        PackageID
	advisories []Advisory
	clock      Clock

	attester     Attester                 // of the format; nil: it knows no attestations
	attestations map[string][]Attestation // by version
	trusts       bool
	only         string // the asset that alone is asked about; empty: all
}

// ruling reads what the rules of the repository's domain say of a package.
func (s *Service) ruling(tx Tx, n *node, p PackageID) (*ruling, error) {
	r := s.bare(n, p)
	return r, s.inform(tx, r)
}

// rulingNow is ruling outside of a transaction.
func (s *Service) rulingNow(ctx context.Context, n *node, p PackageID) (*ruling, error) {
	r := s.bare(n, p)
	if r == nil || (!r.Advised() && !r.Attested()) {
		return r, nil
	}
	return r, s.Metadata.View(ctx, func(tx Tx) error { return s.inform(tx, r) })
}

// bare is ruling without what it goes by.
func (s *Service) bare(n *node, p PackageID) *ruling {
	if n.graph.guard == nil {
		return nil
	}
	of := n.graph.guard.Of(p)
	if of == nil {
		return nil
	}
	r := &ruling{Ruling: of, node: n, pkg: p, clock: s.Clock, trusts: s.Attestor != nil}
	r.attester, _ = s.Rules[p.Format].(Attester)
	return r
}

// inform reads what the rules go by.
func (s *Service) inform(tx Tx, r *ruling) (err error) {
	if r == nil {
		return nil
	}
	if r.Advised() {
		if r.advisories, err = tx.Advisories(r.pkg); err != nil {
			return err
		}
	}
	if r.Attested() && s.Attestor != nil {
		var all []Attestation
		if all, err = tx.Attestations(r.node.ID.Domain, r.pkg); err != nil {
			return err
		}
		trust := s.Attestor.Trust()
		r.attestations = map[string][]Attestation{}
		for _, a := range all {
			if a.Trust == trust {
				r.attestations[a.Version] = append(r.attestations[a.Version], a)
			}
		}
	}
	return nil
}

// judge asks the rules about a version. Of one that is not held, listed says
// what was promised of its assets.
func (r *ruling) judge(v Version, listed []ListedAsset) Verdict {
	if r == nil {
		return Verdict{}
	}
	q := Subject{Repo: r.node.ID, Package: r.pkg, Version: v, Advisories: r.advisories, Trusts: r.trusts, Now: r.clock()}
	for _, a := range v.Assets {
		q.Digests = append(q.Digests, a.Hashes)
	}
	for _, a := range listed {
		q.Digests = append(q.Digests, a.promised())
	}
	if r.Attested() {
		q.Provenance = r.provenance(v, listed)
	}
	return r.Judge(q)
}

// servable reports whether bytes of the version are there to be served, now or
// once it is finished: of others nothing has to be kept back.
func (v *Version) servable() bool { return v.Status.Downloadable() || v.Status == Unfinished }

// hider says which versions of the lists of a repository the guard hides.
type hider struct {
	*ruling
	tx  Tx
	err error // of reading a version
}

func (r *ruling) hides(tx Tx) *hider { return &hider{ruling: r, tx: tx} }

// version is asked about a version of ListVersions, which is not whole.
func (h *hider) version(v Version) bool {
	if h.ruling == nil || h.err != nil || !v.servable() {
		return false
	}
	whole, err := h.tx.Version(h.node.ID, VersionID{h.pkg, v.Version})
	if IsNotFound(err) { // a tag without its version
		return false
	}
	h.err = err
	return h.judge(whole, nil).Hide
}

// promised are the digests that were promised of an asset; zero: none.
func (a ListedAsset) promised() (h Hashes) {
	take := func(to, from []byte) {
		if len(to) == len(from) {
			copy(to, from)
		}
	}
	take(h.MD5[:], a.MD5)
	take(h.SHA1[:], a.SHA1)
	take(h.SHA256[:], a.SHA256)
	take(h.SHA512[:], a.SHA512)
	return h
}

// from is a version as a connection lists it.
func (l *Listing) from(connection string, v ListedVersion) Version {
	out := Version{
		Version: v.Version, Status: v.Status, Manifest: v.Manifest, Released: v.Released, Seen: v.Seen,
		Origin: Origin{Type: OriginExternal, Connection: connection},
	}
	if l != nil && v.Seen.IsZero() && v.Released.IsZero() && !v.Followed {
		out.Seen = l.First
	}
	return out
}

// dated is a version of which nobody told the age until its bytes came; seen is
// what its listing has.
func (v Version) dated(modified, seen, now time.Time) Version {
	switch {
	case !v.Released.IsZero():
	case !modified.IsZero():
		v.Released, v.Seen = modified, seen
	case v.Seen.IsZero():
		v.Seen = now
	}
	return v
}

// refused is the guard's error. A version that is only left out of indexes has
// a reason as well.
func refused(r RepoID, id VersionID, v Verdict) error {
	res := r.Package(id.Package)
	res.Type, res.Version = VersionResource, id.Version
	return Errorf(Denied, "%s", v.Reason).About(res)
}
