package sealed_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	iofs "io/fs"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"larder/policy/identity"
	"larder/registry"
	"larder/storage/fs"
	"larder/storage/sealed"
	"larder/storage/sqlite"
	"larder/storage/storagetest"
)

// segment is the size of a segment, and sealedSegment that of a sealed one: the
// format, which stays.
const segment, sealedSegment, footerSize = 16384, 16384 + 16, 80

var (
	acme   = registry.DomainID{Owner: "111111111111", Name: "acme"}
	globex = registry.DomainID{Owner: "111111111111", Name: "globex"}
	acme2  = registry.DomainID{Owner: "222222222222", Name: "acme"}
)

// world is a data folder with its database.
type world struct {
	t    *testing.T
	dir  string
	rows registry.Metadata
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, dir: t.TempDir()}
	m, err := sqlite.Open(t.Context(), filepath.Join(w.dir, "larder.db"))
	w.check(err)
	t.Cleanup(func() { m.Close() })
	w.rows = m
	w.check(m.Update(t.Context(), func(tx registry.Tx) error {
		for _, owner := range []string{acme.Owner, acme2.Owner} {
			if err := tx.CreateAccount(registry.Account{ID: owner}); err != nil {
				return err
			}
		}
		for _, d := range []registry.DomainID{acme, globex, acme2} {
			if err := tx.CreateDomain(registry.Domain{ID: d, EncryptionKey: "arn:key/" + d.Name}); err != nil {
				return err
			}
		}
		return nil
	}))
	return w
}

func (w *world) check(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// master gives a vault of the n-th master key.
func master(n byte) *sealed.Vault {
	s, err := identity.NewSealer(bytes.Repeat([]byte{n}, 32))
	if err != nil {
		panic(err)
	}
	return &sealed.Vault{Master: s}
}

// open opens the store as a server does that starts.
func (w *world) open(mode sealed.Mode, vault *sealed.Vault) *sealed.Blobs {
	w.t.Helper()
	return sealed.New(w.folder("blobs"), w.folder("sealed"), w.ring(vault), mode)
}

func (w *world) ring(vault *sealed.Vault) *sealed.Ring {
	return sealed.NewRing(sealed.Metadata{Metadata: w.rows}, vault)
}

func (w *world) folder(name string) *fs.Blobs {
	w.t.Helper()
	b, err := fs.Open(filepath.Join(w.dir, name))
	w.check(err)
	return b
}

// path is where a sealed blob lies.
func (w *world) path(d registry.DomainID, digest registry.Digest) string {
	name := digest.String()
	return filepath.Join(w.dir, "sealed", "sha256", d.Owner, d.Name, name[:2], name[2:4], name)
}

func digestOf(content []byte) registry.Digest { return sha256.Sum256(content) }

// content gives bytes that do not repeat, the same for the same seed.
func content(seed uint64, size int) []byte {
	b := make([]byte, size)
	r := rand.NewChaCha8([32]byte{byte(seed)})
	r.Read(b)
	return b
}

func (w *world) put(b registry.Blobs, d registry.DomainID, content []byte) registry.Digest {
	w.t.Helper()
	bw, err := b.Create(w.t.Context(), d)
	w.check(err)
	_, err = bw.Write(content)
	w.check(err)
	w.check(bw.Commit(w.t.Context(), digestOf(content)))
	return digestOf(content)
}

func read(ctx context.Context, b registry.Blobs, d registry.DomainID, digest registry.Digest) ([]byte, error) {
	r, err := b.Open(ctx, d, digest)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(r)
}

func (w *world) want(b registry.Blobs, d registry.DomainID, want []byte) {
	w.t.Helper()
	got, err := read(w.t.Context(), b, d, digestOf(want))
	if err != nil || !bytes.Equal(got, want) {
		w.t.Errorf("read %d bytes, %v; want the %d that were written", len(got), err, len(want))
	}
}

// files gives the files below a folder of the data folder.
func (w *world) files(name string) []string {
	w.t.Helper()
	var all []string
	w.check(filepath.WalkDir(filepath.Join(w.dir, name), func(path string, e iofs.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			all = append(all, path)
		}
		return err
	}))
	return all
}

