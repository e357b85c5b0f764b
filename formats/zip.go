package formats

import (
	"archive/zip"
	"cmp"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"path"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"larder/registry"
)

// Limits of archives that are looked into.
const (
	MaxEntries   = 100_000  // of an archive
	maxDirectory = 64 << 20 // bytes of a zip archive's directory
	// A file that is larger than BombSize and BombRatio times what it takes in
	// the archive is there to fill disks (as the public index holds it).
	BombSize  = 64 << 20
	BombRatio = 50
	// maxSought bounds what is unpacked of an archive to look for one file in it.
	maxSought = 1 << 30
)

// Sought is how many bytes are unpacked at most of a compressed archive of the
// size, to look for one file in it.
func Sought(size int64) int64 { return min(maxSought, BombSize+size*BombRatio) }

// directory is where a zip archive says that its directory of entries is.
type directory struct {
	entries      uint64
	size, offset uint64
	end          int64 // where the record that says so begins
}

const (
	endSignature       = 0x06054b50
	end64Signature     = 0x06064b50
	locator64Signature = 0x07064b50
	localSignature     = 0x04034b50
	directorySignature = 0x02014b50
)

// readDirectory reads the end of a zip archive, so that its directory is not
// read before its size is known. The archive must end with its own end record:
// what follows one is read by some tools and not by others (pitfall Y25).
func readDirectory(r io.ReaderAt, size int64) (directory, error) {
	var d directory
	tail := make([]byte, min(size, 22+1<<16))
	if _, err := r.ReadAt(tail, size-int64(len(tail))); err != nil && !errors.Is(err, io.EOF) {
		return d, err
	}
	at := -1
	for i := len(tail) - 22; i >= 0; i-- {
		if binary.LittleEndian.Uint32(tail[i:]) == endSignature && i+22+int(binary.LittleEndian.Uint16(tail[i+20:])) == len(tail) {
			at = i
			break
		}
	}
	if at < 0 {
		return d, NotZip("it has no end record, or something follows it")
	}
	end := tail[at:]
	d = directory{
		entries: uint64(binary.LittleEndian.Uint16(end[10:])),
		size:    uint64(binary.LittleEndian.Uint32(end[12:])),
		offset:  uint64(binary.LittleEndian.Uint32(end[16:])),
		end:     size - int64(len(tail)) + int64(at),
	}
	if d.entries == 0xffff || d.size == 0xffffffff || d.offset == 0xffffffff {
		if err := d.read64(r); err != nil {
			return d, err
		}
	}
	if d.entries > MaxEntries || d.size > maxDirectory {
		return d, registry.Errorf(registry.Invalid, "the archive has more than %d entries", MaxEntries)
	}
	if d.offset > uint64(d.end) || d.offset+d.size != uint64(d.end) {
		return d, NotZip("its directory is not where its end record says")
	}
	return d, nil
}

// read64 reads the Zip64 end record, where there is one.
func (d *directory) read64(r io.ReaderAt) error {
	locator := make([]byte, 20)
	if d.end < 20 {
		return nil
	}
	if _, err := r.ReadAt(locator, d.end-20); err != nil {
		return err
	}
	if binary.LittleEndian.Uint32(locator) != locator64Signature {
		return nil
	}
	at := binary.LittleEndian.Uint64(locator[8:])
	if at > uint64(d.end-20) || uint64(d.end-20)-at != 56 {
		return NotZip("its Zip64 end record is not before its end")
	}
	end := make([]byte, 56)
	if _, err := r.ReadAt(end, int64(at)); err != nil {
		return err
	}
	if binary.LittleEndian.Uint32(end) != end64Signature {
		return NotZip("its Zip64 end record is broken")
	}
	d.entries, d.size, d.offset = binary.LittleEndian.Uint64(end[32:]), binary.LittleEndian.Uint64(end[40:]), binary.LittleEndian.Uint64(end[48:])
	d.end = int64(at)
	return nil
}

// NotZip is the Invalid of an archive that is not sound.
func NotZip(why string) error {
	return registry.Errorf(registry.Invalid, "the file is not a sound zip archive: %s", why)
}

