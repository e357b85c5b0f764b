package upstream_test

import (
	"context"
	"encoding/hex"
	"io"
	"strings"
	"testing"
	"time"

	"larder/formats/formatstest"
	"larder/registry"
	"larder/registry/upstream"
)

// promising is an adapter of a format whose registries have the SHA-512 of a
// file beside it.
type promising struct{ adapter }

func (promising) Promise(ctx context.Context, g registry.Getter, a registry.ListedAsset) (registry.ListedAsset, error) {
	answer, err := g.Get(ctx, registry.GetRequest{URL: a.URL + ".sha512"})
	if registry.IsNotFound(err) {
		return a, nil
	}
	if err != nil {
		return a, err
	}
	defer answer.Body.Close()
	b, err := io.ReadAll(answer.Body)
	if err == nil {
		a.SHA512, err = hex.DecodeString(strings.TrimSpace(string(b)))
	}
	return a, err
}

func promises(c *upstream.Config) {
	c.Adapters = map[string]registry.Upstream{registry.NPM: promising{}}
}

func TestWhatStandsBesideAnAssetIsVerified(t *testing.T) {
	content := noise(300_000)
	for name, c := range map[string]struct {
		beside string // empty: nothing is
		whole  bool
	}{
		"the right digest": {hex.EncodeToString(sha512of(content)), true},
		"none":             {"", true},
		"another digest":   {hex.EncodeToString(sha512of([]byte("x"))), false},
		"no digest at all": {"<html>", false},
	} {
		w := newWorld(t, promises)
		r := w.asset("a.bin", content)
		r.Asset.SHA512 = nil
		if c.beside != "" {
			w.up.ServeText("/a.bin.sha512", c.beside)
		}
		finished := false
		r.Finish = func(context.Context, registry.Asset, time.Time) error { finished = true; return nil }
		b, err := pull(t, w.Puller, r)
		if (err == nil) != c.whole || (len(b) == len(content)) != c.whole || finished != c.whole {
			t.Errorf("%s: %d bytes, %v, recorded: %t", name, len(b), err, finished)
		}
		if n := w.held(t); (n == 1) != c.whole {
			t.Errorf("%s: %d blobs", name, n)
		}
	}
}

func TestAFileThatIsDescribedAsAPageNeedsAPromise(t *testing.T) {
	content := noise(300_000)
	for _, promise := range []bool{false, true} {
		w := newWorld(t, promises)
		r := w.asset("a.pom", content)
		r.Asset.SHA512 = nil
		if promise {
			w.up.ServeText("/a.pom.sha512", hex.EncodeToString(sha512of(content)))
		}
		w.up.Fault("/a.pom", formatstest.With("Content-Type", "text/html"))
		_, err := pull(t, w.Puller, r)
		if (err == nil) != promise || (w.held(t) == 1) != promise {
			t.Errorf("promised %t: %v", promise, err)
		}
	}
}

func TestAPromiseOfTheListingIsEnough(t *testing.T) {
	w := newWorld(t, promises)
	r := w.asset("a.bin", noise(10))
	w.up.ServeText("/a.bin.sha512", "wrong")
	if _, err := pull(t, w.Puller, r); err != nil {
		t.Error(err)
	}
	wantCount(t, w.up, "/a.bin.sha512", 0)
}

func TestThatAGuessedAssetIsNotThereIsRememberedForAMinute(t *testing.T) {
	w := newWorld(t)
	r := w.asset("a.bin", noise(10))
	w.up.Remove("/a.bin")
	r.Guessed = true
	for range 3 {
		_, err := w.Pull(t.Context(), r)
		wantCode(t, err, registry.NotFound)
	}
	wantCount(t, w.up, "/a.bin", 1)
	other := r
	other.Version.Version = "2.0.0"
	_, err := w.Pull(t.Context(), other)
	wantCode(t, err, registry.NotFound)
	wantCount(t, w.up, "/a.bin", 2)
	w.asset("a.bin", noise(10))
	w.clock.pass(61 * time.Second)
	if _, err := pull(t, w.Puller, r); err != nil {
		t.Errorf("after a minute: %v", err)
	}
}
