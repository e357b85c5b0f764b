package events

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"larder/registry"
)

// StreamName is the stream that holds every event, on subjects larder.events.>.
const StreamName = "LARDER_EVENTS"

const (
	// ackWait is how long a message may be without an answer before its batch
	// counts as broken off.
	ackWait = 10 * time.Second
	// askWait is how long the stream's leader may take to say how it is. While
	// there is none nobody answers, also not when there is one again.
	askWait = 2 * time.Second
	// lookEvery is how often a batch whose answers are missing looks whether they
	// still can come.
	lookEvery = 500 * time.Millisecond
	// headroom is what a message's subject and headers may take of the largest
	// that the server accepts, in bytes.
	headroom = 4 << 10
	// lookBack bounds how many messages that are not Larder's are passed over in
	// search of the newest event.
	lookBack = 64
	// clusterCopies is how many copies a new stream has where there is a cluster.
	clusterCopies = 3
	// pingEvery is how often the server is asked whether it is there; after two
	// times without an answer another one is. A machine that is gone says nothing.
	pingEvery = 10 * time.Second
	// The server's codes where it has no place for that many copies.
	errNoPeers              jetstream.ErrorCode = 10005
	errInsufficient         jetstream.ErrorCode = 10023
	errReplicasNotSupported jetstream.ErrorCode = 10074
	// errWrongLastMsgID is the server's code for a failed Nats-Expected-Last-Msg-Id.
	errWrongLastMsgID jetstream.ErrorCode = 10070
)

// ErrFenced says that the stream does not end where Publish expected: another
// relay has published, or the stream has lost its tail. Nothing was doubled;
// ask Last and go on from there.
var ErrFenced = errors.New("the event stream does not end where it was expected to")

// StreamConfig bounds the stream. A zero member takes the default when the
// stream is made, and is left as it was found when there is one already; any
// other value is applied to an existing stream too.
type StreamConfig struct {
	Replicas int           // copies; default 3 within a NATS cluster, else 1
	MaxAge   time.Duration // default 30 days; should be longer than Relay's Retention
	MaxBytes int64         // default 1 GiB; the oldest events go first
	// Duplicates is how long the server remembers message ids; default 2 minutes.
	// Nothing here depends on it: ids are only the second line behind the fence.
	Duplicates time.Duration
}

// apply puts what was configured onto s, the defaults too when s is new.
func (c StreamConfig) apply(s *jetstream.StreamConfig, isNew bool) {
	if isNew {
		*s = jetstream.StreamConfig{
			Name:        StreamName,
			Description: "Every change of a package version",
			Subjects:    []string{subjectRoot + ">"},
			Storage:     jetstream.FileStorage,
			Retention:   jetstream.LimitsPolicy,
			Discard:     jetstream.DiscardOld,
			Replicas:    1,
			MaxAge:      30 * 24 * time.Hour,
			MaxBytes:    1 << 30,
			Duplicates:  2 * time.Minute,
		}
	}
	// Any copy answers a direct read, also one that is behind: Last asks the leader.
	s.AllowDirect = false
	if c.Replicas != 0 {
		s.Replicas = c.Replicas
	}
	if c.MaxAge != 0 {
		s.MaxAge = c.MaxAge
	}
	if c.MaxBytes != 0 {
		s.MaxBytes = c.MaxBytes
	}
	if c.Duplicates != 0 {
		s.Duplicates = c.Duplicates
	}
}

// BusConfig is what a JetStream bus is made of.
type BusConfig struct {
	Region string // in the bodies' region and ARNs
	Stream StreamConfig
	Logger *slog.Logger // nil: slog.Default
}

