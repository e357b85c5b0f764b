package events

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"larder/registry"
)

// Who follows, and what they reach.
//
// Followers never touch the stream that the relay writes. It is in a NATS
// account of its own (core), which only this process's bus enters. Every
// account of Larder that has a follower gets a NATS account, named by its id,
// into which flow
//
//   - the events addressed to it, as they are published (a stream import of
//     larder.events.{account}.>), for plain subscriptions;
//   - a copy of the stream under the same name, that sources those events from
//     the core, for everything that JetStream can do.
//
// So one account cannot name, see or disturb what another has: not its events,
// consumers, inboxes or requests. Permissions on subjects of one shared account
// could not do this: a consumer's name is one token and cannot be limited to a
// prefix, and a reply subject is not checked, so that a request may make the
// server itself publish its answer anywhere. In the copy's account that leads
// nowhere: the copy listens to no subject. (It can still be made to delete the
// copy, by a consumer that delivers empty messages to the API's own subject.
// That costs the account its consumers; the copy is made again at once.)
//
// The first account gets all events. A copied event carries the header
// Nats-Stream-Source with the sequence number in the core: how many events there
// are in all is no secret.

// firstAccount sees every account's events.
const firstAccount = "000000000000"

const (
	// copyAPI is where, in a follower's account, the core's consumer API begins,
	// and copyPrefix + account what the core sends a copy. Followers may neither
	// publish nor subscribe there.
	copyAPI    = "larder.core"
	copyPrefix = "larder.copy."

	// namesAPI is where, in a follower's account, requests for the names of streams go.
	namesAPI = "larder.names"

	// maxConsumers bounds the consumers of one account.
	maxConsumers = 256
)

// follower is one connection with its credential, which is kept to be verified
// again and again.
type follower struct {
	user, password string
	source         netip.Addr
	account        string
	audits         bool     // may hear audit records
	subjects       []string // of the account's rules when it connected
}

// Check implements server.Authentication: it says whether the connection may
// be, and in which account with which permissions.
func (e *Embedded) Check(c server.ClientAuthentication) bool {
	opts := c.GetOpts()
	if name, ok := e.own(opts.Token); ok {
		account, err := e.server.LookupAccount(name)
		c.RegisterUser(&server.User{Account: account})
		return err == nil
	}
	f := follower{user: opts.Username, password: opts.Password}
	if a, err := netip.ParseAddrPort(c.RemoteAddress().String()); err == nil {
		f.source = a.Addr().Unmap()
	}
	ctx, cancel := context.WithTimeout(context.Background(), authWait)
	defer cancel()
	actor, err := e.admit(ctx, f)
	if err != nil {
		e.log.Info("a follower was turned away", "access_key", f.user, "source", f.source, "code", registry.CodeOf(err), "error", err)
		return false
	}
	account, err := e.audience(ctx, actor.Account)
	if err != nil {
		e.log.Error("a follower's account cannot be set up", "account", actor.Account, "error", err)
		return false
	}
	f.account = actor.Account
	if f.subjects, err = e.subjects(ctx, actor.Account); err != nil {
		e.log.Error("the subjects of an account's rules cannot be read", "account", actor.Account, "error", err)
		return false
	}
	may := permissions(actor.Account, f.subjects)
	if e.mayAudit(ctx, actor) {
		may.Subscribe.Allow = append(may.Subscribe.Allow, auditSubjects(actor.Account))
		f.audits = true
	}
	c.RegisterUser(&server.User{
		Account:            account,
		Username:           f.user,
		Permissions:        may,
		ConnectionDeadline: actor.CredentialExpires,
	})
	e.mu.Lock()
	defer e.mu.Unlock()
	e.followers[c.GetID()] = f
	return true
}

