package upstream

import (
	"context"
	"errors"
	"strconv"
	"time"

	"larder/registry"
)

// listingKey names a kept listing.
type listingKey struct {
	domain     registry.DomainID
	connection string
	pkg        registry.PackageID
}

func (k listingKey) String() string {
	return k.domain.Owner + "\x00" + k.domain.Name + "\x00" + k.connection + "\x00" + k.pkg.Format + "\x00" + k.pkg.Namespace + "\x00" + k.pkg.Name
}

// kept is a listing as it is stored now.
type kept struct {
	registry.ListingRevision
	*entry
}

// current gives the listing with what belongs to this moment.
func (k *kept) current() *registry.Listing {
	l := *k.listing
	l.Revision = k.Revision
	l.Fetched, l.FreshUntil, l.FailingSince = k.Fetched, k.FreshUntil, k.FailingSince
	return &l
}

// there reports whether something is kept that can be served.
func (k *kept) there() bool { return k != nil && k.listing != nil }

// Listing implements registry.Puller. What it returns is shared by all
// callers: only its direct fields may be changed.
//
// No transaction is open while upstream is asked. A failure in keeping an
// answer is returned as the Internal error that it is.
func (p *Puller) Listing(ctx context.Context, d registry.DomainID, connection string, pkg registry.PackageID, since time.Time) (*registry.Listing, error) {
	key := listingKey{d, connection, pkg}
	c, err := p.client(ctx, connection)
	if err != nil && registry.CodeOf(err) != registry.UpstreamFailed {
		return nil, err
	}
	unusable := err
	if c == nil && unusable == nil {
		unusable = leadsNowhere(connection)
	}
	k, err := p.kept(ctx, key)
	if err != nil {
		return nil, err
	}
	t, now := p.cfg.Clock(), !since.IsZero()
	switch {
	case unusable != nil && k.there():
		return k.current(), nil
	case unusable != nil:
		return nil, unusable
	case c.format != pkg.Format:
		return nil, c.none(pkg)
	case k.there() && p.settled(k, c, t, since, key):
		p.cfg.Observe(Observation{Connection: connection, Kind: KindListing, Outcome: freshOrStale(k, t)})
		return k.current(), nil
	case k.there() && !now && !c.former(k):
		p.background(ctx, c, key, k)
		p.cfg.Observe(Observation{Connection: connection, Kind: KindListing, Outcome: Stale})
		return k.current(), nil
	}
	if !k.there() {
		if k != nil && t.Before(k.FreshUntil) && k.header.source == c.source && !now {
			return nil, c.none(pkg)
		}
		if err := p.recent.lookup(missKey{key, c.source}, t, now); err != nil {
			return nil, err
		}
	}
	n, err := p.refresh(ctx, c, key, k, now)
	switch {
	case n.there() && !registry.IsNotFound(err):
		return n.current(), nil
	case err == nil:
		return nil, c.none(pkg) // another process has just stored that
	}
	return nil, err
}

// Known implements registry.Puller.
func (p *Puller) Known(ctx context.Context, d registry.DomainID, connection string, pkg registry.PackageID) (*registry.Listing, error) {
	k, err := p.kept(ctx, listingKey{d, connection, pkg})
	switch {
	case err != nil:
		return nil, err
	case !k.there():
		return nil, registry.Errorf(registry.NotFound, "nothing is known of %s in external connection %s", pkg, connection)
	}
	return k.current(), nil
}

// settled reports whether upstream need not be asked.
func (p *Puller) settled(k *kept, c *client, t, since time.Time, key listingKey) bool {
	if since.IsZero() {
		return t.Before(k.FreshUntil) && k.header.source == c.source
	}
	confirmed := k.FailingSince.IsZero() && !k.Fetched.Before(since) && k.header.source == c.source
	return confirmed || p.recent.lookup(missKey{key, c.source}, t, true) != nil
}

func freshOrStale(k *kept, t time.Time) Outcome {
	if k.FailingSince.IsZero() && t.Before(k.FreshUntil) {
		return Fresh
	}
	return Stale
}

func (c *client) none(pkg registry.PackageID) error {
	return registry.Errorf(registry.NotFound, "external connection %s: upstream has no package %s", c.name, pkg)
}

