package identity

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"sync/atomic"
	"time"

	"larder/registry"
)

const (
	tokenKeys = "token" // purpose of the keys that sign tokens
	// keyGrace is how much longer than the longest token a retired key is kept,
	// for processes whose clocks differ.
	keyGrace = time.Hour
	// reloadEvery bounds how often tokens with unknown key ids make the ring look again.
	reloadEvery = time.Second
)

// ring holds the keys that sign and verify tokens. They live sealed in
// Metadata and are shared by all processes: the youngest signs until it is
// rotation old, then whichever process needs one first makes the next. A
// retired key verifies until the last token it may have signed has expired.
type ring struct {
	metadata registry.Metadata
	sealer   *Sealer
	clock    registry.Clock
	rotation time.Duration

	keys atomic.Pointer[ringKeys]
	turn chan struct{} // holds one: whoever takes it may read or make keys
}

type ringKeys struct {
	verify  map[string]ed25519.PublicKey
	id      string // of the youngest
	sign    ed25519.PrivateKey
	retires time.Time // when the youngest stops signing
	loaded  time.Time // by the monotonic clock of this process
}

func newRing(c Config) *ring {
	r := &ring{metadata: c.Metadata, sealer: c.Sealer, clock: c.Clock, rotation: c.RotateTokenKeys, turn: make(chan struct{}, 1)}
	r.keys.Store(&ringKeys{})
	r.done()
	return r
}

// wait takes the turn, or gives ctx's error. done gives it back.
func (r *ring) wait(ctx context.Context) error {
	select {
	case <-r.turn:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (r *ring) done() { r.turn <- struct{}{} }

// signing gives the keys with one that may sign now.
func (r *ring) signing(ctx context.Context) (*ringKeys, error) {
	if k := r.keys.Load(); r.clock().Before(k.retires) {
		return k, nil
	}
	if err := r.wait(ctx); err != nil {
		return nil, err
	}
	defer r.done()
	if k := r.keys.Load(); r.clock().Before(k.retires) {
		return k, nil
	}
	var rows []registry.Key
	err := r.metadata.Update(ctx, func(tx registry.Tx) (err error) {
		rows, err = r.rotate(tx)
		return err
	})
	if err != nil {
		return nil, err
	}
	return r.open(rows)
}

// rotate adds a key when the youngest has retired, drops keys that no living
// token was signed with, and returns those that are left, oldest first.
func (r *ring) rotate(tx registry.Tx) ([]registry.Key, error) {
	rows, err := tx.Keys(tokenKeys)
	if err != nil {
		return nil, err
	}
	now := r.clock()
	if len(rows) == 0 || !now.Before(rows[len(rows)-1].Created.Add(r.rotation)) {
		id := rand.Text()
		seed := make([]byte, ed25519.SeedSize)
		rand.Read(seed)
		key := registry.Key{Purpose: tokenKeys, ID: id, Sealed: r.sealer.Seal(tokenKeys, id, seed), Created: now}
		if err := tx.CreateKey(key); err != nil {
			return nil, err
		}
		rows = append(rows, key)
	}
	var kept []registry.Key
	for _, row := range rows {
		if now.Before(row.Created.Add(r.rotation + MaxTokenLife + keyGrace)) {
			kept = append(kept, row)
		} else if err := tx.DeleteKey(tokenKeys, row.ID); err != nil {
			return nil, err
		}
	}
	return kept, nil
}

// verifying gives the public key of that id, or nil. For an id that it does
// not know it looks at the kept keys again, for another process may have made
// it; but not more than once in reloadEvery, and callers wait for their turn.
func (r *ring) verifying(ctx context.Context, id string) (ed25519.PublicKey, error) {
	if key := r.keys.Load().verify[id]; key != nil {
		return key, nil
	}
	asked := time.Now()
	if err := r.wait(ctx); err != nil {
		return nil, err
	}
	defer r.done()
	if k := r.keys.Load(); k.loaded.After(asked) || k.verify[id] != nil {
		return k.verify[id], nil
	}
	if wait := reloadEvery - time.Since(r.keys.Load().loaded); wait > 0 {
		timer := time.NewTimer(wait)
		defer timer.Stop()
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-timer.C:
		}
	}
	var rows []registry.Key
	err := r.metadata.View(ctx, func(tx registry.Tx) (err error) {
		rows, err = tx.Keys(tokenKeys)
		return err
	})
	if err != nil {
		return nil, err
	}
	k, err := r.open(rows)
	if err != nil {
		return nil, err
	}
	return k.verify[id], nil
}

// open unseals the rows and makes them the ring's keys. The caller has the turn.
func (r *ring) open(rows []registry.Key) (*ringKeys, error) {
	k := &ringKeys{verify: make(map[string]ed25519.PublicKey, len(rows)), loaded: time.Now()}
	for _, row := range rows {
		seed, err := r.sealer.Open(tokenKeys, row.ID, row.Sealed)
		if err != nil {
			return nil, err
		}
		k.id, k.sign = row.ID, ed25519.NewKeyFromSeed(seed)
		k.retires = row.Created.Add(r.rotation)
		k.verify[k.id] = k.sign.Public().(ed25519.PublicKey)
	}
	r.keys.Store(k)
	return k, nil
}
