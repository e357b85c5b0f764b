package registry

import (
	"bytes"
	"context"
	"slices"
	"time"
)

// pull brings an asset in through the first source that offers its version.
// origin is that of the version where a repository holds it without the asset.
func (s *Service) pull(ctx context.Context, n *node, id VersionID, name string, origin Origin, sources []source, rules Rules, guard *ruling) (*AssetContent, error) {
	src, version, err := s.offer(ctx, n, id, origin, sources)
	if err != nil {
		// Where a file would be may be known although no listing can be read.
		return s.guess(ctx, n, id, name, origin, sources, rules, guard, err)
	}
	asset, err := s.offered(src.connection, id, version, name)
	if err != nil {
		return nil, err
	}
	return s.bring(ctx, n, id, src, version, asset, rules, guard)
}

// guess looks for an asset of a version that no source lists where the
// format's layout puts it, in one source after the other; otherwise is the
// error of a format without a layout. The first file that is found gives the
// version its origin, and the others come from there or not at all.
func (s *Service) guess(ctx context.Context, n *node, id VersionID, name string, origin Origin, sources []source, rules Rules, guard *ruling, otherwise error) (*AssetContent, error) {
	status := Published
	if p, ok := rules.(Parter); ok && p.Whole(id.Version) != id.Version {
		status = Unlisted
	}
	for _, src := range sources {
		if origin.Type != "" && origin != (Origin{Type: OriginExternal, Connection: src.connection}) {
			continue
		}
		asset, err := s.Puller.Locate(src.connection, id, name)
		if err != nil {
			return nil, otherwise
		}
		content, err := s.bring(ctx, n, id, src, ListedVersion{Version: id.Version, Status: status}, asset, rules, guard)
		if !IsNotFound(err) {
			return content, err
		}
	}
	return nil, otherwise
}

// bring has the puller fetch one asset and retains it.
func (s *Service) bring(ctx context.Context, n *node, id VersionID, src source, version ListedVersion, asset ListedAsset, rules Rules, guard *ruling) (*AssetContent, error) {
	v := src.listing.from(src.connection, version)
	guard = guard.of(asset.Name)
	if verdict := guard.judge(v, version.Assets); verdict.final() {
		return nil, refused(n.ID, id, verdict)
	}
	pulled, err := s.Puller.Pull(ctx, PullRequest{
		Domain: n.ID.Domain, Connection: src.connection, Version: id, Asset: asset,
		Guessed: !slices.ContainsFunc(version.Assets, func(a ListedAsset) bool { return a.Name == asset.Name }),
		Repo:    n.ID.Name,
		Admit: func(modified time.Time) error {
			if verdict := guard.judge(v.dated(modified, version.Seen, s.Clock()), version.Assets); verdict.Refuse && !verdict.Unverified {
				return refused(n.ID, id, verdict)
			}
			return nil
		},
		Finish: func(ctx context.Context, a Asset, modified time.Time) error {
			// The bytes may have been here before and on their way out.
			s.sweeping.RLock()
			defer s.sweeping.RUnlock()
			in, err := s.inspect(ctx, n, id, v.dated(modified, version.Seen, s.Clock()), a, rules, guard)
			if err != nil {
				return err
			}
			return s.update(ctx, func(c *change) error {
				return s.settle(ctx, c, n, id, src, []inspected{in}, func(c *change) error {
					made := false
					for _, at := range keepers(src, n) {
						first, err := c.retain(at, id, in.version, in.version.Assets, rules)
						if err != nil {
							return err
						}
						made = made || first
					}
					return s.importRest(c, n, id, version, rules, made)
				})
			})
		},
	})
	if err != nil {
		return nil, err
	}
	content := &AssetContent{Name: asset.Name, Size: pulled.Size, Modified: version.Released, Body: pulled.Body,
		Warning: headerText(guard.judge(v, version.Assets).Warning)}
	if len(asset.SHA256) == len(Digest{}) {
		content.ETag = digestETag(Digest(asset.SHA256))
	}
	return content, nil
}

// keepers are the repositories that keep what comes from a source: the one with
// the connection, and the one that was asked; none between them (spec 3.2).
func keepers(src source, asked *node) []*node {
	return slices.Compact([]*node{src.repo, asked})
}

// leadsStill refuses a file of a package that nothing from the source may be
// taken of any more: while it was on its way the package was published here
// first, or its origin configuration changed.
func (s *Service) leadsStill(c *change, n *node, id VersionID, src source) error {
	at, err := s.places(c.Tx, n, id.Package)
	if err != nil {
		return err
	}
	if len(reachable([]source{src}, at)) > 0 {
		return nil
	}
	return Errorf(NotFound, "version %s of package %q is not taken from %s: by now the package's origin configuration blocks what comes from upstream",
		id.Version, id.Package.DisplayName(), src.connection).About(n.ID.Package(id.Package))
}

// sameOrigin refuses a file of a version that has meanwhile come from another
// source.
func (c *change) sameOrigin(n *node, id VersionID, origin Origin) error {
	v, err := c.Version(n.ID, id)
	if IsNotFound(err) || (err == nil && v.Origin == origin) {
		return nil
	}
	if err != nil {
		return err
	}
	return Errorf(NotFound, "version %s of package %q came from another source, which does not have this file", id.Version, id.Package.DisplayName()).About(n.ID.Package(id.Package))
}

