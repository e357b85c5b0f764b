package identity

import (
	"bytes"
	"errors"
	"testing"

	"larder/registry"
)

func TestSealOpensForItsPurposeAndIDOnly(t *testing.T) {
	s := newSealer(t, 1)
	sealed := s.Seal("access-key", "AKIA1", []byte("secret"))
	if bytes.Contains(sealed, []byte("secret")) {
		t.Fatal("the secret stands in the seal")
	}
	if got, err := s.Open("access-key", "AKIA1", sealed); err != nil || string(got) != "secret" {
		t.Fatalf("got %q, %v", got, err)
	}
	for _, c := range [][2]string{{"access-key", "AKIA2"}, {"token", "AKIA1"}, {"access-keyA", "KIA1"}, {"", "access-keyAKIA1"}} {
		if got, err := s.Open(c[0], c[1], sealed); err == nil {
			t.Errorf("opens as %q: %q", c, got)
		}
	}
	if bytes.Equal(sealed, s.Seal("access-key", "AKIA1", []byte("secret"))) {
		t.Error("two seals of one secret are equal")
	}
}

func TestSealThatWasChangedDoesNotOpen(t *testing.T) {
	s := newSealer(t, 1)
	sealed := s.Seal("p", "i", []byte("secret"))
	for i := range sealed {
		changed := bytes.Clone(sealed)
		changed[i] ^= 1
		if _, err := s.Open("p", "i", changed); err == nil || registry.MessageOf(err) != "internal error" {
			t.Errorf("byte %d changed: %v", i, err)
		}
		if _, err := s.Open("p", "i", sealed[:i]); err == nil {
			t.Errorf("cut to %d bytes it opens", i)
		}
	}
}

func TestSealOfAnotherMasterKeyIsNamedSo(t *testing.T) {
	sealed := newSealer(t, 1).Seal("p", "i", []byte("secret"))
	if _, err := newSealer(t, 2).Open("p", "i", sealed); !errors.Is(err, ErrOtherMasterKey) {
		t.Errorf("got %v, want ErrOtherMasterKey", err)
	}
}

func newSealer(t testing.TB, seed byte) *Sealer {
	t.Helper()
	s, err := NewSealer(bytes.Repeat([]byte{seed}, masterKeySize))
	if err != nil {
		t.Fatal(err)
	}
	return s
}
