package care

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"larder/registry"
	"larder/storage/fs"
	"larder/storage/sealed"
	"larder/storage/sqlmeta"
)

// A backup is a folder:
//
//	FOLDER/
//	├── rows.jsonl.gz   all rows as they were at one moment
//	├── blobs/          the bytes that those rows refer to, as a server's folder of blobs
//	├── sealed/         those of domains that have a data key, as a server's folder of
//	│                   sealed blobs; the keys are among the rows
//	└── master.key      and credentials, where they lay in the data folder: what opens
//	                    the sealed rows, and the administrator's access key
//
// A second backup into the same folder copies only what is new.
const (
	rowsName   = "rows.jsonl.gz"
	blobsName  = "blobs"
	sealedName = "sealed"
)

var keyNames = []string{"master.key", "credentials"}

// attempts is how often rows are taken anew because bytes of theirs were deleted
// before they could be copied.
const attempts = 5

// Copied is what a backup or a restore has done.
type Copied struct {
	Rows  int64 `json:"rows"`
	Blobs int64 `json:"blobs"` // copied now
	Bytes int64 `json:"bytes"` // of them
	Kept  int64 `json:"kept"`  // blobs that were there already
}

// Source is what is backed up.
type Source interface {
	Dump(ctx context.Context, w io.Writer) error
	// Ring has the data keys of the rows, and Bytes gives the bytes, opened with it.
	Ring(sealed.Rows) *sealed.Ring
	Bytes(context.Context, *sealed.Ring) (registry.Blobs, error)
}

// Backup copies rows and bytes to the folder, which it makes where it is
// missing. Servers may run meanwhile. What a failed one leaves is no worse than
// what was there: rows come last. Conflict: bytes are missing or damaged.
func Backup(ctx context.Context, from Source, folder string, progress func(Copied)) (Copied, error) {
	var done Copied
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return done, err
	}
	plain, err := fs.Open(filepath.Join(folder, blobsName))
	if err != nil {
		return done, err
	}
	partial := filepath.Join(folder, rowsName+".partial")
	defer os.Remove(partial)
	for attempt := 1; ; attempt++ {
		if err := dump(ctx, from, partial); err != nil {
			return done, err
		}
		keys, err := dataKeys(partial)
		if err != nil {
			return done, err
		}
		ring := from.Ring(keys)
		source, err := from.Bytes(ctx, ring)
		if err != nil {
			return done, err
		}
		target, err := copies(folder, plain, keys, ring)
		if err != nil {
			return done, err
		}
		c := copying{from: source, to: target, done: &done, progress: progress}
		if err = c.run(ctx, partial); err == nil {
			return done, commit(partial, filepath.Join(folder, rowsName))
		}
		// Deleted or sealed since the rows were taken, or missing all along: rows of now tell.
		if !registry.IsNotFound(err) && !errors.Is(err, sealed.ErrKeyGone) || attempt == attempts {
			if registry.IsNotFound(err) || errors.Is(err, registry.ErrDamaged) {
				err = registry.Errorf(registry.Conflict, "%v: see what is not whole with larder verify, mend it with larder verify --repair, or delete the versions that it names, then go on", sentence(err))
			}
			return done, err
		}
	}
}