// admit verifies the credential and asks whether it may follow.
func (e *Embedded) admit(ctx context.Context, f follower) (registry.Actor, error) {
	if f.user == "" || f.password == "" {
		return registry.Actor{}, registry.Errorf(registry.Unauthenticated, "follow events with an access key: its id as user, its secret as password")
	}
	actor, err := e.config.Authenticate(ctx, f.user, f.password)
	if err != nil {
		return actor, err
	}
	if !accountID(actor.Account) { // it becomes a subject, and a folder
		return actor, fmt.Errorf("account %q is no account id", actor.Account)
	}
	if !actor.Source.IsValid() {
		actor.Source = f.source
	}
	return actor, e.config.Authorizer.Authorize(ctx, registry.Access{Actor: actor, Action: registry.Subscribe, Time: time.Now().UTC()})
}

// subjects gives those to which rules of the account send.
func (e *Embedded) subjects(ctx context.Context, account string) ([]string, error) {
	if e.config.Subjects == nil {
		return nil, nil
	}
	return e.config.Subjects(ctx, account)
}

// Widen lets followers of the account hear the subject, to which a rule sends
// from now on: those that connected before are made to connect again.
func (e *Embedded) Widen(account, subject string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for id, f := range e.followers {
		if f.account == account && !slices.Contains(f.subjects, subject) {
			delete(e.followers, id)
			// It may have left by itself meanwhile.
			_ = e.server.DisconnectClientByID(id)
		}
	}
}

// mayAudit says whether a follower may also hear the audit records of its account.
func (e *Embedded) mayAudit(ctx context.Context, actor registry.Actor) bool {
	return e.config.Authorizer.Authorize(ctx, registry.Access{Actor: actor, Action: registry.SubscribeAudit, Time: time.Now().UTC()}) == nil
}

func accountID(s string) bool {
	return len(s) == 12 && strings.Trim(s, "0123456789") == ""
}

// recheck admits the connected followers anew, now and then: a key that is
// deleted or a policy that is taken away ends what it allowed.
func (e *Embedded) recheck(ctx context.Context) {
	defer close(e.done)
	tick := time.NewTicker(e.config.Recheck)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			e.recheckAll(ctx)
			e.mend()
			e.renew(ctx)
		}
	}
}

func (e *Embedded) recheckAll(ctx context.Context) {
	e.mu.Lock()
	all := make(map[uint64]follower, len(e.followers))
	for id, f := range e.followers {
		if e.server.GetClient(id) == nil {
			delete(e.followers, id)
			continue
		}
		all[id] = f
	}
	e.mu.Unlock()
	for id, f := range all {
		actor, err := e.admit(ctx, f)
		switch code := registry.CodeOf(err); {
		case err == nil && actor.Account == f.account && (!f.audits || e.mayAudit(ctx, actor)):
		case err == nil || code == registry.Unauthenticated || code == registry.Denied || code == registry.NotFound:
			e.log.Info("a follower lost its right and was dropped", "access_key", f.user, "account", f.account, "error", err)
			// It may have left by itself meanwhile.
			_ = e.server.DisconnectClientByID(id)
		default: // a database that is away says nothing about rights
			e.log.Warn("a follower could not be checked", "access_key", f.user, "error", err)
		}
	}
}

// audience is the NATS account of one of Larder's accounts.
type audience struct {
	account *server.Account
	bus     *JetStream // this process's own connection into it; nil while it could not be set up
}

