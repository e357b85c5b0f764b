package upstream

import (
	"bytes"
	"context"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"hash"
	"net/http"
	"time"

	"larder/registry"
)

// hasher computes all four digests of an asset in one pass.
type hasher struct {
	md5, sha1, sha256, sha512 hash.Hash
}

func newHasher() *hasher {
	return &hasher{md5.New(), sha1.New(), sha256.New(), sha512.New()}
}

func (h *hasher) Write(p []byte) (int, error) {
	h.md5.Write(p)
	h.sha1.Write(p)
	h.sha256.Write(p)
	h.sha512.Write(p)
	return len(p), nil
}

func (h *hasher) sums() registry.Hashes {
	var s registry.Hashes
	h.md5.Sum(s.MD5[:0])
	h.sha1.Sum(s.SHA1[:0])
	h.sha256.Sum(s.SHA256[:0])
	h.sha512.Sum(s.SHA512[:0])
	return s
}

// promised reports whether any digest of the asset is known beforehand.
func promised(a registry.ListedAsset) bool {
	return len(a.MD5)+len(a.SHA1)+len(a.SHA256)+len(a.SHA512) > 0
}

// broken names the first promised digest that the bytes do not have, empty
// when they have all.
func broken(a registry.ListedAsset, s registry.Hashes) string {
	for _, d := range []struct {
		name      string
		want, got []byte
	}{
		{"SHA-512", a.SHA512, s.SHA512[:]},
		{"SHA-256", a.SHA256, s.SHA256[:]},
		{"SHA-1", a.SHA1, s.SHA1[:]},
		{"MD5", a.MD5, s.MD5[:]},
	} {
		if len(d.want) > 0 && !bytes.Equal(d.want, d.got) {
			return d.name
		}
	}
	return ""
}

// stated gives what the header of an answer says of its bytes.
func (p *Puller) stated(c *client, a *registry.GetAnswer) registry.ListedAsset {
	if s, ok := p.cfg.Adapters[c.format].(registry.Stater); ok {
		return s.State(a.Header)
	}
	return registry.ListedAsset{}
}

// modified gives when upstream says that a file last changed; zero where it
// does not say, or names a time to come.
func modified(a *registry.GetAnswer, now time.Time) time.Time {
	t, err := http.ParseTime(a.Header("Last-Modified"))
	if err != nil || t.After(now) {
		return time.Time{}
	}
	return t.UTC()
}

// promiseKey tells requests apart that expect different bytes of one asset.
func promiseKey(a registry.ListedAsset) string {
	e := encoder{}
	e.bytes(a.MD5)
	e.bytes(a.SHA1)
	e.bytes(a.SHA256)
	e.bytes(a.SHA512)
	e.count(int(a.Size))
	return string(e.b)
}

// promise begins to ask what upstream promises of the asset beside it. wait
// gives the answer; drop ends the asking, and is called in any case.
func (p *Puller) promise(ctx context.Context, c *client, f *flight) (wait func() (registry.ListedAsset, error), drop func()) {
	asks, ok := p.cfg.Adapters[c.format].(registry.Promiser)
	if !ok || promised(f.asset) {
		return func() (registry.ListedAsset, error) { return f.asset, nil }, func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	var asset registry.ListedAsset
	var err error
	done := make(chan struct{})
	go func() {
		defer close(done)
		err = p.safely(ctx, func() (err error) {
			if err := c.documents.take(ctx); err != nil {
				return c.failed(err, "too many requests to upstream are under way")
			}
			defer c.documents.give()
			asset, err = asks.Promise(ctx, &getter{p: p, c: c}, f.asset)
			return err
		})
	}()
	wait = func() (registry.ListedAsset, error) {
		<-done
		return asset, err
	}
	return wait, func() {
		cancel()
		<-done
	}
}
