package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"larder/cmd/larder/discover"
	"larder/events"
	"larder/events/rules"
	"larder/formats"
	"larder/formats/generic"
	"larder/formats/maven"
	"larder/formats/npm"
	"larder/formats/nuget"
	"larder/formats/pypi"
	"larder/internal/httpx"
	"larder/policy"
	"larder/policy/audit"
	"larder/policy/iam"
	"larder/policy/identity"
	"larder/registry"
	"larder/registry/api"
	"larder/registry/guard"
	"larder/registry/guard/sigstore"
	"larder/registry/upstream"
	"larder/storage"
	"larder/storage/fs"
)

// wireFormats are the package formats that are served. A new one is a line here.
func wireFormats(c *Config) []formats.Format {
	return []formats.Format{npm.Format(), pypi.Format(), maven.Format(maven.Options{KeepBuilds: c.SnapshotBuilds, UpstreamSnapshots: c.UpstreamSnapshots}), nuget.Format()}
}

const (
	// documentSpill bounds rendered documents kept on disk, in bytes.
	documentSpill = 1 << 30
	// sweepEvery is how often bytes are looked for that nothing refers to.
	sweepEvery = 12 * time.Hour
	// retentionPoll is how often retention rules are looked for that are due.
	retentionPoll = time.Minute
	// drainTime is how long requests that run may take to finish at the end.
	drainTime = 25 * time.Second
	// flushTime is how long events on their way are waited for at the end.
	flushTime = 3 * time.Second
)

func newServeCommand() *cobra.Command {
	var c Config
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run the registry",
		Long: `Run the registry until it is told to stop (SIGTERM or SIGINT).

Each flag is also an environment variable, upper case with LARDER_ before it
(LARDER_PUBLIC_URL), and a key of the YAML file named by --config. A flag
outranks the environment, and the environment the file.`,
		Example: "  larder serve\n  larder serve --data /var/lib/larder --listen 0.0.0.0:8484 --public-url https://packages.example.com",
		Args:    cobra.NoArgs,
	}
	cmd.Flags().AddFlagSet(configFlags(&c))
	cmd.Flags().SortFlags = false
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := c.complete(cmd.Flags(), os.Getenv); err != nil {
			return err
		}
		ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
		defer stop()
		paceCollector()
		s := &Server{Config: c, Stderr: cmd.ErrOrStderr(), Machine: discover.ThisMachine()}
		if err := s.Run(ctx); err != nil {
			if ctx.Err() != nil {
				return nil // told to stop while it started
			}
			return err
		}
		var failed error
		select {
		case <-ctx.Done():
		case failed = <-s.Failed():
		}
		stop() // a second signal ends the process at once
		s.log.Info("stopping: requests that run may finish", "within", drainTime.String())
		return errors.Join(failed, s.Close())
	}
	return cmd
}

// Server is one running registry. Fill in the exported members, Run it, Close
// it: a Server runs once.
type Server struct {
	Config  Config
	Stderr  io.Writer        // logs, and the line that says it is ready
	Machine discover.Machine // whose package tools are asked at the first start

	log       *slog.Logger
	lines     *batchWriter
	json      io.Writer // for lines that are JSON already; nil at a terminal
	folder    dataFolder
	metadata  registry.Metadata
	blobs     registry.Blobs
	sealer    *identity.Sealer
	identity  *identity.Authenticator
	policies  *policy.Authorizer
	audit     *audit.Log
	authorize registry.Authorizer
	inner     *events.Embedded // nil: NATS is elsewhere
	bus       *events.JetStream
	relay     *events.Relay
	rules     *rules.Dispatcher
	puller    *upstream.Puller
	service   *registry.Service
	metrics   *metrics
	serverID  string

	listener    net.Listener
	failed      chan error
	url         string
	certificate string                        // fingerprint; empty without TLS
	discovered  chan struct{}                 // closed when the package tools have been asked
	stops       []func(context.Context) error // in order of starting
}

