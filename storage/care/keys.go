package care

import (
	"cmp"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"

	"larder/registry"
	"larder/storage/fs"
	"larder/storage/sealed"
)

// DataKeys is the data keys of domains that stand in rows that were taken: with
// these, and not with those that came later, copies of bytes are sealed.
type DataKeys struct{ byPurpose map[string][]registry.Key }

var _ sealed.Rows = DataKeys{}

// DataKeysOf reads the data keys of a backup. NotFound: the folder is none.
func DataKeysOf(folder string) (DataKeys, error) {
	rows := filepath.Join(folder, rowsName)
	if _, err := os.Stat(rows); errors.Is(err, os.ErrNotExist) {
		return DataKeys{}, incomplete(folder)
	}
	return dataKeys(rows)
}

// Any reports whether there are any: whether bytes are sealed.
func (k DataKeys) Any() bool { return len(k.byPurpose) > 0 }

// Keys implements sealed.Rows.
func (k DataKeys) Keys(_ context.Context, d registry.DomainID) ([]registry.Key, error) {
	return k.byPurpose[registry.BlobKeys(d)], nil
}

var errNothingNew = registry.Errorf(registry.Invalid, "rows that were taken get no new data keys")

// DomainKey implements sealed.Rows: no key is sealed anew.
func (DataKeys) DomainKey(context.Context, registry.DomainID) (string, error) {
	return "", errNothingNew
}

// Add implements sealed.Rows: none is added.
func (DataKeys) Add(context.Context, registry.DomainID, registry.Key, bool) ([]registry.Key, error) {
	return nil, errNothingNew
}

// dataKeys reads those of a dump.
func dataKeys(path string) (DataKeys, error) {
	domains, keys := map[string]bool{}, map[string][]registry.Key{}
	err := readDump(path, dumpVisitor{
		domain: func(d registry.DomainID, _ string) { domains[registry.BlobKeys(d)] = true },
		key:    func(k registry.Key) { keys[k.Purpose] = append(keys[k.Purpose], k) },
	})
	for purpose, all := range keys {
		if !domains[purpose] {
			delete(keys, purpose)
		}
		slices.SortStableFunc(all, func(a, b registry.Key) int { return cmp.Compare(a.Created.UnixMilli(), b.Created.UnixMilli()) })
	}
	return DataKeys{keys}, err
}

// copies opens the bytes of a backup that is made: sealed as those are that it is
// made of.
func copies(folder string, plain *fs.Blobs, keys DataKeys, ring *sealed.Ring) (registry.Blobs, error) {
	if !keys.Any() {
		return plain, nil
	}
	b, err := fs.Open(filepath.Join(folder, sealedName))
	if err != nil {
		return nil, err
	}
	return readable{sealed.New(plain, b, ring, sealed.Keyed)}, nil
}

// readable says of a blob that it exists where it can be read: an older backup into
// the same folder may have left one of a domain that is gone, with its key.
type readable struct{ *sealed.Blobs }

func (b readable) Exists(ctx context.Context, d registry.DomainID, digest registry.Digest) (bool, error) {
	r, err := b.Open(ctx, d, digest)
	if registry.IsNotFound(err) || errors.Is(err, registry.ErrDamaged) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return true, r.Close()
}

// copied opens the bytes of a backup that is there.
func copied(folder string, keys DataKeys, ring *sealed.Ring) (registry.Blobs, error) {
	plain, err := fs.Existing(filepath.Join(folder, blobsName))
	if err != nil {
		return nil, err
	}
	if !keys.Any() {
		return plain, nil
	}
	b, err := fs.Existing(filepath.Join(folder, sealedName))
	if err != nil {
		return nil, err
	}
	return sealed.New(plain, b, ring, sealed.Off), nil
}
