package registry

import (
	"container/list"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"math"
	"slices"
	"strconv"
	"sync"
	"time"
)

// DocumentQuery names a document: kind is the format's own word, Base the
// repository's URL where links in it are absolute, else empty.
//
// A document of one version names it: a connection whose kept listing lacks
// the version is asked again before it is taken for missing.
type DocumentQuery struct {
	Package PackageID
	Version string
	Kind    string
	Base    string
}

// vector is the revisions that a rendering depends on: of the package in each
// repository of the chain, then of each connection's listing.
type vector []int64

// revisions reads what is true now: the vector, and the state of each listing
// that the repository reaches.
func (n *node) revisions(tx Tx, p PackageID) (vector, []ListingRevision, error) {
	v, err := tx.PackageRevisions(n.ID.Domain, n.chain, p)
	if err != nil || len(n.reach[p.Format]) == 0 {
		return v, nil, err
	}
	listings, err := tx.ListingRevisions(n.ID.Domain, n.reach[p.Format], p)
	for _, l := range listings {
		v = append(v, l.Revision)
	}
	return v, listings, err
}

// vector reads the revisions; for sources in hand it takes those of their
// listings, which may be older than what is kept by now.
func (n *node) vector(tx Tx, p PackageID, sources []source) (vector, error) {
	v, _, err := n.revisions(tx, p)
	if err != nil {
		return nil, err
	}
	for i, c := range n.reach[p.Format] {
		for _, src := range sources {
			if src.connection != c {
				continue
			}
			v[len(n.chain)+i] = 0
			if src.listing != nil {
				v[len(n.chain)+i] = src.listing.Revision
			}
		}
	}
	return v, nil
}

// documentKey is what a rendering is of.
type documentKey struct {
	repo RepoID
	DocumentQuery
}

// rendering is a document with what it depends on. Everything but the stamps
// is fixed when it is made.
type rendering struct {
	key    documentKey
	doc    *Document
	graph  int64
	vector vector
	from   []string
	guard  time.Time // when a guard's verdict may change; zero: never
	again  bool      // a source gave no listing: never revived, only made anew

	mu       sync.Mutex
	contents int64     // the domain's contents counter that it was last compared at
	until    time.Time // when it has to be compared again; zero: never

	charged int64 // of the cache's: the weight that it has been counted with
}

// current says whether the rendering still holds by comparing numbers only.
func (r *rendering) current(c Counters, now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.graph == c.Graph && r.contents == c.Contents && (r.until.IsZero() || now.Before(r.until))
}

func (r *rendering) stamp(contents int64, until time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.contents, r.until = contents, until
}

// Document gives a rendered index document of one package. render is a pure
// function of the merged view; it runs once per change. NotFound where the
// package has no visible version; UpstreamFailed where that may be because an
// upstream registry failed. Needs ReadFromRepository.
func (r *Repo) Document(ctx context.Context, q DocumentQuery, render func(*PackageView) ([]byte, error)) (*Document, error) {
	s := r.svc
	n, look, err := r.enter(ctx, ReadFromRepository, PackageID{})
	if err != nil {
		return nil, err
	}
	key := documentKey{n.ID, q}
	// Only canonical names are kept: one that is found needs no further look.
	if d := s.kept(key, look); d != nil {
		return d, nil
	}
	id, rules, err := s.canonical(VersionID{Package: q.Package})
	if err != nil {
		return nil, err
	}
	if key.Package != id.Package {
		key.Package = id.Package
		if d := s.kept(key, look); d != nil {
			return d, nil
		}
	}
	began := s.Clock() // before others are waited for: what they learn is new enough
	// One rendering at a time per document: the others find it made.
	unlock, err := s.documents.lock(ctx, key)
	if err != nil {
		return nil, err
	}
	defer unlock()
	have := s.documents.get(key)
	if have != nil && have.current(look.Counters, s.Clock()) {
		s.CacheUse("document", true)
		return have.doc, nil
	}
	if kept, err := s.revive(ctx, n, key, have, look.Counters); err != nil || kept != nil {
		s.CacheUse("document", kept != nil)
		return kept, err
	}
	s.CacheUse("document", false)
	m, err := s.viewOf(ctx, n, VersionID{key.Package, key.Version}, rules, began)
	if err != nil {
		return nil, err
	}
	plain, err := render(m.view)
	if err != nil {
		return nil, err
	}
	made := &rendering{
		key: key, doc: NewDocument(plain, m.view.Modified), graph: look.Graph,
		vector: m.vector, from: m.from, guard: m.guard, again: m.again,
		contents: look.Contents, until: m.until,
	}
	made.doc.StaleSince = m.stale
	s.documents.put(made)
	return made.doc, nil
}

