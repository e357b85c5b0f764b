package registry

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"
)

// PackageView is a package merged over a repository's chain: what one index
// document shows. It is immutable.
type PackageView struct {
	ID       PackageID
	Versions []VersionView     // the visible ones, ascending in the format's order
	Unlisted []VersionView     // those that are Unlisted, likewise, where the format shows them (Unlister)
	Tags     map[string]string // each points at a visible version; "latest" is there when a version is
	Created  time.Time
	Modified time.Time
	// Revision is the package's in the asked repository alone; zero: not held there.
	Revision int64
	// Metadata is the package-level part of the nearest connection that has one.
	Metadata json.RawMessage
}

// Version gives a version of the view.
func (p *PackageView) Version(version string) (*VersionView, bool) {
	for _, of := range [][]VersionView{p.Versions, p.Unlisted} {
		for i := range of {
			if of[i].Version.Version == version {
				return &of[i], true
			}
		}
	}
	return nil, false
}

// VersionView is a version in a PackageView.
type VersionView struct {
	Version
	// Held says that a repository of the chain holds it; else a connection lists
	// it, Assets are empty and Listed says what there is. Of a held version of a
	// format that refreshes (Refresher) Listed says what there is besides Assets.
	Held   bool
	Listed []ListedAsset

	settled bool // what lies behind adds nothing to it
}

// refresh adds to a version what another one of the same number, which lies
// behind it in the search order, knows beyond it: files and a newer manifest
// (spec 7.2, 7.3). Nothing where it was published directly, where another of
// another origin or in a state whose bytes are not served lies between.
func (v *VersionView) refresh(behind VersionView, rules Refresher) {
	switch {
	case v.settled || v.Origin.Type != OriginExternal || !v.Status.Downloadable():
		return
	case behind.Origin != v.Origin || !behind.Status.Downloadable():
		v.settled = v.settled || behind.Held
		return
	}
	older, newer := v.Version, behind.Version
	if behind.Held && behind.Published.Before(v.Published) {
		older, newer = newer, older
	}
	v.Manifest, v.Status = rules.Refresh(older, newer)
	v.Assets = slices.Clone(v.Assets)
	for _, a := range behind.Assets {
		if _, ok := v.Asset(a.Name); !ok {
			v.Assets = append(v.Assets, a)
		}
	}
	slices.SortFunc(v.Assets, func(a, b Asset) int { return strings.Compare(a.Name, b.Name) })
	for _, a := range behind.Listed {
		if _, ok := v.Asset(a.Name); !ok {
			v.Listed = append(v.Listed, a)
		}
	}
}

// place is one repository of a package's search order.
type place struct {
	node *node
	held bool
	pkg  Package // when held
	// What the package's origin configuration here and its group let in: from
	// upstream repositories, and through the repository's own connections.
	internal, external bool
}

// places gives the search order for one package: as far as the chain goes and
// the package's origin configuration in each repository lets it.
func (s *Service) places(tx Tx, n *node, p PackageID) ([]place, error) {
	revisions, err := tx.PackageRevisions(n.ID.Domain, n.chain, p)
	if err != nil {
		return nil, err
	}
	holds := make(map[string]bool, len(n.chain))
	for i, name := range n.chain {
		holds[name] = revisions[i] != 0
	}
	var out []place
	group := n.controls(p)
	// Whoever keeps a namespace to itself does not want its name told, either.
	around := group
	if e, ok := s.Rules[p.Format].(Encloser); ok {
		if namespace := e.Encloses(p); namespace != "" {
			around = n.controls(PackageID{Format: p.Format, Namespace: namespace})
		}
	}
	n.walk(func(m *node) bool {
		if err != nil {
			return false
		}
		if p.Format == Generic && m != n { // which goes through no upstream (spec 7.5)
			return false
		}
		at := place{
			node:     m,
			internal: group.allows(InternalUpstream, m.ID.Name),
			external: group.allows(ExternalUpstream, m.ID.Name) && around.allows(ExternalUpstream, m.ID.Name),
		}
		if holds[m.ID.Name] {
			if at.pkg, err = tx.Package(m.ID, p); err != nil {
				return false
			}
			at.held = true
			if at.pkg.Restrictions.Upstream == Block {
				at.internal, at.external = false, false
			}
		}
		out = append(out, at)
		return at.internal
	})
	return out, err
}

