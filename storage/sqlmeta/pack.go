package sqlmeta

import (
	"errors"
	"sync"

	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zstd"
)

// Packed bodies begin with a byte that says how. No body at all is no bytes.
const (
	packedPlain byte = 0
	packedZstd  byte = 1
	packedS2    byte = 2
)

const (
	// packedFrom is the size in bytes below which packing gains nothing.
	packedFrom = 256
	// zstdFrom is the size from which the better ratio of zstd is worth its set-up
	// of some microseconds. Below are nearly all manifests: the three hundred of
	// a package are read together, where s2 unpacks in a microsecond each.
	zstdFrom = 16 << 10
	// unpackedLimit bounds in bytes what a damaged row can make us allocate.
	unpackedLimit = 1 << 30
)

var encoder = sync.OnceValue(func() *zstd.Encoder {
	e, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1), zstd.WithLowerEncoderMem(true))
	if err != nil {
		panic(err) // constant options
	}
	return e
})

var decoder = sync.OnceValue(func() *zstd.Decoder {
	d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(0), zstd.WithDecoderMaxMemory(unpackedLimit), zstd.WithDecoderLowmem(true))
	if err != nil {
		panic(err) // constant options
	}
	return d
})

func pack(b []byte) []byte {
	var packed []byte
	switch {
	case len(b) == 0:
		return nil
	case len(b) >= zstdFrom:
		packed = encoder().EncodeAll(b, append(make([]byte, 0, len(b)/4), packedZstd))
	case len(b) >= packedFrom:
		buf := make([]byte, 1+s2.MaxEncodedLen(len(b)))
		buf[0] = packedS2
		packed = buf[:1+len(s2.Encode(buf[1:], b))]
	}
	if packed == nil || len(packed) > len(b) {
		return append([]byte{packedPlain}, b...)
	}
	return packed
}

var errPacked = errors.New("a packed body is damaged")

// unpack gives bytes of their own.
func unpack(p []byte) ([]byte, error) {
	if len(p) == 0 {
		return nil, nil
	}
	body := p[1:]
	switch p[0] {
	case packedPlain:
		return append([]byte(nil), body...), nil
	case packedZstd:
		return decoder().DecodeAll(body, nil)
	case packedS2:
		if n, err := s2.DecodedLen(body); err != nil || n > unpackedLimit {
			return nil, errPacked
		}
		return s2.Decode(nil, body)
	}
	return nil, errPacked
}
