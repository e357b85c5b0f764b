package events

import (
	"errors"
	"os"
	"strings"

	"github.com/nats-io/nats-server/v2/server"
)

// mendRoom is what has to fit onto the disk before a stream is opened again, in bytes.
const mendRoom = 1 << 20

// mend opens streams again that the server has given up: one that could not be
// written, because the disk was full, takes nothing until it is opened anew
// (nats-server 2.15, fileStore.setWriteErr). Consumers stay, and so do the
// connections of those who follow.
func (e *Embedded) mend() {
	broken := map[string]bool{}
	for _, found := range e.server.Healthz(&server.HealthzOptions{Details: true}).Errors {
		// Others are of streams that are being deleted or made.
		if found.Type == server.HealthzErrorStream && strings.Contains(found.Error, "write error") {
			broken[found.Account] = true
		}
	}
	if len(broken) == 0 {
		return
	}
	if err := room(e.server.StoreDir()); err != nil {
		e.log.Warn("the event stream cannot be written, and is opened again when it can be", "error", err)
		return
	}
	e.setup.Lock()
	defer e.setup.Unlock()
	if broken[coreAccount] {
		e.reopen(coreAccount, e.core, nil)
	}
	for id, a := range e.audiences {
		// A copy whose source went away looks for it after ten seconds only.
		if broken[id] || broken[coreAccount] {
			e.reopen(id, a.account, audienceLimits())
		}
	}
}

// reopen closes and opens an account's streams.
func (e *Embedded) reopen(id string, a *server.Account, limits map[string]server.JetStreamAccountLimits) {
	if err := errors.Join(a.DisableJetStream(), a.EnableJetStream(limits, nil)); err != nil {
		e.log.Error("the event stream cannot be opened again; start anew", "account", id, "error", err)
		return
	}
	e.log.Info("the event stream could not be written and was opened again", "account", id)
}

// room says whether the disk takes something.
func room(dir string) error {
	f, err := os.CreateTemp(dir, ".room-*")
	if err != nil {
		return err
	}
	_, err = f.Write(make([]byte, mendRoom))
	return errors.Join(err, f.Sync(), f.Close(), os.Remove(f.Name()))
}
