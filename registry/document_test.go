package registry_test

import (
	"bytes"
	"compress/gzip"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"larder/registry"
)

func TestBothFormsOfADocumentAreThereInAnyOrder(t *testing.T) {
	for _, size := range []int{0, 1, 4 << 10, 300 << 10} {
		plain := []byte(strings.Repeat("abcdefgh", size/8+1)[:size])
		d := registry.NewDocument(bytes.Clone(plain), time.Time{})
		var all sync.WaitGroup
		for i := range 8 {
			all.Go(func() {
				for n := range 4 {
					if (i+n)%2 == 0 {
						if got := d.Plain(); !bytes.Equal(got, plain) {
							t.Errorf("size %d: plain form of %d bytes", size, len(got))
						}
						continue
					}
					packed, etag := d.Gzip()
					z, err := gzip.NewReader(bytes.NewReader(packed))
					if err != nil {
						t.Errorf("size %d: %v", size, err)
						continue
					}
					if got, err := io.ReadAll(z); err != nil || !bytes.Equal(got, plain) {
						t.Errorf("size %d: %d bytes in the compressed form, %v", size, len(got), err)
					}
					if etag == d.ETag {
						t.Errorf("size %d: both forms have the tag %s", size, etag)
					}
				}
			})
		}
		all.Wait()
		if d.Size != size {
			t.Errorf("size %d, want %d", d.Size, size)
		}
	}
}