// JetStream is the bus on NATS: registry.Bus over the stream LARDER_EVENTS.
//
// Each message carries its event's id (Nats-Msg-Id) and the place in the stream
// that the one before it has (Nats-Expected-Last-Sequence), so that the stream
// takes a batch only as an unbroken chain on the end that the publisher knows.
// That, and not the server's memory of ids, is why no event is in the stream
// twice.
//
// Places alone make no chain of messages that are on their way together: where
// another publisher was faster by k messages, the first k are refused, and the
// next one expects the end that there is by chance. So each message behind the
// first of a batch also carries the id of the one before it
// (Nats-Expected-Last-Msg-Id). In a cluster that would not do: it compares ids
// when all copies have taken the message over, and one that does not match ends
// the stream for good (nats-server 2.15, applyStreamMsgOp). There a message waits
// for the one before it.
//
// One goroutine at a time is let in; a Relay is the only one that calls it.
type JetStream struct {
	nc     *nats.Conn
	js     jetstream.JetStream
	region string
	config StreamConfig
	log    *slog.Logger

	publishing sync.Mutex
	tail       tail
	newest     place // of the last event that was seen in the stream

	mu      sync.Mutex
	streams map[string]streamKnown // by subject: whether a stream takes it

	audits atomic.Bool // the stream of audit records is there

	oneCopy   sync.Once // says that a stream has one copy in a cluster
	unchanged sync.Once // says that a stream could not be changed
}

var _ registry.Bus = (*JetStream)(nil)

// tail is the stream's end as far as this publisher knows it.
type tail struct {
	known  bool
	seq    uint64 // of the last message there ever was
	leader string // which server said so; empty: there is only one
}

// place is where an event was in a stream.
type place struct {
	id      string
	seq     uint64
	created time.Time // of the stream
}

// Dial makes a bus on an external NATS. rawURL is one URL or several with
// commas between (nats://, tls://, ws://, wss://), with user and password, a
// token in the place of the user (that of the first counts for those without), or, as parameters, credentials=FILE (a
// credentials file), nkey=FILE (a seed), ca=FILE (what signs the server's
// certificate), and cert=FILE with key=FILE (a certificate of ours).
//
// It does not wait for the server: while NATS is away, Last and Publish fail
// and the connection is tried again for ever. Invalid: the URL. The caller closes it.
func Dial(rawURL string, c BusConfig) (*JetStream, error) {
	servers, opts, err := parseURL(rawURL)
	if err != nil {
		return nil, err
	}
	opts = append(opts, nats.RetryOnFailedConnect(true))
	return open(servers, c, opts...)
}

// ConnectOptions reads a NATS URL as Dial does, for those who follow: the
// servers and how to connect to them. Invalid: the URL.
func ConnectOptions(rawURL string) (servers string, opts []nats.Option, err error) {
	return parseURL(rawURL)
}

func parseURL(raw string) (string, []nats.Option, error) {
	var servers []string
	var opts []nats.Option
	var user *url.Userinfo // of the first URL
	for s := range strings.SplitSeq(raw, ",") {
		u, err := url.Parse(strings.TrimSpace(s))
		// The text may hold a password: no part of it goes into a message.
		if err != nil || u.Host == "" || !slices.Contains([]string{"nats", "tls", "ws", "wss"}, u.Scheme) {
			return "", nil, registry.Errorf(registry.Invalid, "the NATS URL cannot be read: write nats://HOST:PORT or tls://HOST:PORT, with a user and password before the host where it needs them")
		}
		more, err := connectOptions(u.Query())
		if err != nil {
			return "", nil, err
		}
		opts = append(opts, more...)
		if len(servers) == 0 {
			user = u.User
		}
		u.User = cmp.Or(u.User, user)
		u.RawQuery = ""
		servers = append(servers, u.String())
	}
	return strings.Join(servers, ","), opts, nil
}

// connectOptions reads the parameters of a NATS URL.
func connectOptions(q url.Values) ([]nats.Option, error) {
	var opts []nats.Option
	for _, name := range slices.Sorted(maps.Keys(q)) {
		file := q.Get(name)
		switch name {
		case "credentials":
			opts = append(opts, nats.UserCredentials(file))
		case "nkey":
			opt, err := nats.NkeyOptionFromSeed(file)
			if err != nil {
				return nil, registry.Errorf(registry.Invalid, "the file that nkey= of the NATS URL names holds no NKey seed, or cannot be read")
			}
			opts = append(opts, opt)
		case "ca":
			opts = append(opts, nats.RootCAs(file))
		case "cert":
			if q.Get("key") == "" {
				return nil, registry.Errorf(registry.Invalid, "the NATS URL has cert=FILE and no key=FILE")
			}
			opts = append(opts, nats.ClientCert(file, q.Get("key")))
		case "key":
			if q.Get("cert") == "" {
				return nil, registry.Errorf(registry.Invalid, "the NATS URL has key=FILE and no cert=FILE")
			}
		default:
			return nil, registry.Errorf(registry.Invalid, "the NATS URL has a parameter that is not known here; there are credentials, nkey, ca, cert and key, each with a file")
		}
	}
	return opts, nil
}

