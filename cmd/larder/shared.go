package main

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"

	"larder/policy/identity"
	"larder/registry"
)

// Several processes are one server where they share database, blobs, NATS and
// master key. Each has a data folder of its own for what may be lost.

// sharedPoll is how often the outbox is looked at for events of other processes.
const sharedPoll = 200 * time.Millisecond

// shared reports whether other processes may use the same database.
func (s *Server) shared() bool {
	_, ok := s.metadata.(registry.Leader)
	return ok
}

// relayPoll is zero, the relay's default, where there is nobody else to write events.
func (s *Server) relayPoll() time.Duration {
	if s.shared() {
		return sharedPoll
	}
	return 0
}

// warnOfHalves says what is not shared although the database may be.
func (s *Server) warnOfHalves() {
	if !s.shared() {
		return
	}
	if s.Config.Blobs == "" {
		s.log.Warn("rows are in a database that processes may share, and bytes in this process's data folder: for more than one process name a store with --blobs")
	}
	if s.Config.NATS == "" {
		s.log.Warn("rows are in a database that processes may share, and events in this process: for more than one process name a NATS server with --nats")
	}
}

// schemaAhead is how many steps the database's schema is newer than this build.
func (s *Server) schemaAhead() int {
	if a, ok := s.metadata.(interface{ Ahead() int }); ok {
		return a.Ahead()
	}
	return 0
}

// warnOfNewerSchema: such a process is one of an upgrade that is under way.
func (s *Server) warnOfNewerSchema() {
	if n := s.schemaAhead(); n > 0 {
		s.log.Warn("a newer larder has added to the database, which this one may go on with: upgrade it soon", "steps", n, "version", version())
	}
}

// relayWork is the work by whose leader a server that runs is known.
const relayWork = "relay"

// oneOfAll runs f in the background until Close: in one process at a time.
func (s *Server) oneOfAll(name string, f func(context.Context) error) {
	run := f
	if l, ok := s.metadata.(registry.Leader); ok {
		run = func(ctx context.Context) error { return l.Lead(ctx, name, f) }
	}
	s.background(func(ctx context.Context) {
		if err := run(ctx); err != nil && ctx.Err() == nil {
			s.log.Error("work in the background has ended", "work", name, "error", err)
		}
	})
}

// encryptionKey is the key that a domain names for its bytes at rest.
func (s *Server) encryptionKey(ctx context.Context, d registry.DomainID) (string, error) {
	var key string
	err := s.metadata.View(ctx, func(tx registry.Tx) error {
		domain, err := tx.Domain(d)
		key = domain.EncryptionKey
		return err
	})
	return key, err
}

// serverIDPurpose is the purpose of a row whose id is that of a server whose
// master key was replaced.
const serverIDPurpose = "server id"

// serverIDOf gives the id of the server. All its processes share its master key,
// of which the id is made, and two servers never do; and it stays when that key is
// replaced.
func serverIDOf(ctx context.Context, m registry.Metadata, master []byte) (string, error) {
	var rows []registry.Key
	err := m.View(ctx, func(tx registry.Tx) (err error) {
		rows, err = tx.Keys(serverIDPurpose)
		return err
	})
	if err != nil {
		return "", err
	}
	if len(rows) > 0 {
		return rows[0].ID, nil
	}
	id := sha256.Sum256(append([]byte("larder server id\x00"), master...))
	return hex.EncodeToString(id[:8]), nil
}

// masterCheck is the purpose of a row that only the server's master key opens.
const masterCheck = "master key check"

// confirmMasterKey refuses a master key other than that with which the server
// began: its tokens, keys and secrets would be of no use to the other processes.
func confirmMasterKey(ctx context.Context, m registry.Metadata, s *identity.Sealer) error {
	check := func(tx registry.Tx) (bool, error) {
		kept, err := tx.Keys(masterCheck)
		if err != nil || len(kept) == 0 {
			return false, err
		}
		if _, err := s.Open(masterCheck, kept[0].ID, kept[0].Sealed); err != nil {
			return true, fmt.Errorf("this database was %w: --master-key FILE or LARDER_MASTER_KEY, the same for every process", identity.ErrOtherMasterKey)
		}
		return true, nil
	}
	there := false
	err := m.View(ctx, func(tx registry.Tx) (err error) {
		there, err = check(tx)
		return err
	})
	if err != nil || there {
		return err
	}
	return m.Update(ctx, func(tx registry.Tx) error {
		if there, err := check(tx); err != nil || there { // another process was faster
			return err
		}
		id := rand.Text()
		return tx.CreateKey(registry.Key{Purpose: masterCheck, ID: id, Sealed: s.Seal(masterCheck, id, []byte(masterCheck)), Created: tx.Now()})
	})
}