func TestContract(t *testing.T) {
	for name, mode := range map[string]sealed.Mode{"sealed": sealed.Every, "plain": sealed.Off} {
		t.Run(name, func(t *testing.T) {
			storagetest.Blobs(t, func(t *testing.T) registry.Blobs {
				w := &world{t: t, dir: t.TempDir()}
				return sealed.New(w.folder("blobs"), w.folder("sealed"), sealed.NewRing(&inMemory{}, master(1)), mode)
			})
		})
	}
}

// inMemory is rows that a database would keep.
type inMemory struct {
	mu   sync.Mutex
	keys map[registry.DomainID][]registry.Key
}

func (m *inMemory) Keys(_ context.Context, d registry.DomainID) ([]registry.Key, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.keys[d]), nil
}

func (m *inMemory) DomainKey(context.Context, registry.DomainID) (string, error) { return "", nil }

func (m *inMemory) Add(_ context.Context, d registry.DomainID, k registry.Key, first bool) ([]registry.Key, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.keys == nil {
		m.keys = map[registry.DomainID][]registry.Key{}
	}
	if !first || len(m.keys[d]) == 0 {
		m.keys[d] = append(m.keys[d], k)
	}
	return slices.Clone(m.keys[d]), nil
}

// sizes are those around the edges of segments.
var sizes = []int{0, 1, 100, segment - 1, segment, segment + 1, 2*segment - 1, 2 * segment, 3*segment + 4711}

func TestAnyPartReadsAsThePlainBytesDo(t *testing.T) {
	w := newWorld(t)
	b := w.open(sealed.Every, master(1))
	random := rand.New(rand.NewPCG(1, 2))
	for i, size := range sizes {
		plain := content(uint64(i), size)
		bw, err := b.Create(t.Context(), acme)
		w.check(err)
		back := bw.(io.ReaderAt)
		for rest := plain; len(rest) > 0; {
			n := min(len(rest), 1+random.IntN(segment*3/2))
			_, err := bw.Write(rest[:n])
			w.check(err)
			rest = rest[n:]
			equalParts(t, random, back, bytes.NewReader(plain[:len(plain)-len(rest)]), 4)
		}
		w.check(bw.Commit(t.Context(), digestOf(plain)))
		r, err := b.Open(t.Context(), acme, digestOf(plain))
		w.check(err)
		equalParts(t, random, r, bytes.NewReader(plain), 60)
		want := bytes.NewReader(plain)
		for range 40 {
			offset, whence := int64(random.IntN(size+10)), random.IntN(3)
			if whence == io.SeekEnd {
				offset = -offset
			}
			at, err := r.Seek(offset, whence)
			wantAt, wantErr := want.Seek(offset, whence)
			if (err == nil) != (wantErr == nil) || err == nil && at != wantAt {
				t.Fatalf("seek %d from %d: %d, %v; want %d, %v", offset, whence, at, err, wantAt, wantErr)
			}
			n := random.IntN(segment * 2)
			got, err := io.ReadAll(io.LimitReader(r, int64(n)))
			same, _ := io.ReadAll(io.LimitReader(want, int64(n)))
			if err != nil || !bytes.Equal(got, same) {
				t.Fatalf("size %d, %d bytes from %d: %d bytes, %v", size, n, at, len(got), err)
			}
		}
		w.check(r.Close())
		if _, err := r.Read(make([]byte, 1)); err == nil {
			t.Error("a closed blob is read")
		}
	}
}

func equalParts(t *testing.T, random *rand.Rand, got io.ReaderAt, want *bytes.Reader, times int) {
	t.Helper()
	size := int(want.Size())
	for range times {
		off, n := int64(random.IntN(size+2)), random.IntN(size+2)
		p, q := make([]byte, n), make([]byte, n)
		a, errA := got.ReadAt(p, off)
		b, errB := want.ReadAt(q, off)
		if n == 0 && off >= int64(size) {
			continue // bytes.Reader and files differ here
		}
		if a != b || !bytes.Equal(p[:a], q[:b]) || errA != errB {
			t.Fatalf("%d bytes at %d of %d: %d, %v; want %d, %v", n, off, size, a, errA, b, errB)
		}
	}
	if _, err := got.ReadAt(make([]byte, 1), -1); err == nil {
		t.Error("read at a negative offset")
	}
}

