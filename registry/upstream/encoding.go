package upstream

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"maps"
	"slices"
	"time"

	"larder/registry"
)

// The stored form of a listing:
//
//	"LSTG" version | source[16] | content[16] | absent | payload
//
// source says which registry it came from and what read it; content is the
// start of the payload's SHA-256, so that equal listings are known by a
// comparison; absent is 1 where upstream answered that there is none. The
// payload is fields in a fixed order: numbers are varints, strings and bytes
// carry their length. Manifests stand in it as they are: decoding slices them
// out and parses nothing.
const (
	encodingMagic  = "LSTG\x02"
	headerSize     = len(encodingMagic) + 16 + 16 + 1
	contentOffset  = len(encodingMagic) + 16
	smallestVer    = 7 // bytes of an encoded version without assets
	smallestAsset  = 7
	smallestTag    = 2
	decodedVersion = 160 // bytes of memory beyond the payload, for the cache's accounts
	decodedAsset   = 200
)

// header is the fixed part of a stored listing.
type header struct {
	source  [16]byte
	content [16]byte
	absent  bool
}

// encodeListing gives the stored form; nil stands for "there is none".
func encodeListing(l *registry.Listing, source [16]byte) []byte {
	size := headerSize
	if l != nil {
		size += len(l.Metadata) + 64
		for _, v := range l.Versions {
			size += len(v.Manifest) + 64 + 300*len(v.Assets)
		}
	}
	b := make([]byte, 0, size)
	b = append(b, encodingMagic...)
	b = append(b, source[:]...)
	b = append(b, make([]byte, 16)...)
	if l == nil {
		return append(b, 1)
	}
	b = append(b, 0)
	e := encoder{b}
	e.time(l.Modified)
	e.time(l.First)
	e.bytes(l.Metadata)
	e.count(len(l.Tags))
	for _, tag := range slices.Sorted(maps.Keys(l.Tags)) {
		e.string(tag)
		e.string(l.Tags[tag])
	}
	e.count(len(l.Versions))
	for _, v := range l.Versions {
		e.string(v.Version)
		e.bytes(v.Manifest)
		e.string(string(v.Status))
		e.time(v.Released)
		e.time(v.Seen)
		e.flag(v.Followed)
		e.count(len(v.Assets))
		for _, a := range v.Assets {
			e.string(a.Name)
			e.string(a.URL)
			e.b = binary.AppendVarint(e.b, a.Size)
			e.bytes(a.MD5)
			e.bytes(a.SHA1)
			e.bytes(a.SHA256)
			e.bytes(a.SHA512)
		}
	}
	sum := sha256.Sum256(e.b[headerSize:])
	copy(e.b[contentOffset:], sum[:16])
	return e.b
}

type encoder struct{ b []byte }

func (e *encoder) count(n int) { e.b = binary.AppendUvarint(e.b, uint64(n)) }

func (e *encoder) string(s string) {
	e.count(len(s))
	e.b = append(e.b, s...)
}

func (e *encoder) bytes(p []byte) {
	e.count(len(p))
	e.b = append(e.b, p...)
}

func (e *encoder) flag(set bool) {
	if set {
		e.b = append(e.b, 1)
		return
	}
	e.b = append(e.b, 0)
}

func (e *encoder) time(t time.Time) {
	if t.IsZero() {
		e.b = append(e.b, 0)
		return
	}
	e.b = append(e.b, 1)
	e.b = binary.AppendVarint(e.b, t.Unix())
	e.count(t.Nanosecond())
}

var errEncoding = errors.New("a stored listing is damaged or of another version")

// decodeHeader reads the fixed part.
func decodeHeader(b []byte) (header, error) {
	var h header
	if len(b) < headerSize || string(b[:len(encodingMagic)]) != encodingMagic || b[headerSize-1] > 1 {
		return h, errEncoding
	}
	copy(h.source[:], b[len(encodingMagic):])
	copy(h.content[:], b[contentOffset:])
	h.absent = b[headerSize-1] == 1
	return h, nil
}

