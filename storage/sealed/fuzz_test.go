package sealed

import (
	"bytes"
	"context"
	"crypto/sha256"
	"io"
	"testing"

	"larder/registry"
)

// oneKey is Rows with one key for every domain, which nothing has sealed.
type oneKey struct{ registry.Key }

func (k oneKey) Keys(context.Context, registry.DomainID) ([]registry.Key, error) {
	return []registry.Key{k.Key}, nil
}

func (k oneKey) DomainKey(context.Context, registry.DomainID) (string, error) { return "", nil }

func (k oneKey) Add(context.Context, registry.DomainID, registry.Key, bool) ([]registry.Key, error) {
	return nil, errNoKey
}

// clear is a Sealer that seals nothing.
type clear struct{}

func (clear) Seal(_, _ string, plain []byte) []byte           { return plain }
func (clear) Open(_, _ string, sealed []byte) ([]byte, error) { return sealed, nil }

// memory is a blob in memory.
type memory struct{ *bytes.Reader }

func (memory) Close() error { return nil }

// FuzzOpen reads whatever lies in the place of a sealed file: it is the blob, or
// an error.
func FuzzOpen(f *testing.F) {
	id, key := keyID{1}, dataKey{2}
	ring := NewRing(oneKey{registry.Key{ID: "01000000000000000000000000000000", Sealed: append([]byte{byMaster}, key[:]...)}}, &Vault{Master: clear{}})
	d := registry.DomainID{Owner: "1", Name: "d"}
	file := func(plain []byte) []byte {
		foot := footer{key: id, size: int64(len(plain))}
		aead, err := fileKey(&key, foot.salt[:])
		if err != nil {
			f.Fatal(err)
		}
		var b []byte
		for i := int64(0); i*segmentSize < foot.size; i++ {
			at := nonce(i)
			b = aead.Seal(b, at[:], plain[i*segmentSize:min((i+1)*segmentSize, foot.size)], nil)
		}
		foot.seal(aead, d, sha256.Sum256(plain))
		return append(foot.append(b), foot.tag[:]...)
	}
	plain := bytes.Repeat([]byte("plain"), 5_000)
	for _, seed := range [][]byte{file(nil), file([]byte("plain")), file(plain), file(plain)[:segmentSize], nil, bytes.Repeat([]byte{0xff}, footerSize)} {
		f.Add(seed, uint32(0), byte(0))
		f.Add(seed, uint32(len(seed)-20), byte(1))
		f.Add(seed, uint32(10), byte(1))
	}
	whole := map[registry.Digest][]byte{}
	for _, p := range [][]byte{nil, []byte("plain"), plain} {
		whole[sha256.Sum256(p)] = p
	}
	b := &Blobs{ring: ring}
	f.Fuzz(func(t *testing.T, on []byte, at uint32, by byte) {
		on = bytes.Clone(on)
		if int64(at) < int64(len(on)) {
			on[at] ^= by
		}
		for digest, want := range whole {
			r, err := b.look(t.Context(), memory{bytes.NewReader(on)}, d, digest)
			if err != nil {
				continue
			}
			got, err := io.ReadAll(r)
			if err == nil && !bytes.Equal(got, want) {
				t.Errorf("%d bytes read as the blob of %d", len(got), len(want))
			}
		}
	})
}
