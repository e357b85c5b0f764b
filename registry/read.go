package registry

import (
	"context"
	"encoding/hex"
	"io"
	"strings"
	"time"
)

// AssetContent is an asset being served. The caller closes Body. Where the
// bytes are a file, Body is the *os.File.
type AssetContent struct {
	Name     string
	Size     int64
	ETag     string // strong, quoted; empty while the bytes arrive and no SHA-256 was promised
	Hashes   Hashes // zero while the bytes arrive
	Modified time.Time
	Warning  string // what a rule warns of, for a header: one line of ASCII; empty mostly
	Body     io.ReadSeekCloser
}

// located is where an asset of the asked repository was found.
type located struct {
	asset    Asset
	etag     string
	modified time.Time
	vector   vector
	graph    int64
	contents int64
	guard    time.Time // when the guard's verdict may change; zero: never
	warning  string
}

// assetKey is what a located answers.
type assetKey struct {
	repo RepoID
	id   VersionID
	name string
}

// Asset gives the bytes of an asset that this repository holds, that an
// upstream repository holds, or that a connection of them brings in; in the
// latter cases the version is retained here (spec 3.1 to 3.3). NotFound when
// there is none, UpstreamFailed when that may be because an upstream registry
// failed, Denied with the guard's reason. Needs ReadFromRepository.
func (r *Repo) Asset(ctx context.Context, id VersionID, name string) (*AssetContent, error) {
	s := r.svc
	id, rules, err := s.canonical(id)
	if err != nil {
		return nil, err
	}
	if err := checkAsset(name); err != nil {
		return nil, err
	}
	n, look, err := r.enter(ctx, ReadFromRepository, PackageID{})
	if err != nil {
		return nil, err
	}
	key := assetKey{n.ID, id, name}
	at := s.located.get(key)
	if at != nil && s.stillThere(ctx, n, key, at, look.Counters) {
		content, err := s.open(ctx, n.ID.Domain, key.name, at)
		if !IsNotFound(err) {
			s.CacheUse("asset", true)
			return r.handOut(id, content, err)
		}
	}
	s.CacheUse("asset", false)
	content, err := s.resolve(ctx, n, id, name, rules, look.Counters, r.heldOnly)
	return r.handOut(id, content, err)
}

// handOut notes who gets an asset.
func (r *Repo) handOut(id VersionID, content *AssetContent, err error) (*AssetContent, error) {
	if err == nil {
		r.svc.Downloads.note(r.id.Domain, id, r.actor, r.svc.Clock())
	}
	return content, err
}

// stillThere says whether what was located still holds.
func (s *Service) stillThere(ctx context.Context, n *node, key assetKey, at *located, c Counters) bool {
	if at.graph != c.Graph || (!at.guard.IsZero() && !s.Clock().Before(at.guard)) {
		return false
	}
	if at.contents == c.Contents {
		return true
	}
	var now vector
	err := s.Metadata.View(ctx, func(tx Tx) error {
		var err error
		now, err = tx.PackageRevisions(n.ID.Domain, n.chain, key.id.Package)
		return err
	})
	if err != nil || len(now) != len(at.vector) {
		return false
	}
	for i := range now {
		if now[i] != at.vector[i] {
			return false
		}
	}
	stamped := *at
	stamped.contents = c.Contents
	s.located.put(key, &stamped)
	return true
}

// open serves a held asset's bytes.
func (s *Service) open(ctx context.Context, d DomainID, name string, at *located) (*AssetContent, error) {
	body, err := s.Blobs.Open(ctx, d, at.asset.Hashes.SHA256)
	if err != nil {
		return nil, err
	}
	return &AssetContent{Name: name, Size: at.asset.Size, ETag: at.etag, Hashes: at.asset.Hashes, Modified: at.modified, Warning: at.warning, Body: body}, nil
}

// give is open where rows say that the bytes are there: where they are not, that
// is for the administrator, and the error says so.
func (s *Service) give(ctx context.Context, n *node, id VersionID, name string, at *located) (*AssetContent, error) {
	content, err := s.open(ctx, n.ID.Domain, name, at)
	if IsNotFound(err) {
		return nil, missingBytes(n.packageResource(id.Package), id, name, err)
	}
	return content, err
}

// found is the first repository of the search order that has what was asked.
type found struct {
	node    *node
	version Version
	asset   Asset
}

// errHidden stops a search: a repository holds the version in a state whose
// bytes are not served, and that hides what lies behind it.
var errHidden = &Error{Code: NotFound}