// offer finds the first source that lists the version. A listing without it is
// revalidated at once before it is believed: UpstreamFailed where that cannot be.
func (s *Service) offer(ctx context.Context, n *node, id VersionID, origin Origin, sources []source) (source, ListedVersion, error) {
	for _, since := range []time.Time{{}, s.Clock()} {
		s.list(ctx, sources, n.ID.Domain, id.Package, since)
		for _, src := range sources {
			if src.listing == nil || (origin.Type != "" && origin != Origin{Type: OriginExternal, Connection: src.connection}) {
				continue
			}
			for _, v := range src.listing.Versions {
				if v.Version == id.Version {
					return src, v, nil
				}
			}
		}
	}
	return source{}, ListedVersion{}, failure(sources, unconfirmed(sources, id, noVersion(n.ID, id)))
}

// offered gives the listed asset, or where the format's layout puts it.
func (s *Service) offered(connection string, id VersionID, v ListedVersion, name string) (ListedAsset, error) {
	for _, a := range v.Assets {
		if a.Name == name {
			return a, nil
		}
	}
	return s.Puller.Locate(connection, id, name)
}

// change is one transaction of the core with the events it makes.
type change struct {
	Tx
	events  []Event
	imports bool // an import was noted
	dry     bool // nothing is written: only whether it could be is asked
}

// retain records that a repository keeps a version that came from elsewhere in
// its domain or through a connection: the version as a whole, or further
// assets of it where the origin is the same, and with them what else has
// changed there where the format refreshes. Keeping it already is no change.
// made says that the repository had nothing of the version before.
func (c *change) retain(n *node, id VersionID, v Version, assets []Asset, rules Rules) (made bool, err error) {
	p, err := c.packageFor(n, id.Package, Restrictions{Publish: Block, Upstream: Allow})
	if err != nil {
		return false, err
	}
	have, err := c.Version(n.ID, id)
	if IsNotFound(err) {
		v.Published, v.Assets = c.Now(), assets
		if v.Status == "" {
			v.Status = Published
		}
		return true, c.put(n, p, v, OpCreated, Changes{AssetsAdded: len(assets), MetadataUpdated: true, StatusChanged: true})
	}
	if err != nil {
		return false, err
	}
	if !have.Status.Downloadable() || have.Origin != v.Origin {
		return false, nil
	}
	added := 0
	for _, a := range assets {
		if _, ok := have.Asset(a.Name); !ok {
			have.Assets = append(have.Assets, a)
			added++
		}
	}
	if added == 0 {
		return false, nil
	}
	ch := Changes{AssetsAdded: added}
	if have.Released.IsZero() {
		have.Released = v.Released
	}
	if have.Manifest == nil && v.Manifest != nil { // the file that tells came after others
		have.Manifest, ch.MetadataUpdated = v.Manifest, true
	}
	if r, ok := rules.(Refresher); ok && have.Origin.Type == OriginExternal {
		manifest, status := r.Refresh(have, v)
		ch.MetadataUpdated, ch.StatusChanged = !bytes.Equal(manifest, have.Manifest), status != have.Status
		have.Manifest, have.Status = manifest, status
	}
	return false, c.put(n, p, have, OpUpdated, ch)
}

// packageFor gives the repository's package. One that is not there is made with
// the restrictions, unless its group decides otherwise; it is not written
// before put.
func (c *change) packageFor(n *node, id PackageID, first Restrictions) (*Package, error) {
	p, err := c.Package(n.ID, id)
	if IsNotFound(err) {
		ended, err := c.EndedSequence(n.ID, id) // its events go on counting
		return &Package{ID: id, Restrictions: n.controls(id).first(first), Tags: map[string]string{}, Created: c.Now(), Sequence: ended}, err
	}
	if err != nil {
		return nil, err
	}
	p.Tags = cloneTags(p.Tags)
	return &p, nil
}

// put writes a version and its package and notes the event.
func (c *change) put(n *node, p *Package, v Version, op Operation, ch Changes) error {
	v.Revision = revisionOf(v)
	return c.record(n, p, v, op, ch, func() error { return c.PutVersion(n.ID, p.ID, v) })
}

// record writes the package with its next sequence number, does the rest of
// the change, and notes an event for each account that is told: the domain's
// owner, and the repository's administrator where that is another (spec 6).
func (c *change) record(n *node, p *Package, v Version, op Operation, ch Changes, rest func() error) error {
	if c.dry {
		return nil
	}
	p.Modified = c.Now()
	p.Sequence++
	if err := c.PutPackage(n.ID, *p); err != nil {
		return err
	}
	if err := rest(); err != nil {
		return err
	}
	e := Event{
		DeduplicationID: newID(), Time: c.Now(), Repo: n.ID, Administrator: n.Administrator,
		Version: VersionID{p.ID, v.Version}, State: v.Status, Revision: v.Revision,
		Operation: op, Changes: ch, Sequence: p.Sequence,
	}
	for _, account := range n.receivers() {
		e.ID, e.Account = newID(), account
		c.events = append(c.events, e)
	}
	return nil
}

// receivers are the accounts that are told of changes in the repository.
func (n *node) receivers() []string {
	all := []string{n.ID.Domain.Owner}
	if n.Administrator != "" && n.Administrator != n.ID.Domain.Owner {
		all = append(all, n.Administrator)
	}
	return all
}

// enriched makes sure that an asset's blob is there and gives the version with
// what its bytes tell.
func (s *Service) enriched(ctx context.Context, d DomainID, v Version, a Asset, rules Rules) (Version, error) {
	b, err := s.Blobs.Open(ctx, d, a.Hashes.SHA256)
	if err != nil {
		return v, err
	}
	defer b.Close()
	if e, ok := rules.(Enricher); ok {
		v.Manifest = e.Enrich(v.Manifest, a, b)
	}
	return v, nil
}