// kept gives a rendering that still holds by a look at the counters; nil else.
func (s *Service) kept(key documentKey, look Look) *Document {
	have := s.documents.get(key)
	if have == nil || !have.current(look.Counters, look.At) {
		return nil
	}
	s.CacheUse("document", true)
	return have.doc
}

func (m *merged) has(version string) bool {
	if m == nil {
		return false
	}
	_, ok := m.view.Version(version)
	return ok
}

// viewOf is view for a caller who wants one version, if id names one: where it
// lacks that, the sources are asked again, but those asked since began.
// UpstreamFailed where one of them fails and may have it by now.
func (s *Service) viewOf(ctx context.Context, n *node, id VersionID, rules Rules, began time.Time) (*merged, error) {
	m, err := s.view(ctx, n, id.Package, rules)
	if id.Version == "" || m.has(id.Version) || (err != nil && !IsNotFound(err)) {
		return m, err
	}
	if err := m.withheld(n.ID, id); err != nil {
		return m, err
	}
	sources, err := s.revalidate(ctx, n, id.Package, began)
	if err != nil {
		return nil, err
	}
	if m, err = s.view(ctx, n, id.Package, rules); err == nil && !m.has(id.Version) {
		if err = m.withheld(n.ID, id); err == nil {
			err = unconfirmed(sources, id, nil)
		}
	}
	return m, err
}

// revalidate asks the sources of a package again before it returns, but those
// that have been asked since then.
func (s *Service) revalidate(ctx context.Context, n *node, p PackageID, since time.Time) ([]source, error) {
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
	s.list(ctx, sources, n.ID.Domain, p, since)
	return sources, nil
}

// revive compares a kept rendering with the revisions that are true now and
// stamps it anew where they are equal. Nil when it has to be rendered.
func (s *Service) revive(ctx context.Context, n *node, key documentKey, have *rendering, counters Counters) (*Document, error) {
	var now vector
	var listings []ListingRevision
	reach := n.reach[key.Package.Format]
	err := s.Metadata.View(ctx, func(tx Tx) error {
		var err error
		now, listings, err = n.revisions(tx, key.Package)
		return err
	})
	if err != nil {
		return nil, err
	}
	if have == nil || have.graph != counters.Graph || !slices.Equal(have.vector, now) {
		if have = s.documents.load(key, counters.Graph, now); have == nil {
			return nil, nil
		}
	}
	clock := s.Clock()
	if have.again || (!have.guard.IsZero() && !clock.Before(have.guard)) {
		return nil, nil
	}
	until, stale := have.guard, time.Time{}
	for i, c := range reach {
		if !slices.Contains(have.from, c) {
			continue
		}
		stale = sooner(stale, listings[i].FailingSince)
		fresh := listings[i].FreshUntil
		if !clock.Before(fresh) {
			s.refresh(n.ID.Domain, c, key.Package)
			fresh = clock.Add(refreshing)
		}
		until = sooner(until, fresh)
	}
	if stale != have.doc.StaleSince {
		return nil, nil // rare, and the document says so itself
	}
	have.stamp(counters.Contents, until)
	return have.doc, nil
}

// refreshing is how often a document whose listing is being revalidated is
// compared again.
const refreshing = time.Second

// refresh revalidates a listing behind the request.
func (s *Service) refresh(d DomainID, connection string, p PackageID) {
	s.behind.Go(func() {
		// The puller bounds its own work and keeps what it learnt; an error is its
		// to log.
		_, _ = s.Puller.Listing(context.Background(), d, connection, p, time.Time{})
	})
}

// documentCache keeps renderings in memory, least recently used out first, and
// hands what falls out to the Spill.
type documentCache struct {
	limit int64
	spill Spill
	trust string // what the Attestor trusts: a restart may change it

	mu    sync.Mutex
	size  int64
	byKey map[documentKey]*list.Element
	order *list.List // of *rendering, most recent first

	busy map[documentKey]*turn
}

// turn is held by one caller at a time: its channel holds one element then.
type turn struct {
	held    chan struct{}
	waiting int
}

func newDocumentCache(limit int64, spill Spill, trust string) *documentCache {
	return &documentCache{
		limit: limit, spill: spill, trust: trust,
		byKey: map[documentKey]*list.Element{}, order: list.New(), busy: map[documentKey]*turn{},
	}
}

func (c *documentCache) get(key documentKey) *rendering {
	c.mu.Lock()
	e, ok := c.byKey[key]
	if !ok {
		c.mu.Unlock()
		return nil
	}
	c.order.MoveToFront(e)
	r := e.Value.(*rendering)
	out := c.charge(r)
	c.mu.Unlock()
	c.spillAll(out)
	return r
}

// weight is what a rendering takes at the moment: its forms and itself.
func (r *rendering) weight() int64 { return r.doc.held.Load() + 512 }

