package events

import (
	"context"
	"strconv"
	"strings"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go/jetstream"
)

// renew makes copies that are missing, because restore could not make them in
// time, and removes copies of a core stream that is not there any more, so that
// they are made again of the one that is. A copy asks for what comes after the last
// sequence number that it has, and ignores what has a smaller one: where the core
// had to begin anew, its followers would hear nothing for as long as it has fewer
// events than the one before.
func (e *Embedded) renew(ctx context.Context) {
	e.setup.Lock()
	defer e.setup.Unlock()
	if len(e.audiences) == 0 {
		return
	}
	info, err := e.server.Jsz(&server.JSzOptions{Accounts: true, Streams: true})
	if err != nil {
		return // JetStream is being opened or closed
	}
	streams := map[string]server.StreamDetail{}
	for _, a := range info.AccountDetails {
		for _, s := range a.Streams {
			if s.Name == StreamName {
				streams[a.Name] = s
			}
		}
	}
	core, there := streams[coreAccount]
	if !there {
		return
	}
	for id, a := range e.audiences {
		if a.bus == nil {
			continue // the next who connects sets it up
		}
		s, there := streams[id]
		if !there {
			e.replace(ctx, id, a.bus.js)
			continue
		}
		// By itself neither says so: a clock may have been wrong, and a core that has
		// lost its tail gets it again from the relay.
		if !s.Created.Before(core.Created) || lastCopied(ctx, a.bus.js) <= core.State.LastSeq {
			continue
		}
		e.log.Warn("an account's copy is of an event stream that is gone", "account", id)
		if err := a.bus.js.DeleteStream(ctx, StreamName); err != nil { // restore makes it again
			e.log.Error("an account's copy of the event stream cannot be removed", "account", id, "error", err)
		}
	}
}

// replace makes a copy that is missing.
func (e *Embedded) replace(ctx context.Context, id string, js jetstream.JetStream) {
	ctx, cancel := context.WithTimeout(ctx, authWait)
	defer cancel()
	if _, err := e.copyStream(ctx, js, id); err != nil {
		e.log.Error("an account's copy of the event stream is missing and cannot be made for now", "account", id, "error", err)
		return
	}
	e.log.Info("an account's copy of the event stream was missing and was made again", "account", id)
}

// lastCopied is the sequence number in the core of the last event in a copy;
// zero: it cannot be said.
func lastCopied(ctx context.Context, js jetstream.JetStream) uint64 {
	ctx, cancel := context.WithTimeout(ctx, askWait)
	defer cancel()
	s, err := js.Stream(ctx, StreamName)
	if err != nil {
		return 0
	}
	m, err := s.GetLastMsgForSubject(ctx, subjectRoot+">")
	if err != nil {
		return 0
	}
	// The source's name, the number, filters and the subject.
	_, rest, _ := strings.Cut(m.Header.Get("Nats-Stream-Source"), " ")
	number, _, _ := strings.Cut(rest, " ")
	n, _ := strconv.ParseUint(number, 10, 64) // none: zero
	return n
}
