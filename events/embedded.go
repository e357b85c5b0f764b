package events

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"sync"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"larder/registry"
)

const (
	// ListenOff as EmbeddedConfig.Listen opens no port.
	ListenOff = "off"

	// coreAccount is the NATS account of the stream that the relay writes. Only
	// the bus of this process is in it. Its name is no account id.
	coreAccount = "LARDER"

	startWait   = 20 * time.Second // for the recovery of a large stream
	authWait    = 10 * time.Second // for a login, which may recover an account's copy
	maxPayload  = 1 << 20          // bytes; an event has some 1 to 2 thousand, one of PutEvents up to 256 KiB
	maxSubs     = 256              // of one connection
	closedConns = 32               // kept for the server's own monitoring, which nobody reads
)

// EmbeddedConfig is what the NATS server inside the process is made of. StoreDir is required;
// Authenticate and Authorizer are too unless Listen is "off".
type EmbeddedConfig struct {
	StoreDir string // made when it is not there; holds the folder "jetstream"
	Listen   string // host:port for followers, port 0 picks one; empty or "off": no port
	// Explicit: somebody asked for this address. Then it is an error when it is
	// taken, else a warning, and nobody can follow.
	Explicit bool

	// Authenticate verifies an access key id and secret. Unauthenticated: they do not verify.
	Authenticate func(ctx context.Context, user, password string) (registry.Actor, error)
	Authorizer   registry.Authorizer // is asked for events:Subscribe
	// Subjects gives those to which rules of an account send, for its followers
	// to hear. Nil: none.
	Subjects func(ctx context.Context, account string) ([]string, error)

	// SyncInterval is how often the stream is synchronized to the disk: the tail
	// that a loss of power may cost, and that the relay then sends again. Default
	// 2 s. (Synchronizing every write takes a tenth of the events per second and
	// wins nothing: the outbox is on the disk already.)
	SyncInterval time.Duration
	// MaxConnections bounds followers of all accounts; default 256.
	MaxConnections int
	// Recheck is how often connected followers are authenticated and authorized
	// again, and dropped if that fails; default 15 s.
	Recheck time.Duration
	Stream  StreamConfig // of the stream, and of each account's copy when it is made
	Logger  *slog.Logger // nil: slog.Default
}

// Embedded is a NATS server with JetStream inside the process. Its bus goes by
// memory, not by a port.
type Embedded struct {
	config EmbeddedConfig
	log    *slog.Logger
	server *server.Server
	core   *server.Account
	token  string // begins the tokens of this process's own connections

	stop func() // ends rechecks
	done chan struct{}

	mu        sync.Mutex
	followers map[uint64]follower // by connection id

	setup     sync.Mutex
	audiences map[string]*audience // by account id
}

// Start starts the server and returns when it answers. Errors are one sentence
// for the person who starts Larder: Conflict where the address that was asked
// for is taken. Close ends it; close the buses first.
func Start(c EmbeddedConfig) (*Embedded, error) {
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	orDefault(&c.SyncInterval, 2*time.Second)
	orDefault(&c.MaxConnections, 256)
	orDefault(&c.Recheck, 15*time.Second)
	e := &Embedded{
		config:    c,
		log:       c.Logger,
		token:     rand.Text(),
		followers: map[uint64]follower{},
		audiences: map[string]*audience{},
	}
	opts := &server.Options{
		ServerName:                 "larder",
		DontListen:                 true,
		NoSigs:                     true,
		JetStream:                  true,
		StoreDir:                   c.StoreDir,
		SyncInterval:               c.SyncInterval,
		JetStreamMaxMemory:         32 << 20,
		JetStreamMaxStore:          1 << 50, // streams have their own limits
		DisableJetStreamBanner:     true,
		CustomClientAuthentication: e,
		AuthTimeout:                authWait.Seconds(),
		MaxConn:                    c.MaxConnections,
		MaxSubs:                    maxSubs,
		MaxPayload:                 maxPayload,
		MaxClosedClients:           closedConns,
	}
	if err := e.listen(opts); err != nil {
		return nil, err
	}
	if err := e.start(opts); err != nil {
		return nil, registry.Errorf(registry.Unavailable, "the event server does not start: %v", err)
	}
	ctx, stop := context.WithCancel(context.Background())
	e.stop, e.done = stop, make(chan struct{})
	go e.recheck(ctx)
	return e, nil
}

// listen puts the address into opts, if it can be had.
func (e *Embedded) listen(opts *server.Options) error {
	c := e.config
	if c.Listen == "" || c.Listen == ListenOff {
		return nil
	}
	host, port, err := net.SplitHostPort(c.Listen)
	n, perr := strconv.ParseUint(port, 10, 16)
	if err != nil || perr != nil {
		return registry.Errorf(registry.Invalid, "the NATS address %q cannot be read: write HOST:PORT, or off", c.Listen)
	}
	// The server would only log that the address is taken: it is tried first.
	l, err := net.Listen("tcp", c.Listen)
	if err != nil {
		if c.Explicit {
			return registry.Errorf(registry.Conflict, "followers of events cannot be listened for (%v): choose another address with --nats-listen, or off", err)
		}
		e.log.Warn("nobody can follow events on the default NATS port, it is taken; choose another with --nats-listen", "address", c.Listen, "error", err)
		return nil
	}
	if err := l.Close(); err != nil {
		return fmt.Errorf("try %s: %w", c.Listen, err)
	}
	opts.DontListen, opts.Host, opts.Port = false, host, int(n)
	if n == 0 {
		opts.Port = server.RANDOM_PORT
	}
	return nil
}

// start runs the server with these options and makes the core account.
func (e *Embedded) start(opts *server.Options) error {
	s, err := server.NewServer(opts)
	if err != nil {
		return err
	}
	log := &serverLog{log: e.log}
	s.SetLoggerV2(log, false, false, false)
	e.server = s
	s.Start()
	fail := func(err error) error {
		s.Shutdown()
		s.WaitForShutdown()
		return err
	}
	if err := log.fatal(); err != nil {
		return fail(err)
	}
	if !s.ReadyForConnections(startWait) {
		return fail(errors.New("it is not ready in time"))
	}
	e.core, _ = s.LookupOrRegisterAccount(coreAccount)
	if err := e.core.EnableJetStream(nil, nil); err != nil {
		return fail(err)
	}
	return nil
}

// Addr is the address for followers, nil when nobody can follow.
func (e *Embedded) Addr() net.Addr { return e.server.Addr() }

// Bus gives a bus on this server, connected through memory, whose events say
// region. The caller closes it.
func (e *Embedded) Bus(region string) (*JetStream, error) {
	return e.open(coreAccount, BusConfig{Region: region, Stream: e.config.Stream, Logger: e.log})
}

// open connects this process to one of the server's accounts.
func (e *Embedded) open(account string, c BusConfig) (*JetStream, error) {
	return open("", c, nats.InProcessServer(e.server), nats.Token(e.token+account))
}

// own gives the account that a token of this process stands for.
func (e *Embedded) own(token string) (account string, ok bool) {
	n := len(e.token)
	if len(token) < n || subtle.ConstantTimeCompare([]byte(token[:n]), []byte(e.token)) != 1 {
		return "", false
	}
	return token[n:], true
}

// Close drops followers, writes what is open to the disk and returns when the server has ended.
func (e *Embedded) Close() {
	e.stop()
	<-e.done
	e.setup.Lock()
	defer e.setup.Unlock()
	for _, a := range e.audiences {
		if a.bus != nil {
			a.bus.Close()
		}
	}
	e.server.Shutdown()
	e.server.WaitForShutdown()
}
