package sealed

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"

	"larder/registry"
)

// Vault seals data keys: by a command that somebody else answers for, such as a
// client of a key management service, or by the server's master key. It opens what
// either has sealed. The zero value and nil open nothing.
type Vault struct {
	Master  registry.Sealer // nil: there is none
	Command *Command        // nil: the master key seals
}

// The first byte of a sealed data key says what sealed it.
const (
	byMaster  = 'm'
	byCommand = 'c'
)

// SealedBy says what has sealed a data key, in words.
func SealedBy(k registry.Key) string {
	switch {
	case len(k.Sealed) > 0 && k.Sealed[0] == byMaster:
		return "master key"
	case len(k.Sealed) > 0 && k.Sealed[0] == byCommand:
		return "key command"
	}
	return "unknown"
}

// seal seals a key and sees that it opens again. domainKey is the key that the
// domain names for its encryption, empty where it names none; a command is told.
func (v *Vault) seal(ctx context.Context, purpose, id, domainKey string, key []byte) ([]byte, error) {
	k := registry.Key{Purpose: purpose, ID: id}
	switch {
	case v != nil && v.Command != nil:
		sealed, err := v.Command.seal(ctx, keyContext{purpose, id, domainKey}, key)
		if err != nil {
			return nil, err
		}
		k.Sealed = binary.AppendUvarint([]byte{byCommand}, uint64(len(domainKey)))
		k.Sealed = append(append(k.Sealed, domainKey...), sealed...)
	case v != nil && v.Master != nil:
		k.Sealed = append([]byte{byMaster}, v.Master.Seal(purpose, id, key)...)
	default:
		return nil, errNoMaster
	}
	again, err := v.open(ctx, k)
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(again, key) {
		return nil, errors.New("--key-command unseals other bytes than it sealed")
	}
	return k.Sealed, nil
}

var (
	errNoMaster  = errors.New("bytes are sealed here, and no master key was found: name it with --master-key FILE or LARDER_MASTER_KEY")
	errNoCommand = errors.New("data keys of this server are sealed by a key command: name it with --key-command, or bring them under the master key with: larder encryption rekey --old-key-command")
)

// open gives a sealed key back.
func (v *Vault) open(ctx context.Context, k registry.Key) ([]byte, error) {
	switch {
	case len(k.Sealed) > 0 && k.Sealed[0] == byMaster:
		if v == nil || v.Master == nil {
			return nil, errNoMaster
		}
		return v.Master.Open(k.Purpose, k.ID, k.Sealed[1:])
	case len(k.Sealed) > 0 && k.Sealed[0] == byCommand:
		if v == nil || v.Command == nil {
			return nil, errNoCommand
		}
		n, width := binary.Uvarint(k.Sealed[1:])
		rest := k.Sealed[1+max(width, 0):]
		if width <= 0 || n > uint64(len(rest)) {
			return nil, fmt.Errorf("data key %s is not whole", k.ID)
		}
		return v.Command.unseal(ctx, keyContext{k.Purpose, k.ID, string(rest[:n])}, rest[n:])
	}
	return nil, fmt.Errorf("data key %s was sealed in a way that this version does not know", k.ID)
}

// checkPurpose is the purpose of a row that what seals data keys opens, once a
// command has been that.
const checkPurpose = "blob keys check"

// Confirm sees that data keys can be opened, and a new one sealed, before a
// request needs that: a command that is not there, or has another key than the one
// before, is an error at the start. A server whose data keys the master key has
// always sealed has nothing to confirm here.
func (v *Vault) Confirm(ctx context.Context, m registry.Metadata) error {
	var rows []registry.Key
	err := m.View(ctx, func(tx registry.Tx) (err error) {
		rows, err = tx.Keys(checkPurpose)
		return err
	})
	if err != nil {
		return err
	}
	for _, k := range rows {
		if _, err := v.open(ctx, k); err != nil {
			return err
		}
	}
	if v.Command == nil || len(rows) > 0 && rows[len(rows)-1].Sealed[0] == byCommand {
		return nil
	}
	check, err := v.check(ctx)
	if err != nil {
		return err
	}
	return m.Update(ctx, func(tx registry.Tx) error { return replaceCheck(tx, check) })
}

// check makes the row that Confirm opens.
func (v *Vault) check(ctx context.Context) (registry.Key, error) {
	k := registry.Key{Purpose: checkPurpose, ID: rand.Text()}
	var err error
	k.Sealed, err = v.seal(ctx, k.Purpose, k.ID, "", []byte(checkPurpose))
	return k, err
}

func replaceCheck(tx registry.Tx, k registry.Key) error {
	rows, err := tx.Keys(checkPurpose)
	if err != nil {
		return err
	}
	for _, old := range rows {
		if err := tx.DeleteKey(old.Purpose, old.ID); err != nil {
			return err
		}
	}
	k.Created = tx.Now()
	return tx.CreateKey(k)
}