// Run opens everything, starts to serve and returns once requests are
// answered. An error is one sentence for the person who started it; everything
// is closed again then.
func (s *Server) Run(ctx context.Context) (err error) {
	s.lines = newBatchWriter(s.Stderr)
	s.log, s.json = newLogger(s.lines, s.Stderr)
	s.folder = dataFolder(s.Config.Data)
	s.failed = make(chan error, 2)
	defer func() {
		if err != nil {
			_ = s.Close()
		}
	}()
	s.log.Info("starting", "version", version(), "config", &s.Config)
	for _, open := range []func(context.Context) error{
		s.openListener, s.openFolder, s.openStorage, s.openIdentity, s.openEncryption, s.openEvents, s.openRules, s.openService, s.serve,
	} {
		if err := open(ctx); err != nil {
			return err
		}
	}
	return s.ready()
}

// URL is where the server is reached on this machine, without trailing slash.
func (s *Server) URL() string { return s.url }

// Failed gives the error when a listener breaks while the server runs.
func (s *Server) Failed() <-chan error { return s.failed }

// Close lets running requests finish, hands over the events that are on their
// way, and closes what Run opened, last opened first.
func (s *Server) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), drainTime)
	defer cancel()
	var all []error
	for i := len(s.stops) - 1; i >= 0; i-- {
		all = append(all, s.stops[i](ctx))
	}
	s.stops = nil
	s.lines.Flush()
	return errors.Join(all...)
}

// onClose adds a step to Close; steps run in the reverse order.
func (s *Server) onClose(f func(context.Context) error) { s.stops = append(s.stops, f) }

// openListener comes first: a taken address is the commonest failure, and
// nothing has been touched then.
func (s *Server) openListener(ctx context.Context) error {
	l, err := listen(ctx, "--listen", s.Config.Listen)
	if err != nil {
		return err
	}
	s.listener = l
	s.onClose(func(context.Context) error { return ignoreClosed(l.Close()) })
	return nil
}

func (s *Server) openFolder(context.Context) error {
	lock, err := s.folder.open(s.log)
	if err != nil {
		return err
	}
	s.onClose(func(context.Context) error { return lock.Close() })
	return nil
}

func (s *Server) openStorage(ctx context.Context) (err error) {
	if s.metadata, err = storage.Metadata(ctx, s.Config.Metadata, s.Config.Data); err != nil {
		return fmt.Errorf("cannot open the database: %w", err)
	}
	s.onClose(func(context.Context) error { return s.metadata.Close() })
	s.warnOfNewerSchema()
	if s.blobs, err = storage.Blobs(ctx, s.Config.Blobs, s.Config.Data, s.encryptionKey); err != nil {
		return fmt.Errorf("cannot open the blob store: %w", err)
	}
	if c, ok := s.blobs.(io.Closer); ok {
		s.onClose(func(context.Context) error { return c.Close() })
	}
	s.warnOfHalves()
	return nil
}

func (s *Server) openIdentity(ctx context.Context) error {
	master, err := s.masterKey(ctx)
	if err != nil {
		return fmt.Errorf("cannot read the master key: %w", err)
	}
	if s.sealer, err = identity.NewSealer(master); err != nil {
		return err
	}
	if err := confirmMasterKey(ctx, s.metadata, s.sealer); err != nil {
		return err
	}
	if s.serverID, err = serverIDOf(ctx, s.metadata, master); err != nil {
		return err
	}

	first, err := firstStart(ctx, s.metadata, s.sealer, s.folder)
	if err != nil {
		return fmt.Errorf("the first start failed: %w", err)
	}
	if first {
		s.log.Info("first start: made account, administrator, domain and repositories", "account", identity.FirstAccount, "domain", firstDomain, "credentials", s.folder.credentials())
	}
	s.policies = policy.New(policy.Config{
		Metadata:       s.metadata,
		Region:         s.Config.Region,
		Organization:   "o-" + s.serverID,
		AnonymousReads: s.Config.AnonymousReads,
	})
	records := audit.Config{File: s.folder.audit(), Region: s.Config.Region, Logger: s.log}
	if s.Config.AuditNATS {
		records.Publish = func(ctx context.Context, account string, record []byte) error {
			return s.bus.PublishAudit(ctx, account, record)
		}
	}
	s.audit = audit.New(records)
	s.authorize = s.audit.Authorizer(s.policies)
	s.identity = identity.New(identity.Config{
		Metadata: s.metadata,
		Sealer:   s.sealer,
		Peer: func(r *http.Request) identity.Peer {
			rec := httpx.RecordOf(r.Context())
			return identity.Peer{Source: rec.Peer.Addr, Secure: rec.Peer.Secure(), Host: rec.Peer.Host, At: rec.Began}
		},
	})
	return s.identity.Prepare(ctx)
}

