package sqlmeta

import (
	"bytes"
	"math/rand/v2"
	"testing"
)

func TestPackedBodiesComeBack(t *testing.T) {
	noise := make([]byte, 100_000)
	for i := range noise {
		noise[i] = byte(rand.Uint32())
	}
	text := bytes.Repeat([]byte(`{"name":"value"},`), 10_000)
	for _, n := range []int{0, 1, packedFrom - 1, packedFrom, 2000, zstdFrom - 1, zstdFrom, 100_000} {
		for _, body := range [][]byte{noise[:n], text[:n]} {
			p := pack(body)
			got, err := unpack(p)
			if err != nil || !bytes.Equal(got, body) {
				t.Errorf("%d bytes: %d come back, %v", n, len(got), err)
			}
			if len(p) > len(body)+1 {
				t.Errorf("%d bytes are packed into %d", n, len(p))
			}
		}
		if p := pack(text[:n]); n >= packedFrom && len(p) > n/2 {
			t.Errorf("%d bytes that repeat are packed into %d", n, len(p))
		}
	}
}

// What a damaged row holds is an error, never a panic or memory without bound.
func FuzzUnpack(f *testing.F) {
	for _, n := range []int{0, 10, 1000, 20_000} {
		f.Add(pack(bytes.Repeat([]byte("ab"), n)))
	}
	f.Add([]byte{packedS2, 0xff, 0xff, 0xff, 0xff, 0x0f})
	f.Add([]byte{packedZstd})
	f.Add([]byte{9, 1, 2})
	f.Fuzz(func(t *testing.T, p []byte) {
		got, err := unpack(p)
		if err != nil {
			return
		}
		if again, err := unpack(pack(got)); err != nil || !bytes.Equal(again, got) {
			t.Errorf("%d bytes do not come back, %v", len(got), err)
		}
	})
}
