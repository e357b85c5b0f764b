// Package cache keeps copies of blobs of another store as files of this machine,
// up to a size: what was used longest ago makes room. A copy is sent by the
// kernel, and is there while the store is away. Copies are of immutable bytes;
// who may read them is decided before a blob is opened.
package cache

import (
	"cmp"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"larder/registry"
)

const (
	// largest is the part of the limit that one blob may take.
	largest = 8
	// usedEvery bounds how often the use of a copy is written down.
	usedEvery = time.Minute
	// copying is how many copies are made at a time; more are made another time.
	copying = 4
	partial = ".partial"
)

// Blobs is registry.Blobs with copies. The folder is one process's own.
type Blobs struct {
	registry.Blobs
	dir   string
	limit int64

	mu    sync.Mutex
	size  int64
	under map[string]bool // copies being made; false: deleted meanwhile
	slots chan struct{}
	work  sync.WaitGroup
}

var (
	_ registry.BlobProber = (*Blobs)(nil)
	_ registry.BlobTidier = (*Blobs)(nil)
)

// New keeps copies of the store's blobs in the folder, which it makes where it
// is missing, up to limit bytes. Close waits for copies being made.
func New(store registry.Blobs, dir string, limit int64) (*Blobs, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	b := &Blobs{Blobs: store, dir: dir, limit: limit, under: map[string]bool{}, slots: make(chan struct{}, copying)}
	all, err := b.copies()
	if err != nil {
		return nil, err
	}
	for _, c := range all {
		b.size += c.size
	}
	b.trim()
	return b, nil
}

// Close waits for what goes on in the background.
func (b *Blobs) Close() error {
	b.work.Wait()
	return nil
}

// Exists implements registry.BlobProber: it asks the store.
func (b *Blobs) Exists(ctx context.Context, d registry.DomainID, digest registry.Digest) (bool, error) {
	if p, ok := b.Blobs.(registry.BlobProber); ok {
		return p.Exists(ctx, d, digest)
	}
	r, err := b.Blobs.Open(ctx, d, digest)
	if registry.IsNotFound(err) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return true, r.Close()
}

// Tidy implements registry.BlobTidier: it lets the store do it.
func (b *Blobs) Tidy(ctx context.Context, before time.Time) error {
	if t, ok := b.Blobs.(registry.BlobTidier); ok {
		return t.Tidy(ctx, before)
	}
	return nil
}

// Open implements registry.Blobs: the copy where there is one, as an *os.File;
// else the store's blob, of which a copy is made for the next time.
func (b *Blobs) Open(ctx context.Context, d registry.DomainID, digest registry.Digest) (registry.Blob, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	path := b.path(d, digest)
	if f, err := os.Open(path); err == nil {
		b.used(f)
		return f, nil
	}
	r, err := b.Blobs.Open(ctx, d, digest)
	if err != nil {
		return nil, err
	}
	if redirects, ok := r.(registry.Redirecter); ok {
		// Readers that are sent elsewhere need no copy here.
		if u, err := redirects.Redirect(ctx, false, "", ""); err == nil && u != "" {
			return r, nil
		}
	}
	b.copy(ctx, d, digest, path)
	return r, nil
}

// used notes when a copy was last of use.
func (b *Blobs) used(f *os.File) {
	now := time.Now()
	if i, err := f.Stat(); err == nil && now.Sub(i.ModTime()) > usedEvery {
		os.Chtimes(f.Name(), now, now) //nolint:errcheck // it then goes a little earlier
	}
}

// copy makes a copy in the background, unless enough are being made.
func (b *Blobs) copy(ctx context.Context, d registry.DomainID, digest registry.Digest, path string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, making := b.under[path]; making {
		return
	}
	select {
	case b.slots <- struct{}{}:
	default:
		return
	}
	b.under[path] = true
	ctx = context.WithoutCancel(ctx)
	b.work.Go(func() {
		made, n := b.fetch(ctx, d, digest, path)
		<-b.slots
		b.mu.Lock()
		switch {
		case made == "":
		case !b.under[path] || os.Rename(made, path) != nil:
			os.Remove(made)
		default:
			b.size += n
		}
		delete(b.under, path)
		over := b.size > b.limit
		b.mu.Unlock()
		if over {
			b.trim()
		}
	})
}

// fetch writes a copy beside its place and gives its name and size; an empty
// name where there is none.
func (b *Blobs) fetch(ctx context.Context, d registry.DomainID, digest registry.Digest, path string) (string, int64) {
	r, err := b.Blobs.Open(ctx, d, digest)
	if err != nil {
		return "", 0
	}
	defer r.Close()
	size, err := r.Seek(0, io.SeekEnd)
	if err != nil || size > b.limit/largest {
		return "", 0
	}
	if _, err := r.Seek(0, io.SeekStart); err != nil {
		return "", 0
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return "", 0
	}
	f, err := os.CreateTemp(filepath.Dir(path), "*"+partial)
	if err != nil {
		return "", 0
	}
	h := registry.NewHasher()
	n, err := io.Copy(io.MultiWriter(f, h), r)
	err = errors.Join(err, f.Close())
	if err == nil && (n != size || h.Sum().SHA256 != digest) {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		os.Remove(f.Name())
		return "", 0
	}
	return f.Name(), n
}

// Delete implements registry.Blobs. Copies that other processes have go when
// they are not used.
func (b *Blobs) Delete(ctx context.Context, d registry.DomainID, digest registry.Digest) error {
	if err := b.Blobs.Delete(ctx, d, digest); err != nil {
		return err
	}
	path := b.path(d, digest)
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, making := b.under[path]; making {
		b.under[path] = false
	}
	if i, err := os.Stat(path); err == nil && os.Remove(path) == nil {
		b.size -= i.Size()
	}
	return nil
}

type kept struct {
	path string
	size int64
	used time.Time
}

// copies lists what is there, and removes what was left half made.
func (b *Blobs) copies() ([]kept, error) {
	var all []kept
	err := filepath.WalkDir(b.dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			return err
		}
		i, err := e.Info()
		switch {
		case err != nil:
		case strings.HasSuffix(path, partial):
			if time.Since(i.ModTime()) > time.Hour {
				os.Remove(path)
			}
		default:
			all = append(all, kept{path, i.Size(), i.ModTime()})
		}
		return nil
	})
	return all, err
}

// trim removes what was used longest ago until a tenth of the limit is free.
func (b *Blobs) trim() {
	b.mu.Lock()
	over := b.size > b.limit
	b.mu.Unlock()
	if !over {
		return
	}
	all, err := b.copies()
	if err != nil {
		return
	}
	slices.SortFunc(all, func(a, c kept) int { return cmp.Or(a.used.Compare(c.used), cmp.Compare(a.path, c.path)) })
	var size int64
	for _, c := range all {
		size += c.size
	}
	for _, c := range all {
		if size <= b.limit/10*9 {
			break
		}
		if os.Remove(c.path) == nil {
			size -= c.size
		}
	}
	b.mu.Lock()
	b.size = size
	b.mu.Unlock()
}

func (b *Blobs) path(d registry.DomainID, digest registry.Digest) string {
	name := digest.String()
	return filepath.Join(b.dir, d.Owner, d.Name, name[:2], name)
}
