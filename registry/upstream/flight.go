package upstream

import (
	"cmp"
	"context"
	"io"
	"mime"
	"net/http"
	"net/url"
	"path"
	"strings"
	"sync"
	"time"

	"larder/registry"
)

// block is how much of an asset's end no reader gets before its digest is
// verified, in bytes. A reader of bad bytes thus never holds a whole file.
const block = 64 << 10

// flightKey names a download. The promise is part of it: askers that expect
// different bytes never get each other's.
type flightKey struct {
	domain     registry.DomainID
	connection string
	version    registry.VersionID
	asset      string
	promise    string
}

// finish records an asset for one repository.
type finish func(ctx context.Context, a registry.Asset, modified time.Time) error

// flight is one download and all who wait for it.
type flight struct {
	key   flightKey
	asset registry.ListedAsset
	// guessed: that it is not there is remembered
	guessed bool

	pending map[string]finish // by repository; under Puller.mu
	taken   map[string]bool   // repositories whose finish is known; under Puller.mu
	wanted  bool              // somebody waits for it; under Puller.mu
	cancel  context.CancelFunc

	ready chan struct{} // closed when readers can begin, or when it is over
	done  chan struct{} // closed when it is over

	mu      sync.Mutex
	size    int64 // -1: unknown
	written int64
	source  io.ReaderAt   // of what is written; nil: readers wait
	moved   chan struct{} // closed at the next progress; nil: nobody waits
	isReady bool

	// Set before done is closed.
	err    error            // the download failed
	failed map[string]error // by repository: its finish failed
	result registry.Asset

	modified time.Time // Last-Modified; set by download, before any finish

	reading sync.RWMutex // held for reading around source, for writing to take it away
}

// Pull implements registry.Puller.
//
// It waits until the first bytes are here, and to the end for an asset that is
// no longer than one block, whose size upstream does not tell, or that cannot be
// read back while it is written: its errors then come before a byte of it.
// Reading the body ends with ctx. When a finish fails, the askers of that
// repository get its error, and the others the asset.
//
// What upstream promises beside the asset (registry.Promiser) is fetched while
// the asset is. An asset of which nothing was promised is taken as it comes; only an HTML
// page in place of another kind of file and an empty body are refused.
func (p *Puller) Pull(ctx context.Context, r registry.PullRequest) (*registry.Pulled, error) {
	c, err := p.client(ctx, r.Connection)
	if err != nil {
		return nil, err
	}
	if c == nil {
		return nil, leadsNowhere(r.Connection)
	}
	if err := p.listedHere(ctx, c, r); err != nil {
		return nil, err
	}
	absent := absentKey{r.Connection, r.Version, r.Asset.Name, c.source}
	if r.Guessed {
		if err := p.absent.lookup(absent, p.cfg.Clock(), false); err != nil {
			return nil, err
		}
	}
	f := p.join(ctx, c, r)
	if f == nil {
		return nil, errClosing
	}
	if r.Behind {
		context.AfterFunc(ctx, func() { p.leave(f) })
	}
	select {
	case <-f.ready:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	select {
	case <-f.done:
		if err := f.outcome(r.Repo); err != nil {
			return nil, err
		}
		body, err := p.cfg.Blobs.Open(ctx, f.key.domain, f.result.Hashes.SHA256)
		if err != nil {
			return nil, err
		}
		return &registry.Pulled{Size: f.result.Size, Body: body, Wait: f.waiter(r.Repo)}, nil
	default:
	}
	if r.Admit != nil {
		if err := r.Admit(f.modified); err != nil {
			return nil, err
		}
	}
	return &registry.Pulled{
		Size: f.size,
		Body: &follower{ctx: ctx, blobs: p.cfg.Blobs, flight: f, repo: r.Repo},
		Wait: f.waiter(r.Repo),
	}, nil
}

// listedHere refuses an asset that only the registry has listed to which the
// connection led before: whoever set the connection anew wants nothing from there.
func (p *Puller) listedHere(ctx context.Context, c *client, r registry.PullRequest) error {
	if u, err := url.Parse(r.Asset.URL); r.Guessed || err == nil && !u.IsAbs() && u.Host == "" {
		return nil // below the connection's URL
	}
	k, err := p.kept(ctx, listingKey{r.Domain, r.Connection, r.Version.Package})
	if err == nil && k.there() && c.former(k) {
		return c.failed(nil, "version %s of package %q is known from where the connection led before, and the registry to which it leads now has not answered yet",
			r.Version.Version, r.Version.Package.DisplayName())
	}
	return err
}

// join gives the download for the request, beginning it when there is none;
// nil when the server is stopping.
func (p *Puller) join(ctx context.Context, c *client, r registry.PullRequest) *flight {
	key := flightKey{r.Domain, r.Connection, r.Version, r.Asset.Name, promiseKey(r.Asset)}
	p.mu.Lock()
	defer p.mu.Unlock()
	f := p.flights[key]
	if f == nil {
		if p.closing {
			return nil
		}
		f = &flight{
			key: key, asset: r.Asset, guessed: r.Guessed, size: -1,
			pending: map[string]finish{}, taken: map[string]bool{}, failed: map[string]error{},
			ready: make(chan struct{}), done: make(chan struct{}),
		}
		work, cancel := p.detach(ctx)
		f.cancel = cancel
		p.flights[key] = f
		p.work.Add(1)
		go func() {
			defer p.work.Done()
			defer cancel()
			p.fly(work, c, f)
		}()
	}
	f.wanted = f.wanted || !r.Behind
	if r.Finish != nil && !f.taken[r.Repo] {
		f.taken[r.Repo] = true
		f.pending[r.Repo] = r.Finish
	}
	return f
}

// leave ends a download that nobody waits for. Who asks for it from now on begins
// another.
func (p *Puller) leave(f *flight) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !f.wanted {
		f.cancel()
		p.forget(f)
	}
}

