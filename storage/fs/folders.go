package fs

import (
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"syscall"

	"larder/registry"
)

// folders makes the folders of digests and remembers which ones this process
// has seen on disk, so that a commit into a known one synchronizes nothing
// beyond its own. The zero value knows none.
type folders struct {
	mu      sync.Mutex
	domains map[registry.DomainID]*known
}

// known has a bit for each folder of a domain, by the first byte of the
// digests in it and by the first two.
type known struct {
	outer [1 << 8 / 64]uint64
	inner [1 << 16 / 64]uint64
}

func (k *known) has(digest registry.Digest) (outer, inner bool) {
	o, i := number(digest)
	return k.outer[o/64]>>(o%64)&1 != 0, k.inner[i/64]>>(i%64)&1 != 0
}

func number(digest registry.Digest) (outer, inner int) {
	return int(digest[0]), int(digest[0])<<8 | int(digest[1])
}

// make makes the digest's folder and gives those that have to be synchronized
// before a blob in it is durable, besides the folder itself: each that holds
// the name of one that is not known. Such a one may have been there, but as
// another writer's who has not come as far as synchronizing it.
func (f *folders) make(root string, d registry.DomainID, digest registry.Digest) ([]string, error) {
	f.mu.Lock()
	k := f.domains[d]
	var outer, inner bool
	if k != nil {
		outer, inner = k.has(digest)
	}
	f.mu.Unlock()
	if inner {
		return nil, nil
	}
	var parents []string
	path := filepath.Join(root, digestName)
	for _, level := range []struct {
		name  string
		known bool
	}{
		{d.Owner, k != nil},
		{d.Name, k != nil},
		{hex.EncodeToString(digest[:1]), outer},
		{hex.EncodeToString(digest[1:2]), false},
	} {
		parent := path
		path = filepath.Join(parent, level.name)
		if level.known {
			continue
		}
		if err := os.Mkdir(path, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
			return nil, err
		}
		parents = append(parents, parent)
	}
	return parents, nil
}

// synchronized takes down that the folder of the digest is on disk.
func (f *folders) synchronized(d registry.DomainID, digest registry.Digest) {
	f.mu.Lock()
	defer f.mu.Unlock()
	k := f.domains[d]
	if k == nil {
		if f.domains == nil {
			f.domains = map[registry.DomainID]*known{}
		}
		k = new(known)
		f.domains[d] = k
	}
	o, i := number(digest)
	k.outer[o/64] |= 1 << (o % 64)
	k.inner[i/64] |= 1 << (i % 64)
}

// syncFolder makes the names in a folder durable, where the system can do
// that: Windows and some network file systems cannot, and refuse.
func syncFolder(path string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	err = f.Sync()
	if errors.Is(err, syscall.EINVAL) || errors.Is(err, errors.ErrUnsupported) {
		err = nil
	}
	return errors.Join(err, f.Close())
}