func TestNoByteLiesThereInClear(t *testing.T) {
	w := newWorld(t)
	b := w.open(sealed.Every, master(1))
	plain := bytes.Repeat([]byte("find me if you can "), 20_000)
	bw, err := b.Create(t.Context(), acme)
	w.check(err)
	_, err = bw.Write(plain)
	w.check(err)
	look := func(when string) {
		t.Helper()
		n := 0
		for _, path := range append(w.files("sealed"), w.files("blobs")...) {
			on, err := os.ReadFile(path)
			w.check(err)
			if n += len(on); bytes.Contains(on, []byte("find me")) {
				t.Errorf("%s, %s holds what was written", when, path)
			}
		}
		if n < len(plain)*3/4 {
			t.Errorf("%s, %d bytes were looked at", when, n)
		}
	}
	look("while it is written")
	w.check(bw.Commit(t.Context(), digestOf(plain)))
	look("when it is committed")
	if got := w.files("blobs"); len(got) != 0 {
		t.Errorf("in the folder of plain files: %q", got)
	}
}

func TestAChangedFileIsNoticed(t *testing.T) {
	w := newWorld(t)
	b := w.open(sealed.Every, master(1))
	plain := content(1, 2*segment+1000)
	digest := w.put(b, acme, plain)
	other := w.put(b, acme, content(2, len(plain)))
	w.put(b, globex, plain)
	path := w.path(acme, digest)
	whole, err := os.ReadFile(path)
	w.check(err)
	replace := func(from registry.DomainID, digest registry.Digest) func([]byte) []byte {
		return func([]byte) []byte {
			b, err := os.ReadFile(w.path(from, digest))
			w.check(err)
			return b
		}
	}
	cut := func(n int) func([]byte) []byte { return func(b []byte) []byte { return b[:n] } }
	end := len(whole) - footerSize
	for name, change := range map[string]func([]byte) []byte{
		"empty":                          cut(0),
		"less than a footer":             cut(footerSize - 1),
		"cut after a segment":            cut(sealedSegment),
		"cut after two":                  cut(2 * sealedSegment),
		"without its footer":             cut(end),
		"a byte short":                   cut(len(whole) - 1),
		"a byte long":                    func(b []byte) []byte { return append(b, 0) },
		"a segment less, its footer":     func(b []byte) []byte { return append(b[:sealedSegment:sealedSegment], b[2*sealedSegment:]...) },
		"its last part less, its footer": func(b []byte) []byte { return append(b[:2*sealedSegment:2*sealedSegment], b[end:]...) },
		"segments the other way round": func(b []byte) []byte {
			return append(append(append([]byte{}, b[sealedSegment:2*sealedSegment]...), b[:sealedSegment]...), b[2*sealedSegment:]...)
		},
		"a segment of another file": func(b []byte) []byte {
			return append(replace(acme, other)(nil)[:sealedSegment:sealedSegment], b[sealedSegment:]...)
		},
		"the file of another blob":   replace(acme, other),
		"the file of another domain": replace(globex, digest),
	} {
		t.Run(name, func(t *testing.T) {
			w.check(os.WriteFile(path, change(bytes.Clone(whole)), 0o600))
			if got, err := read(t.Context(), b, acme, digest); !errors.Is(err, registry.ErrDamaged) {
				t.Errorf("read %d bytes, %v", len(got), err)
			}
		})
	}
	t.Run("any bit", func(t *testing.T) {
		random := rand.New(rand.NewPCG(3, 4))
		at := []int{0, segment, sealedSegment, end - 1}
		for i := range footerSize {
			at = append(at, end+i)
		}
		for range 20 {
			at = append(at, random.IntN(len(whole)))
		}
		for _, i := range at {
			changed := bytes.Clone(whole)
			changed[i] ^= 1 << random.IntN(8)
			w.check(os.WriteFile(path, changed, 0o600))
			if got, err := read(t.Context(), b, acme, digest); !errors.Is(err, registry.ErrDamaged) {
				t.Errorf("byte %d changed: read %d bytes, %v", i, len(got), err)
			}
		}
	})
	t.Run("what is not changed reads on", func(t *testing.T) {
		changed := bytes.Clone(whole)
		changed[sealedSegment+10] ^= 1
		w.check(os.WriteFile(path, changed, 0o600))
		r, err := b.Open(t.Context(), acme, digest)
		w.check(err)
		defer r.Close()
		first := make([]byte, segment)
		if _, err := r.ReadAt(first, 0); err != nil || !bytes.Equal(first, plain[:segment]) {
			t.Errorf("the segment before: %v", err)
		}
		if n, err := r.ReadAt(make([]byte, 10), segment-5); n != 0 && n != 5 || !errors.Is(err, registry.ErrDamaged) {
			t.Errorf("over the edge: %d, %v", n, err)
		}
	})
	t.Run("published again it is whole", func(t *testing.T) {
		w.check(os.WriteFile(path, whole[:100], 0o600))
		w.put(b, acme, plain)
		w.want(b, acme, plain)
	})
}

