package kill

import (
	"bytes"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"

	"larder/bench/process"
)

// outcome is what a client knows of a change that it asked for.
type outcome int

const (
	unasked outcome = iota
	unknown         // asked for; the server died before it answered
	done            // acknowledged
)

// release is one version of a package that somebody tried to publish, or that
// the upstream registry has.
type release struct {
	name, version string
	seed          uint64 // of the bytes
	size          int
	round         int // in which a client last had it in hand

	published, deleted outcome // of what a client publishes
	fetched            bool    // of what upstream has: a client has all its bytes
}

// id is "name@version".
func (r *release) id() string { return r.name + "@" + r.version }

func (r *release) bytes() []byte {
	source := rand.NewChaCha8([32]byte{byte(r.seed), byte(r.seed >> 8), byte(r.seed >> 16), byte(r.seed >> 24)})
	b := make([]byte, r.size)
	source.Read(b) //nolint:errcheck // never fails
	return b
}

func (r *release) integrity() string {
	sum := sha512.Sum512(r.bytes())
	return "sha512-" + base64.StdEncoding.EncodeToString(sum[:])
}

func (r *release) npm() process.Release {
	b := r.bytes()
	return process.Release{Name: r.name, Version: r.version, Tarball: func() io.Reader { return bytes.NewReader(b) }}
}

// tarball is the path of the bytes below a repository.
func (r *release) tarball() string { return r.name + "/-/" + r.npm().FileName() }

// world is what all clients together know. Its choices come from the seed; the
// order in which clients make them does not.
type world struct {
	mu       sync.Mutex
	rng      *rand.Rand
	round    int
	serial   int // of the last release
	hosted   []*release
	external []*release
	lives    []*life
	put      []string // ids of events of one's own that were acknowledged
}

func newWorld(seed uint64) *world {
	return &world{rng: rand.New(rand.NewPCG(seed, 0))}
}

// begin starts a round.
func (w *world) begin(round int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.round = round
}

func (w *world) intN(n int) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.rng.IntN(n)
}

// toPublish gives a release that nobody has published, mostly a new one: its
// package one of this round's or one that lives through all, its bytes its own
// or those of others, too. Now and then it is one that was cut off before.
func (w *world) toPublish() *release {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.rng.IntN(20) == 0 {
		for _, r := range w.hosted {
			if r.published == unknown && r.round < w.round && w.rng.IntN(4) == 0 {
				r.round = w.round
				return r
			}
		}
	}
	w.serial++
	r := &release{version: fmt.Sprintf("1.%d.0", w.serial), seed: uint64(w.serial), size: 1 + w.rng.IntN(24<<10), round: w.round}
	switch w.rng.IntN(10) {
	case 0:
		r.name = "@kill/lasting"
	case 1, 2, 3:
		r.name = fmt.Sprintf("@kill/round-%d", w.round)
	default:
		r.name = fmt.Sprintf("round-%d-%d", w.round, w.rng.IntN(2))
	}
	if w.rng.IntN(4) == 0 {
		r.seed, r.size = uint64(1<<30+w.rng.IntN(8)), 4<<10
	}
	w.hosted = append(w.hosted, r)
	return r
}

// toDelete gives a release that is there; nil where there is none.
func (w *world) toDelete() *release {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.hosted) == 0 {
		return nil
	}
	for range 10 {
		if r := w.hosted[w.rng.IntN(len(w.hosted))]; r.published == done && r.deleted == unasked {
			return r
		}
	}
	return nil
}

// toFetch gives a release that upstream has and nobody here has asked for.
func (w *world) toFetch() *release {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.serial++
	r := &release{name: fmt.Sprintf("upstream-%d", w.serial), version: "1.0.0", seed: uint64(w.serial), size: 1 + w.rng.IntN(64<<10)}
	if w.rng.IntN(5) == 0 {
		r.size += 2 << 20 // long enough to die in its middle
	}
	w.external = append(w.external, r)
	return r
}

// note keeps what a client learnt.
func (w *world) note(f func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	f()
}

// document is the package document of a release as upstream has it.
func (r *release) document() string {
	sum := sha512.Sum512(r.bytes())
	return fmt.Sprintf(`{"_id":%[1]q,"name":%[1]q,"dist-tags":{"latest":%[2]q},"time":{%[2]q:"2024-01-02T03:04:05.678Z"},"versions":{%[2]q:`+
		`{"name":%[1]q,"version":%[2]q,"dist":{"tarball":"{upstream}/%[3]s","integrity":"sha512-%[4]s"}}}}`,
		r.name, r.version, r.tarball(), base64.StdEncoding.EncodeToString(sum[:]))
}

func short(sum [64]byte) string { return hex.EncodeToString(sum[:6]) }
