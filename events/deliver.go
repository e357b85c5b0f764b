package events

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"larder/registry"
)

// ErrNobodyListens says that a message was published and that there was neither
// a subscriber nor a stream to take it.
var ErrNobodyListens = errors.New("nobody listens on the subject")

// ErrTooLarge says that neither the server nor the stream takes a message of
// that size, ever.
var ErrTooLarge = errors.New("the message is larger than the NATS server or the stream takes")

// errTooLargeForStream is the server's code for it.
const errTooLargeForStream jetstream.ErrorCode = 10054

const (
	// streamMemory is how long it is believed whether a stream takes a subject.
	streamMemory = 30 * time.Second
	// maxStreamMemory bounds for how many subjects.
	maxStreamMemory = 4096
)

// Message is what goes to a subject that somebody named.
type Message struct {
	Subject string
	ID      string // by which a stream drops a second one
	Header  map[string][]string
	Data    []byte
}

// CheckSubject refuses (Invalid) subjects that nobody may name: those with
// wildcards, and those of Larder's and of NATS's own.
func CheckSubject(s string) error {
	reason := ""
	for t := range strings.SplitSeq(s, ".") {
		switch {
		case t == "":
			reason = "has an empty token"
		case token(t) != t:
			reason = "has a wildcard or a character that no subject has"
		}
	}
	switch {
	case len(s) > 255:
		reason = "is longer than 255 characters"
	case reason != "":
	case strings.HasPrefix(s, "$"), strings.HasPrefix(s, "_"), s == "larder", strings.HasPrefix(s, "larder."):
		reason = `is reserved: subjects that begin with "$", "_" or "larder." are not for targets`
	}
	if reason != "" {
		return registry.Errorf(registry.Invalid, "the subject %q %s", s, reason)
	}
	return nil
}

// Send publishes a message on the external NATS, or, on the server inside the
// process, among what followers of the account hear. It returns nil once a
// stream has stored the message, or, where no stream takes the subject, the
// server has passed it to at least one subscriber. ErrNobodyListens where
// there is none, ErrTooLarge.
func (b *JetStream) Send(ctx context.Context, _ string, m Message) error {
	ctx, cancel := context.WithTimeout(ctx, ackWait)
	defer cancel()
	msg := &nats.Msg{Subject: m.Subject, Data: m.Data, Header: nats.Header{}}
	for name, values := range m.Header {
		msg.Header[name] = values
	}
	msg.Header.Set(jetstream.MsgIDHeader, m.ID)
	streamed, err := b.streamed(ctx, m.Subject)
	if err != nil {
		return fmt.Errorf("nobody says whether a stream takes the subject: %w", err)
	}
	if streamed {
		err = b.store(ctx, msg)
	} else {
		err = b.tell(ctx, msg)
	}
	var api *jetstream.APIError
	if errors.Is(err, nats.ErrMaxPayload) || errors.As(err, &api) && api.ErrorCode == errTooLargeForStream {
		return fmt.Errorf("%w: %w", ErrTooLarge, err)
	}
	return err
}

// store publishes to a stream.
func (b *JetStream) store(ctx context.Context, msg *nats.Msg) error {
	_, err := b.js.PublishMsg(ctx, msg, jetstream.WithRetryAttempts(0))
	if err == nil || !errors.Is(err, jetstream.ErrNoStreamResponse) && !errors.Is(err, nats.ErrNoResponders) {
		return err
	}
	b.forget(msg.Subject)
	return fmt.Errorf("no stream takes the subject any more: %w", err)
}

// tell publishes to whoever listens.
func (b *JetStream) tell(ctx context.Context, msg *nats.Msg) error {
	// The server says that nobody listens, or that this user may not publish
	// there, before it answers the flush.
	inbox := nats.NewInbox()
	answers, err := b.nc.SubscribeSync(inbox)
	if err != nil {
		return err
	}
	defer answers.Unsubscribe() //nolint:errcheck // it fails with the connection, and is gone then
	msg.Reply = inbox
	before := b.nc.LastError()
	if err := b.nc.PublishMsg(msg); err != nil {
		return err
	}
	if err := b.nc.FlushWithContext(ctx); err != nil {
		return err
	}
	if err := b.nc.LastError(); err != before && forbids(err, msg.Subject) { //nolint:errorlint // is it another one
		return err
	}
	if n, _, err := answers.Pending(); err != nil || n == 0 {
		return err
	}
	answer, err := answers.NextMsgWithContext(ctx)
	if errors.Is(err, nats.ErrNoResponders) || err == nil && len(answer.Data) == 0 && answer.Header.Get("Status") == "503" {
		return ErrNobodyListens
	}
	return nil // some subscriber has answered
}

// forbids reports whether the server has refused a message on the subject.
func forbids(err error, subject string) bool {
	return errors.Is(err, nats.ErrPermissionViolation) && strings.Contains(strings.ToLower(err.Error()), `publish to "`+strings.ToLower(subject)+`"`)
}

// streamed says whether a stream takes the subject.
func (b *JetStream) streamed(ctx context.Context, subject string) (bool, error) {
	b.mu.Lock()
	m, ok := b.streams[subject]
	b.mu.Unlock()
	if ok && time.Since(m.asked) < streamMemory {
		return m.streamed, nil
	}
	_, err := b.js.StreamNameBySubject(ctx, subject)
	if err != nil && !errors.Is(err, jetstream.ErrStreamNotFound) {
		return false, err // who listens besides the stream is not who it is for
	}
	m = streamKnown{streamed: err == nil, asked: time.Now()}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.streams == nil || len(b.streams) >= maxStreamMemory {
		b.streams = map[string]streamKnown{}
	}
	b.streams[subject] = m
	return m.streamed, nil
}

func (b *JetStream) forget(subject string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.streams, subject)
}

type streamKnown struct {
	streamed bool
	asked    time.Time
}

// Send implements the sending of messages to subjects: it publishes where
// followers of the account hear, and nobody else. Errors as [JetStream.Send].
func (e *Embedded) Send(ctx context.Context, account string, m Message) error {
	if !accountID(account) {
		return fmt.Errorf("account %q is no account id", account)
	}
	bus, err := e.busOf(ctx, account)
	if err != nil {
		return err
	}
	return bus.Send(ctx, account, m)
}

// busOf gives this process's connection into the account's NATS account.
func (e *Embedded) busOf(ctx context.Context, account string) (*JetStream, error) {
	e.setup.Lock()
	a := e.audiences[account]
	e.setup.Unlock()
	if a == nil || a.bus == nil {
		if _, err := e.audience(ctx, account); err != nil {
			return nil, err
		}
	}
	e.setup.Lock()
	defer e.setup.Unlock()
	return e.audiences[account].bus, nil
}
