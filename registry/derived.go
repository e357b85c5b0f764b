package registry

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"io"
	"slices"
	"time"
)

// Derivation says how to come by something small that belongs to an asset: a
// wheel's metadata, its provenance. Its functions are pure.
type Derivation struct {
	Kind string // the format's own word
	// Extract digs it out of the asset's bytes. NotFound where it is not in
	// them. Nil: it is nowhere but upstream.
	Extract func(r io.ReaderAt, size int64) ([]byte, error)
	// Offered says how the connection that the version came from gives it by
	// itself, so that the asset need not be fetched. Nil: not at all.
	Offered func(manifest json.RawMessage, a ListedAsset) (Offer, bool)
}

// Offer is a document that a connection has beside an asset.
type Offer struct {
	Request AuxiliaryRequest
	SHA256  []byte // what was promised of it; empty: nothing
}

// Derived gives what belongs to an asset without bringing the asset in, and
// retains nothing. It is made once for the same bytes and kept as rendered
// documents are, but for what nobody promised the digest of. NotFound where
// there is none, UpstreamFailed where that may be because an upstream registry
// failed or sent other bytes than it had promised, Denied with the guard's
// reason. Needs ReadFromRepository.
func (r *Repo) Derived(ctx context.Context, id VersionID, asset string, d Derivation) (*Document, error) {
	s := r.svc
	id, _, err := s.canonical(id)
	if err != nil {
		return nil, err
	}
	if err := checkAsset(asset); err != nil {
		return nil, err
	}
	n, _, err := r.enter(ctx, ReadFromRepository, PackageID{})
	if err != nil {
		return nil, err
	}
	var at []place
	var hit *found
	var origin Origin
	var guard *ruling
	err = s.Metadata.View(ctx, func(tx Tx) error {
		var err error
		if at, err = s.places(tx, n, id.Package); err != nil {
			return err
		}
		if hit, origin, err = s.search(tx, at, id, asset); err != nil {
			return err
		}
		guard, err = s.ruling(tx, n, id.Package)
		return err
	})
	if err == error(errHidden) {
		return nil, noVersion(n.ID, id)
	}
	if err != nil {
		return nil, err
	}
	guard = guard.of(asset)
	if hit != nil {
		if verdict := guard.judge(hit.version, nil); verdict.Refuse && !verdict.Unverified {
			return nil, refused(n.ID, id, verdict)
		}
		if d.Extract != nil {
			return s.extract(ctx, n.ID.Domain, id, hit.asset, d)
		}
	}
	return s.offeredBeside(ctx, n, id, asset, origin, s.sources(at, id.Package.Format), guard, d)
}

// derivedKey names what is kept: by the bytes that it is, or that it was made of.
func derivedKey(domain DomainID, format, kind string, digest Digest) documentKey {
	return documentKey{
		repo:          RepoID{Domain: domain},
		DocumentQuery: DocumentQuery{Package: PackageID{Format: format, Name: digest.String()}, Kind: "derived " + kind},
	}
}

// derive gives what is kept under the key, else what make makes, which it keeps.
func (s *Service) derive(ctx context.Context, key documentKey, make func() ([]byte, error)) (*Document, error) {
	unlock, err := s.documents.lock(ctx, key)
	if err != nil {
		return nil, err
	}
	defer unlock()
	have := s.documents.get(key)
	if have == nil {
		have = s.documents.load(key, 0, nil)
	}
	s.CacheUse("document", have != nil)
	if have != nil {
		return have.doc, nil
	}
	b, err := make()
	if err != nil {
		return nil, err
	}
	made := &rendering{key: key, doc: NewDocument(b, time.Time{})}
	s.documents.put(made)
	return made.doc, nil
}

func (s *Service) extract(ctx context.Context, domain DomainID, id VersionID, a Asset, d Derivation) (*Document, error) {
	return s.derive(ctx, derivedKey(domain, id.Package.Format, d.Kind, a.Hashes.SHA256), func() ([]byte, error) {
		b, err := s.Blobs.Open(ctx, domain, a.Hashes.SHA256)
		if err != nil {
			return nil, err
		}
		defer b.Close()
		return d.Extract(b, a.Size)
	})
}

// offeredBeside passes on what the connection has beside an asset that it lists.
func (s *Service) offeredBeside(ctx context.Context, n *node, id VersionID, asset string, origin Origin, sources []source, guard *ruling, d Derivation) (*Document, error) {
	none := noVersion(n.ID, id)
	if d.Offered == nil {
		return nil, none
	}
	src, version, err := s.offer(ctx, n, id, origin, sources)
	if err != nil {
		return nil, err
	}
	if verdict := guard.judge(src.listing.from(src.connection, version), version.Assets); verdict.Refuse && !verdict.Unverified {
		return nil, refused(n.ID, id, verdict)
	}
	listed := slices.IndexFunc(version.Assets, func(a ListedAsset) bool { return a.Name == asset })
	if listed < 0 {
		return nil, none
	}
	offer, ok := d.Offered(version.Manifest, version.Assets[listed])
	if !ok {
		return nil, none
	}
	fetch := func() ([]byte, error) {
		answer, err := s.Puller.Fetch(ctx, src.connection, offer.Request)
		if err != nil {
			return nil, err
		}
		if sum := sha256.Sum256(answer.Body); len(offer.SHA256) > 0 && !bytes.Equal(sum[:], offer.SHA256) {
			return nil, Errorf(UpstreamFailed, "what upstream sent as the %s of %s does not have the SHA-256 that its index promised", d.Kind, asset)
		}
		return answer.Body, nil
	}
	if len(offer.SHA256) != len(Digest{}) {
		b, err := fetch()
		if err != nil {
			return nil, err
		}
		return NewDocument(b, time.Time{}), nil
	}
	return s.derive(ctx, derivedKey(n.ID.Domain, id.Package.Format, d.Kind+" itself", Digest(offer.SHA256)), fetch)
}