// forget lets nobody join any more; under mu.
func (p *Puller) forget(f *flight) {
	if p.flights[f.key] == f {
		delete(p.flights, f.key)
	}
}

// fly downloads, records for every repository that asked, and lets go.
func (p *Puller) fly(ctx context.Context, c *client, f *flight) {
	var err error
	got, ok := p.lately(ctx, f)
	if !ok {
		got, err = p.arrive(ctx, c, f)
	}
	if f.guessed && registry.IsNotFound(err) {
		p.absent.remember(absentKey{f.key.connection, f.key.version, f.key.asset, c.source}, p.cfg.Clock(), err)
	}
	conceal := func() {}
	if err == nil {
		conceal = p.expose(ctx, f, got)
	}
	for {
		batch := p.recorders(f, got, err)
		if batch == nil {
			break
		}
		for repo, record := range batch {
			if e := p.safely(ctx, func() error { return record(ctx, got, f.modified) }); e != nil {
				f.failed[repo] = e
			}
		}
	}
	conceal()
	f.end(got, err)
}

// arrive downloads, and tells of it.
func (p *Puller) arrive(ctx context.Context, c *client, f *flight) (got registry.Asset, err error) {
	began := time.Now()
	err = p.safely(ctx, func() (err error) {
		got, err = p.download(ctx, c, f)
		return err
	})
	if err != nil && ctx.Err() != nil {
		err = errClosing
	}
	p.cfg.Observe(Observation{
		Connection: c.name, Kind: KindAsset, Outcome: outcome(err), Duration: time.Since(began), Bytes: got.Size,
	})
	if registry.CodeOf(err) == registry.UpstreamFailed {
		p.cfg.Logger.WarnContext(ctx, "an asset did not come in", "domain", f.key.domain.Name, "connection", c.name,
			"format", f.key.version.Package.Format, "package", f.key.version.Package.String(),
			"version", f.key.version.Version, "asset", f.asset.Name, "err", err)
	}
	return got, err
}

