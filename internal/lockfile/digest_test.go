package lockfile

import (
	"archive/zip"
	"bytes"
	"crypto/sha512"
	"testing"
)

func TestTheStrongestDigestsCount(t *testing.T) {
	weak, strong, other := Digest{SHA1, "w"}, Digest{SHA512, "s"}, Digest{SHA512, "o"}
	got := Strongest([]Digest{strong, weak, other})
	if len(got) != 2 || got[0] != strong || got[1] != other {
		t.Errorf("got %v", got)
	}
	if got := Strongest(nil); got != nil {
		t.Errorf("of none: %v", got)
	}
}

func TestIntegrity(t *testing.T) {
	got, err := integrity("md7-x sha1-W4o6d2Xf4AEmHd6RVYnngvjJTR4=?opt")
	if err != nil || len(got) != 1 || got[0].String() != "SHA-1 5b8a3a7765dfe001261dde915589e782f8c94d1e" {
		t.Errorf("got %v, %v", got, err)
	}
	for _, bad := range []string{"sha1", "sha1-!", "sha256-AAAA"} {
		if got, err := integrity(bad); err == nil {
			t.Errorf("%q: %v", bad, got)
		}
	}
}

// nupkg makes a package; the signature, if it is not empty, stands at a place.
func nupkg(t testing.TB, signature string, at int) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for i, name := range []string{"a.nuspec", "lib/net8.0/a.dll", "[Content_Types].xml"} {
		if i == at && signature != "" {
			// Stored, sizes in the header, as NuGet writes it.
			h := &zip.FileHeader{Name: signatureFile, Method: zip.Store}
			h.CompressedSize64, h.UncompressedSize64 = uint64(len(signature)), uint64(len(signature))
			f, err := w.CreateRaw(h)
			if err != nil {
				t.Fatal(err)
			}
			f.Write([]byte(signature))
		}
		f, err := w.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		f.Write(bytes.Repeat([]byte(name), 100))
	}
	w.SetComment("a comment")
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// A signature, wherever it stands, does not count: the hash is that of the
// bytes without it.
func TestTheContentHashIsThatOfTheUnsignedPackage(t *testing.T) {
	plain := nupkg(t, "", 0)
	want := sha512.Sum512(plain)
	for at := range 3 {
		for _, signature := range []string{"", "a signature", "another"} {
			signed := nupkg(t, signature, at)
			got, err := ContentHash(bytes.NewReader(signed), int64(len(signed)))
			if err != nil || got.Algorithm != Content || got.Sum != string(want[:]) {
				t.Errorf("%q at %d: %v, %v", signature, at, got, err)
			}
		}
	}
	changed := bytes.Replace(nupkg(t, "a signature", 1), []byte("a comment"), []byte("b comment"), 1)
	if got, err := ContentHash(bytes.NewReader(changed), int64(len(changed))); err != nil || got.Sum == string(want[:]) {
		t.Errorf("other bytes: %v, %v", got, err)
	}
	for _, bad := range [][]byte{nil, []byte("PK"), plain[:len(plain)-20], plain[40:]} {
		if got, err := ContentHash(bytes.NewReader(bad), int64(len(bad))); err == nil && bytes.HasSuffix(plain, bad) {
			t.Errorf("%d bytes of a package: %v", len(bad), got)
		}
	}
}

func FuzzContentHash(f *testing.F) {
	f.Add(nupkg(f, "", 0))
	f.Add(nupkg(f, "signature", 1))
	f.Add([]byte("PK\x05\x06"))
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := ContentHash(bytes.NewReader(data), int64(len(data)))
		if err == nil && len(got.Sum) != sha512.Size {
			t.Errorf("%d bytes", len(got.Sum))
		}
	})
}
