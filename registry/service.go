package registry

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// Config is what a Service is made of. Metadata, Blobs, Authorizer and Rules
// are required.
type Config struct {
	Metadata   Metadata
	Blobs      Blobs
	Authorizer Authorizer
	Guard      Guard            // nil: everything is served
	Attestor   Attestor         // nil: what has to be attested is refused
	Downloads  *DownloadLog     // nil: nobody notes who downloaded what
	Puller     Puller           // nil: external connections lead nowhere
	Rules      map[string]Rules // by format
	// Connections answers where external connections lead. Nil: as Metadata has it.
	Connections *Connections
	Spill       Spill        // nil: documents beyond the memory limit are rendered again
	Clock       Clock        // nil: time.Now
	Logger      *slog.Logger // nil: slog.Default
	Limits      Limits
	Quotas      Quotas

	// Shared says that other processes publish into the same Metadata and Blobs.
	Shared bool

	// CheckPolicy refuses a permissions policy document that cannot mean what it
	// says, with Invalid and the reason. Nil: every document is kept.
	CheckPolicy func(of Resource, document string) error

	// AskedFilesOnly keeps of what connections bring in the files that somebody
	// asked for, and not all files of their versions (spec 3.3).
	AskedFilesOnly bool

	// Wake is called after a transaction that wrote events. Nil: nobody waits.
	Wake func()
	// CacheUse counts look-ups by kind ("document", "asset") and outcome. Nil: nobody counts.
	CacheUse func(kind string, hit bool)
}

// Limits bound what comes from outside and what is kept in memory; zero
// members take the default.
type Limits struct {
	AssetSize     int64 // bytes of one asset; default 5 GiB (spec 8)
	AssetsPer     int   // assets of one version; default 350 (spec 8)
	DocumentCache int64 // bytes of rendered documents in memory; default 64 MiB
	AssetCache    int   // located assets remembered; default 50,000
}

func (l Limits) withDefaults() Limits {
	if l.AssetSize == 0 {
		l.AssetSize = 5 << 30
	}
	if l.AssetsPer == 0 {
		l.AssetsPer = 350
	}
	if l.DocumentCache == 0 {
		l.DocumentCache = 64 << 20
	}
	if l.AssetCache == 0 {
		l.AssetCache = 50_000
	}
	return l
}

// Service is the core: every operation of the product goes through it, is
// authorized in it, and is safe for concurrent use.
type Service struct {
	Config
	graphs    graphs
	documents *documentCache
	located   *locatedCache
	names     nameLists
	verdicts  verdicts

	// sweeping keeps bytes from being deleted between the moment they are
	// committed and the moment a row refers to them: publishers hold it shared,
	// the deleter alone.
	sweeping sync.RWMutex
	// importing tells that there is something to import.
	importing chan struct{}
	coming    atomic.Int64 // bytes of what is imported just now
	// behind counts work that outlives the request that began it.
	behind sync.WaitGroup
}

// New checks the configuration and makes a Service.
func New(c Config) (*Service, error) {
	if c.Metadata == nil || c.Blobs == nil || c.Authorizer == nil || len(c.Rules) == 0 {
		return nil, errors.New("registry: Metadata, Blobs, Authorizer and Rules are required")
	}
	if c.Clock == nil {
		c.Clock = time.Now
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	if c.Wake == nil {
		c.Wake = func() {}
	}
	if c.CacheUse == nil {
		c.CacheUse = func(string, bool) {}
	}
	if c.Connections == nil {
		c.Connections = &Connections{Metadata: c.Metadata}
	}
	c.Limits, c.Quotas = c.Limits.withDefaults(), c.Quotas.withDefaults()
	trust := ""
	if c.Attestor != nil {
		trust = c.Attestor.Trust().String()
	}
	return &Service{
		Config:    c,
		documents: newDocumentCache(c.Limits.DocumentCache, c.Spill, trust),
		located:   newLocatedCache(c.Limits.AssetCache),
		importing: make(chan struct{}, 1),
	}, nil
}

// Close waits for work that outlives its requests, or for ctx.
func (s *Service) Close(ctx context.Context) error {
	done := make(chan struct{})
	go func() { s.behind.Wait(); close(done) }()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// authorize asks the Authorizer at the service's time.
func (s *Service) authorize(ctx context.Context, actor Actor, action Action, r Resource) error {
	return s.authorizeWith(ctx, actor, action, r, nil)
}

// authorizeWith is authorize with further condition keys.
func (s *Service) authorizeWith(ctx context.Context, actor Actor, action Action, r Resource, keys map[string]string) error {
	return s.Authorizer.Authorize(ctx, Access{Actor: actor, Action: action, Resource: r, Time: s.Clock(), Context: keys})
}

// rules gives a format's Rules, Invalid for a format that is not served.
func (s *Service) rules(format string) (Rules, error) {
	if r, ok := s.Rules[format]; ok {
		return r, nil
	}
	return nil, Errorf(Invalid, "package format %q is not served here", format)
}

// canonical checks an id's shape and spells it as its format does.
func (s *Service) canonical(id VersionID) (VersionID, Rules, error) {
	rules, err := s.rules(id.Package.Format)
	if err != nil {
		return id, nil, err
	}
	if err := checkNames(id); err != nil {
		return id, nil, err
	}
	id, err = rules.Canonical(id)
	return id, rules, err
}

// update runs f in one transaction and wakes the relay when it wrote events.
func (s *Service) update(ctx context.Context, f func(*change) error) error {
	var wrote, imports bool
	err := s.Metadata.Update(ctx, func(tx Tx) error {
		c := &change{Tx: tx}
		if err := f(c); err != nil {
			return err
		}
		wrote, imports = len(c.events) > 0, c.imports
		if !wrote {
			return nil
		}
		return tx.AppendEvents(c.events...)
	})
	if err == nil && wrote {
		s.Wake()
	}
	if err == nil && imports {
		s.wakeImports()
	}
	return err
}