// source is a connection as a package's search order reaches it.
type source struct {
	connection string
	repo       *node // that has the connection
	listing    *Listing
	err        error // why there is no listing
}

// sources gives the connections that the places lead to, without listings yet.
func (s *Service) sources(places []place, format string) []source {
	if s.Puller == nil {
		return nil
	}
	var out []source
	for _, at := range places {
		if !at.external {
			continue
		}
		for _, c := range at.node.own[format] {
			out = append(out, source{connection: c, repo: at.node})
		}
	}
	return out
}

// list fills in what each source offers, confirmed by it since then where since
// is not zero. A source that fails does not hide the others.
func (s *Service) list(ctx context.Context, sources []source, d DomainID, p PackageID, since time.Time) {
	for i := range sources {
		sources[i].listing, sources[i].err = s.Puller.Listing(ctx, d, sources[i].connection, p, since)
	}
}

// failure is the error of a package that nobody has: a source that failed is
// not the same as one that does not know it.
func failure(sources []source, otherwise error) error {
	for _, src := range sources {
		if src.err != nil && !IsNotFound(src.err) {
			return src.err
		}
	}
	for _, src := range sources {
		if errors.Is(src.err, ErrLeadsNowhere) {
			return src.err
		}
	}
	return otherwise
}

// unconfirmed is the error of a version that is not to be had, where a source's
// kept listing lacks it and the source, which fails, may have got it since;
// otherwise where none fails.
func unconfirmed(sources []source, id VersionID, otherwise error) error {
	for _, src := range sources {
		lacks := src.listing != nil && !slices.ContainsFunc(src.listing.Versions, func(v ListedVersion) bool { return v.Version == id.Version })
		if lacks && !src.listing.FailingSince.IsZero() {
			return Errorf(UpstreamFailed, "external connection %s: upstream fails since %s, and what it listed before lacks version %s of package %q",
				src.connection, src.listing.FailingSince.UTC().Format(time.RFC3339), id.Version, id.Package.DisplayName())
		}
	}
	return otherwise
}

// merged is a view with what a cached rendering of it depends on.
type merged struct {
	view   *PackageView
	vector vector
	from   []string  // connections that it was made of
	until  time.Time // when it has to be looked at again; zero: never
	guard  time.Time // when a guard's verdict may change; zero: never
	hidden []judged  // what the guard leaves out, ascending in the format's order
	again  bool      // a source gave no listing: at until the sources are asked again
	stale  time.Time // since when a source fails; zero: none does
}

// judged is a version with what the guard says of it.
type judged struct {
	view    VersionView
	verdict Verdict
}

// withheld is the guard's reason for a version that the view lacks; for the
// newest of all without one. Nil where it is not the guard's doing.
func (m *merged) withheld(r RepoID, id VersionID) error {
	if m == nil {
		return nil
	}
	for _, h := range slices.Backward(m.hidden) {
		if id.Version == "" || id.Version == h.view.Version.Version {
			return refused(r, VersionID{id.Package, h.view.Version.Version}, h.verdict)
		}
	}
	return nil
}