// search looks for an asset in the places in order. Nil when none has it; the
// origin of a version that is there without the asset is given, since another
// source may add the asset only if it has the same (spec 3.3).
func (s *Service) search(tx Tx, places []place, id VersionID, name string) (*found, Origin, error) {
	var origin Origin
	for _, at := range places {
		if !at.held {
			continue
		}
		v, err := tx.Version(at.node.ID, id)
		if IsNotFound(err) {
			continue
		}
		if err != nil {
			return nil, origin, err
		}
		if !v.Status.Downloadable() {
			return nil, origin, errHidden
		}
		if origin.Type == "" {
			origin = v.Origin
		}
		if a, ok := v.Asset(name); ok && v.Origin == origin {
			return &found{at.node, v, a}, origin, nil
		}
	}
	return nil, origin, nil
}

// resolve finds an asset the long way; heldOnly fetches nothing and retains
// nothing.
func (s *Service) resolve(ctx context.Context, n *node, id VersionID, name string, rules Rules, counters Counters, heldOnly bool) (*AssetContent, error) {
	var hit *found
	var origin Origin
	var at []place
	var revisions vector
	var guard *ruling
	err := s.Metadata.View(ctx, func(tx Tx) error {
		var err error
		if at, err = s.places(tx, n, id.Package); err != nil {
			return err
		}
		if hit, origin, err = s.search(tx, at, id, name); err != nil {
			return err
		}
		if revisions, err = tx.PackageRevisions(n.ID.Domain, n.chain, id.Package); err != nil {
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
	if hit == nil {
		sources := s.sources(at, id.Package.Format)
		if heldOnly && len(sources) > 0 {
			return nil, s.notBrought(ctx, n, id, sources, guard)
		}
		content, err := s.pull(ctx, n, id, name, origin, sources, rules, guard)
		if IsNotFound(err) {
			err = s.blocked(ctx, n, id, err)
		}
		return content, err
	}
	if heldOnly && hit.version.Origin.Type == OriginExternal && guard.of(name).judge(hit.version, nil).Unverified {
		return nil, notHeldNow(n.ID, id)
	}
	verdict, err := s.release(ctx, n, id, hit, guard)
	if err != nil {
		return nil, err
	}
	if hit.node != n && !heldOnly {
		err := s.update(ctx, func(c *change) error {
			// It may be gone since, and its bytes with it.
			v, err := c.Version(hit.node.ID, id)
			if IsNotFound(err) {
				return noVersion(n.ID, id)
			}
			if err != nil {
				return err
			}
			if _, err := c.retain(n, id, v, v.Assets, rules); err != nil {
				return err
			}
			return s.importAlong(c, n, id, v)
		})
		if err != nil {
			return nil, err
		}
		// The revision moved: the next request remembers where it is.
		return s.give(ctx, n, id, name, newLocated(hit, verdict))
	}
	l := newLocated(hit, verdict)
	if hit.node != n {
		return s.give(ctx, n, id, name, l)
	}
	l.vector, l.graph, l.contents, l.guard = revisions, counters.Graph, counters.Contents, verdict.Until
	s.located.put(assetKey{n.ID, id, name}, l)
	return s.give(ctx, n, id, name, l)
}

// blocked says why a version is not found where that is a package group's
// doing; else it gives the error as it is.
func (s *Service) blocked(ctx context.Context, n *node, id VersionID, notFound error) error {
	group := n.controls(id.Package)
	if group.open() {
		return notFound
	}
	err := s.Metadata.View(ctx, func(tx Tx) error {
		for _, name := range n.chain {
			at := n.graph.repos[name]
			if at != n && !group.allows(InternalUpstream, n.ID.Name) {
				v, err := tx.Version(at.ID, id)
				if err != nil && !IsNotFound(err) {
					return err
				}
				if v.Status.Downloadable() || len(at.own[id.Package.Format]) > 0 {
					return group.refusal(InternalUpstream, id.Package, n.ID)
				}
				continue
			}
			if len(at.own[id.Package.Format]) > 0 && !group.allows(ExternalUpstream, name) {
				return group.refusal(ExternalUpstream, id.Package, at.ID)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return notFound
}

func newLocated(hit *found, v Verdict) *located {
	return &located{asset: hit.asset, etag: digestETag(hit.asset.Hashes.SHA256), modified: hit.version.Published, warning: headerText(v.Warning)}
}

// maxWarning bounds a warning in a header, in bytes.
const maxWarning = 500

// headerText is a text as a header may have it.
func headerText(text string) string {
	text = strings.Map(func(r rune) rune {
		switch {
		case r < ' ':
			return ' '
		case r > '~':
			return '?'
		}
		return r
	}, text)
	return text[:min(len(text), maxWarning)]
}

func digestETag(d Digest) string { return `"` + hex.EncodeToString(d[:]) + `"` }