// audience gives the NATS account of Larder's account with its imports and its
// copy of the stream, making what is missing.
func (e *Embedded) audience(ctx context.Context, id string) (*server.Account, error) {
	e.setup.Lock()
	defer e.setup.Unlock()
	a := e.audiences[id]
	if a == nil {
		a = &audience{}
		a.account, _ = e.server.LookupOrRegisterAccount(id)
		if err := e.share(a.account, id); err != nil {
			return nil, err
		}
		e.audiences[id] = a
	}
	if a.bus == nil {
		if err := a.account.EnableJetStream(audienceLimits(), nil); err != nil {
			return nil, err
		}
		bus, err := e.open(id, BusConfig{Logger: e.log})
		if err != nil {
			return nil, err
		}
		_, errRestore := bus.nc.Subscribe("$JS.EVENT.ADVISORY.STREAM.DELETED."+StreamName, func(m *nats.Msg) { e.restore(id, m) })
		_, errNames := bus.nc.Subscribe(namesAPI, func(m *nats.Msg) { e.nameStream(id, m) })
		if err := errors.Join(errRestore, errNames); err != nil {
			bus.Close()
			return nil, err
		}
		a.bus = bus
	}
	_, err := e.copyStream(ctx, a.bus.js, id)
	return a.account, err
}

// nameStream answers which streams take a subject. NATS itself would say none,
// since the copy listens to no subject; and clients that subscribe to a subject on
// JetStream, without naming the stream, ask for that first.
func (e *Embedded) nameStream(id string, m *nats.Msg) {
	if !strings.HasPrefix(m.Reply, nats.InboxPrefix) { // followers hear nothing else, and it may be the API
		return
	}
	var q server.JSApiStreamNamesRequest
	a := server.JSApiStreamNamesResponse{ApiResponse: server.ApiResponse{Type: server.JSApiStreamNamesResponseType}, Streams: []string{}}
	a.Limit = server.JSApiNamesLimit
	if len(m.Data) > 0 && json.Unmarshal(m.Data, &q) != nil {
		a.Error = server.NewJSInvalidJSONError(errors.New("no JSON object"))
	} else if q.Subject == "" || server.SubjectsCollide(q.Subject, eventSubjects(id)) {
		a.Total, a.Offset = 1, min(max(q.Offset, 0), 1)
		a.Streams = []string{StreamName}[a.Offset:]
	}
	text, err := json.Marshal(a)
	if err == nil {
		err = m.Respond(text)
	}
	if err != nil {
		e.log.Error("a follower's question for streams is not answered", "account", id, "error", err)
	}
}

// audienceLimits are those of an account with followers.
func audienceLimits() map[string]server.JetStreamAccountLimits {
	return map[string]server.JetStreamAccountLimits{"": {MaxMemory: -1, MaxStore: -1, MaxStreams: 1, MaxConsumers: maxConsumers, MaxAckPending: -1}}
}

// restore makes an account's copy again that was deleted. The advisory comes
// before the stream is gone, so it is looked for until it is a newer one.
func (e *Embedded) restore(id string, advisory *nats.Msg) {
	var deleted struct{ Timestamp time.Time }
	if err := json.Unmarshal(advisory.Data, &deleted); err != nil {
		e.log.Error("an account's copy of the event stream was deleted, and the word of it cannot be read", "account", id, "error", err)
		return // renew finds that it is gone
	}
	e.log.Warn("an account's copy of the event stream was deleted; it is made again", "account", id)
	ctx, cancel := context.WithTimeout(context.Background(), authWait)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		e.setup.Lock()
		made, err := e.copyStream(ctx, e.audiences[id].bus.js, id)
		e.setup.Unlock()
		if err == nil && made.After(deleted.Timestamp) {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			e.log.Error("an account's copy of the event stream cannot be made for now; it is tried again", "account", id, "error", cmp.Or(err, ctx.Err()))
			return
		}
	}
}

