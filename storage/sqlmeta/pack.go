package sqlmeta

import (
	"errors"
	"sync"

	"github.com/klauspost/compress/zstd"
)

// Packed bodies begin with a byte that says how. No body at all is no bytes.
const (
	packedPlain byte = 0
	packedZstd  byte = 1

	// packedFrom is the size in bytes below which compressing is not worth a call.
	packedFrom = 512
	// unpackedLimit bounds what a damaged row can make us allocate.
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
	if len(b) == 0 {
		return nil
	}
	if len(b) >= packedFrom {
		packed := encoder().EncodeAll(b, append(make([]byte, 0, len(b)/4), packedZstd))
		if len(packed) < len(b) {
			return packed
		}
	}
	return append([]byte{packedPlain}, b...)
}

var errPacked = errors.New("a packed body is damaged")

// unpack gives bytes of their own.
func unpack(p []byte) ([]byte, error) {
	if len(p) == 0 {
		return nil, nil
	}
	switch p[0] {
	case packedPlain:
		return append([]byte(nil), p[1:]...), nil
	case packedZstd:
		return decoder().DecodeAll(p[1:], nil)
	}
	return nil, errPacked
}
