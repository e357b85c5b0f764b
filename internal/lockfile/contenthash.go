package lockfile

import (
	"bytes"
	"crypto/sha512"
	"encoding/binary"
	"errors"
	"io"
	"math"
)

// Sizes and signatures of the records of a zip archive (APPNOTE 4.3).
const (
	zipEndSize      = 22
	zipEndMark      = 0x06054b50
	zipHeaderSize   = 46
	zipHeaderMark   = 0x02014b50
	zipCommentLimit = math.MaxUint16
	zipDirectoryMax = 64 << 20 // bytes of a central directory that are read
)

// signatureFile is the entry that signing adds to a package.
const signatureFile = ".signature.p7s"

var errNoPackage = errors.New("it is no zip archive that can be read")

// ContentHash is what packages.lock.json calls contentHash: the SHA-512 of a
// package as it was before it was signed, that is without the signature's entry
// and with the offsets and counts of the rest as they were (NuGet.Client:
// SignedPackageArchiveUtility.GetPackageContentHash). Of a package that is not
// signed it is that of its bytes. The file is read in pieces.
func ContentHash(r io.ReaderAt, size int64) (Digest, error) {
	end, at, err := zipEnd(r, size)
	if err != nil {
		return Digest{}, err
	}
	entries := int(binary.LittleEndian.Uint16(end[10:]))
	length, offset := int64(binary.LittleEndian.Uint32(end[12:])), int64(binary.LittleEndian.Uint32(end[16:]))
	h := sha512.New()
	copyRange := func(from, to int64) error {
		_, err := io.Copy(h, io.NewSectionReader(r, from, to-from))
		return err
	}
	if entries == math.MaxUint16 || length == math.MaxUint32 || offset == math.MaxUint32 { // zip64, which cannot be signed
		err := copyRange(0, size)
		return Digest{Content, string(h.Sum(nil))}, err
	}
	if length > zipDirectoryMax || offset+length > at {
		return Digest{}, errNoPackage
	}
	directory := make([]byte, length)
	if _, err := r.ReadAt(directory, offset); err != nil {
		return Digest{}, errNoPackage
	}
	s, err := findSignature(directory, entries, offset)
	if err != nil {
		return Digest{}, err
	}
	if s == nil {
		err := copyRange(0, size)
		return Digest{Content, string(h.Sum(nil))}, err
	}
	if err := errors.Join(copyRange(0, s.from), copyRange(s.to, offset)); err != nil {
		return Digest{}, err
	}
	h.Write(s.rest)
	le := binary.LittleEndian
	le.PutUint16(end[8:], le.Uint16(end[8:])-1)
	le.PutUint16(end[10:], le.Uint16(end[10:])-1)
	le.PutUint32(end[12:], uint32(len(s.rest)))
	le.PutUint32(end[16:], uint32(offset-(s.to-s.from)))
	h.Write(end)
	return Digest{Content, string(h.Sum(nil))}, nil
}

// zipEnd reads the end of central directory record with the comment after it.
func zipEnd(r io.ReaderAt, size int64) (record []byte, at int64, err error) {
	tail := make([]byte, min(size, zipEndSize+zipCommentLimit))
	from := size - int64(len(tail))
	if _, err := r.ReadAt(tail, from); err != nil && err != io.EOF {
		return nil, 0, err
	}
	for i := len(tail) - zipEndSize; i >= 0; i-- {
		if binary.LittleEndian.Uint32(tail[i:]) == zipEndMark && int(binary.LittleEndian.Uint16(tail[i+20:])) == len(tail)-i-zipEndSize {
			return tail[i:], from + int64(i), nil
		}
	}
	return nil, 0, errNoPackage
}

// signature is where a signed package has what signing added, and its central
// directory without that.
type signature struct {
	from, to int64 // of the entry
	rest     []byte
}

// findSignature looks for the signature's entry; nil where there is none.
func findSignature(directory []byte, entries int, end int64) (*signature, error) {
	type header struct {
		bytes  []byte
		offset int64
	}
	var headers []header
	found := -1
	for rest := directory; len(rest) > 0; {
		if len(rest) < zipHeaderSize || binary.LittleEndian.Uint32(rest) != zipHeaderMark {
			return nil, errNoPackage
		}
		le := binary.LittleEndian
		name := int(le.Uint16(rest[28:]))
		size := zipHeaderSize + name + int(le.Uint16(rest[30:])) + int(le.Uint16(rest[32:]))
		if size > len(rest) {
			return nil, errNoPackage
		}
		if bytes.Equal(rest[zipHeaderSize:zipHeaderSize+name], []byte(signatureFile)) {
			if found >= 0 {
				return nil, errors.New("it has more than one signature")
			}
			found = len(headers)
		}
		headers = append(headers, header{bytes.Clone(rest[:size]), int64(le.Uint32(rest[42:]))})
		rest = rest[size:]
	}
	if len(headers) != entries {
		return nil, errNoPackage
	}
	if found < 0 {
		return nil, nil
	}
	s := &signature{from: headers[found].offset, to: end}
	for _, h := range headers { // an entry goes as far as the next one, or the directory
		if h.offset > s.from {
			s.to = min(s.to, h.offset)
		}
	}
	if s.from >= end {
		return nil, errNoPackage
	}
	for i, h := range headers {
		if i == found {
			continue
		}
		if h.offset > s.from {
			binary.LittleEndian.PutUint32(h.bytes[42:], uint32(h.offset-(s.to-s.from)))
		}
		s.rest = append(s.rest, h.bytes...)
	}
	return s, nil
}