// masterKey takes the key of the named file, or of the environment itself, or
// of the data folder, where it is made at the first start. One that is lost is
// not made anew: it would lie where the right one belongs.
func (s *Server) masterKey(ctx context.Context) ([]byte, error) {
	if named := s.Config.MasterKey; named != "" {
		return readMasterKey(named, s.Config.MasterKeyInEnvironment)
	}
	file := s.folder.masterKey()
	if _, err := os.Stat(file); errors.Is(err, os.ErrNotExist) {
		var sealed []registry.Key
		err := s.metadata.View(ctx, func(tx registry.Tx) (err error) {
			sealed, err = tx.Keys(masterCheck)
			return err
		})
		if err != nil {
			return nil, err
		}
		if len(sealed) > 0 {
			return nil, fmt.Errorf("%s is missing, and this database was %w: put the file back, or name it: --master-key FILE or LARDER_MASTER_KEY, the same for every process", file, identity.ErrOtherMasterKey)
		}
	}
	return identity.EnsureMasterKey(file)
}

func (s *Server) openEvents(ctx context.Context) (err error) {
	if s.Config.NATS != "" {
		s.bus, err = events.Dial(s.Config.NATS, events.BusConfig{Region: s.Config.Region, Stream: s.Config.Stream, Logger: s.log})
	} else {
		s.inner, err = events.Start(events.EmbeddedConfig{
			StoreDir:     s.folder.events(),
			Listen:       s.Config.NATSListen,
			Explicit:     s.Config.NATSAsked,
			Authenticate: s.identity.AccessKeyActor,
			Authorizer:   s.authorize,
			Subjects:     s.subjects,
			Stream:       s.Config.Stream,
			Logger:       s.log,
		})
		if err != nil {
			return err
		}
		s.onClose(func(context.Context) error { s.inner.Close(); return nil })
		s.bus, err = s.inner.Bus(s.Config.Region)
	}
	if err != nil {
		return err
	}
	s.onClose(func(context.Context) error { s.bus.Close(); return nil })

	if s.Config.AuditNATS {
		s.background(func(ctx context.Context) { _ = s.audit.Run(ctx) }) // it ends with ctx alone
	}
	s.relay = events.NewRelay(events.RelayConfig{Metadata: s.metadata, Bus: s.bus, Logger: s.log, Poll: s.relayPoll()})
	s.oneOfAll(relayWork, s.relay.Run)
	s.onClose(s.flushEvents)
	return nil
}

// background runs f until Close, which waits for it.
func (s *Server) background(f func(context.Context)) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); f(ctx) }()
	s.onClose(func(context.Context) error { cancel(); <-done; return nil })
}

// flushEvents waits until the outbox is empty. What is not on the bus by then
// is sent by the next start.
func (s *Server) flushEvents(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, flushTime)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		depth := 0
		err := s.metadata.View(ctx, func(tx registry.Tx) (err error) {
			depth, err = tx.OutboxDepth()
			return err
		})
		if err != nil || depth == 0 || s.bus.Ready() != nil {
			return nil
		}
		s.relay.Wake()
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