// decodeListing reads the stored form. The listing's byte slices are parts of
// b, which must not change afterwards. The listing is nil where there is none.
// size is what it occupies in memory, in bytes.
func decodeListing(b []byte) (h header, l *registry.Listing, size int64, err error) {
	h, err = decodeHeader(b)
	if err != nil {
		return h, nil, 0, err
	}
	if h.absent {
		if len(b) != headerSize {
			return h, nil, 0, errEncoding
		}
		return h, nil, int64(len(b)), nil
	}
	d := decoder{b: b[headerSize:]}
	l = &registry.Listing{}
	l.Modified = d.time()
	l.First = d.time()
	l.Metadata = d.bytes()
	n := d.count(smallestTag)
	l.Tags = make(map[string]string, n)
	for range n {
		tag := d.string()
		l.Tags[tag] = d.string()
	}
	n = d.count(smallestVer)
	l.Versions = make([]registry.ListedVersion, n)
	assets := 0
	for i := range l.Versions {
		if d.bad {
			break
		}
		assets += d.version(&l.Versions[i])
	}
	if d.bad || len(d.b) != 0 {
		return h, nil, 0, errEncoding
	}
	return h, l, int64(len(b)) + int64(n)*decodedVersion + int64(assets)*decodedAsset, nil
}

// decoder takes fields off the front of b. After the first impossible one all
// others are empty and bad is set.
type decoder struct {
	b   []byte
	bad bool
}

func (d *decoder) version(v *registry.ListedVersion) (assets int) {
	v.Version = d.string()
	v.Manifest = d.bytes()
	v.Status = status(d.raw())
	v.Released = d.time()
	v.Seen = d.time()
	v.Followed = d.uvarint() == 1
	n := d.count(smallestAsset)
	if n == 0 {
		return 0
	}
	v.Assets = make([]registry.ListedAsset, n)
	for i := range v.Assets {
		a := &v.Assets[i]
		a.Name = d.string()
		a.URL = d.string()
		a.Size = d.varint()
		a.MD5 = d.bytes()
		a.SHA1 = d.bytes()
		a.SHA256 = d.bytes()
		a.SHA512 = d.bytes()
	}
	return n
}

// status gives the shared string of the statuses that listings have.
func status(b []byte) registry.Status {
	switch {
	case bytes.Equal(b, []byte(registry.Published)):
		return registry.Published
	case bytes.Equal(b, []byte(registry.Unlisted)):
		return registry.Unlisted
	}
	return registry.Status(b)
}

func (d *decoder) fail() {
	d.b, d.bad = nil, true
}

func (d *decoder) uvarint() uint64 {
	v, n := binary.Uvarint(d.b)
	if n <= 0 {
		d.fail()
		return 0
	}
	d.b = d.b[n:]
	return v
}

func (d *decoder) varint() int64 {
	v, n := binary.Varint(d.b)
	if n <= 0 {
		d.fail()
		return 0
	}
	d.b = d.b[n:]
	return v
}

// count reads how many things follow of which each takes at least that many bytes.
func (d *decoder) count(least int) int {
	v := d.uvarint()
	if v > uint64(len(d.b)/least) {
		d.fail()
		return 0
	}
	return int(v)
}

func (d *decoder) raw() []byte {
	n := d.count(1)
	p := d.b[:n:n]
	d.b = d.b[n:]
	return p
}

// bytes gives nil for an empty field.
func (d *decoder) bytes() []byte {
	if p := d.raw(); len(p) > 0 {
		return p
	}
	return nil
}

func (d *decoder) string() string { return string(d.raw()) }

func (d *decoder) time() time.Time {
	switch d.uvarint() {
	case 0:
		return time.Time{}
	case 1:
		sec := d.varint()
		return time.Unix(sec, int64(d.uvarint()%1e9)).UTC()
	}
	d.fail()
	return time.Time{}
}
