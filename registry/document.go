package registry

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"
)

// Document is a finished document, shared by all readers and safe for
// concurrent use. Of its two forms, plain and compressed, those are in memory
// that clients ask for: nearly always the compressed one alone, a fraction of
// the other.
type Document struct {
	ETag     string // of the plain form: strong, quoted
	Size     int    // of the plain form, in bytes
	Modified time.Time
	// LastModified is Modified as an HTTP-date (RFC 9110, section 5.6.7); empty
	// where that is zero.
	LastModified string
	// StaleSince is since when an upstream registry fails, so that this may be
	// old; zero: nothing fails.
	StaleSince time.Time

	packedETag string // of the compressed form

	mu     sync.Mutex
	plain  []byte // nil: not in memory, unless the document is empty
	packed []byte // nil: not made yet
	held   atomic.Int64
}

// keptPlain is the size, in bytes, up to which the plain form always stays.
const keptPlain = 4 << 10

// NewDocument makes a document that nothing else holds the bytes of.
func NewDocument(plain []byte, modified time.Time) *Document {
	sum := sha256.Sum256(plain)
	d := describe(`"`+base64.RawURLEncoding.EncodeToString(sum[:18])+`"`, len(plain), modified)
	d.plain = plain
	d.held.Store(int64(len(plain)))
	return d
}

// describe makes a document without its bytes: what every answer says of it is
// put into words once.
func describe(etag string, size int, modified time.Time) *Document {
	d := &Document{ETag: etag, Size: size, Modified: modified, packedETag: etag[:len(etag)-1] + `-gz"`}
	if !modified.IsZero() {
		d.LastModified = modified.UTC().Format("Mon, 02 Jan 2006 15:04:05 GMT")
	}
	return d
}

// Plain gives the document as it was rendered. It is not to be changed.
func (d *Document) Plain() []byte {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.plain == nil && d.packed != nil {
		d.plain = unpack(d.packed, d.Size)
		d.held.Add(int64(len(d.plain)))
	}
	return d.plain
}

// Gzip gives the compressed form with its own ETag. It is not to be changed.
func (d *Document) Gzip() ([]byte, string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.packed == nil {
		d.packed = pack(d.plain)
		d.held.Add(int64(len(d.packed)))
		if d.Size > keptPlain {
			// Who asks for it after all gets it unpacked, once.
			d.plain = nil
			d.held.Add(-int64(d.Size))
		}
	}
	return d.packed, d.packedETag
}

// compressors are large, and made anew they would be most of a rendering's garbage.
var compressors = sync.Pool{New: func() any { return gzip.NewWriter(nil) }}

func pack(plain []byte) []byte {
	var b bytes.Buffer
	z := compressors.Get().(*gzip.Writer)
	defer compressors.Put(z)
	z.Reset(&b)
	z.Write(plain) //nolint:errcheck // a bytes.Buffer does not fail
	z.Close()
	return bytes.Clone(b.Bytes())
}

// unpack is given what pack has made, or what a Spill has checked.
func unpack(packed []byte, size int) []byte {
	plain := make([]byte, size)
	z, err := gzip.NewReader(bytes.NewReader(packed))
	if err == nil {
		_, err = io.ReadFull(z, plain)
	}
	if err != nil {
		panic(fmt.Sprintf("registry: a document of %d bytes does not unpack: %v", size, err))
	}
	return plain
}