// kept gives what is stored under the key, nil when nothing is or when it
// cannot be read any more.
func (p *Puller) kept(ctx context.Context, key listingKey) (*kept, error) {
	k := &kept{}
	err := p.cfg.Metadata.View(ctx, func(tx registry.Tx) error {
		r, err := tx.ListingRevisions(key.domain, []string{key.connection}, key.pkg)
		if err == nil {
			k.ListingRevision = r[0]
		}
		return err
	})
	if err != nil || k.Revision == 0 {
		return nil, err
	}
	if k.entry = p.decoded.get(key, k.Revision); k.entry != nil {
		return k, nil
	}
	// However many ask at once, a listing is read and decoded once.
	v, err, _ := p.decodes.Do(key.String()+"\x00"+strconv.FormatInt(k.Revision, 36), func() (any, error) {
		return p.load(context.WithoutCancel(ctx), key)
	})
	if err != nil {
		return nil, err
	}
	if loaded := v.(*kept); loaded != nil {
		return loaded, nil
	}
	return nil, nil
}

// load reads and decodes a stored listing; nil when it is gone or unreadable.
func (p *Puller) load(ctx context.Context, key listingKey) (*kept, error) {
	var row registry.StoredListing
	err := p.cfg.Metadata.View(ctx, func(tx registry.Tx) (err error) {
		row, err = tx.Listing(key.domain, key.connection, key.pkg)
		return err
	})
	if registry.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	e, err := newEntry(row)
	if err != nil {
		p.log(ctx, key, "a kept listing cannot be read and is fetched again", err)
		return nil, nil
	}
	p.decoded.put(key, e)
	return &kept{ListingRevision: momentOf(row), entry: e}, nil
}

func newEntry(row registry.StoredListing) (*entry, error) {
	h, l, size, err := decodeListing(row.Body)
	if err != nil {
		return nil, err
	}
	return &entry{
		revision:   row.Revision,
		header:     h,
		validators: validators{row.ETag, row.LastModified},
		listing:    l,
		size:       size,
	}, nil
}

func momentOf(row registry.StoredListing) registry.ListingRevision {
	return registry.ListingRevision{Revision: row.Revision, FreshUntil: row.FreshUntil, FailingSince: row.FailingSince, Fetched: row.Fetched}
}

// background revalidates without anybody waiting.
func (p *Puller) background(ctx context.Context, c *client, key listingKey, k *kept) {
	if p.recent.lookup(missKey{key, c.source}, p.cfg.Clock(), false) == nil {
		p.start(ctx, c, key, k, false)
	}
}

// refreshed is the end of a revalidation: what is kept after it.
type refreshed struct {
	kept *kept
	err  error
}

