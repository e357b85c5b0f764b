package care

import (
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"larder/registry"
)

// copiers is how many blobs are copied at a time: a store far away answers late.
const copiers = 8

// Migration is the way of a server from one kind of storage to another: all its
// rows as they were at one moment, in a file, and the bytes that they refer to.
type Migration struct {
	Rows  int64 `json:"rows"`
	Blobs int64 `json:"blobs"` // that rows refer to
	Bytes int64 `json:"bytes"` // of them

	Domains []registry.DomainID          `json:"-"`
	Keys    map[registry.DomainID]string `json:"-"` // what domains name for their encryption at rest
	Data    DataKeys                     `json:"-"` // with which bytes in files are sealed
	Sum     string                       `json:"-"` // of the rows
	Spooled int64                        `json:"-"` // bytes that the rows take in the file

	spool string
}

// Moved is what a migration has done with bytes.
type Moved struct {
	Copied      int64 `json:"copied"` // blobs, now
	CopiedBytes int64 `json:"copiedBytes"`
	Kept        int64 `json:"kept"` // blobs that were in the target already
	KeptBytes   int64 `json:"keptBytes"`
	Gone        int64 `json:"gone"` // blobs that were deleted while servers went on
}

// Done is how many bytes need no more copying.
func (m Moved) Done() int64 { return m.CopiedBytes + m.KeptBytes }

// Migrate takes the rows of a server, which may run meanwhile, into the file
// spool. The caller closes the migration, which removes it.
func Migrate(ctx context.Context, from Source, spool string) (_ *Migration, err error) {
	m := &Migration{Keys: map[registry.DomainID]string{}, spool: spool}
	defer func() {
		if err != nil {
			m.Close() //nolint:errcheck // the first error is the one to tell
		}
	}()
	if err := dump(ctx, from, spool); err != nil {
		return nil, err
	}
	i, err := os.Stat(spool)
	if err != nil {
		return nil, err
	}
	m.Spooled = i.Size()
	sum := sha256.New()
	err = open(spool, func(r io.Reader) error {
		_, err := io.Copy(sum, contextReader{ctx, r})
		return err
	})
	if err != nil {
		return nil, err
	}
	m.Sum = hex.EncodeToString(sum.Sum(nil))
	if m.Data, err = dataKeys(spool); err != nil {
		return nil, err
	}
	err = readDump(spool, dumpVisitor{
		row: func() { m.Rows++ },
		domain: func(d registry.DomainID, key string) {
			m.Domains = append(m.Domains, d)
			m.Keys[d] = key
		},
		blob: func(_ registry.DomainID, _ registry.Digest, size int64) error {
			m.Blobs++
			m.Bytes += size
			return nil
		},
	})
	if err != nil {
		return nil, err
	}
	return m, nil
}

// Close removes the rows that were taken.
func (m *Migration) Close() error {
	if err := os.Remove(m.spool); !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// Look says how much is in the target already.
func (m *Migration) Look(ctx context.Context, to registry.Blobs) (Moved, error) {
	return m.each(ctx, nil, func(ctx context.Context, d registry.DomainID, digest registry.Digest) (int64, error) {
		there, err := exists(ctx, to, d, digest)
		if err == nil && !there {
			err = errMissing
		}
		return -1, err
	})
}

// CopyBytes copies what the target has not got, each blob checked against its
// digest on its way. What a kill leaves is whole: done again, it goes on. Where
// servers run meanwhile, blobs that have gone are passed over; else each that is
// missing or damaged is an error at the end, when all others are copied.
func (m *Migration) CopyBytes(ctx context.Context, from, to registry.Blobs, running bool, progress func(Moved)) (Moved, error) {
	var mu sync.Mutex
	var broken []string
	n := 0
	moved, err := m.each(ctx, progress, func(ctx context.Context, d registry.DomainID, digest registry.Digest) (int64, error) {
		there, err := exists(ctx, to, d, digest)
		if err != nil || there {
			return -1, err
		}
		size, err := transfer(ctx, from, to, d, digest)
		if registry.IsNotFound(err) {
			err = errMissing
		}
		if err == nil || running && errors.Is(err, errMissing) || !errors.Is(err, errMissing) && !errors.Is(err, registry.ErrDamaged) {
			return size, err
		}
		mu.Lock()
		defer mu.Unlock()
		if n++; n <= 5 {
			broken = append(broken, fmt.Sprintf("%s of domain %s: %v", digest, d.Name, sentence(err)))
		}
		return 0, errMissing
	})
	if err == nil && n > 0 {
		err = registry.Errorf(registry.Conflict, "%d blobs of the source are not whole (%s): mend them with larder verify --repair, or delete the versions that it names, then go on", n, strings.Join(broken, "; "))
	}
	return moved, err
}

// each calls f for the blobs, several at a time. f gives how many bytes it has
// copied, -1 where they were there, and errMissing where there are none.
func (m *Migration) each(ctx context.Context, progress func(Moved), f func(context.Context, registry.DomainID, registry.Digest) (int64, error)) (Moved, error) {
	var mu sync.Mutex
	var moved Moved
	workers, working := errgroup.WithContext(ctx)
	workers.SetLimit(copiers)
	err := readDump(m.spool, dumpVisitor{blob: func(d registry.DomainID, digest registry.Digest, size int64) error {
		if err := working.Err(); err != nil {
			return err
		}
		workers.Go(func() error {
			n, err := f(working, d, digest)
			if err != nil && err != errMissing {
				return fmt.Errorf("blob %s of domain %s: %w", digest, d.Name, err)
			}
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err != nil:
				moved.Gone++
			case n < 0:
				moved.Kept++
				moved.KeptBytes += size
			default:
				moved.Copied++
				moved.CopiedBytes += n
			}
			if progress != nil {
				progress(moved)
			}
			return nil
		})
		return nil
	}})
	if e := workers.Wait(); e != nil {
		err = e
	}
	return moved, err
}

// CopyRows fills the empty database: the migration is complete with it. Conflict:
// it is not empty. progress is told how much of what is spooled has been read.
func (m *Migration) CopyRows(ctx context.Context, to Target, progress func(int64)) error {
	f, err := os.Open(m.spool)
	if err != nil {
		return err
	}
	defer f.Close()
	z, err := gzip.NewReader(&counting{f, 0, progress})
	if err != nil {
		return fmt.Errorf("%s: %w", m.spool, err)
	}
	return to.Restore(ctx, contextReader{ctx, z})
}

type counting struct {
	io.Reader
	n    int64
	tell func(int64)
}

func (c *counting) Read(b []byte) (int, error) {
	n, err := c.Reader.Read(b)
	c.n += int64(n)
	c.tell(c.n)
	return n, err
}

// CopyFolder copies a folder of files that nobody changes; one that is in the
// place already stays. What a kill leaves is begun anew.
func CopyFolder(from, to string) error {
	if _, err := os.Stat(to); !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if _, err := os.Stat(from); errors.Is(err, os.ErrNotExist) {
		return nil
	}
	partial := to + ".partial"
	if err := os.RemoveAll(partial); err != nil {
		return err
	}
	if err := os.CopyFS(partial, os.DirFS(from)); err != nil {
		return err
	}
	return os.Rename(partial, to)
}

// exists looks into the store itself.
func exists(ctx context.Context, b registry.Blobs, d registry.DomainID, digest registry.Digest) (bool, error) {
	if p, ok := b.(registry.BlobProber); ok {
		return p.Exists(ctx, d, digest)
	}
	r, err := b.Open(ctx, d, digest)
	if registry.IsNotFound(err) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return true, r.Close()
}