// recorders takes what is to be called now; nil when that is all, and from
// then on nobody joins any more.
func (p *Puller) recorders(f *flight, got registry.Asset, err error) map[string]finish {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err != nil || len(f.pending) == 0 {
		p.forget(f)
		if err == nil {
			p.landed(f, got)
		}
		return nil
	}
	batch := f.pending
	f.pending = map[string]finish{}
	return batch
}

// download brings the bytes into the domain's blobs and verifies them.
func (p *Puller) download(ctx context.Context, c *client, f *flight) (registry.Asset, error) {
	var none registry.Asset
	limit := p.cfg.Timeouts.Download
	network, cancel := context.WithTimeoutCause(ctx, limit, errOverall{limit})
	defer cancel()
	if err := c.downloads.take(network); err != nil {
		return none, c.failed(err, "too many downloads are under way")
	}
	defer c.downloads.give()

	promise, drop := p.promise(network, c, f)
	defer drop()
	a, err := p.exchange(network, c, f.asset.URL, exchange{
		method:   http.MethodGet,
		accept:   "*/*",
		encoding: "identity",
		limit:    p.cfg.Limits.Asset,
		opaque:   compressed(f.asset.Name),
	})
	if err != nil {
		return none, err
	}
	defer a.Body.Close()
	size, err := c.expected(a, f.asset)
	if err != nil {
		return none, err
	}
	f.modified = modified(a, p.cfg.Clock())
	stated := p.stated(c, a)
	// Some servers describe XML as HTML: a promise beside the asset clears it.
	page := webPage(a, f.asset)
	if _, asks := p.cfg.Adapters[c.format].(registry.Promiser); page && !asks {
		return none, c.notAPage(f.asset)
	}

	w, err := p.cfg.Blobs.Create(ctx, f.key.domain)
	if err != nil {
		return none, err
	}
	defer w.Abort()
	defer f.detach() // before Abort: nobody may read what goes away
	f.attach(w, size)

	hashes := newHasher()
	n, err := f.fill(c, io.MultiWriter(hashes, w), a.Body)
	if err != nil {
		return none, err
	}
	got := registry.Asset{Name: f.asset.Name, Size: n, Hashes: hashes.sums()}
	if f.asset.Size > 0 && n != f.asset.Size {
		return none, c.wrongSize(n, f.asset)
	}
	asset, err := promise()
	if err != nil {
		return none, err
	}
	if what := cmp.Or(broken(asset, got.Hashes), broken(stated, got.Hashes)); what != "" {
		return none, c.failed(nil, "the bytes of %s that upstream sent do not have the %s that it promised; nothing of them is kept",
			asset.Name, what)
	}
	if page && !promised(asset) && !promised(stated) {
		return none, c.notAPage(asset)
	}
	if n == 0 && !promised(asset) && !promised(stated) {
		return none, c.failed(nil, "upstream sent nothing for %s", f.asset.Name)
	}
	f.detach()
	if err := w.Commit(ctx, got.Hashes.SHA256); err != nil {
		return none, err
	}
	return got, nil
}

// expected gives the size of what is coming, -1 when nobody said, and refuses
// what is wrong by its header.
func (c *client) expected(a *registry.GetAnswer, asset registry.ListedAsset) (int64, error) {
	switch {
	case a.Size >= 0 && asset.Size > 0 && a.Size != asset.Size:
		return 0, c.wrongSize(a.Size, asset)
	case a.Size >= 0:
		return a.Size, nil
	case asset.Size > 0:
		return asset.Size, nil
	}
	return -1, nil
}

// webPage reports whether upstream describes an asset as a web page that
// neither its promise nor its name says is one.
func webPage(a *registry.GetAnswer, asset registry.ListedAsset) bool {
	return !promised(asset) && isHTML(a.ContentType) && !isHTML(mime.TypeByExtension(path.Ext(asset.Name)))
}

func (c *client) notAPage(asset registry.ListedAsset) error {
	return c.failed(nil, "upstream sent a web page in place of %s", asset.Name)
}