// refresh asks upstream and waits for the answer. With an error, kept is what
// stays; the work goes on when ctx ends.
func (p *Puller) refresh(ctx context.Context, c *client, key listingKey, k *kept, current bool) (*kept, error) {
	done := p.start(ctx, c, key, k, current)
	if done == nil {
		return k, errClosing
	}
	select {
	case r := <-done:
		return r.kept, r.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// start begins a revalidation, or joins the one that is under way for the key;
// nil when the server is stopping.
func (p *Puller) start(ctx context.Context, c *client, key listingKey, k *kept, current bool) <-chan refreshed {
	if !p.begin() {
		return nil
	}
	done := make(chan refreshed, 1)
	shared := p.refreshes.DoChan(key.String(), func() (any, error) {
		r := p.revalidate(ctx, c, key, k, current)
		r.err = p.ended(r.err)
		return r, nil
	})
	go func() {
		defer p.work.Done()
		done <- (<-shared).Val.(refreshed)
	}()
	return done
}

// revalidate asks upstream once and keeps the answer. seen is what the asker
// found kept.
func (p *Puller) revalidate(ctx context.Context, c *client, key listingKey, seen *kept, current bool) refreshed {
	ctx, cancel := p.detach(ctx)
	defer cancel()

	// Another revalidation may have ended between the asker's look and now.
	k, err := p.kept(ctx, key)
	if err != nil {
		return refreshed{err: err}
	}
	if k.there() && (seen == nil || k.Revision != seen.Revision || k.Fetched.After(seen.Fetched)) && k.header.source == c.source {
		return refreshed{kept: k}
	}
	if err := p.recent.lookup(missKey{key, c.source}, p.cfg.Clock(), current); err != nil {
		return refreshed{kept: k, err: err}
	}

	began := time.Now()
	l, g, err := p.ask(ctx, c, key.pkg, k, current)
	p.cfg.Observe(Observation{Connection: key.connection, Kind: KindListing, Outcome: outcome(err), Duration: time.Since(began)})
	switch {
	case err == nil:
		p.recent.forget(missKey{key, c.source})
		return p.keep(ctx, c, key, k, l, g.got)
	case errors.Is(err, registry.ErrNotModified):
		p.recent.forget(missKey{key, c.source})
		return p.confirm(ctx, key, k, k.validators, p.cfg.Freshness.Fresh)
	case registry.IsNotFound(err):
		p.recent.remember(missKey{key, c.source}, p.cfg.Clock(), err)
		return p.bury(ctx, c, key, k, err)
	case p.ctx.Err() != nil:
		return refreshed{kept: k, err: errClosing}
	}
	p.recent.remember(missKey{key, c.source}, p.cfg.Clock(), err)
	p.log(ctx, key, "upstream failed", err)
	if !k.there() {
		return refreshed{err: err}
	}
	return p.postpone(ctx, key, k, err)
}

// ask reads the listing through the adapter. The error is ErrNotModified,
// NotFound, or a failure of upstream.
func (p *Puller) ask(ctx context.Context, c *client, pkg registry.PackageID, k *kept, current bool) (*registry.Listing, *getter, error) {
	g := &getter{p: p, c: c, current: current}
	if k.there() && k.header.source == c.source {
		g.sent = k.validators
	}
	adapter, err := p.adapter(c.name, c.format)
	if err != nil {
		return nil, g, err
	}
	limit := p.cfg.Timeouts.Document
	ctx, cancel := context.WithTimeoutCause(ctx, limit, errOverall{limit})
	defer cancel()
	if err := c.documents.take(ctx); err != nil {
		return nil, g, c.failed(err, "too many requests to upstream are under way")
	}
	defer c.documents.give()
	var l *registry.Listing
	err = p.safely(ctx, func() (err error) {
		l, err = adapter.Listing(ctx, g, pkg)
		return err
	})
	switch {
	case err == nil && l == nil:
		return nil, g, c.failed(nil, "upstream gave no listing of %s", pkg)
	case err == nil, registry.CodeOf(err) == registry.UpstreamFailed, registry.IsNotFound(err):
		return l, g, err
	case errors.Is(err, registry.ErrNotModified) && g.seen:
		return nil, g, registry.ErrNotModified
	case errors.Is(err, registry.ErrNotModified):
		err = nil // upstream did not say so
	}
	return nil, g, c.failed(err, "upstream's listing of %s cannot be read", pkg)
}

// keep stores a new listing; one of equal content only confirms the old.
func (p *Puller) keep(ctx context.Context, c *client, key listingKey, k *kept, l *registry.Listing, got validators) refreshed {
	p.see(k, l)
	body := encodeListing(l, c.source)
	h, _ := decodeHeader(body)
	if k != nil && k.header == h {
		return p.confirm(ctx, key, k, got, p.cfg.Freshness.Fresh)
	}
	return p.put(ctx, key, body, got, p.cfg.Freshness.Fresh)
}

// see notes which versions of a listing are new since the one that was kept,
// whatever time upstream gives them. Of one whose package was gone meanwhile
// all are. Those of the first listing go by upstream's word; where it gives no
// time, none is younger than the listing.
func (p *Puller) see(k *kept, l *registry.Listing) {
	now := p.cfg.Clock().Truncate(time.Millisecond)
	l.First = now
	if k == nil {
		if !l.Modified.IsZero() && l.Modified.Before(now) {
			l.First = l.Modified
		}
		for i := range l.Versions {
			l.Versions[i].Seen = time.Time{}
		}
		return
	}
	seen := map[string]time.Time{}
	if k.there() {
		l.First = k.listing.First
		for _, v := range k.listing.Versions {
			seen[v.Version] = v.Seen
		}
	}
	for i := range l.Versions {
		v := &l.Versions[i]
		at, known := seen[v.Version]
		if v.Seen = at; !known {
			v.Seen = now
		}
	}
}

// bury stores that upstream has none any more, where a listing was kept.
func (p *Puller) bury(ctx context.Context, c *client, key listingKey, k *kept, cause error) refreshed {
	var r refreshed
	switch {
	case k == nil:
		return refreshed{err: cause}
	case k.there():
		r = p.put(ctx, key, encodeListing(nil, c.source), validators{}, p.cfg.Freshness.NotFound)
	default:
		r = p.confirm(ctx, key, k, validators{}, p.cfg.Freshness.NotFound)
	}
	if r.err == nil {
		r.err = cause
	}
	return r
}

// put stores a body under a new revision.
func (p *Puller) put(ctx context.Context, key listingKey, body []byte, v validators, fresh time.Duration) refreshed {
	now := p.cfg.Clock()
	row := registry.StoredListing{
		Body: body, ETag: v.etag, LastModified: v.lastModified,
		Fetched: now, FreshUntil: now.Add(fresh),
	}
	err := p.cfg.Metadata.Update(ctx, func(tx registry.Tx) error {
		if err := tx.PutListing(key.domain, key.connection, key.pkg, row); err != nil {
			return err
		}
		r, err := tx.ListingRevisions(key.domain, []string{key.connection}, key.pkg)
		if err == nil {
			row.Revision = r[0].Revision
		}
		return err
	})
	if err != nil {
		return refreshed{err: err}
	}
	e, err := newEntry(row)
	if err != nil {
		return refreshed{err: &registry.Error{Code: registry.Internal, Err: err}}
	}
	p.decoded.put(key, e)
	return refreshed{kept: &kept{ListingRevision: momentOf(row), entry: e}}
}

// confirm extends the life of what is kept.
func (p *Puller) confirm(ctx context.Context, key listingKey, k *kept, v validators, fresh time.Duration) refreshed {
	now := p.cfg.Clock()
	return p.touch(ctx, key, k, v, registry.ListingRevision{
		Revision: k.Revision, Fetched: now, FreshUntil: now.Add(fresh),
	})
}

// postpone keeps a listing although upstream failed, and leaves upstream alone
// for a while: the longer it has been failing the longer, up to the time that
// an answer would have been believed.
func (p *Puller) postpone(ctx context.Context, key listingKey, k *kept, cause error) refreshed {
	now := p.cfg.Clock()
	m := k.ListingRevision
	if m.FailingSince.IsZero() {
		m.FailingSince = now
	}
	f := p.cfg.Freshness
	m.FreshUntil = now.Add(min(max(2*f.Failed, now.Sub(m.FailingSince)), f.Fresh))
	r := p.touch(ctx, key, k, k.validators, m)
	if r.err == nil {
		r.err = cause
	}
	return r
}

// touch stores what moves without a new revision, unless the listing has been
// replaced in the meantime: validators belong to exactly one body.
func (p *Puller) touch(ctx context.Context, key listingKey, k *kept, v validators, m registry.ListingRevision) refreshed {
	replaced := false
	err := p.cfg.Metadata.Update(ctx, func(tx registry.Tx) error {
		r, err := tx.ListingRevisions(key.domain, []string{key.connection}, key.pkg)
		if err != nil {
			return err
		}
		if replaced = r[0].Revision != k.Revision; replaced {
			return nil
		}
		return tx.TouchListing(key.domain, key.connection, key.pkg, registry.StoredListing{
			ETag: v.etag, LastModified: v.lastModified,
			Fetched: m.Fetched, FreshUntil: m.FreshUntil, FailingSince: m.FailingSince,
		})
	})
	if err != nil {
		return refreshed{err: err}
	}
	if replaced {
		n, err := p.kept(ctx, key)
		return refreshed{kept: n, err: err}
	}
	e := k.entry
	if v != e.validators {
		moved := *e
		moved.validators = v
		e = &moved
		p.decoded.put(key, e)
	}
	return refreshed{kept: &kept{ListingRevision: m, entry: e}}
}

func (p *Puller) log(ctx context.Context, key listingKey, msg string, err error) {
	p.cfg.Logger.WarnContext(ctx, msg, "domain", key.domain.Name, "connection", key.connection,
		"format", key.pkg.Format, "package", key.pkg.String(), "err", err)
}