// share lets the core's events of the account, and nothing else, into acc.
func (e *Embedded) share(acc *server.Account, id string) error {
	only := []*server.Account{acc}
	events, deliver, audits := eventSubjects(id), copyPrefix+id+".>", auditSubjects(id)
	// The filter stands in the subject, and the server refuses a request whose
	// filter is another.
	create := "$JS.API.CONSUMER.CREATE." + StreamName + ".*." + events
	flow := "$JS.FC." + StreamName + ".>"
	return errors.Join(
		acc.AddMapping(server.JSApiStreams, namesAPI),
		e.core.AddStreamExport(events, only),
		acc.AddStreamImport(e.core, events, ""),
		e.core.AddStreamExport(audits, only),
		acc.AddStreamImport(e.core, audits, ""),
		e.core.AddStreamExport(deliver, only),
		acc.AddStreamImport(e.core, deliver, ""),
		e.core.AddServiceExportWithResponse(create, server.Singleton, only),
		acc.AddServiceImport(e.core, strings.Replace(create, "$JS.API", copyAPI, 1), create),
		e.core.AddServiceExportWithResponse(flow, server.Singleton, only),
		acc.AddServiceImport(e.core, flow, flow),
	)
}

// copyStream makes the account's copy, unless it is there, and says when it was made.
func (e *Embedded) copyStream(ctx context.Context, js jetstream.JetStream, id string) (time.Time, error) {
	s, err := js.Stream(ctx, StreamName)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		e.settle(ctx, id)
		s, err = js.CreateStream(ctx, e.copyConfig(id))
	}
	if err != nil {
		return time.Time{}, err
	}
	return s.CachedInfo().Created, nil
}

// settle waits a moment for the folder of a deleted copy to go: a stream made
// before that would begin in the files of the old one.
func (e *Embedded) settle(ctx context.Context, id string) {
	folder := filepath.Join(e.server.StoreDir(), id, "streams", StreamName)
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		if _, err := os.Stat(folder); err != nil {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done(): // then it was not deleted, but could not be read at the start
			return
		}
	}
}

func (e *Embedded) copyConfig(id string) jetstream.StreamConfig {
	var cfg jetstream.StreamConfig
	e.config.Stream.apply(&cfg, true)
	cfg.Subjects = nil // what a follower makes the server say within its account stays out
	cfg.DenyDelete, cfg.DenyPurge = true, true
	cfg.Sources = []*jetstream.StreamSource{{
		Name:          StreamName,
		FilterSubject: eventSubjects(id),
		External:      &jetstream.ExternalStream{APIPrefix: copyAPI, DeliverPrefix: copyPrefix + id},
	}}
	return cfg
}

// eventSubjects covers the events that the account may see.
func eventSubjects(account string) string {
	if account == firstAccount {
		return subjectRoot + ">"
	}
	return subjectRoot + account + ".>"
}

// DeadLetters is the subject on which what could not be delivered to a target
// of the rule ends up, where the target names no other.
func DeadLetters(account, rule string) string {
	return deadLetters + token(account) + "." + token(rule)
}

const deadLetters = "larder.deadletters."

// permissions are those of a follower within its own NATS account: hear its
// events, and what rules of the account send to these subjects, read the
// stream, keep consumers, and nothing else.
func permissions(account string, subjects []string) *server.Permissions {
	api := func(verb string) string { return "$JS.API." + verb }
	of := func(verb string) string { return "$JS.API." + verb + "." + StreamName }
	hear := append([]string{eventSubjects(account), "_INBOX.>", deadLetters + account + ".>"}, subjects...)
	return &server.Permissions{
		Subscribe: &server.SubjectPermission{Allow: hear},
		Publish: &server.SubjectPermission{Allow: []string{
			api("INFO"), api("STREAM.NAMES"), namesAPI, api("STREAM.LIST"),
			of("STREAM.INFO"), of("STREAM.MSG.GET"),
			of("DIRECT.GET"), of("DIRECT.GET") + ".>",
			of("CONSUMER.CREATE"), of("CONSUMER.CREATE") + ".>", of("CONSUMER.DURABLE.CREATE") + ".*",
			of("CONSUMER.NAMES"), of("CONSUMER.LIST"), of("CONSUMER.INFO") + ".*",
			of("CONSUMER.DELETE") + ".*", of("CONSUMER.MSG.NEXT") + ".*",
			"$JS.ACK." + StreamName + ".>", "$JS.FC." + StreamName + ".>",
		}},
	}
}
