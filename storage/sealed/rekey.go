package sealed

import (
	"bytes"
	"context"

	"larder/registry"
)

// Rekeyed is data keys that have been opened and sealed anew, for one change of
// the metadata. Bytes of blobs stay as they are.
type Rekeyed struct {
	keys  []rekeyed
	check registry.Key
}

type rekeyed struct{ old, new registry.Key }

// Rekey opens all data keys of the domains and seals them by another vault.
// Nothing is changed: that is for [Rekeyed.Put].
func Rekey(ctx context.Context, m registry.Metadata, domains []registry.DomainID, from, to *Vault) (*Rekeyed, error) {
	var r Rekeyed
	for _, d := range domains {
		all, err := Metadata{m}.Keys(ctx, d)
		if err != nil {
			return nil, err
		}
		domainKey, err := Metadata{m}.DomainKey(ctx, d)
		if err != nil {
			return nil, err
		}
		for _, old := range all {
			key, err := from.open(ctx, old)
			if err != nil {
				return nil, err
			}
			anew := old
			if anew.Sealed, err = to.seal(ctx, old.Purpose, old.ID, domainKey, key); err != nil {
				return nil, err
			}
			r.keys = append(r.keys, rekeyed{old, anew})
		}
	}
	var err error
	r.check, err = to.check(ctx)
	return &r, err
}

// Len is how many data keys there are.
func (r *Rekeyed) Len() int { return len(r.keys) }

// Put replaces the rows. Conflict: there are other keys by now.
func (r *Rekeyed) Put(tx registry.Tx) error {
	byPurpose := map[string][]rekeyed{}
	for _, k := range r.keys {
		byPurpose[k.old.Purpose] = append(byPurpose[k.old.Purpose], k)
	}
	for purpose, keys := range byPurpose {
		now, err := tx.Keys(purpose)
		if err != nil {
			return err
		}
		for i, k := range keys {
			if len(now) != len(keys) || now[i].ID != k.old.ID || !bytes.Equal(now[i].Sealed, k.old.Sealed) {
				return registry.Errorf(registry.Conflict, "data keys were changed meanwhile; run it again")
			}
		}
		// All go before the first comes, so that they stay in their order.
		for _, k := range keys {
			if err := tx.DeleteKey(purpose, k.old.ID); err != nil {
				return err
			}
		}
		for _, k := range keys {
			if err := tx.CreateKey(k.new); err != nil {
				return err
			}
		}
	}
	return replaceCheck(tx, r.check)
}