func (c *client) wrongSize(n int64, asset registry.ListedAsset) error {
	return c.failed(nil, "upstream sends %d bytes for %s, but its listing promised %d; nothing of them is kept", n, asset.Name, asset.Size)
}

func isHTML(contentType string) bool {
	t, _, _ := mime.ParseMediaType(contentType)
	return t == "text/html" || t == "application/xhtml+xml"
}

// compressed reports whether files of that name are gzip by themselves. Some
// servers describe them with a Content-Encoding although it was not asked for;
// the file is then what they sent, as pip and curl take it, too.
func compressed(name string) bool {
	switch strings.ToLower(path.Ext(name)) {
	case ".tgz", ".gz", ".crate":
		return true
	}
	return false
}

var buffers = sync.Pool{New: func() any { return new([block]byte) }}

// fill copies what comes, one block at a time, and tells the readers.
func (f *flight) fill(c *client, w io.Writer, body io.Reader) (int64, error) {
	buf := buffers.Get().(*[block]byte)
	defer buffers.Put(buf)
	var total int64
	for {
		n, err := body.Read(buf[:])
		if n > 0 {
			if _, werr := w.Write(buf[:n]); werr != nil {
				return total, werr
			}
			total += int64(n)
			if f.asset.Size > 0 && total > f.asset.Size {
				return total, c.failed(nil, "upstream sends more of %s than the %d bytes that its listing promised; nothing of them is kept", f.asset.Name, f.asset.Size)
			}
			f.advance(total)
		}
		if err == io.EOF {
			return total, nil
		}
		if err != nil {
			return total, err
		}
	}
}

// attach makes what is written readable, where the writer can read back.
func (f *flight) attach(w registry.BlobWriter, size int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.size = size
	f.source, _ = w.(io.ReaderAt)
}

// expose lets readers go on with the committed blob while it is recorded; the
// last block still waits. The returned function takes it away again.
func (p *Puller) expose(ctx context.Context, f *flight, got registry.Asset) func() {
	if !f.followed() {
		return func() {}
	}
	b, err := p.cfg.Blobs.Open(ctx, f.key.domain, got.Hashes.SHA256)
	if err != nil {
		return func() {} // readers wait, and meet the error themselves
	}
	f.mu.Lock()
	f.source = b
	f.wake()
	f.mu.Unlock()
	return func() {
		f.detach()
		b.Close()
	}
}

// followed reports whether there may be readers.
func (f *flight) followed() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.isReady
}

// detach takes the source away from the readers, and waits for those that are
// reading it. What they have not read by then they get from the blob.
func (f *flight) detach() {
	f.reading.Lock()
	defer f.reading.Unlock()
	f.mu.Lock()
	defer f.mu.Unlock()
	f.source = nil
}

// advance tells the readers that more is written.
func (f *flight) advance(written int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.written = written
	f.wake()
	if !f.isReady && f.source != nil && f.size >= 0 && written > block {
		f.isReady = true
		close(f.ready)
	}
}

// wake lets waiting readers look again; under mu.
func (f *flight) wake() {
	if f.moved != nil {
		close(f.moved)
		f.moved = nil
	}
}

// end publishes the result.
func (f *flight) end(got registry.Asset, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.result, f.err = got, err
	close(f.done)
	if !f.isReady {
		f.isReady = true
		close(f.ready)
	}
}

// outcome is how it ended for a repository; only after done.
func (f *flight) outcome(repo string) error {
	if f.err != nil {
		return f.err
	}
	return f.failed[repo]
}

func (f *flight) waiter(repo string) func(context.Context) (registry.Asset, time.Time, error) {
	return func(ctx context.Context) (registry.Asset, time.Time, error) {
		select {
		case <-f.done:
		case <-ctx.Done():
			return registry.Asset{}, time.Time{}, ctx.Err()
		}
		if err := f.outcome(repo); err != nil {
			return registry.Asset{}, time.Time{}, err
		}
		return f.result, f.modified, nil
	}
}
