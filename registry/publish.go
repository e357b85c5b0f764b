package registry

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"
)

// Mode is how a draft may meet an existing version.
type Mode int

const (
	Seal    Mode = iota // the version must not exist
	Extend              // new assets are added, the same bytes again change nothing, other bytes are a Conflict
	Replace             // the version becomes the draft
)

// ErrAssetExists is why a draft is a Conflict of which one asset is there
// already with other bytes.
var ErrAssetExists = errors.New("an asset of that name has other bytes")

// Draft is one version to be committed.
type Draft struct {
	ID          VersionID
	DisplayName string // as published, where it differs from the canonical name
	Status      Status // Published; Unfinished where assets may follow; Unlisted for a build of a snapshot
	Mode        Mode
	Manifest    json.RawMessage // nil with Extend: as it was
	Assets      []string        // names of staged files that belong to it
	Tags        []string        // dist-tags to point at it
	Released    time.Time       // zero: now
	// Merge gives the manifest where, with Extend, the version is there already:
	// made of the one it has, which it may return as it is. It may be run more
	// than once. Nil: Manifest.
	Merge func(held json.RawMessage) json.RawMessage

	open bool // with Extend: only while the version is Unfinished (generic)
}

// Publication collects the files of one publish. It is for one goroutine.
type Publication struct {
	svc   *Service
	repo  *Repo
	node  *node
	files map[string]*staged
}

// Publish begins one. It checks the right PublishPackageVersion before a byte
// of a body is read: for exactly the package, or, where p has no name yet,
// whether any package of the repository could be allowed. The caller defers Abort.
func (r *Repo) Publish(ctx context.Context, p PackageID) (*Publication, error) {
	n, err := r.enterToPublish(ctx, p)
	if err != nil {
		return nil, err
	}
	return &Publication{svc: r.svc, repo: r, node: n, files: map[string]*staged{}}, nil
}

func (r *Repo) enterToPublish(ctx context.Context, p PackageID) (*node, error) {
	s := r.svc
	if p.Name != "" {
		id, _, err := s.canonical(VersionID{Package: p})
		if err != nil {
			return nil, err
		}
		n, _, err := r.enter(ctx, PublishPackageVersion, id.Package)
		return n, err
	}
	n, look, err := s.nodeAt(ctx, r.id, r.look())
	if err != nil {
		return nil, err
	}
	res := r.id.Resource()
	if n != nil {
		res = n.resource()
	}
	err = s.Authorizer.Possible(ctx, Access{Actor: r.actor, Action: PublishPackageVersion, Resource: res, Time: look.At, Counters: look.Counters})
	if err != nil {
		return nil, err
	}
	if n == nil {
		return nil, noRepository(r.id)
	}
	return n, nil
}

// Stage reads one file to its end, hashing it and keeping its bytes aside.
// TooLarge over the limit; an error of rd is returned as it is.
func (p *Publication) Stage(ctx context.Context, name string, rd io.Reader) (Asset, error) {
	if err := checkAsset(name); err != nil {
		return Asset{}, err
	}
	if p.files[name] != nil {
		return Asset{}, Errorf(Invalid, "the file %q is there twice", name)
	}
	f, err := p.svc.stage(ctx, p.node.ID.Domain, name, rd)
	if err != nil {
		return Asset{}, err
	}
	p.files[name] = f
	return f.Asset, nil
}

// Rename calls a staged file otherwise, where its name is known only once its
// bytes are. Invalid for a name that is taken or that no asset can have.
func (p *Publication) Rename(from, to string) error {
	f := p.files[from]
	switch {
	case f == nil:
		return Errorf(Internal, "%q was not staged", from)
	case p.files[to] != nil:
		return Errorf(Invalid, "the file %q is there twice", to)
	}
	if err := checkAsset(to); err != nil {
		return err
	}
	f.Name = to
	delete(p.files, from)
	p.files[to] = f
	return nil
}

// Content gives the bytes of a staged file to look into; it holds until Commit
// or Abort. Internal where the blob store cannot read back what it is writing.
func (p *Publication) Content(name string) (io.ReaderAt, error) {
	if f := p.files[name]; f != nil {
		if r, ok := f.writer.(io.ReaderAt); ok {
			return r, nil
		}
	}
	return nil, Errorf(Internal, "%q was not staged, or the blob store cannot read back what it is writing", name)
}

// Abort drops what was staged and not committed; after Commit it does nothing.
func (p *Publication) Abort() {
	for name, f := range p.files {
		f.writer.Abort() //nolint:errcheck // what stays is swept with the temporary folder
		delete(p.files, name)
	}
}