// open makes a bus over a connection with the given options.
func open(servers string, c BusConfig, opts ...nats.Option) (*JetStream, error) {
	log := c.Logger
	if log == nil {
		log = slog.Default()
	}
	nc, err := nats.Connect(servers, append(opts,
		nats.Name("larder"),
		nats.MaxReconnects(-1),
		// Else two refusals are the end, also where it is the server that is not
		// itself yet, or where the credentials are renewed in their file.
		nats.IgnoreAuthErrorAbort(),
		nats.PingInterval(pingEvery),
		nats.ReconnectJitter(500*time.Millisecond, time.Second),
		// A message that waits for a reconnect would come late and out of order.
		nats.ReconnectBufSize(-1),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			if err != nil {
				log.Warn("event bus is away; events wait in the outbox", "error", err)
			}
		}),
		nats.ReconnectHandler(func(*nats.Conn) { log.Info("event bus is back") }),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { log.Warn("event bus", "error", err) }),
	)...)
	if err != nil {
		return nil, &registry.Error{Code: registry.Unavailable, Msg: "the event bus cannot be reached", Err: err}
	}
	js, err := jetstream.New(nc, jetstream.WithPublishAsyncTimeout(ackWait))
	if err != nil {
		nc.Close()
		return nil, fmt.Errorf("event bus: %w", err)
	}
	return &JetStream{nc: nc, js: js, region: c.Region, config: c.Stream, log: log}, nil
}

// Conn is the connection, for those who read the stream. It is closed with the bus.
func (b *JetStream) Conn() *nats.Conn { return b.nc }

// Ready says whether the bus can be reached now: nil, or Unavailable. It asks nobody.
func (b *JetStream) Ready() error {
	if s := b.nc.Status(); s != nats.CONNECTED {
		return registry.Errorf(registry.Unavailable, "the event bus is %s", strings.ToLower(s.String()))
	}
	return nil
}

// Close ends the connection. Publish and Last that still run fail.
func (b *JetStream) Close() { b.nc.Close() }

// Last gives the id of the newest event in the stream, empty when the stream
// holds none, and makes that the end on which Publish builds. An event that this
// bus has seen there, and that somebody has removed since, counts: what was
// purged is not lost. It makes the stream where there is none, and refuses
// (Conflict) one of that name with other subjects.
func (b *JetStream) Last(ctx context.Context) (string, error) {
	b.publishing.Lock()
	defer b.publishing.Unlock()
	b.tail = tail{}
	s, err := b.stream(ctx)
	if err != nil {
		return "", err
	}
	info := s.CachedInfo()
	found, end, err := newest(ctx, s)
	if err != nil {
		return "", err
	}
	if b.newest.created.Equal(info.Created) && found.seq < b.newest.seq && b.newest.seq <= end {
		found = b.newest
	}
	if found.id == "" && info.State.Msgs > 0 {
		return "", registry.Errorf(registry.Conflict, "the newest messages of stream %s were not published by Larder: let nobody else publish on %s>", StreamName, subjectRoot)
	}
	b.newest = found
	b.tail = tail{known: true, seq: end, leader: leaderOf(info)}
	return found.id, nil
}