func (c *documentCache) put(r *rendering) {
	c.mu.Lock()
	if old, ok := c.byKey[r.key]; ok {
		c.remove(old)
	}
	c.byKey[r.key] = c.order.PushFront(r)
	out := c.charge(r)
	c.mu.Unlock()
	c.spillAll(out)
}

// charge counts what the rendering weighs by now and gives what had to make
// room for it.
func (c *documentCache) charge(r *rendering) (out []*rendering) {
	weight := r.weight()
	c.size += weight - r.charged
	r.charged = weight
	for c.size > c.limit && c.order.Len() > 1 {
		out = append(out, c.remove(c.order.Back()))
	}
	return out
}

func (c *documentCache) remove(e *list.Element) *rendering {
	r := c.order.Remove(e).(*rendering)
	delete(c.byKey, r.key)
	c.size -= r.charged
	r.charged = 0
	return r
}

func (c *documentCache) spillAll(out []*rendering) {
	if c.spill == nil {
		return
	}
	for _, r := range out {
		if !r.again && r.doc.StaleSince.IsZero() {
			c.spill.Put(c.spillKey(r.key, r.graph, r.vector), r.encode())
		}
	}
}

// load brings a rendering back from the Spill.
func (c *documentCache) load(key documentKey, graph int64, v vector) *rendering {
	if c.spill == nil {
		return nil
	}
	b, ok := c.spill.Get(c.spillKey(key, graph, v))
	if !ok {
		return nil
	}
	r, ok := decodeRendering(b)
	if !ok {
		return nil
	}
	r.key, r.graph, r.vector = key, graph, v
	c.put(r)
	return r
}

// lock lets one caller at a time work on a document; a caller whose context
// ends waits no longer.
func (c *documentCache) lock(ctx context.Context, key documentKey) (unlock func(), err error) {
	c.mu.Lock()
	t := c.busy[key]
	if t == nil {
		t = &turn{held: make(chan struct{}, 1)}
		c.busy[key] = t
	}
	t.waiting++
	c.mu.Unlock()
	leave := func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if t.waiting--; t.waiting == 0 {
			delete(c.busy, key)
		}
	}
	select {
	case t.held <- struct{}{}:
		return func() { <-t.held; leave() }, nil
	case <-ctx.Done():
		leave()
		return nil, ctx.Err()
	}
}

// spillKey names a rendering by everything that it depends on, so that what is
// found under it is always right.
func (c *documentCache) spillKey(k documentKey, graph int64, v vector) string {
	h := sha256.New()
	for _, s := range []string{
		"gzip", // how encode writes it
		k.repo.Domain.Owner, k.repo.Domain.Name, k.repo.Name,
		k.Package.Format, k.Package.Namespace, k.Package.Name, k.Version, k.Kind, k.Base, c.trust,
	} {
		h.Write([]byte(strconv.Itoa(len(s)) + ":" + s))
	}
	for _, n := range append(vector{graph}, v...) {
		h.Write(binary.BigEndian.AppendUint64(nil, uint64(n)))
	}
	return hex.EncodeToString(h.Sum(nil))
}

// encode writes a rendering for the Spill: guard and modification time, the
// connections, size and tag of the document, and its compressed form.
func (r *rendering) encode() []byte {
	packed, _ := r.doc.Gzip()
	b := binary.AppendVarint(nil, unixMilli(r.guard))
	b = binary.AppendVarint(b, unixMilli(r.doc.Modified))
	b = binary.AppendUvarint(b, uint64(len(r.from)))
	for _, s := range append(slices.Clone(r.from), r.doc.ETag) {
		b = binary.AppendUvarint(b, uint64(len(s)))
		b = append(b, s...)
	}
	b = binary.AppendUvarint(b, uint64(r.doc.Size))
	return append(b, packed...)
}

func decodeRendering(b []byte) (*rendering, bool) {
	ok := true
	varint := func() int64 {
		v, n := binary.Varint(b)
		if ok = ok && n > 0; ok {
			b = b[n:]
		}
		return v
	}
	count := func(most uint64) int {
		v, n := binary.Uvarint(b)
		if ok = ok && n > 0 && v <= most; ok {
			b = b[n:]
			return int(v)
		}
		return 0
	}
	text := func() string {
		n := count(uint64(len(b)))
		if ok = ok && n <= len(b); !ok {
			return ""
		}
		s := string(b[:n])
		b = b[n:]
		return s
	}
	r := &rendering{guard: fromMilli(varint())}
	modified := fromMilli(varint())
	for range count(uint64(len(b))) {
		r.from = append(r.from, text())
	}
	etag, size := text(), count(math.MaxInt32)
	if !ok || len(etag) <= 2 {
		return nil, false
	}
	r.doc = describe(etag, size, modified)
	r.doc.packed = b
	r.doc.held.Store(int64(len(b)))
	return r, true
}

func unixMilli(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

func fromMilli(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}