// OpenZip reads the directory of an archive within limits.
func OpenZip(r io.ReaderAt, size int64) (*zip.Reader, error) {
	if _, err := readDirectory(r, size); err != nil {
		return nil, err
	}
	z, err := zip.NewReader(r, size)
	switch {
	case errors.Is(err, zip.ErrFormat), errors.Is(err, zip.ErrAlgorithm), errors.Is(err, zip.ErrChecksum), errors.Is(err, io.ErrUnexpectedEOF):
		return nil, NotZip("its directory cannot be read")
	case err != nil:
		return nil, err
	}
	return z, nil
}

// CheckZip refuses archives that different tools read differently, and bombs
// (pitfall Y25; the checks of the public index).
func CheckZip(r io.ReaderAt, size int64, z *zip.Reader) error {
	offsets, directory, err := entryOffsets(r, size, len(z.File))
	if err != nil {
		return err
	}
	seen := map[string]bool{}
	spans := make([]span, 0, len(z.File))
	for i, f := range z.File {
		if err := CheckEntry(f.Name); err != nil {
			return err
		}
		if seen[f.Name] {
			return registry.Errorf(registry.Invalid, "the archive has the entry %q twice", f.Name)
		}
		seen[f.Name] = true
		if f.UncompressedSize64 > BombSize && f.UncompressedSize64/BombRatio > f.CompressedSize64 {
			return registry.Errorf(registry.Invalid, "the entry %q unpacks to more than %d times its size: that is not taken", f.Name, BombRatio)
		}
		s, err := localSpan(r, size, offsets[i], f)
		if err != nil {
			return err
		}
		spans = append(spans, s)
	}
	slices.SortFunc(spans, func(a, b span) int { return cmp.Compare(a.from, b.from) })
	// Up to the directory: an entry that is not in it would be there for who
	// reads the archive as it comes.
	spans = append(spans, span{directory, directory})
	end := int64(0)
	for i, s := range spans {
		// After an entry may stand a descriptor of its sizes: 12 to 24 bytes.
		if gap := s.from - end; gap < 0 || gap > 24 || i == 0 && gap != 0 {
			return NotZip("its entries do not follow one another")
		}
		end = s.to
	}
	return nil
}

// span is where an entry lies with the header before it.
type span struct{ from, to int64 }

// entryOffsets reads from the directory where the entries begin, in its order,
// and gives where it begins itself.
func entryOffsets(r io.ReaderAt, size int64, n int) (offsets []int64, directory int64, err error) {
	d, err := readDirectory(r, size)
	if err != nil {
		return nil, 0, err
	}
	b := make([]byte, d.size)
	if _, err := r.ReadAt(b, int64(d.offset)); err != nil && !errors.Is(err, io.EOF) {
		return nil, 0, err
	}
	offsets = make([]int64, 0, n)
	for len(b) >= 46 && binary.LittleEndian.Uint32(b) == directorySignature {
		name, extra, comment := int(binary.LittleEndian.Uint16(b[28:])), int(binary.LittleEndian.Uint16(b[30:])), int(binary.LittleEndian.Uint16(b[32:]))
		length := 46 + name + extra + comment
		if length > len(b) {
			break
		}
		offset := uint64(binary.LittleEndian.Uint32(b[42:]))
		if offset == 0xffffffff {
			offset = offset64(b[46+name:46+name+extra], b)
		}
		if offset > uint64(size) {
			return nil, 0, NotZip("an entry is beyond its end")
		}
		offsets = append(offsets, int64(offset))
		b = b[length:]
	}
	if len(b) != 0 || len(offsets) != n {
		return nil, 0, NotZip("its directory cannot be read")
	}
	return offsets, int64(d.offset), nil
}

