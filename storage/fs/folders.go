package fs

import (
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"sync"

	"larder/registry"
)

// folders makes the folders of digests and remembers which ones this process
// has seen on disk, so that a commit into a known one synchronizes nothing
// beyond its own. The zero value knows none.
type folders struct {
	mu      sync.Mutex
	domains map[registry.DomainID]*leaves
}

// leaves has a bit for each two-byte folder of a domain.
type leaves [1 << 16 / 64]uint64

func (f *folders) make(root string, d registry.DomainID, digest registry.Digest) error {
	n := int(digest[0])<<8 | int(digest[1])
	f.mu.Lock()
	l := f.domains[d]
	known := l != nil && l[n/64]&(1<<(n%64)) != 0
	f.mu.Unlock()
	if known {
		return nil
	}
	// From the outermost in: what holds a new folder's name is synchronized
	// after the name is there. A folder that exists may be another writer's that
	// is not on disk yet, so existing ones are synchronized all the same.
	path := filepath.Join(root, digestName)
	for _, name := range []string{d.Owner, d.Name, hex.EncodeToString(digest[:1]), hex.EncodeToString(digest[1:2])} {
		parent := path
		path = filepath.Join(parent, name)
		if err := os.Mkdir(path, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
			return err
		}
		if err := syncFolder(parent); err != nil {
			return err
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if l = f.domains[d]; l == nil {
		if f.domains == nil {
			f.domains = map[registry.DomainID]*leaves{}
		}
		l = new(leaves)
		f.domains[d] = l
	}
	l[n/64] |= 1 << (n % 64)
	return nil
}

// syncFolder makes the names in a folder durable.
func syncFolder(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