func (s *Server) openService(context.Context) error {
	spill, err := fs.NewSpill(s.folder.documents(), documentSpill)
	if err != nil {
		return s.folder.unusable(err)
	}
	connections := &registry.Connections{Metadata: s.metadata, Given: s.Config.Connections, Sealer: s.sealer}
	// Generic packages have no client of their own: only the API serves them.
	rules, adapters := map[string]registry.Rules{registry.Generic: generic.Rules{}}, map[string]registry.Upstream{}
	for _, f := range wireFormats(&s.Config) {
		rules[f.Name] = f.Rules
		if f.Upstream != nil {
			adapters[f.Name] = f.Upstream
		}
	}
	s.metrics = newMetrics(s.relay, s.rules)
	s.puller = upstream.New(upstream.Config{
		Metadata:     s.metadata,
		Blobs:        s.blobs,
		Adapters:     adapters,
		Connections:  connections.Find,
		ServerID:     s.serverID,
		Version:      version(),
		AllowPrivate: s.Config.PrivateTargets,
		Observe:      s.metrics.upstream,
		Logger:       s.log,
	})
	s.onClose(s.puller.Close)
	var attestor registry.Attestor
	if s.Config.TrustRoot != "" {
		if attestor, err = sigstore.Load(s.Config.TrustRoot); err != nil {
			return fmt.Errorf("--trust-root: %w", err)
		}
	}
	downloads := &registry.DownloadLog{Metadata: s.metadata, Logger: s.log}
	s.background(downloads.Run)
	s.background(giveBack)
	s.service, err = registry.New(registry.Config{
		Metadata:    s.metadata,
		Blobs:       s.blobs,
		Authorizer:  s.authorize,
		Guard:       guard.New(rules),
		Attestor:    attestor,
		Downloads:   downloads,
		Puller:      s.puller,
		Rules:       rules,
		CheckPolicy: policy.CheckPolicy,
		Connections: connections,
		Spill:       spill,
		Logger:      s.log,
		Wake:        s.wake,
		Shared:      s.shared(),
		CacheUse:    s.metrics.cacheUse,
		Limits:      s.Config.Quotas.bytes,
		Quotas:      s.Config.Quotas.core,

		AskedFilesOnly: s.Config.AskedFilesOnly,
	})
	if err != nil {
		return err
	}
	s.onClose(s.service.Close)
	s.oneOfAll("sweep", s.sweep)
	s.oneOfAll("retention", s.retain)
	if !s.Config.AskedFilesOnly {
		s.oneOfAll("imports", s.service.ImportVersions)
	}
	if len(s.Config.Advisories) > 0 {
		s.oneOfAll("advisories", func(ctx context.Context) error {
			s.advisories(ctx, rules)
			return nil
		})
	}
	d := &discovery{
		folder: s.folder, connections: connections, machine: s.Machine,
		own: newOwnAddress(s.listener.Addr(), s.Config.PublicURL), log: s.log,
	}
	s.discovered = make(chan struct{})
	s.background(func(ctx context.Context) { defer close(s.discovered); d.Run(ctx) })
	return nil
}

