package upstream

import (
	"bytes"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"larder/registry"
)

func someListing() *registry.Listing {
	return &registry.Listing{
		Tags:     map[string]string{"latest": "1.0.0", "next": "2.0.0-rc.1", "": ""},
		Metadata: json.RawMessage(`{"readme":"é"}`),
		Modified: time.Date(2026, 1, 2, 3, 4, 5, 6_000_000, time.UTC),
		First:    time.Date(2025, 1, 2, 3, 4, 5, 0, time.UTC),
		Versions: []registry.ListedVersion{
			{Version: "1.0.0", Status: registry.Published, Manifest: json.RawMessage(`{ "a" : 1 }`),
				Released: time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC),
				Assets: []registry.ListedAsset{
					{Name: "a.tgz", URL: "https://upstream.test/a.tgz", Size: 1 << 40, MD5: []byte("m"), SHA1: []byte("1"), SHA256: []byte("2"), SHA512: []byte("5")},
					{Name: "b.tgz"},
				}},
			{Version: "2.0.0-rc.1", Status: registry.Unlisted, Released: time.Date(-5, 1, 1, 0, 0, 0, 0, time.UTC),
				Seen: time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC), Followed: true},
			{},
		},
	}
}

func TestAStoredListingIsReadAsItWas(t *testing.T) {
	source := [16]byte{1, 2, 3}
	for name, want := range map[string]*registry.Listing{
		"full":  someListing(),
		"empty": {Tags: map[string]string{}, Versions: []registry.ListedVersion{}},
	} {
		b := encodeListing(want, source)
		h, got, _, err := decodeListing(b)
		if err != nil || h.source != source || h.absent {
			t.Fatalf("%s: %v, %+v", name, err, h)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		if again := encodeListing(got, source); !bytes.Equal(b, again) {
			t.Errorf("%s: encoded again it is another", name)
		}
	}
}

func TestThatThereIsNoneIsReadAsItWas(t *testing.T) {
	h, l, _, err := decodeListing(encodeListing(nil, [16]byte{7}))
	if err != nil || !h.absent || l != nil || h.source != [16]byte{7} {
		t.Fatalf("got %+v, %v, %v", h, l, err)
	}
}

func TestEqualContentIsKnownByTheHeader(t *testing.T) {
	header := func(l *registry.Listing) header {
		h, err := decodeHeader(encodeListing(l, [16]byte{}))
		if err != nil {
			t.Fatal(err)
		}
		return h
	}
	if a, b := header(someListing()), header(someListing()); a != b {
		t.Error("equal listings have different headers")
	}
	other := someListing()
	other.Tags["latest"] = "2.0.0-rc.1"
	if header(someListing()) == header(other) {
		t.Error("different listings have equal headers")
	}
}

func TestDamagedListingsAreRefused(t *testing.T) {
	whole := encodeListing(someListing(), [16]byte{})
	for n := range whole {
		if _, _, _, err := decodeListing(whole[:n]); err == nil {
			t.Fatalf("the first %d of %d bytes were taken for a listing", n, len(whole))
		}
	}
	if _, _, _, err := decodeListing(append(whole, 0)); err == nil {
		t.Error("a byte too much went unnoticed")
	}
	other := bytes.Clone(whole)
	other[4]++
	if _, _, _, err := decodeListing(other); err == nil {
		t.Error("another version of the encoding was read")
	}
}

func FuzzDecodeListing(f *testing.F) {
	f.Add(encodeListing(someListing(), [16]byte{1}))
	f.Add(encodeListing(nil, [16]byte{1}))
	f.Add(encodeListing(&registry.Listing{}, [16]byte{}))
	f.Fuzz(func(t *testing.T, b []byte) {
		h, l, _, err := decodeListing(b)
		if err != nil {
			return
		}
		again, l2, _, err := decodeListing(encodeListing(l, h.source))
		if err != nil || again.absent != h.absent {
			t.Fatalf("what was read cannot be written and read: %v", err)
		}
		if diff := cmp.Diff(l, l2); diff != "" {
			t.Fatal(diff)
		}
	})
}

// A document such as the largest in public use: decoding must not parse manifests.
func BenchmarkDecodeListing(b *testing.B) {
	l := &registry.Listing{}
	for i := range 600 {
		l.Versions = append(l.Versions, registry.ListedVersion{
			Version: fmt.Sprintf("1.0.%d", i), Status: registry.Published, Manifest: bytes.Repeat([]byte("x"), 60<<10),
			Assets: []registry.ListedAsset{{Name: "a.tgz", URL: "https://upstream.test/a.tgz", SHA512: make([]byte, 64)}},
		})
	}
	body := encodeListing(l, [16]byte{})
	b.SetBytes(int64(len(body)))
	for b.Loop() {
		if _, _, _, err := decodeListing(body); err != nil {
			b.Fatal(err)
		}
	}
}

func TestDecodedListingsStayWithinTheirLimit(t *testing.T) {
	c := newDecodedListings(100)
	put := func(name string, revision, size int64) {
		c.put(listingKey{connection: name}, &entry{revision: revision, size: size})
	}
	has := func(name string, revision int64) bool {
		return c.get(listingKey{connection: name}, revision) != nil
	}
	put("a", 1, 40)
	put("b", 2, 40)
	if !has("a", 1) || !has("b", 2) || has("a", 2) {
		t.Fatal("what fits is not there, or another revision is")
	}
	has("a", 1)
	put("c", 3, 40)
	if has("b", 2) || !has("a", 1) || !has("c", 3) {
		t.Error("not the least recently used one went")
	}
	put("a", 4, 10)
	if has("a", 1) || !has("a", 4) || c.size != 50 {
		t.Errorf("a new revision does not replace the old one; size %d", c.size)
	}
	put("d", 5, 51)
	if has("d", 5) || !has("c", 3) {
		t.Error("one listing pushed all others out")
	}
}
