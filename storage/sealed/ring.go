package sealed

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"sync"

	"larder/registry"
)

// Rows keeps the sealed data keys of domains.
type Rows interface {
	// Keys gives those of the domain, oldest first.
	Keys(ctx context.Context, d registry.DomainID) ([]registry.Key, error)
	// DomainKey gives the encryption key that the domain was created with, empty
	// where it names none. NotFound: there is no such domain.
	DomainKey(ctx context.Context, d registry.DomainID) (string, error)
	// Add makes k durable and gives the domain's keys with it; first: unless the
	// domain has keys by then. NotFound: there is no such domain.
	Add(ctx context.Context, d registry.DomainID, k registry.Key, first bool) ([]registry.Key, error)
}

// Metadata is Rows in a server's metadata.
type Metadata struct{ registry.Metadata }

// Keys implements Rows.
func (m Metadata) Keys(ctx context.Context, d registry.DomainID) (all []registry.Key, err error) {
	err = m.View(ctx, func(tx registry.Tx) error {
		all, err = tx.Keys(registry.BlobKeys(d))
		return err
	})
	return all, err
}

// DomainKey implements Rows.
func (m Metadata) DomainKey(ctx context.Context, d registry.DomainID) (key string, err error) {
	err = m.View(ctx, func(tx registry.Tx) error {
		domain, err := tx.Domain(d)
		key = domain.EncryptionKey
		return err
	})
	return key, err
}

// Add implements Rows.
func (m Metadata) Add(ctx context.Context, d registry.DomainID, k registry.Key, first bool) (all []registry.Key, err error) {
	err = m.Update(ctx, func(tx registry.Tx) error {
		if _, err := tx.Domain(d); err != nil {
			return err
		}
		if all, err = tx.Keys(k.Purpose); err != nil || first && len(all) > 0 {
			return err
		}
		k.Created = tx.Now()
		all = append(all, k)
		return tx.CreateKey(k)
	})
	return all, err
}

// Ring has the data keys of domains: in rows, sealed, and once they were needed
// in memory, until the process ends. Safe for concurrent use.
type Ring struct {
	rows  Rows
	vault *Vault

	opened  sync.Map   // keyOf → *dataKey
	opening sync.Mutex // one is unsealed, or made, at a time
}

type keyOf struct {
	domain registry.DomainID
	id     keyID
}

// errNoKey says that a domain has no data key.
var errNoKey = errors.New("the domain has no data key")

// ErrKeyGone is in an error that says registry.ErrDamaged, too: the file is sealed
// by a key that the domain has no more, or, where rows were taken, not yet.
var ErrKeyGone = errors.New("there is no data key")

// NewRing has the keys of the rows; vault unseals them.
func NewRing(rows Rows, vault *Vault) *Ring { return &Ring{rows: rows, vault: vault} }

// current gives the domain's newest key. Where it has none: errNoKey, or a new
// one if it is to be made.
func (r *Ring) current(ctx context.Context, d registry.DomainID, make bool) (keyID, *dataKey, error) {
	// Read each time, so that a key made by another process counts from then on.
	all, err := r.rows.Keys(ctx, d)
	if err == nil && len(all) == 0 {
		if !make {
			return keyID{}, nil, errNoKey
		}
		all, err = r.add(ctx, d, true)
	}
	if err != nil {
		return keyID{}, nil, err
	}
	row := all[len(all)-1]
	id, err := parseKeyID(row.ID)
	if err != nil {
		return id, nil, err
	}
	key, err := r.unseal(ctx, d, id, row)
	return id, key, err
}

// byID gives the key that a footer names. registry.ErrDamaged: the domain has none of that id.
func (r *Ring) byID(ctx context.Context, d registry.DomainID, id keyID) (*dataKey, error) {
	if key, ok := r.opened.Load(keyOf{d, id}); ok {
		return key.(*dataKey), nil
	}
	all, err := r.rows.Keys(ctx, d)
	if err != nil {
		return nil, err
	}
	for _, row := range all {
		if row.ID == hex.EncodeToString(id[:]) {
			return r.unseal(ctx, d, id, row)
		}
	}
	return nil, fmt.Errorf("%w: %w %x of domain %s", registry.ErrDamaged, ErrKeyGone, id, d.Name)
}

// kept reports whether the key is in the rows, besides in memory.
func (r *Ring) kept(ctx context.Context, d registry.DomainID, id keyID) (bool, error) {
	all, err := r.rows.Keys(ctx, d)
	return slices.ContainsFunc(all, func(k registry.Key) bool { return k.ID == hex.EncodeToString(id[:]) }), err
}

func (r *Ring) unseal(ctx context.Context, d registry.DomainID, id keyID, row registry.Key) (*dataKey, error) {
	name := keyOf{d, id}
	if key, ok := r.opened.Load(name); ok {
		return key.(*dataKey), nil
	}
	r.opening.Lock()
	defer r.opening.Unlock()
	if key, ok := r.opened.Load(name); ok {
		return key.(*dataKey), nil
	}
	plain, err := r.vault.open(ctx, row)
	if err != nil {
		return nil, err
	}
	if len(plain) != keySize {
		return nil, fmt.Errorf("data key %s has %d bytes, not %d", row.ID, len(plain), keySize)
	}
	key := dataKey(plain)
	r.opened.Store(name, &key)
	return &key, nil
}

// Rotate gives the domain a new data key: what is written from then on is sealed
// by it, and what is there stays as it is. NotFound: there is no such domain.
func (r *Ring) Rotate(ctx context.Context, d registry.DomainID) (registry.Key, error) {
	all, err := r.add(ctx, d, false)
	if err != nil {
		return registry.Key{}, err
	}
	return all[len(all)-1], nil
}

// add makes a key. It is sealed, and seen to open again, before it is kept.
func (r *Ring) add(ctx context.Context, d registry.DomainID, first bool) ([]registry.Key, error) {
	var id keyID
	var plain dataKey
	rand.Read(id[:])
	rand.Read(plain[:])
	k := registry.Key{Purpose: registry.BlobKeys(d), ID: hex.EncodeToString(id[:])}
	domainKey, err := r.rows.DomainKey(ctx, d)
	if err != nil {
		return nil, err
	}
	if k.Sealed, err = r.vault.seal(ctx, k.Purpose, k.ID, domainKey, plain[:]); err != nil {
		return nil, err
	}
	return r.rows.Add(ctx, d, k, first)
}

func parseKeyID(s string) (id keyID, err error) {
	if n, err := hex.Decode(id[:], []byte(s)); err != nil || n != idSize || len(s) != 2*idSize {
		return id, fmt.Errorf("a data key of the database is named %q, which no data key is", s)
	}
	return id, nil
}
