package fs

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"hash/crc32"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"larder/registry"
)

// Spill is registry.Spill in a folder of bounded size. Documents survive a
// restart; the oldest make room for new ones. Nothing is synchronized: a
// document that a crash has damaged is not there any more.
type Spill struct {
	dir   string
	limit int64

	mu       sync.Mutex
	size     int64 // as far as known
	measured bool  // size covers what was in the folder at the start
	evicting bool
	evictors sync.WaitGroup
}

var _ registry.Spill = (*Spill)(nil)

// A document's file is its bytes and this trailer: their CRC and a mark.
const trailerSize = 8

var (
	trailerMark = [4]byte{'L', 'D', 'O', 'C'}
	castagnoli  = crc32.MakeTable(crc32.Castagnoli)
)

const partial = ".partial"

// NewSpill uses the folder, which it makes where it is missing, for up to
// limit bytes.
func NewSpill(dir string, limit int64) (*Spill, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	return &Spill{dir: dir, limit: limit}, nil
}

// Get implements registry.Spill.
func (s *Spill) Get(key string) ([]byte, bool) {
	path := s.path(key)
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, false
	}
	n := len(b) - trailerSize
	if n < 0 || [4]byte(b[n+4:]) != trailerMark || binary.BigEndian.Uint32(b[n:]) != crc32.Checksum(b[:n], castagnoli) {
		os.Remove(path)
		return nil, false
	}
	return b[:n:n], true
}

// Put implements registry.Spill. A document that does not get there is only
// rendered again; one that is larger than an eighth of the limit is not kept.
func (s *Spill) Put(key string, b []byte) {
	if int64(len(b)) > s.limit/8 {
		return
	}
	f, err := os.CreateTemp(s.dir, "*"+partial)
	if err != nil {
		return
	}
	trailer := binary.BigEndian.AppendUint32(nil, crc32.Checksum(b, castagnoli))
	trailer = append(trailer, trailerMark[:]...)
	_, err = f.Write(b)
	if err == nil {
		_, err = f.Write(trailer)
	}
	if e := f.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = os.Rename(f.Name(), s.path(key))
	}
	if err != nil {
		os.Remove(f.Name())
		return
	}
	s.grew(int64(len(b) + trailerSize))
}

// Close waits for what is going on in the background.
func (s *Spill) Close() { s.evictors.Wait() }

func (s *Spill) path(key string) string {
	digest := sha256.Sum256([]byte(key))
	return filepath.Join(s.dir, hex.EncodeToString(digest[:]))
}

// grew starts to make room where it is needed. The first Put measures what an
// earlier process left.
func (s *Spill) grew(bytes int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.size += bytes
	if s.evicting || s.measured && s.size <= s.limit {
		return
	}
	s.evicting = true
	s.evictors.Go(s.evict)
}

// evict removes the oldest documents until a tenth of the limit is free, so
// that the folder is read once for many documents.
func (s *Spill) evict() {
	s.mu.Lock()
	before := s.size
	s.mu.Unlock()

	size := s.trim()

	s.mu.Lock()
	defer s.mu.Unlock()
	s.size += size - before // what came meanwhile stays counted
	s.measured, s.evicting = true, false
}

// abandoned is the age at which a file that nobody finished is removed.
const abandoned = time.Hour

func (s *Spill) trim() int64 {
	entries, _ := os.ReadDir(s.dir)
	type document struct {
		name     string
		size     int64
		modified time.Time
	}
	var all []document
	var size int64
	for _, e := range entries {
		i, err := e.Info()
		if err != nil || !i.Mode().IsRegular() {
			continue
		}
		if strings.HasSuffix(e.Name(), partial) {
			if time.Since(i.ModTime()) > abandoned {
				os.Remove(filepath.Join(s.dir, e.Name()))
			}
			continue
		}
		all = append(all, document{e.Name(), i.Size(), i.ModTime()})
		size += i.Size()
	}
	if size <= s.limit {
		return size
	}
	slices.SortFunc(all, func(a, b document) int {
		return cmp.Or(a.modified.Compare(b.modified), cmp.Compare(a.name, b.name))
	})
	for _, d := range all {
		if size <= s.limit/10*9 {
			break
		}
		if os.Remove(filepath.Join(s.dir, d.name)) == nil {
			size -= d.size
		}
	}
	return size
}
