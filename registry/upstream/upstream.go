package upstream

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"runtime/debug"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"larder/registry"
)

// Config is what a Puller is made of. Metadata, Blobs, Adapters and
// Connections are required; zero members of the rest take their defaults.
type Config struct {
	Metadata registry.Metadata
	Blobs    registry.Blobs
	Adapters map[string]registry.Upstream // by format

	// Connections says where a connection leads. It is asked each time, so that
	// a changed URL acts at once, and should therefore be cheap. Its errors are
	// returned as they are. A connection without a URL leads nowhere: what is
	// kept of it is served, everything else is UpstreamFailed.
	Connections func(ctx context.Context, name string) (registry.Connection, error)

	ServerID string // marks our requests (Via); the same for all processes of a server
	Version  string // of this server, for User-Agent; a new version reads kept listings again

	// AllowPrivate lets documents and redirects lead to loopback, private and
	// otherwise special addresses. A connection's own configured host and port
	// always may be there.
	AllowPrivate bool

	Freshness Freshness
	Timeouts  Timeouts
	Limits    Limits

	Observe func(Observation) // for metrics; called often and concurrently, must not block
	Logger  *slog.Logger
	Clock   registry.Clock
}

// Freshness says for how long an answer of upstream is believed.
type Freshness struct {
	Fresh    time.Duration // a listing is not asked for again; default 5 minutes
	Recheck  time.Duration // to who must know, "there is none" is not asked for again; default 5 seconds
	NotFound time.Duration // "there is none" is believed; default 1 minute
	Failed   time.Duration // after a failure upstream is left alone; default 5 seconds
}

// Timeouts bound each step of a request to upstream.
type Timeouts struct {
	Connect  time.Duration // default 5 seconds
	TLS      time.Duration // handshake; default 5 seconds
	Header   time.Duration // from the request to the answer's header; default 15 seconds
	Idle     time.Duration // between two pieces of a body; default 15 seconds
	Document time.Duration // a listing or an auxiliary answer as a whole; default 2 minutes
	Download time.Duration // an asset as a whole; default 6 hours
}

// Limits bound what one answer may cost.
type Limits struct {
	Document  int64 // decoded bytes of one document; default 128 MiB
	Asset     int64 // bytes of one asset; default 5 GB (spec 8)
	Decoded   int64 // bytes of decoded listings kept in memory; default 24 MiB
	Documents int   // listings and auxiliary answers fetched at once per connection; default 32
	Downloads int   // assets fetched at once per connection; default 64
}

