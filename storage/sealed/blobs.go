package sealed

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"sync"

	"larder/registry"
	"larder/storage/fs"
)

// Mode says which new blobs are sealed. What is kept is read in every mode.
type Mode int

const (
	Off   Mode = iota // none
	Keyed             // those of domains that have a data key
	Every             // all; a domain that lacks a data key gets one
)

// Blobs is registry.Blobs over a folder of plain and one of sealed files.
type Blobs struct {
	plain, sealed *fs.Blobs
	ring          *Ring
	mode          Mode
	locks         [64]sync.Mutex // of digests: who changes what lies in both folders
}

var (
	_ registry.Blobs          = (*Blobs)(nil)
	_ registry.BlobProber     = (*Blobs)(nil)
	_ registry.BlobRoom       = (*Blobs)(nil)
	_ registry.BlobQuarantine = (*Blobs)(nil)
)

// New puts the two folders together.
func New(plain, sealed *fs.Blobs, ring *Ring, mode Mode) *Blobs {
	return &Blobs{plain: plain, sealed: sealed, ring: ring, mode: mode}
}

func (b *Blobs) lock(digest registry.Digest) (unlock func()) {
	l := &b.locks[int(digest[0])%len(b.locks)]
	l.Lock()
	return l.Unlock
}

// Create implements registry.Blobs. What it returns is an io.ReaderAt, too. The
// data key is durable before it returns.
func (b *Blobs) Create(ctx context.Context, d registry.DomainID) (registry.BlobWriter, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if b.mode == Off {
		return b.plain.Create(ctx, d)
	}
	id, key, err := b.ring.current(ctx, d, b.mode == Every)
	if errors.Is(err, errNoKey) {
		return b.plain.Create(ctx, d)
	}
	if err != nil {
		return nil, err
	}
	return b.create(ctx, d, id, key)
}

// Open implements registry.Blobs. A plain blob is an *os.File. registry.ErrDamaged: the
// file is there and is not the blob.
func (b *Blobs) Open(ctx context.Context, d registry.DomainID, digest registry.Digest) (registry.Blob, error) {
	r, err := b.open(ctx, d, digest)
	if registry.IsNotFound(err) {
		plain, e := b.plain.Open(ctx, d, digest)
		if !registry.IsNotFound(e) {
			return plain, e
		}
		r, err = b.open(ctx, d, digest) // sealed since it was looked for
	}
	if err != nil {
		return nil, err
	}
	return r, nil
}

// open opens a sealed blob.
func (b *Blobs) open(ctx context.Context, d registry.DomainID, digest registry.Digest) (*blob, error) {
	file, err := b.sealed.Open(ctx, d, digest)
	if err != nil {
		return nil, err
	}
	r, err := b.look(ctx, file, d, digest)
	if err != nil {
		file.Close()
		return nil, fmt.Errorf("blob %s of domain %s: %w", digest, d.Name, err)
	}
	return r, nil
}

func (b *Blobs) look(ctx context.Context, file registry.Blob, d registry.DomainID, digest registry.Digest) (*blob, error) {
	length, err := file.Seek(0, io.SeekEnd)
	if err != nil {
		return nil, err
	}
	var end [footerSize]byte
	if _, err := file.ReadAt(end[:], max(length-int64(footerSize), 0)); err != nil && err != io.EOF {
		return nil, err
	}
	f, err := parseFooter(end[:], length)
	if err != nil {
		return nil, err
	}
	key, err := b.ring.byID(ctx, d, f.key)
	if err != nil {
		return nil, err
	}
	aead, err := fileKey(key, f.salt[:])
	if err != nil {
		return nil, err
	}
	if err := f.check(aead, d, digest); err != nil {
		return nil, err
	}
	return &blob{segments: segments{src: file, aead: aead, size: f.size}, file: file, key: f.key}, nil
}

// dropUnreadable deletes a sealed file that no key opens which will be there
// after the next start, too. Where that cannot be known now, it stays.
func (b *Blobs) dropUnreadable(ctx context.Context, d registry.DomainID, digest registry.Digest) error {
	r, err := b.open(ctx, d, digest)
	lost := errors.Is(err, registry.ErrDamaged)
	if err == nil {
		kept, err := b.ring.kept(ctx, d, r.key)
		lost = err == nil && !kept
		r.Close()
	}
	if lost {
		return b.sealed.Delete(ctx, d, digest)
	}
	return nil
}

// Room implements registry.BlobRoom. Both folders lie in one.
func (b *Blobs) Room(ctx context.Context) (int64, error) { return b.plain.Room(ctx) }

// Exists implements registry.BlobProber.
func (b *Blobs) Exists(ctx context.Context, d registry.DomainID, digest registry.Digest) (bool, error) {
	for _, folder := range []*fs.Blobs{b.sealed, b.plain, b.sealed} {
		if there, err := folder.Exists(ctx, d, digest); there || err != nil {
			return there, err
		}
	}
	return false, nil
}

// Delete implements registry.Blobs. Readers that have it open read on.
func (b *Blobs) Delete(ctx context.Context, d registry.DomainID, digest registry.Digest) error {
	defer b.lock(digest)()
	return errors.Join(b.sealed.Delete(ctx, d, digest), b.plain.Delete(ctx, d, digest))
}

// SetAside implements registry.BlobQuarantine: what is sealed stays sealed, in the
// folder damaged beside it.
func (b *Blobs) SetAside(ctx context.Context, d registry.DomainID, digest registry.Digest) error {
	defer b.lock(digest)()
	return errors.Join(b.sealed.SetAside(ctx, d, digest), b.plain.SetAside(ctx, d, digest))
}

// List implements registry.Blobs. Sizes are those of the blobs, Created is the
// later of a plain and a sealed file. No key is needed for it.
func (b *Blobs) List(ctx context.Context, d registry.DomainID) iter.Seq2[registry.BlobInfo, error] {
	return func(yield func(registry.BlobInfo, error) bool) {
		for i, err := range b.sealed.List(ctx, d) {
			if err == nil {
				if size, ok := plainSize(i.Size); ok {
					i.Size = size
				}
				p, e := b.plain.Stat(ctx, d, i.Digest)
				if e == nil && p.Created.After(i.Created) {
					i.Created = p.Created
				}
			}
			if !yield(i, err) || err != nil {
				return
			}
		}
		for i, err := range b.plain.List(ctx, d) {
			if err == nil {
				there, e := b.sealed.Exists(ctx, d, i.Digest)
				if there {
					continue
				}
				err = e
			}
			if !yield(i, err) || err != nil {
				return
			}
		}
	}
}

// Tally is how much of a domain is sealed and how much is not.
type Tally struct {
	Sealed      int64 `json:"sealed"`
	SealedBytes int64 `json:"sealedBytes"`
	Plain       int64 `json:"plain"`
	PlainBytes  int64 `json:"plainBytes"`
}

// Tally counts the domain's files. No key is needed for it.
func (b *Blobs) Tally(ctx context.Context, d registry.DomainID) (Tally, error) {
	var t Tally
	for i, err := range b.sealed.List(ctx, d) {
		if err != nil {
			return t, err
		}
		size, _ := plainSize(i.Size)
		t.Sealed, t.SealedBytes = t.Sealed+1, t.SealedBytes+size
	}
	for i, err := range b.plain.List(ctx, d) {
		if err != nil {
			return t, err
		}
		t.Plain, t.PlainBytes = t.Plain+1, t.PlainBytes+i.Size
	}
	return t, nil
}
