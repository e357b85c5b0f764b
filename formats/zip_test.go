package formats

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"io"
	"testing"

	"larder/registry"
)

// archive writes a zip archive; streamed ones have their sizes behind the data.
func archive(t *testing.T, streamed bool, headers ...*zip.FileHeader) []byte {
	t.Helper()
	const content = "the content of an entry"
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, h := range headers {
		var w io.Writer
		var err error
		if streamed {
			w, err = z.CreateHeader(h)
		} else {
			h.CRC32, h.CompressedSize64, h.UncompressedSize64 = crc32.ChecksumIEEE([]byte(content)), uint64(len(content)), uint64(len(content))
			w, err = z.CreateRaw(h)
		}
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, content); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// beforeDirectory puts bytes between the last entry and the directory.
func beforeDirectory(archive, more []byte) []byte {
	end := bytes.LastIndex(archive, []byte("PK\x05\x06"))
	at := binary.LittleEndian.Uint32(archive[end+16:])
	out := append(append(bytes.Clone(archive[:at]), more...), archive[at:]...)
	binary.LittleEndian.PutUint32(out[end+len(more)+16:], at+uint32(len(more)))
	return out
}

// field makes an extra field of an entry.
func field(id uint16, content []byte) []byte {
	b := binary.LittleEndian.AppendUint16(nil, id)
	return append(binary.LittleEndian.AppendUint16(b, uint16(len(content))), content...)
}

// changed gives a copy with the number at a place.
func changed(archive []byte, at int, n uint32) []byte {
	out := bytes.Clone(archive)
	binary.LittleEndian.PutUint32(out[at:], n)
	return out
}

// Pitfall Y25: what goes by the directory and what reads from the beginning
// must find the same files.
func TestArchivesThatToolsReadDifferently(t *testing.T) {
	plain := func() []byte { return archive(t, false, &zip.FileHeader{Name: "a"}, &zip.FileHeader{Name: "b"}) }
	unicodePath := func(name string) []byte {
		return field(0x7075, append([]byte{1, 0, 0, 0, 0}, name...))
	}
	// As Python writes entries of which it does not know the size beforehand.
	large := archive(t, false, &zip.FileHeader{Name: "a", Extra: field(1, append(binary.LittleEndian.AppendUint64(nil, 23), 23, 0, 0, 0, 0, 0, 0, 0))})
	for at := 18; at <= 22; at += 4 {
		large = changed(large, at, 0xffffffff)
	}
	for name, c := range map[string]struct {
		archive []byte
		sound   bool
	}{
		"as it should be":                            {plain(), true},
		"sizes behind the data":                      {archive(t, true, &zip.FileHeader{Name: "a", Method: zip.Deflate}, &zip.FileHeader{Name: "b"}), true},
		"sizes in a Zip64 field":                     {large, true},
		"a Unicode path that is the name":            {archive(t, false, &zip.FileHeader{Name: "a", Extra: unicodePath("a")}), true},
		"no entries":                                 {archive(t, false), true},
		"an entry that is not in the directory":      {beforeDirectory(plain(), plain()[:54]), false},
		"something between entries and directory":    {beforeDirectory(plain(), make([]byte, 30)), false},
		"another packed size in the entry's header":  {changed(plain(), 18, 1), false},
		"another whole size in the entry's header":   {changed(plain(), 22, 1), false},
		"no sizes in the entry's header":             {changed(changed(plain(), 18, 0), 22, 0), false},
		"another size in the entry's Zip64 field":    {changed(large, 30+1+4+8, 22), false},
		"a size in a Zip64 field that is not there":  {changed(plain(), 18, 0xffffffff), false},
		"a Unicode path to somewhere else":           {archive(t, false, &zip.FileHeader{Name: "a", Extra: unicodePath("../../b")}), false},
		"a Unicode path that is cut":                 {archive(t, false, &zip.FileHeader{Name: "a", Extra: field(0x7075, []byte{1, 0})}), false},
		"another size in front of the one behind it": {changed(archive(t, true, &zip.FileHeader{Name: "a"}), 18, 7), false},
	} {
		t.Run(name, func(t *testing.T) {
			r, size := bytes.NewReader(c.archive), int64(len(c.archive))
			z, err := OpenZip(r, size)
			if err == nil {
				err = CheckZip(r, size, z)
			}
			switch {
			case c.sound && err != nil:
				t.Errorf("refused: %v", err)
			case !c.sound && registry.CodeOf(err) != registry.Invalid:
				t.Errorf("got %v, want Invalid", err)
			}
		})
	}
}