func (c Config) withDefaults() Config {
	f, t, l := &c.Freshness, &c.Timeouts, &c.Limits
	f.Fresh = cmp.Or(f.Fresh, 5*time.Minute)
	f.Recheck = cmp.Or(f.Recheck, 5*time.Second)
	f.NotFound = cmp.Or(f.NotFound, time.Minute)
	f.Failed = cmp.Or(f.Failed, 5*time.Second)
	t.Connect = cmp.Or(t.Connect, 5*time.Second)
	t.TLS = cmp.Or(t.TLS, 5*time.Second)
	t.Header = cmp.Or(t.Header, 15*time.Second)
	t.Idle = cmp.Or(t.Idle, 15*time.Second)
	t.Document = cmp.Or(t.Document, 2*time.Minute)
	t.Download = cmp.Or(t.Download, 6*time.Hour)
	l.Document = cmp.Or(l.Document, 128<<20)
	l.Asset = cmp.Or(l.Asset, 5_000_000_000)
	l.Decoded = cmp.Or(l.Decoded, 24<<20)
	l.Documents = cmp.Or(l.Documents, 32)
	l.Downloads = cmp.Or(l.Downloads, 64)
	c.Version = cmp.Or(c.Version, "dev")
	if c.Observe == nil {
		c.Observe = func(Observation) {}
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Clock == nil {
		c.Clock = time.Now
	}
	return c
}

// Puller implements registry.Puller. It is safe for concurrent use.
type Puller struct {
	cfg   Config
	proxy func(*http.Request) (*url.URL, error)
	tls   *tls.Config // nil: the system's roots

	refreshes singleflight.Group // by listing key
	decodes   singleflight.Group // by listing key and revision
	fetches   singleflight.Group // by connection and what is asked
	decoded   *decodedListings
	recent    *memory[missKey]
	absent    *memory[absentKey] // assets that upstream does not have

	mu       sync.Mutex
	clients  map[string]*client // by connection name
	flights  map[flightKey]*flight
	landings map[flightKey]landing
	closing  bool

	work   sync.WaitGroup
	ctx    context.Context // ends work that outlives its askers
	cancel context.CancelCauseFunc
}

var _ registry.Puller = (*Puller)(nil)

// New makes a Puller. It does no I/O. The caller closes it.
func New(cfg Config) *Puller {
	cfg = cfg.withDefaults()
	p := &Puller{
		cfg:      cfg,
		proxy:    http.ProxyFromEnvironment,
		decoded:  newDecodedListings(cfg.Limits.Decoded),
		recent:   newMemory[missKey](cfg.Freshness),
		absent:   newMemory[absentKey](cfg.Freshness),
		clients:  map[string]*client{},
		flights:  map[flightKey]*flight{},
		landings: map[flightKey]landing{},
	}
	p.ctx, p.cancel = context.WithCancelCause(context.Background())
	return p
}

// errClosing is why work ends when the server stops.
var errClosing = registry.Errorf(registry.Unavailable, "the server is stopping; try again in a moment")

// Close lets downloads and revalidations that are under way finish, and ends
// them when ctx does; the error is then ctx's. Later calls that would need
// upstream fail with Unavailable; kept listings are still served.
func (p *Puller) Close(ctx context.Context) error {
	p.mu.Lock()
	p.closing = true
	p.mu.Unlock()

	done := make(chan struct{})
	go func() {
		p.work.Wait()
		close(done)
	}()
	var err error
	select {
	case <-done:
	case <-ctx.Done():
		err = ctx.Err()
	}
	p.cancel(errClosing)
	<-done

	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.clients {
		c.closeIdle()
	}
	return err
}

// ended is errClosing for an error of work that ended because the server stops,
// wherever the work was.
func (p *Puller) ended(err error) error {
	if errors.Is(err, context.Canceled) && p.ctx.Err() != nil {
		return errClosing
	}
	return err
}

// begin announces work that may outlive its asker; false when the server is
// stopping. Each true is followed by one p.work.Done().
func (p *Puller) begin() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closing {
		return false
	}
	p.work.Add(1)
	return true
}

// detach gives a context with ctx's values that ends with the server and not with the asker.
func (p *Puller) detach(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	stop := context.AfterFunc(p.ctx, func() { cancel(context.Cause(p.ctx)) })
	return ctx, func() {
		stop()
		cancel(nil)
	}
}

// client gives the way to a connection; nil when it leads nowhere.
func (p *Puller) client(ctx context.Context, name string) (*client, error) {
	conn, err := p.cfg.Connections(ctx, name)
	if err != nil {
		return nil, err
	}
	if conn.URL == "" {
		return nil, nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	c := p.clients[name]
	if c != nil && c.configured == conn.URL && c.format == conn.Format {
		return c, nil
	}
	fresh, err := p.newClient(name, conn)
	if err != nil {
		return nil, err
	}
	if c != nil {
		c.closeIdle() // its requests under way go on
	}
	p.clients[name] = fresh
	return fresh, nil
}

// leadsNowhere is NotFound: nothing has failed, and clients repeat what they
// take for a failure for more than a minute.
func leadsNowhere(name string) error {
	return &registry.Error{
		Code: registry.NotFound,
		Msg:  fmt.Sprintf("external connection %s leads nowhere; set it with: larder connection set %s URL", name, name),
		Err:  registry.ErrLeadsNowhere,
	}
}

// adapter gives the way to read registries of the format.
func (p *Puller) adapter(connection, format string) (registry.Upstream, error) {
	a := p.cfg.Adapters[format]
	if a == nil {
		return nil, registry.Errorf(registry.UpstreamFailed,
			"external connection %s is for packages of format %q, which this server cannot read from other registries", connection, format)
	}
	return a, nil
}

// safely runs f; a panic becomes an error, so that a hostile document that
// trips an adapter costs one request and not the process.
func (p *Puller) safely(ctx context.Context, f func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			p.cfg.Logger.ErrorContext(ctx, "panic while working with an upstream", "panic", r, "stack", string(debug.Stack()))
			err = &registry.Error{Code: registry.Internal, Err: fmt.Errorf("panic: %v", r)}
		}
	}()
	return f()
}

// slots bounds how much is done at once.
type slots chan struct{}

func (s slots) take(ctx context.Context) error {
	select {
	case s <- struct{}{}:
		return nil
	default:
	}
	select {
	case s <- struct{}{}:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (s slots) give() { <-s }
