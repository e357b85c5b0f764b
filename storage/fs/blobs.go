package fs

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path/filepath"

	"larder/registry"
)

// Blobs is registry.Blobs in a folder.
type Blobs struct {
	root    string
	tmp     string
	durable folders
}

var (
	_ registry.Blobs          = (*Blobs)(nil)
	_ registry.BlobProber     = (*Blobs)(nil)
	_ registry.BlobRoom       = (*Blobs)(nil)
	_ registry.BlobQuarantine = (*Blobs)(nil)
)

// Open makes the folder where it is missing and drops what an earlier process
// left half written.
func Open(root string) (*Blobs, error) {
	root, err := filepath.Abs(root)
	if err != nil {
		return nil, err
	}
	b := &Blobs{root: root, tmp: filepath.Join(root, tmpName)}
	if err := os.RemoveAll(b.tmp); err != nil {
		return nil, fmt.Errorf("blobs: empty %s: %w", b.tmp, err)
	}
	for _, dir := range []string{b.tmp, filepath.Join(root, digestName)} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, fmt.Errorf("blobs: %w", err)
		}
	}
	if err := syncFolder(root); err != nil {
		return nil, fmt.Errorf("blobs: %w", err)
	}
	// What is around the folder may be closed to us, and is then somebody else's care.
	if err := syncFolder(filepath.Dir(root)); err != nil && !errors.Is(err, fs.ErrPermission) {
		return nil, fmt.Errorf("blobs: %w", err)
	}
	return b, nil
}

// Existing is Open for reading and deleting beside the process whose folder it is:
// nothing is made, and nothing of what that process writes is touched.
func Existing(root string) (*Blobs, error) {
	root, err := filepath.Abs(root)
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(filepath.Join(root, digestName)); err != nil {
		return nil, fmt.Errorf("blobs: %w", err)
	}
	return &Blobs{root: root, tmp: filepath.Join(root, tmpName)}, nil
}

// Create implements registry.Blobs. What it returns is an io.ReaderAt, too.
func (b *Blobs) Create(ctx context.Context, d registry.DomainID) (registry.BlobWriter, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if _, err := b.domainPath(d); err != nil {
		return nil, err
	}
	f, err := os.CreateTemp(b.tmp, "")
	if err != nil {
		return nil, fmt.Errorf("blobs: create: %w", err)
	}
	return &writer{blobs: b, domain: d, file: f}, nil
}

// Open implements registry.Blobs. What it returns is an *os.File.
func (b *Blobs) Open(ctx context.Context, d registry.DomainID, digest registry.Digest) (registry.Blob, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	path, err := b.path(d, digest)
	if err != nil {
		return nil, err
	}
	f, err := openFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, missing(d, digest)
	}
	if err != nil {
		return nil, fmt.Errorf("blobs: open: %w", err)
	}
	return f, nil
}

// Room implements registry.BlobRoom.
func (b *Blobs) Room(context.Context) (int64, error) {
	n, err := room(b.root)
	if err != nil {
		return 0, &registry.Error{Code: registry.Internal, Err: err}
	}
	return n, nil
}

// Exists implements registry.BlobProber.
func (b *Blobs) Exists(ctx context.Context, d registry.DomainID, digest registry.Digest) (bool, error) {
	_, err := b.Stat(ctx, d, digest)
	if registry.IsNotFound(err) {
		return false, nil
	}
	return err == nil, err
}

// Stat gives what List says of a blob, or NotFound.
func (b *Blobs) Stat(ctx context.Context, d registry.DomainID, digest registry.Digest) (registry.BlobInfo, error) {
	if err := ctx.Err(); err != nil {
		return registry.BlobInfo{}, err
	}
	path, err := b.path(d, digest)
	if err != nil {
		return registry.BlobInfo{}, err
	}
	i, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return registry.BlobInfo{}, missing(d, digest)
	}
	if err != nil {
		return registry.BlobInfo{}, fmt.Errorf("blobs: look at: %w", err)
	}
	return registry.BlobInfo{Digest: digest, Size: i.Size(), Created: i.ModTime().UTC()}, nil
}

func missing(d registry.DomainID, digest registry.Digest) error {
	return registry.Errorf(registry.NotFound, "no blob %s in domain %s", digest, d.Name).About(d.Resource())
}

// Delete implements registry.Blobs. Readers that have it open read on.
func (b *Blobs) Delete(ctx context.Context, d registry.DomainID, digest registry.Digest) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	path, err := b.path(d, digest)
	if err != nil {
		return err
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("blobs: delete: %w", err)
	}
	return nil
}

// SetAside implements registry.BlobQuarantine: the file goes into the folder
// damaged, in the place of one that was set aside before.
func (b *Blobs) SetAside(ctx context.Context, d registry.DomainID, digest registry.Digest) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	path, err := b.path(d, digest)
	if err != nil {
		return err
	}
	aside := filepath.Join(b.root, damagedName, d.Owner, d.Name)
	if err := os.MkdirAll(aside, 0o700); err != nil {
		return fmt.Errorf("blobs: set aside: %w", err)
	}
	err = os.Rename(path, filepath.Join(aside, digest.String()))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = errors.Join(syncFolder(aside), syncFolder(filepath.Dir(path)))
	}
	if err != nil {
		return fmt.Errorf("blobs: set aside: %w", err)
	}
	return nil
}

// List implements registry.Blobs. A blob that comes or goes meanwhile may be
// in it or not. Created is when the blob was last committed.
func (b *Blobs) List(ctx context.Context, d registry.DomainID) iter.Seq2[registry.BlobInfo, error] {
	return func(yield func(registry.BlobInfo, error) bool) {
		dir, err := b.domainPath(d)
		if err != nil {
			yield(registry.BlobInfo{}, err)
			return
		}
		err = filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
			if err == nil {
				err = ctx.Err()
			}
			if err != nil || e.IsDir() {
				return ifThere(err)
			}
			digest, err := registry.ParseDigest(e.Name())
			if err != nil {
				return nil // no file of ours
			}
			i, err := e.Info()
			if err != nil {
				return ifThere(err)
			}
			if !yield(registry.BlobInfo{Digest: digest, Size: i.Size(), Created: i.ModTime().UTC()}, nil) {
				return fs.SkipAll
			}
			return nil
		})
		if err != nil {
			yield(registry.BlobInfo{}, fmt.Errorf("blobs: list: %w", err))
		}
	}
}

// ifThere forgives what was removed while it was being looked at.
func ifThere(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

func (b *Blobs) path(d registry.DomainID, digest registry.Digest) (string, error) {
	dir, err := b.domainPath(d)
	if err != nil {
		return "", err
	}
	return dir + string(filepath.Separator) + leaf(digest) + string(filepath.Separator) + digest.String(), nil
}