// offset64 finds an entry's offset in its Zip64 field, where sizes that do not
// fit stand before it; a number beyond all ends where there is none.
func offset64(extra, entry []byte) uint64 {
	large := extraField(extra, zip64Field)
	at := 0
	for _, field := range []int{24, 20} {
		if binary.LittleEndian.Uint32(entry[field:]) == math.MaxUint32 {
			at += 8
		}
	}
	if at+8 <= len(large) {
		return binary.LittleEndian.Uint64(large[at:])
	}
	return math.MaxUint64
}

// localSpan holds an entry's own header to what the directory says of it.
func localSpan(r io.ReaderAt, size, offset int64, f *zip.File) (span, error) {
	disagree := NotZip("the header of an entry does not agree with the directory")
	head := make([]byte, 30+len(f.Name))
	if offset+int64(len(head)) > size {
		return span{}, disagree
	}
	if _, err := r.ReadAt(head, offset); err != nil && !errors.Is(err, io.EOF) {
		return span{}, err
	}
	if binary.LittleEndian.Uint32(head) != localSignature || binary.LittleEndian.Uint16(head[8:]) != f.Method ||
		int(binary.LittleEndian.Uint16(head[26:])) != len(f.Name) || string(head[30:]) != f.Name {
		return span{}, disagree
	}
	extra := make([]byte, binary.LittleEndian.Uint16(head[28:]))
	data := offset + int64(len(head)) + int64(len(extra))
	if f.CompressedSize64 > uint64(size) || data > size-int64(f.CompressedSize64) {
		return span{}, disagree
	}
	if _, err := r.ReadAt(extra, offset+int64(len(head))); err != nil && !errors.Is(err, io.EOF) {
		return span{}, err
	}
	if !sameSizes(head, extra, f) || !sameName(extra, f) || !sameName(f.Extra, f) {
		return span{}, disagree
	}
	return span{offset, data + int64(f.CompressedSize64)}, nil
}

// sameSizes reports whether an entry's own header has the sizes that the
// directory has, by which other tools find what follows it. Where they come
// in a descriptor behind the data, there may be none.
func sameSizes(head, extra []byte, f *zip.File) bool {
	const inDescriptor = 1 << 3
	described := binary.LittleEndian.Uint16(head[6:])&inDescriptor != 0
	large := extraField(extra, zip64Field)
	for i, of := range []struct {
		at   int
		want uint64
	}{{22, f.UncompressedSize64}, {18, f.CompressedSize64}} {
		got := uint64(binary.LittleEndian.Uint32(head[of.at:]))
		if got == math.MaxUint32 && len(large) >= 8*i+8 {
			got = binary.LittleEndian.Uint64(large[8*i:])
		}
		if got != of.want && !(described && got == 0) {
			return false
		}
	}
	return true
}

// sameName reports whether an entry has no second name, by which some tools
// know it and others do not (Info-ZIP's Unicode path).
func sameName(extra []byte, f *zip.File) bool {
	second := extraField(extra, unicodePathField)
	return second == nil || len(second) > 5 && string(second[5:]) == f.Name
}

// Extra fields of an entry.
const (
	zip64Field       = 0x0001
	unicodePathField = 0x7075
)

// extraField gives the content of the first extra field of that id, nil where
// there is none.
func extraField(extra []byte, id uint16) []byte {
	for len(extra) >= 4 {
		is, length := binary.LittleEndian.Uint16(extra), int(binary.LittleEndian.Uint16(extra[2:]))
		if extra = extra[4:]; length > len(extra) {
			break
		}
		if is == id {
			return extra[:length:length]
		}
		extra = extra[length:]
	}
	return nil
}

// CheckEntry refuses the name of an entry that could leave the folder it is
// unpacked into, or that cannot be shown.
func CheckEntry(name string) error {
	clean := strings.TrimSuffix(name, "/")
	if clean == "" || !utf8.ValidString(name) || strings.ContainsRune(name, '\\') || path.IsAbs(name) || path.Clean(clean) != clean ||
		clean == ".." || strings.HasPrefix(clean, "../") || len(clean) > 1 && clean[1] == ':' ||
		strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return registry.Errorf(registry.Invalid, "the archive has an entry of the name %q, which is not taken", name)
	}
	return nil
}
