package npm

import (
	"bytes"
	"encoding/json"
	"io"
	"runtime"
	"strings"
	"testing"

	"larder/registry"
)

// stageInMemory stands for Publication.Stage.
func stageInMemory(r io.Reader) (registry.Asset, error) {
	h := registry.NewHasher()
	_, err := io.Copy(h, r)
	return registry.Asset{Name: asset, Size: h.Size(), Hashes: h.Sum()}, err
}

const published = `{"_id":"@s/p","name":"@s/p","description":"d","dist-tags":{"latest":"1.0.0"},"access":null,
	"versions":{"1.0.0":{"name":"@s/p","version":"1.0.0","_id":"@s/p@1.0.0","dist":{"shasum":"a9993e364706816aba3e25717850c26c9cd0d89d"}}},
	"_attachments":{"@s/p-1.0.0.tgz":{"content_type":"application/octet-stream","data":"YWJj","length":3}}}`

func TestDraftOfAPublish(t *testing.T) {
	p := parseName("@s/p")
	for _, name := range []string{"@s/p-1.0.0.tgz", "p-1.0.0.tgz"} {
		s, err := readSubmission(strings.NewReader(strings.Replace(published, `"@s/p-1.0.0.tgz"`, `"`+name+`"`, 1)), p, stageInMemory)
		if err != nil {
			t.Fatal(err)
		}
		d, err := s.draft(p, "me")
		if err != nil {
			t.Fatal(err)
		}
		want := `{"more":{"_npmUser":{"name":"me","email":""}},"dist":{"shasum":"a9993e364706816aba3e25717850c26c9cd0d89d","integrity":"sha512-3a81oZNherrMQXNJriBBMRLm+k6JqX6iCp7u5ktV05ohkpkqJ0/BqDa6PCOj/uu9RU1EI2Q86A4qmslPpUyknw=="}}`
		if string(d.Manifest) != want {
			t.Errorf("got\n%s, want\n%s", d.Manifest, want)
		}
		if d.ID != (registry.VersionID{Package: p, Version: "1.0.0"}) || d.Mode != registry.Seal || d.Status != registry.Published || len(d.Tags) != 1 || d.Tags[0] != "latest" {
			t.Errorf("got %+v", d)
		}
	}
}

// counted reads without end and counts.
type counted struct {
	before, after io.Reader
	n             int64
	limit         int64
}

func (c *counted) Read(b []byte) (int, error) {
	if n, err := c.before.Read(b); err == nil {
		return n, nil
	}
	if c.n >= c.limit {
		return c.after.Read(b)
	}
	for i := range b {
		b[i] = 'A'
	}
	n := min(len(b), int(c.limit-c.n))
	c.n += int64(n)
	return n, nil
}

func TestATarballOfAnySizeIsReadInAStream(t *testing.T) {
	const size = 64 << 20 // in base64
	head, tail, _ := strings.Cut(published, "YWJj")
	tail = strings.Replace(tail, `"length":3`, `"length":50331648`, 1)
	body := &counted{before: strings.NewReader(head), after: strings.NewReader(tail), limit: size}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	s, err := readSubmission(body, parseName("@s/p"), stageInMemory)
	runtime.ReadMemStats(&after)
	if err != nil {
		t.Fatal(err)
	}
	if s.tarball.staged.Size != size/4*3 {
		t.Errorf("staged %d bytes", s.tarball.staged.Size)
	}
	if allocated := after.TotalAlloc - before.TotalAlloc; allocated > 4<<20 {
		t.Errorf("%d bytes were allocated for a tarball of %d", allocated, size/4*3)
	}
}

func FuzzPublish(f *testing.F) {
	f.Add([]byte(published))
	f.Add([]byte(strings.Replace(published, `"latest"`, `"1.x"`, 1)))
	f.Add([]byte(`{"_attachments":{"p-1.0.0.sigstore":{"data":"{\"dsseEnvelope\":{\"payload\":\"e30=\"}}"},"p-1.0.0.tgz":{"stub":true}},"versions":{"1.0.0":{"deprecated":"x"}}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		p := parseName("@s/p")
		staged := 0
		s, err := readSubmission(bytes.NewReader(body), p, func(r io.Reader) (registry.Asset, error) {
			staged++
			return stageInMemory(r)
		})
		if staged > 1 {
			t.Fatal("two tarballs were staged")
		}
		if err != nil {
			if c := registry.CodeOf(err); c != registry.Invalid && c != registry.TooLarge {
				t.Fatalf("code %v: %v", c, err)
			}
			return
		}
		if s.tarball == nil {
			for _, v := range s.versions.keys {
				deprecationOf(v, s.versions.values[v])
			}
			return
		}
		d, err := s.draft(p, "me")
		if err != nil {
			if c := registry.CodeOf(err); c != registry.Invalid {
				t.Fatalf("code %v: %v", c, err)
			}
			return
		}
		if !json.Valid(d.Manifest) {
			t.Fatalf("the manifest is not JSON: %q", d.Manifest)
		}
		v := registry.VersionView{Version: registry.Version{Version: d.ID.Version, Manifest: d.Manifest}}
		var doc struct {
			Name, Version string
			Dist          struct{ Tarball string }
		}
		if b := versionDocument(p, &v, base); json.Unmarshal(b, &doc) != nil || doc.Name != "@s/p" || doc.Version != d.ID.Version || !strings.HasPrefix(doc.Dist.Tarball, base) {
			t.Fatalf("rendered as %s", b)
		}
	})
}