// merge builds the view of a package from the repositories of the places and
// the sources' listings. It runs in one View, so that the vector is that of
// what it saw.
func (s *Service) merge(ctx context.Context, tx Tx, n *node, p PackageID, rules Rules, places []place, sources []source) (*merged, error) {
	m := &merged{view: &PackageView{ID: p, Tags: map[string]string{}}}
	now := s.Clock()
	refresher, _ := rules.(Refresher)
	var all []*VersionView
	first := map[string]*VersionView{}
	add := func(v VersionView) {
		have := first[v.Version.Version]
		switch {
		case have == nil:
			first[v.Version.Version] = &v
			all = append(all, &v)
		case refresher != nil:
			have.refresh(v, refresher)
		}
	}
	var tags []map[string]string // nearest first
	for _, at := range places {
		if !at.held {
			continue
		}
		if at.node == n {
			m.view.Revision = at.pkg.Revision
		}
		versions, err := tx.Versions(at.node.ID, p)
		if err != nil {
			return nil, err
		}
		for _, v := range versions {
			add(VersionView{Version: v, Held: true})
		}
		tags = append(tags, at.pkg.Tags)
		m.dates(at.pkg.Created, at.pkg.Modified)
	}
	for _, src := range sources {
		m.from = append(m.from, src.connection)
		if src.listing == nil {
			m.again = true
			m.until = sooner(m.until, now.Add(retryListing))
			continue
		}
		l := src.listing
		m.until = sooner(m.until, l.FreshUntil)
		if !l.FailingSince.IsZero() && (m.stale.IsZero() || l.FailingSince.Before(m.stale)) {
			m.stale = l.FailingSince
		}
		for _, v := range l.Versions {
			add(VersionView{Version: l.from(src.connection, v), Listed: v.Assets})
		}
		tags = append(tags, l.Tags)
		if m.view.Metadata == nil {
			m.view.Metadata = l.Metadata
		}
		m.dates(time.Time{}, l.Modified)
	}
	_, unlisted := rules.(Unlister)
	guard, err := s.ruling(tx, n, p)
	if err != nil {
		return nil, err
	}
	for _, v := range all {
		if v.Status != Published && (v.Status != Unlisted || !unlisted) {
			continue
		}
		verdict := guard.judge(v.Version, v.Listed)
		m.guard = sooner(m.guard, verdict.Until)
		switch {
		case verdict.Hide:
			m.hidden = append(m.hidden, judged{*v, verdict})
		case v.Status == Published:
			m.view.Versions = append(m.view.Versions, *v)
		default:
			m.view.Unlisted = append(m.view.Unlisted, *v)
		}
	}
	m.until = sooner(m.until, m.guard)
	slices.SortStableFunc(m.hidden, func(a, b judged) int {
		return rules.Compare(a.view.Version.Version, b.view.Version.Version)
	})
	if m.vector, err = n.vector(tx, p, sources); err != nil {
		return nil, err
	}
	for _, of := range [][]VersionView{m.view.Versions, m.view.Unlisted} {
		slices.SortStableFunc(of, func(a, b VersionView) int {
			return rules.Compare(a.Version.Version, b.Version.Version)
		})
	}
	m.view.Tags = mergeTags(tags, m.view.Versions, rules)
	return m, nil
}

func (m *merged) dates(created, modified time.Time) {
	if !created.IsZero() && (m.view.Created.IsZero() || created.Before(m.view.Created)) {
		m.view.Created = created
	}
	if modified.After(m.view.Modified) {
		m.view.Modified = modified
	}
}

// retryListing is how soon a package whose source gave no listing is looked up
// again; the puller has its own, longer memory of what it was told.
const retryListing = 5 * time.Second

// sooner gives the earlier of two instants, zero meaning never.
func sooner(a, b time.Time) time.Time {
	if a.IsZero() || (!b.IsZero() && b.Before(a)) {
		return b
	}
	return a
}

// mergeTags lets the nearest repository's tag win. A tag whose version is not
// visible falls back to the next one that names a visible version, then to the
// newest visible version before it; "latest" is never missing while a version
// is there.
func mergeTags(nearest []map[string]string, versions []VersionView, rules Rules) map[string]string {
	out := map[string]string{}
	if len(versions) == 0 {
		return out
	}
	visible := make(map[string]bool, len(versions))
	for _, v := range versions {
		visible[v.Version.Version] = true
	}
	lost := map[string]string{}
	for _, tags := range nearest {
		for tag, version := range tags {
			switch {
			case out[tag] != "":
			case visible[version]:
				out[tag] = version
			case lost[tag] == "":
				lost[tag] = version
			}
		}
	}
	for tag, version := range lost {
		if out[tag] != "" {
			continue
		}
		for i := len(versions) - 1; i >= 0; i-- {
			if v := versions[i].Version.Version; rules.Compare(v, version) < 0 && rules.Prerelease(v) == rules.Prerelease(version) {
				out[tag] = v
				break
			}
		}
	}
	if out["latest"] == "" {
		out["latest"] = newest(versions, rules)
	}
	return out
}