func TestNoUploadPassesForASealedFile(t *testing.T) {
	w := newWorld(t)
	b := w.open(sealed.Every, master(1))
	raw, err := os.ReadFile(w.path(acme, w.put(b, acme, []byte("inner"))))
	w.check(err)
	w.put(b, acme, raw)
	w.want(b, acme, raw)
	off := w.open(sealed.Off, master(1))
	w.check(off.Delete(t.Context(), acme, digestOf(raw)))
	w.put(off, acme, raw)
	w.want(off, acme, raw)
	w.want(b, acme, raw)
}

func TestTurnedOnAndOffAgain(t *testing.T) {
	w := newWorld(t)
	before, between, after := content(1, 100_000), content(2, 70_000), content(3, 10)
	w.put(w.folder("blobs"), acme, before)
	on := w.open(sealed.Every, master(1))
	w.put(on, acme, between)
	w.put(on, acme, before[:50])
	w.put(w.folder("blobs"), acme, before[:50]) // as a crash between seal and delete leaves it
	off := w.open(sealed.Off, master(1))
	w.put(off, acme, after)
	for _, b := range []*sealed.Blobs{off, w.open(sealed.Every, master(1)), w.open(sealed.Keyed, master(1))} {
		for _, plain := range [][]byte{before, between, after, before[:50]} {
			w.want(b, acme, plain)
		}
		sizes := map[registry.Digest]int64{}
		for i, err := range b.List(t.Context(), acme) {
			w.check(err)
			if _, twice := sizes[i.Digest]; twice {
				t.Errorf("%s is listed twice", i.Digest)
			}
			sizes[i.Digest] = i.Size
		}
		if len(sizes) != 4 || sizes[digestOf(before)] != 100_000 || sizes[digestOf(between)] != 70_000 || sizes[digestOf(before[:50])] != 50 {
			t.Errorf("list: %v", sizes)
		}
	}
	w.check(off.Delete(t.Context(), acme, digestOf(before[:50])))
	if there, err := off.Exists(t.Context(), acme, digestOf(before[:50])); there || err != nil {
		t.Errorf("deleted: %v, %v", there, err)
	}
	if there, err := off.Exists(t.Context(), acme, digestOf(between)); !there || err != nil {
		t.Errorf("sealed: %v, %v", there, err)
	}
}

func TestADomainWithoutAKeyStaysPlainWhereKeysDecide(t *testing.T) {
	w := newWorld(t)
	w.put(w.open(sealed.Every, master(1)), acme, []byte("sealed"))
	b := w.open(sealed.Keyed, master(1))
	w.put(b, acme, []byte("sealed, too"))
	w.put(b, globex, []byte("plain"))
	if got := len(w.files("blobs")); got != 1 {
		t.Errorf("%d plain files, want that of globex", got)
	}
	if _, err := w.open(sealed.Every, master(1)).Create(t.Context(), registry.DomainID{Owner: "111111111111", Name: "none"}); !registry.IsNotFound(err) {
		t.Errorf("a blob of no domain: %v", err)
	}
}