// newest finds the newest event in the stream, passing over what has no id, and
// the place of the last message that there ever was.
func newest(ctx context.Context, s jetstream.Stream) (found place, end uint64, err error) {
	state := s.CachedInfo().State
	found.created = s.CachedInfo().Created
	if state.Msgs == 0 {
		return found, state.LastSeq, nil
	}
	m, err := s.GetLastMsgForSubject(ctx, subjectRoot+">")
	if err != nil {
		return found, 0, fmt.Errorf("newest event of the stream: %w", err)
	}
	end = max(m.Sequence, state.LastSeq) // the last one may have been deleted
	for at, stop := m.Sequence, max(state.FirstSeq, m.Sequence-min(m.Sequence-1, lookBack)); ; {
		if m != nil && m.Header.Get(jetstream.MsgIDHeader) != "" {
			found.id, found.seq = m.Header.Get(jetstream.MsgIDHeader), at
			return found, end, nil
		}
		if at--; at < stop {
			return found, end, nil
		}
		if m, err = s.GetMsg(ctx, at); err != nil && !errors.Is(err, jetstream.ErrMsgNotFound) {
			return found, 0, fmt.Errorf("newest event of the stream: %w", err)
		}
	}
}

// leaderOf names the server that leads the stream, where there are several.
func leaderOf(i *jetstream.StreamInfo) string {
	if i.Cluster == nil {
		return ""
	}
	return i.Cluster.Leader
}

// look asks the stream how it is.
func (b *JetStream) look(ctx context.Context) (jetstream.Stream, error) {
	ctx, cancel := context.WithTimeout(ctx, askWait)
	defer cancel()
	return b.js.Stream(ctx, StreamName)
}

// stream finds the stream or makes it, and brings it to what is configured.
func (b *JetStream) stream(ctx context.Context) (jetstream.Stream, error) {
	s, err := b.look(ctx)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		var cfg jetstream.StreamConfig
		b.config.apply(&cfg, true)
		cfg.Replicas = b.copies()
		s, err = b.js.CreateStream(ctx, cfg)
		if errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) { // another process was faster
			s, err = b.js.Stream(ctx, StreamName)
		}
	}
	if err != nil {
		return nil, b.placement("event stream", err)
	}
	have := s.CachedInfo().Config
	if !slices.Equal(have.Subjects, []string{subjectRoot + ">"}) || have.Storage != jetstream.FileStorage || have.Retention != jetstream.LimitsPolicy {
		return nil, registry.Errorf(registry.Conflict, "the NATS server has a stream %s that is not Larder's: it must keep subjects %s> in files, by limits; rename or remove it", StreamName, subjectRoot)
	}
	want := have
	b.config.apply(&want, false)
	if want.Replicas == 1 && b.copies() > 1 {
		b.oneCopy.Do(func() {
			b.log.Warn("the event stream has one copy within a NATS cluster: --event-replicas 3 makes more, and 1 says that it is meant so", "stream", StreamName)
		})
	}
	if want.Replicas == have.Replicas && want.MaxAge == have.MaxAge && want.MaxBytes == have.MaxBytes && want.Duplicates == have.Duplicates && want.AllowDirect == have.AllowDirect {
		return s, nil
	}
	changed, err := b.js.UpdateStream(ctx, want)
	var api *jetstream.APIError
	if errors.As(err, &api) && !have.AllowDirect {
		// It takes events as it is.
		b.unchanged.Do(func() {
			b.log.Error("the event stream cannot be brought to what is asked for and stays as it is", "error", b.placement("event stream", err))
		})
		return s, nil
	}
	if err != nil {
		return nil, b.placement("event stream", err)
	}
	return changed, nil
}

// copies is how many copies a stream is made with. The bus is connected.
func (b *JetStream) copies() int {
	switch {
	case b.config.Replicas != 0:
		return b.config.Replicas
	case b.nc.ConnectedClusterName() != "":
		return clusterCopies
	}
	return 1
}

// placement says what to do where the servers have no place for the copies.
func (b *JetStream) placement(what string, err error) error {
	var api *jetstream.APIError
	if errors.As(err, &api) && slices.Contains([]jetstream.ErrorCode{errNoPeers, errInsufficient, errReplicasNotSupported}, api.ErrorCode) {
		return fmt.Errorf("%s: NATS has no place for %d copies: start as many servers with JetStream, or choose another number with --event-replicas: %w", what, b.copies(), err)
	}
	return fmt.Errorf("%s: %w", what, err)
}