// newest gives the highest version that is no prerelease, else the highest.
func newest(ascending []VersionView, rules Rules) string {
	for i := len(ascending) - 1; i >= 0; i-- {
		if v := ascending[i].Version.Version; !rules.Prerelease(v) {
			return v
		}
	}
	return ascending[len(ascending)-1].Version.Version
}

// view builds the merged view of a package for the asked repository. NotFound
// when no visible version is there; UpstreamFailed when that may be because a
// source failed.
func (s *Service) view(ctx context.Context, n *node, p PackageID, rules Rules) (*merged, error) {
	var at []place
	err := s.Metadata.View(ctx, func(tx Tx) error {
		var err error
		at, err = s.places(tx, n, p)
		return err
	})
	if err != nil {
		return nil, err
	}
	sources := s.sources(at, p.Format)
	s.list(ctx, sources, n.ID.Domain, p, time.Time{})
	var m *merged
	err = s.Metadata.View(ctx, func(tx Tx) error {
		// What the first look saw may have changed while sources were asked; a
		// source that became reachable meanwhile is found by the next request.
		at, err := s.places(tx, n, p)
		if err != nil {
			return err
		}
		m, err = s.merge(ctx, tx, n, p, rules, at, reachable(sources, at))
		return err
	})
	if err != nil {
		return nil, err
	}
	if len(m.view.Versions)+len(m.view.Unlisted) == 0 {
		if err := m.withheld(n.ID, VersionID{Package: p}); err != nil {
			return m, err
		}
		return m, failure(sources, noPackage(n.ID, p))
	}
	if err := failure(sources, nil); err != nil {
		s.Logger.DebugContext(ctx, "an upstream registry failed; serving what is held",
			"domain", n.ID.Domain.Name, "repo", n.ID.Name, "format", p.Format, "package", p.DisplayName(), "err", err)
	}
	return m, nil
}

// reachable drops sources that the places do not lead to any more.
func reachable(sources []source, places []place) []source {
	return slices.DeleteFunc(sources, func(src source) bool {
		return !slices.ContainsFunc(places, func(at place) bool { return at.external && at.node == src.repo })
	})
}

// Package gives the merged view of a package, built for this call. NotFound
// where no visible version is there. Needs ReadFromRepository.
func (r *Repo) Package(ctx context.Context, p PackageID) (*PackageView, error) {
	id, rules, err := r.svc.canonical(VersionID{Package: p})
	if err != nil {
		return nil, err
	}
	n, _, err := r.enter(ctx, ReadFromRepository, PackageID{})
	if err != nil {
		return nil, err
	}
	m, err := r.svc.view(ctx, n, id.Package, rules)
	if err != nil {
		return nil, err
	}
	return m.view, nil
}

// Held gives a package as this repository alone holds it, visible versions
// only: the base of an edit of the whole document. NotFound when it does not
// hold the package. Needs ReadFromRepository.
func (r *Repo) Held(ctx context.Context, p PackageID) (*PackageView, error) {
	id, rules, err := r.svc.canonical(VersionID{Package: p})
	if err != nil {
		return nil, err
	}
	n, _, err := r.enter(ctx, ReadFromRepository, PackageID{})
	if err != nil {
		return nil, err
	}
	var m *merged
	err = r.svc.Metadata.View(ctx, func(tx Tx) error {
		pkg, err := tx.Package(n.ID, id.Package)
		if err != nil {
			return err
		}
		m, err = r.svc.merge(ctx, tx, n, id.Package, rules, []place{{node: n, held: true, pkg: pkg}}, nil)
		return err
	})
	if IsNotFound(err) {
		return nil, Errorf(NotFound, "package %q is not in repository %q itself", id.Package.DisplayName(), n.ID.Name).About(n.ID.Package(id.Package))
	}
	if err != nil {
		return nil, err
	}
	return m.view, nil
}