func TestPlainBlobsAreSealedWhileTheyAreRead(t *testing.T) {
	w := newWorld(t)
	var all [][]byte
	for i, size := range sizes {
		all = append(all, content(uint64(i+50), size))
		w.put(w.folder("blobs"), acme, all[i])
	}
	wrong := filepath.Join(w.dir, "blobs", "sha256", acme.Owner, acme.Name, "00", "00")
	w.check(os.MkdirAll(wrong, 0o700))
	w.check(os.WriteFile(filepath.Join(wrong, strings.Repeat("0", 64)), []byte("damaged"), 0o600))
	b := w.open(sealed.Every, master(1))
	open, err := b.Open(t.Context(), acme, digestOf(all[len(all)-1]))
	w.check(err)
	defer open.Close()
	if sum, err := w.open(sealed.Off, master(1)).SealPlain(t.Context(), acme); err != nil || sum.Blobs != 0 {
		t.Errorf("where nothing is sealed: %+v, %v", sum, err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range 20 {
			for _, plain := range all {
				if got, err := read(t.Context(), b, acme, digestOf(plain)); err != nil || !bytes.Equal(got, plain) {
					t.Errorf("read %d bytes, %v", len(got), err)
				}
			}
		}
	}()
	sum, err := b.SealPlain(t.Context(), acme)
	w.check(err)
	<-done
	if sum.Blobs != int64(len(all)) || sum.Damaged != 1 {
		t.Errorf("%+v, want %d sealed and one damaged", sum, len(all))
	}
	if left := w.files("blobs"); len(left) != 1 {
		t.Errorf("plain files: %q", left)
	}
	if got, err := io.ReadAll(open); err != nil || !bytes.Equal(got, all[len(all)-1]) {
		t.Errorf("the one that was open: %d bytes, %v", len(got), err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := b.SealPlain(ctx, acme); !errors.Is(err, context.Canceled) {
		t.Errorf("told to stop: %v", err)
	}
}

func TestARotatedKeySealsWhatComesAndOpensWhatWas(t *testing.T) {
	w := newWorld(t)
	b := w.open(sealed.Every, master(1))
	old, anew := content(1, 1000), content(2, 1000)
	w.put(b, acme, old)
	before, err := os.ReadFile(w.path(acme, digestOf(old)))
	w.check(err)
	key, err := w.ring(master(1)).Rotate(t.Context(), acme) // another process
	w.check(err)
	w.put(b, acme, anew)
	now, err := os.ReadFile(w.path(acme, digestOf(old)))
	w.check(err)
	if !bytes.Equal(before, now) {
		t.Error("the old blob was written anew")
	}
	sealedBy := func(content []byte) string {
		b, err := os.ReadFile(w.path(acme, digestOf(content)))
		w.check(err)
		return hex.EncodeToString(b[len(b)-footerSize+8:][:16])
	}
	if sealedBy(old) == key.ID || sealedBy(anew) != key.ID {
		t.Errorf("the new key %s seals: old %v, new %v", key.ID, sealedBy(old), sealedBy(anew))
	}
	for _, b := range []registry.Blobs{b, w.open(sealed.Every, master(1))} {
		w.want(b, acme, old)
		w.want(b, acme, anew)
	}
	if _, err := w.ring(master(1)).Rotate(t.Context(), registry.DomainID{Owner: "1", Name: "none"}); !registry.IsNotFound(err) {
		t.Errorf("of no domain: %v", err)
	}
}

// A domain's keys go with it. One of the same name that comes later gets its own,
// and what it publishes is kept although a file of the first is still there.
func TestAKeyThatIsGoneTakesItsBytesAlong(t *testing.T) {
	w := newWorld(t)
	b := w.open(sealed.Every, master(1))
	plain := content(1, 1000)
	digest := w.put(b, acme, plain)
	drop := func() {
		w.check(w.rows.Update(t.Context(), func(tx registry.Tx) error {
			keys, err := tx.Keys(registry.BlobKeys(acme))
			for _, k := range keys {
				err = errors.Join(err, tx.DeleteKey(k.Purpose, k.ID))
			}
			return err
		}))
	}
	drop()
	started := w.open(sealed.Every, master(1))
	if _, err := started.Open(t.Context(), acme, digest); !errors.Is(err, registry.ErrDamaged) {
		t.Errorf("open without the key: %v", err)
	}
	w.put(b, acme, plain) // the process that still has the old key in memory
	w.want(w.open(sealed.Every, master(1)), acme, plain)
	drop()
	w.put(w.open(sealed.Every, master(1)), acme, plain)
	w.want(w.open(sealed.Every, master(1)), acme, plain)
}

func TestAnotherMasterKeyOpensNothing(t *testing.T) {
	w := newWorld(t)
	digest := w.put(w.open(sealed.Every, master(1)), acme, []byte("secret"))
	for name, vault := range map[string]*sealed.Vault{"another": master(2), "none": nil} {
		b := w.open(sealed.Every, vault)
		if _, err := b.Open(t.Context(), acme, digest); err == nil || errors.Is(err, registry.ErrDamaged) || registry.IsNotFound(err) {
			t.Errorf("%s: open: %v; want an error about the key, not about the blob", name, err)
		}
		if _, err := b.Create(t.Context(), acme); err == nil {
			t.Errorf("%s: create succeeded", name)
		}
	}
	w.want(w.open(sealed.Every, master(1)), acme, []byte("secret"))
}

func TestAMasterKeyIsReplacedWithoutWritingBytes(t *testing.T) {
	w := newWorld(t)
	b := w.open(sealed.Every, master(1))
	w.put(b, acme, []byte("first"))
	_, err := w.ring(master(1)).Rotate(t.Context(), acme)
	w.check(err)
	w.put(b, acme, []byte("second"))
	w.put(b, globex, []byte("third"))
	before, err := sealed.Metadata{Metadata: w.rows}.Keys(t.Context(), acme)
	w.check(err)

	if _, err := sealed.Rekey(t.Context(), w.rows, []registry.DomainID{acme, globex}, master(3), master(2)); err == nil {
		t.Error("rekeyed with a master key that is none of theirs")
	}
	r, err := sealed.Rekey(t.Context(), w.rows, []registry.DomainID{acme, globex}, master(1), master(2))
	w.check(err)
	_, err = w.ring(master(1)).Rotate(t.Context(), acme)
	w.check(err)
	if err := w.rows.Update(t.Context(), r.Put); registry.CodeOf(err) != registry.Conflict {
		t.Errorf("a key that came meanwhile: %v", err)
	}
	if r, err = sealed.Rekey(t.Context(), w.rows, []registry.DomainID{acme, globex}, master(1), master(2)); err != nil || r.Len() != 4 {
		t.Fatalf("%d keys, %v", r.Len(), err)
	}
	w.check(w.rows.Update(t.Context(), r.Put))

	after, err := sealed.Metadata{Metadata: w.rows}.Keys(t.Context(), acme)
	w.check(err)
	for i := range before {
		if after[i].ID != before[i].ID || !after[i].Created.Equal(before[i].Created) || bytes.Equal(after[i].Sealed, before[i].Sealed) {
			t.Errorf("key %d: %+v, was %+v", i, after[i], before[i])
		}
	}
	anew := w.open(sealed.Every, master(2))
	w.want(anew, acme, []byte("first"))
	w.want(anew, acme, []byte("second"))
	w.want(anew, globex, []byte("third"))
	if _, err := w.open(sealed.Every, master(1)).Open(t.Context(), acme, digestOf([]byte("first"))); err == nil {
		t.Error("the old master key still opens")
	}
}

func TestARangeIsServed(t *testing.T) {
	w := newWorld(t)
	b := w.open(sealed.Every, master(1))
	plain := content(9, 3*segment)
	w.put(b, acme, plain)
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		blob, err := b.Open(r.Context(), acme, digestOf(plain))
		if err != nil {
			t.Error(err)
			return
		}
		defer blob.Close()
		http.ServeContent(rw, r, "a.tgz", time.Time{}, blob)
	}))
	defer server.Close()
	req, err := http.NewRequest("GET", server.URL, nil)
	w.check(err)
	req.Header.Set("Range", "bytes=16380-33000")
	res, err := http.DefaultClient.Do(req)
	w.check(err)
	defer res.Body.Close()
	got, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusPartialContent || !bytes.Equal(got, plain[16380:33001]) {
		t.Errorf("%s, %d bytes, %v", res.Status, len(got), err)
	}
}
