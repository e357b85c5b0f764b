package fs_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"larder/storage/fs"
)

func newSpill(t *testing.T, dir string, limit int64) *fs.Spill {
	t.Helper()
	s, err := fs.NewSpill(dir, limit)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

func TestSpillKeepsDocumentsAlsoAcrossRestarts(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "made")
	s := newSpill(t, dir, 1<<20)
	if _, ok := s.Get("a"); ok {
		t.Error("an empty spill has a document")
	}
	s.Put("a", []byte("first"))
	s.Put("a", []byte("second"))
	s.Put("../../b\x00", []byte{})
	s.Close()
	for range 2 {
		if got, ok := s.Get("a"); !ok || string(got) != "second" {
			t.Errorf("a: %q, %v", got, ok)
		}
		if got, ok := s.Get("../../b\x00"); !ok || len(got) != 0 {
			t.Errorf("b: %q, %v", got, ok)
		}
		s = newSpill(t, dir, 1<<20)
	}
	if got := files(t, filepath.Dir(dir)); len(got) != 2 {
		t.Errorf("files %q, want two, in the folder", got)
	}
}

func TestSpillRefusesADamagedDocument(t *testing.T) {
	for name, damage := range map[string]func([]byte) []byte{
		"empty":    func([]byte) []byte { return nil },
		"zeros":    func(b []byte) []byte { return make([]byte, len(b)) },
		"cut":      func(b []byte) []byte { return b[:len(b)-1] },
		"cut away": func(b []byte) []byte { return b[len(b)-3:] },
		"flipped":  func(b []byte) []byte { b[2] ^= 1; return b },
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			s := newSpill(t, dir, 1<<20)
			s.Put("k", []byte("a document"))
			path := filepath.Join(dir, files(t, dir)[0])
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, damage(b), 0o600); err != nil {
				t.Fatal(err)
			}
			if got, ok := s.Get("k"); ok {
				t.Errorf("got %q", got)
			}
			s.Put("k", []byte("anew"))
			if got, ok := s.Get("k"); !ok || string(got) != "anew" {
				t.Errorf("after it is put again: %q, %v", got, ok)
			}
		})
	}
}

func TestSpillStaysWithinItsLimitAndDropsTheOldest(t *testing.T) {
	dir := t.TempDir()
	const limit = 100_000
	document := bytes.Repeat([]byte("x"), 1000)
	// What an earlier process left counts, and is the oldest.
	first := newSpill(t, dir, limit)
	for i := range 90 {
		first.Put(fmt.Sprint("old ", i), document)
	}
	first.Close()
	past := time.Now().Add(-time.Hour)
	for _, name := range files(t, dir) {
		if err := os.Chtimes(filepath.Join(dir, name), past, past); err != nil {
			t.Fatal(err)
		}
	}
	s := newSpill(t, dir, limit)
	for i := range 30 {
		s.Put(fmt.Sprint("new ", i), document)
		s.Close() // it evicts behind Put's back; here in step
	}
	var size int64
	for _, name := range files(t, dir) {
		i, err := os.Stat(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		size += i.Size()
	}
	if size > limit || size < limit*8/10 {
		t.Errorf("%d bytes, want up to %d and not far below", size, limit)
	}
	for i := range 30 {
		if _, ok := s.Get(fmt.Sprint("new ", i)); !ok {
			t.Errorf("new %d went before older ones", i)
		}
	}
	s.Put("huge", make([]byte, limit/2))
	if _, ok := s.Get("huge"); ok {
		t.Error("one document took half of the room")
	}
}

func TestSpillRemovesWhatNobodyFinished(t *testing.T) {
	dir := t.TempDir()
	stale, young := filepath.Join(dir, "1.partial"), filepath.Join(dir, "2.partial")
	for _, path := range []string{stale, young} {
		if err := os.WriteFile(path, []byte("half"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	past := time.Now().Add(-24 * time.Hour)
	if err := os.Chtimes(stale, past, past); err != nil {
		t.Fatal(err)
	}
	s := newSpill(t, dir, 1<<20)
	s.Put("k", []byte("v"))
	s.Close()
	if _, err := os.Stat(stale); err == nil {
		t.Error("yesterday's partial file is still there")
	}
	if _, err := os.Stat(young); err != nil {
		t.Error("a partial file that may be in work is gone")
	}
}

func TestSpillIsSafeForConcurrentUse(t *testing.T) {
	s := newSpill(t, t.TempDir(), 20_000)
	var all sync.WaitGroup
	for g := range 8 {
		all.Go(func() {
			for i := range 50 {
				key := fmt.Sprint((g + i) % 20)
				want := bytes.Repeat([]byte(key), 500)
				s.Put(key, want)
				if got, ok := s.Get(key); ok && !bytes.Equal(got, want) {
					t.Errorf("%s: got other bytes", key)
				}
			}
		})
	}
	all.Wait()
}