// Commit makes all drafts visible, or none. Denied where the actor may not
// publish one of the packages, or where its origin configuration is
// publish=BLOCK, or which has to be attested and is not; Invalid where
// attestations that came along do not verify; Conflict where a version is there
// already, here or upstream.
func (p *Publication) Commit(ctx context.Context, drafts ...Draft) error {
	s := p.svc
	for i := range drafts {
		if err := p.check(ctx, &drafts[i]); err != nil {
			return err
		}
	}
	// Most refusals are known before bytes are made durable.
	if err := s.Metadata.View(ctx, func(tx Tx) error { return p.apply(&change{Tx: tx, dry: true}, drafts) }); err != nil {
		return err
	}
	if err := p.offered(ctx, drafts); err != nil {
		return err
	}
	attested, err := p.attested(ctx, drafts)
	if err != nil {
		return err
	}
	s.sweeping.RLock()
	committed, err := p.settle(ctx, drafts)
	if err == nil {
		err = s.update(ctx, func(c *change) error {
			if err := p.apply(c, drafts); err != nil {
				return err
			}
			for _, a := range attested {
				if err := c.PutAttestation(p.node.ID.Domain, a.pkg, a.Attestation); err != nil {
					return err
				}
			}
			return s.present(ctx, p.node.ID.Domain, committed...)
		})
	}
	s.sweeping.RUnlock()
	if err != nil {
		s.discard(ctx, p.node.ID.Domain, committed)
	}
	return err
}

// check holds a draft to what can be known without reading rows.
func (p *Publication) check(ctx context.Context, d *Draft) error {
	id, _, err := p.svc.canonical(d.ID)
	if err != nil {
		return err
	}
	if id.Version == "" {
		return Errorf(Invalid, "the version is empty")
	}
	d.ID = id
	for _, name := range d.Assets {
		if p.files[name] == nil {
			return Errorf(Internal, "draft of %s names %q, which was not staged", id.Version, name)
		}
	}
	for _, tag := range d.Tags {
		if err := checkTag(tag); err != nil {
			return err
		}
	}
	_, _, err = p.repo.enter(ctx, PublishPackageVersion, id.Package)
	return err
}

// settle makes the staged bytes of the drafts durable.
func (p *Publication) settle(ctx context.Context, drafts []Draft) ([]Digest, error) {
	var done []Digest
	for _, d := range drafts {
		for _, name := range d.Assets {
			f := p.files[name]
			if err := f.writer.Commit(ctx, f.Hashes.SHA256); err != nil {
				return done, err
			}
			done = append(done, f.Hashes.SHA256)
		}
	}
	return done, nil
}

// apply writes the drafts, or says why they cannot be.
func (p *Publication) apply(c *change, drafts []Draft) error {
	for _, d := range drafts {
		if err := p.applyOne(c, d); err != nil {
			return err
		}
	}
	return nil
}

func (p *Publication) applyOne(c *change, d Draft) error {
	n := p.node
	pkg, err := c.packageFor(n, d.ID.Package, Restrictions{Publish: Allow, Upstream: Block})
	if err != nil {
		return err
	}
	if group := n.controls(d.ID.Package); !group.allows(PublishOrigin, n.ID.Name) {
		return group.refusal(PublishOrigin, d.ID.Package, n.ID)
	}
	if pkg.Restrictions.Publish == Block {
		return Errorf(Denied, "publishing package %q into repository %q is blocked: its origin configuration is publish=BLOCK, which packages get that first came from upstream",
			d.ID.Package.DisplayName(), n.ID.Name).About(n.ID.Package(d.ID.Package))
	}
	have, err := c.Version(n.ID, d.ID)
	switch {
	case IsNotFound(err):
		if err := p.unreachable(c, d); err != nil {
			return err
		}
		return c.put(n, setTags(pkg, d), p.fresh(c, d), OpCreated,
			Changes{AssetsAdded: len(d.Assets), MetadataUpdated: true, StatusChanged: true})
	case err != nil:
		return err
	case d.open && have.Status == Published && p.holds(have, d.Assets):
		return nil // the same again
	case d.open && have.Status != Unfinished:
		return Errorf(Conflict, "version %s of package %q is %s: it takes no further assets; publish another version", d.ID.Version, d.ID.Package.DisplayName(), have.Status).About(n.ID.Package(d.ID.Package))
	case d.Mode == Seal || have.Status == Archived || have.Status == Disposed:
		return exists(n.ID, d.ID, have.Status)
	case d.Mode == Replace:
		v := p.fresh(c, d)
		v.Origin = have.Origin
		ch := changesBetween(have, v)
		if ch == (Changes{}) {
			return nil
		}
		return c.put(n, setTags(pkg, d), v, OpUpdated, ch)
	}
	return p.extend(c, pkg, have, d)
}