// commit gives a file its name, on disk.
func commit(partial, name string) error {
	f, err := os.OpenFile(partial, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(partial, name)
}

func dump(ctx context.Context, from Source, path string) (err error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	z := gzip.NewWriter(f)
	if err := from.Dump(ctx, z); err != nil {
		return err
	}
	return z.Close()
}

// copying copies the bytes that a dump refers to.
type copying struct {
	from, to registry.Blobs
	done     *Copied
	progress func(Copied)
}

func (c copying) run(ctx context.Context, rows string) error {
	c.done.Rows = 0
	return readDump(rows, dumpVisitor{row: func() { c.done.Rows++ }, blob: func(d registry.DomainID, digest registry.Digest, _ int64) error {
		there, err := exists(ctx, c.to, d, digest)
		if err != nil {
			return err
		}
		if there {
			c.done.Kept++
			return nil
		}
		n, err := transfer(ctx, c.from, c.to, d, digest)
		if err != nil {
			return err
		}
		c.done.Blobs++
		c.done.Bytes += n
		if c.progress != nil {
			c.progress(*c.done)
		}
		return nil
	}})
}

// dumpVisitor is told what a dump has; nil members are not.
type dumpVisitor struct {
	row    func()
	domain func(d registry.DomainID, encryptionKey string)
	blob   func(d registry.DomainID, digest registry.Digest, size int64) error // that an asset holds
	key    func(registry.Key)
}

// readDump reads a dump to its end.
func readDump(path string, v dumpVisitor) error {
	return open(path, func(r io.Reader) error {
		dump, err := sqlmeta.NewReader(r)
		if err != nil {
			return err
		}
		domains := map[int64]registry.DomainID{}
		for {
			table, columns, values, err := dump.Next()
			if err == io.EOF {
				return nil
			}
			if err != nil {
				return err
			}
			if v.row != nil {
				v.row()
			}
			of := func(name string) any {
				for i, c := range columns {
					if c == name {
						return values[i]
					}
				}
				return nil
			}
			switch table {
			case "domains":
				id, _ := of("id").(int64)
				owner, _ := of("owner").(string)
				name, _ := of("name").(string)
				domains[id] = registry.DomainID{Owner: owner, Name: name}
				if v.domain != nil {
					key, _ := of("encryption_key").(string)
					v.domain(domains[id], key)
				}
			case "sealed_keys":
				if v.key == nil {
					continue
				}
				var k registry.Key
				k.Purpose, _ = of("purpose").(string)
				k.ID, _ = of("id").(string)
				k.Sealed, _ = of("sealed").([]byte)
				created, _ := of("created").(int64)
				k.Created = time.UnixMilli(created).UTC()
				v.key(k)
			case "blobs":
				if refs, _ := of("refs").(int64); refs == 0 || v.blob == nil {
					continue
				}
				id, _ := of("domain_id").(int64)
				size, _ := of("size").(int64)
				digest, _ := of("sha256").([]byte)
				d, known := domains[id]
				if !known || len(digest) != len(registry.Digest{}) {
					return registry.Errorf(registry.Invalid, "the dump has a blob of no domain, or without a digest")
				}
				if err := v.blob(d, registry.Digest(digest), size); err != nil {
					return fmt.Errorf("blob %x of domain %s: %w", digest, d.Name, err)
				}
			}
		}
	})
}

func open(path string, f func(io.Reader) error) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	z, err := gzip.NewReader(file)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return f(z)
}

// Holder says whose rows a backup has: the id of the oldest key of that purpose.
// Not held: nobody's that can be read.
func Holder(folder, purpose string) (id string, held bool) {
	var oldest registry.Key
	err := readDump(filepath.Join(folder, rowsName), dumpVisitor{key: func(k registry.Key) {
		if k.Purpose == purpose && (!held || k.Created.Before(oldest.Created)) {
			oldest, held = k, true
		}
	}})
	return oldest.ID, held && err == nil
}

// ConfirmKeys is the refusal of [CopyKeys], and copies nothing.
func ConfirmKeys(from, to string) error {
	for _, name := range keyNames {
		key, err := os.ReadFile(filepath.Join(from, name))
		if err == nil {
			var have []byte
			if have, err = os.ReadFile(filepath.Join(to, name)); err == nil && !bytes.Equal(have, key) {
				return registry.Errorf(registry.Conflict, "the folder %s has a %s of another server, or from before it was replaced: name a new folder", to, name)
			}
		}
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	return nil
}

// CopyKeys copies what opens the rows, and the administrator's credentials, from a
// data folder or a backup to another, where they lie there. Conflict: the other has
// those of another server.
func CopyKeys(from, to string) error {
	if err := ConfirmKeys(from, to); err != nil {
		return err
	}
	for _, name := range keyNames {
		key, err := os.ReadFile(filepath.Join(from, name))
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		at := filepath.Join(to, name)
		if _, err = os.Stat(at); errors.Is(err, os.ErrNotExist) {
			err = os.WriteFile(at, key, 0o600)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
