package formats

import (
	"bytes"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"testing"
)

// What the kernel sends, and what is read, begins where was sought last.
func TestASizedFileIsReadFromWhereItStands(t *testing.T) {
	name := filepath.Join(t.TempDir(), "f")
	content := []byte("0123456789abcdef")
	if err := os.WriteFile(name, content, 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	out, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	in, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	s := &sized{body: f, size: int64(len(content))}
	at := 0
	for range 200 {
		switch rand.IntN(4) {
		case 0:
			at = rand.IntN(len(content))
			if got, err := s.Seek(int64(at), io.SeekStart); err != nil || got != int64(at) {
				t.Fatal(got, err)
			}
		case 1:
			at = len(content) - rand.IntN(len(content))
			if got, err := s.Seek(int64(at-len(content)), io.SeekEnd); err != nil || got != int64(at) {
				t.Fatal(got, err)
			}
		case 2:
			n := rand.IntN(4)
			b := make([]byte, n)
			n, _ = io.ReadFull(s, b)
			if !bytes.Equal(b[:n], content[at:at+n]) {
				t.Fatalf("read %q at %d", b[:n], at)
			}
			at += n
		case 3:
			n, err := io.CopyN(out, s, int64(len(content)-at))
			if err != nil {
				t.Fatal(err)
			}
			b := make([]byte, n)
			if _, err := io.ReadFull(in, b); err != nil || !bytes.Equal(b, content[at:]) {
				t.Fatalf("sent %q from %d: %v", b, at, err)
			}
			at = 0
			if _, err := s.Seek(0, io.SeekStart); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := s.Seek(0, io.SeekCurrent); err != nil || got != int64(at) {
			t.Fatalf("stands at %d, want %d: %v", got, at, err)
		}
	}
	if _, err := s.Seek(-1, io.SeekStart); err == nil {
		t.Error("it went before the beginning")
	}
	if _, err := s.Seek(0, 7); err == nil {
		t.Error("it went by a whence that there is not")
	}
}