// holds reports whether the version has these staged files, byte by byte.
func (p *Publication) holds(v Version, names []string) bool {
	for _, name := range names {
		if a, ok := v.Asset(name); !ok || a.Hashes.SHA256 != p.files[name].Hashes.SHA256 {
			return false
		}
	}
	return true
}

// fresh is the version that a draft makes.
func (p *Publication) fresh(c *change, d Draft) Version {
	v := Version{
		Version: d.ID.Version, DisplayName: d.DisplayName, Status: d.Status, Manifest: d.Manifest,
		Origin:    Origin{Type: OriginInternal, Repository: p.node.ID.Name},
		Published: c.Now(), Released: d.Released,
	}
	if v.Released.IsZero() {
		v.Released = c.Now()
	}
	for _, name := range d.Assets {
		v.Assets = append(v.Assets, p.files[name].Asset)
	}
	return v
}

// extend adds what is new in the draft to the version.
func (p *Publication) extend(c *change, pkg *Package, v Version, d Draft) error {
	var ch Changes
	for _, name := range d.Assets {
		f := p.files[name]
		old, ok := v.Asset(name)
		switch {
		case !ok:
			v.Assets = append(v.Assets, f.Asset)
			ch.AssetsAdded++
		case old.Hashes.SHA256 != f.Hashes.SHA256:
			return &Error{
				Code: Conflict, Resource: p.node.ID.Package(d.ID.Package), Err: ErrAssetExists,
				Msg: fmt.Sprintf("%s is in version %s already, with other bytes", name, d.ID.Version),
			}
		}
	}
	if len(v.Assets) > p.svc.Limits.AssetsPer {
		return Errorf(Quota, "a version holds at most %d assets", p.svc.Limits.AssetsPer).About(p.node.ID.Package(d.ID.Package))
	}
	manifest := d.Manifest
	if d.Merge != nil {
		manifest = d.Merge(v.Manifest)
	}
	if manifest != nil && !bytes.Equal(v.Manifest, manifest) {
		v.Manifest, ch.MetadataUpdated = manifest, true
	}
	// A further file does not list again what was unlisted.
	if d.Status != v.Status && d.Status != Unfinished && (v.Status != Unlisted || d.Status != Published) {
		v.Status, ch.StatusChanged = d.Status, true
	}
	if ch == (Changes{}) {
		return nil
	}
	v.Published = c.Now()
	return c.put(p.node, setTags(pkg, d), v, OpUpdated, ch)
}

// unreachable refuses a version that the repository's clients can have from an
// upstream repository already (spec 3.4).
func (p *Publication) unreachable(c *change, d Draft) error {
	at, err := p.svc.places(c.Tx, p.node, d.ID.Package)
	if err != nil {
		return err
	}
	for _, at := range at {
		if !at.held || at.node == p.node {
			continue
		}
		v, err := c.Version(at.node.ID, d.ID)
		if err == nil {
			return exists(at.node.ID, d.ID, v.Status)
		}
		if !IsNotFound(err) {
			return err
		}
	}
	return nil
}

// offered refuses a version that an external connection is known to offer. It
// goes by what is known: publishing waits on no upstream registry.
func (p *Publication) offered(ctx context.Context, drafts []Draft) error {
	s := p.svc
	for _, d := range drafts {
		var at []place
		err := s.Metadata.View(ctx, func(tx Tx) error {
			var err error
			at, err = s.places(tx, p.node, d.ID.Package)
			return err
		})
		if err != nil {
			return err
		}
		for _, src := range s.sources(at, d.ID.Package.Format) {
			l, err := s.Puller.Known(ctx, p.node.ID.Domain, src.connection, d.ID.Package)
			if err != nil {
				continue
			}
			if slices.ContainsFunc(l.Versions, func(v ListedVersion) bool { return v.Version == d.ID.Version }) {
				return Errorf(Conflict, "version %s of package %q is in %s, upstream of repository %q; publish another version, or set the package's origin configuration to upstream=BLOCK",
					d.ID.Version, d.ID.Package.DisplayName(), src.connection, p.node.ID.Name).About(p.node.ID.Package(d.ID.Package))
			}
		}
	}
	return nil
}

func exists(r RepoID, id VersionID, status Status) error {
	res := r.Package(id.Package)
	res.Type, res.Version = VersionResource, id.Version
	switch status {
	case Archived, Disposed:
		return Errorf(Conflict, "version %s of package %q is %s in repository %q: its number cannot be published again before it is deleted",
			id.Version, id.Package.DisplayName(), status, r.Name).About(res)
	}
	return Errorf(Conflict, "version %s of package %q is in repository %q already; versions do not change, publish another one",
		id.Version, id.Package.DisplayName(), r.Name).About(res)
}

func setTags(pkg *Package, d Draft) *Package {
	for _, tag := range d.Tags {
		pkg.Tags[tag] = d.ID.Version
	}
	return pkg
}