// sweep deletes bytes that nothing refers to, now and again.
func (s *Server) sweep(ctx context.Context) error {
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	for {
		if err := s.service.Sweep(ctx); err != nil && ctx.Err() == nil {
			s.log.Warn("bytes that nothing refers to stay for now", "error", err)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// retain applies retention rules when they are due.
func (s *Server) retain(ctx context.Context) error {
	tick := time.NewTicker(retentionPoll)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
		if err := s.service.ApplyRetention(ctx); err != nil && ctx.Err() == nil {
			s.log.Warn("retention rules wait", "error", err)
		}
	}
}

// handler puts the surfaces together. A request passes, in this order: the
// frame (id, client behind proxies, log line), the first segment of its path,
// and there: authentication and what it asks for.
func (s *Server) handler(ops *operations) http.Handler {
	served := wireFormats(&s.Config)
	repositories := formats.Mount(s.service, served, formats.Options{
		Authenticate: s.identity.Client,
		Base:         httpx.Base,
		ServerID:     s.serverID,
		Observe:      s.metrics.requests,
		Otherwise:    nowhere(served),
	})
	control := api.New(s.service, api.Config{
		Sign:   s.audit.Caller(s.identity.Signed("codeartifact")),
		Tokens: s.identity,
		Base:   httpx.Base,
		Region: s.Config.Region,
		Rates:  s.Config.Quotas.rates,
	})
	proxies, err := httpx.ParseProxies(s.Config.Trusted)
	if err != nil {
		panic(err) // Config.check has read them
	}
	return &httpx.Front{
		Next:      route(ops, s.metrics.control(s.calls()), s.metrics.control(s.audit.Control("codeartifact", control)), upstream.CarryVia(repositories)),
		Log:       s.log,
		JSON:      s.json,
		Proxies:   proxies,
		PublicURL: s.Config.PublicURL,
	}
}

// calls answers IAM, STS and Organizations on POST /.
func (s *Server) calls() http.Handler {
	dialer := &net.Dialer{Timeout: 10 * time.Second}
	if !s.Config.PrivateTargets {
		dialer.Control = upstream.Control
	}
	return iam.New(iam.Config{
		Metadata:    s.metadata,
		Policies:    s.policies,
		Credentials: s.identity,
		// Issuers are named by whoever keeps an account.
		WebIdentities: identity.NewWebIdentities(&http.Client{Transport: &http.Transport{
			DialContext: dialer.DialContext, TLSHandshakeTimeout: 10 * time.Second, ForceAttemptHTTP2: true, MaxIdleConns: 16, IdleConnTimeout: time.Minute,
		}}, nil),
		Next: s.eventCalls(dialer.Control),
		Sign: s.identity.Signed,
		Peer: func(r *http.Request) (netip.Addr, bool) {
			p := httpx.RecordOf(r.Context()).Peer
			return p.Addr, p.Secure()
		},
		Observe: func(ctx context.Context, o iam.Observation) { s.audit.Call(ctx, audit.Call(o)) },
	})
}

func (s *Server) serve(ctx context.Context) error {
	ops := &operations{server: s}
	s.metrics.watch(ops, s.schemaAhead())
	main, err := s.httpServer(s.handler(ops))
	if err != nil {
		return err
	}
	s.url = localURL(s.listener.Addr(), main.TLSConfig != nil)
	if main.TLSConfig != nil {
		s.certificate = fingerprint(main.TLSConfig.Certificates[0].Certificate[0])
	}
	if s.Config.MetricsListen != "" {
		l, err := listen(ctx, "--metrics-listen", s.Config.MetricsListen)
		if err != nil {
			return err
		}
		apart, err := s.httpServer(s.metrics.handler())
		if err != nil {
			return err
		}
		apart.TLSConfig = nil
		s.start(apart, l)
	}
	s.start(main, s.listener)
	return nil
}

// ready tells the world: commands of this machine by a file, people by a line.
func (s *Server) ready() error {
	err := s.folder.announce(running{URL: s.url, PID: os.Getpid(), Region: s.Config.Region, NATS: s.natsAddress(), Certificate: s.certificate})
	if err != nil {
		return s.folder.unusable(err)
	}
	s.onClose(func(context.Context) error { return s.folder.retract() })
	s.lines.Flush()
	shown := s.url
	if s.Config.PublicURL != "" {
		shown = s.Config.PublicURL
	}
	_, err = fmt.Fprintf(s.Stderr, "larder: ready at %s — next: %s login npm%s\n", shown, ownName(), s.dataHint())
	return err
}

// dataHint is what a command needs to find this server from the same folder.
func (s *Server) dataHint() string {
	if here, err := absolute(defaultData); err == nil && here == s.Config.Data {
		return ""
	}
	return " --data " + shellWord(s.Config.Data)
}
