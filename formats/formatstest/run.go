package formatstest

import (
	"bytes"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	"larder/formats"
	"larder/registry"
)

// Fixture is what Run has to know of a format.
type Fixture struct {
	// Publish gives the call that publishes a version of the fixture's package
	// with one file of this content.
	Publish func(version string, content []byte) Call
	// Finish, where a version is not there before it is said to be whole, gives
	// the call that says so. Nil: Publish is all.
	Finish func(version string) Call
	// Content makes a file of a version of exactly that size in bytes, for formats
	// that look into what is published. Nil: any bytes do.
	Content func(version string, size int) []byte
	// Index and Asset are the paths of the package's index document and of a
	// version's file.
	Index string
	Asset func(version string) string

	// Prepare, where an upstream registry cannot be asked before something is
	// there, puts that. Nil: nothing has to be.
	Prepare func(u *Upstream)
	// Offer puts another package, with one version of this content, into the
	// upstream registry, promising the digest of promised.
	Offer func(u *Upstream, version string, content, promised []byte)
	// OfferedIndex and OfferedAsset are that package's paths here.
	OfferedIndex string
	OfferedAsset func(version string) string

	// Calls reach every endpoint that is not Public, by calls that would do
	// something if they were allowed. Writes are those that change something.
	Calls []Call
	// Writes tells the calls by which a reader must change nothing.
	Writes func(Call) bool
	// Missing are paths of packages, versions and files that are not there.
	Missing []string
}

// Run asks the format everything that all formats answer the same way.
func Run(t *testing.T, f formats.Format, x Fixture) {
	q := questions{f, x}
	t.Run("an asset answers HEAD, Range and conditions", q.asset)
	t.Run("an index document answers HEAD, gzip and conditions", q.index)
	t.Run("what is missing is 404", q.missing)
	t.Run("hostile paths never reach anything", q.paths)
	t.Run("every endpoint refuses who may not", q.refusals)
	t.Run("a reader changes nothing", q.reader)
	t.Run("too large leaves nothing behind", q.tooLarge)
	t.Run("an upstream that is down", q.down)
	t.Run("an upstream that misbehaves", q.misbehaving)
	t.Run("a request that comes back ends", q.loop)
}

type questions struct {
	f formats.Format
	x Fixture
}

func (q questions) server(t *testing.T, limits registry.Limits) *Server {
	t.Helper()
	s := NewServer(t, q.f, limits)
	if q.x.Prepare != nil {
		q.x.Prepare(s.Upstream)
	}
	return s
}

// content is a file of a version that can be published; 4096 bytes are enough
// for any format.
func (q questions) content(version string, size int) []byte {
	if q.x.Content != nil {
		return q.x.Content(version, size)
	}
	return bytes.Repeat([]byte("0123456789"), size/10+1)[:size]
}

// publish publishes a version and finishes it.
func (q questions) publish(s *Server, version string, content []byte) Answer {
	a := s.Do(q.x.Publish(version, content))
	if a.Status/100 != 2 || q.x.Finish == nil {
		return a
	}
	return s.Do(q.x.Finish(version))
}

func (q questions) published(t *testing.T, content []byte) *Server {
	t.Helper()
	s := q.server(t, registry.Limits{})
	if a := q.publish(s, "1.0.0", content); a.Status/100 != 2 {
		t.Fatalf("publish: %d %s", a.Status, a.Body)
	}
	return s
}

func (q questions) asset(t *testing.T) {
	content := q.content("1.0.0", 10_000)
	s := q.published(t, content)
	path := q.x.Asset("1.0.0")
	whole := s.Do(Call{Path: path})
	etag := whole.Header.Get("ETag")
	if whole.Status != 200 || !bytes.Equal(whole.Body, content) || etag == "" {
		t.Fatalf("got %d, %d bytes, ETag %q", whole.Status, len(whole.Body), etag)
	}
	for header, want := range map[string]string{
		"X-Content-Type-Options":  "nosniff",
		"Content-Security-Policy": "sandbox",
		"Accept-Ranges":           "bytes",
		"Content-Length":          "10000",
	} {
		if got := whole.Header.Get(header); got != want {
			t.Errorf("%s: got %q, want %q", header, got, want)
		}
	}
	if got := whole.Header.Get("Content-Disposition"); !strings.HasPrefix(got, "attachment") {
		t.Errorf("Content-Disposition: got %q", got)
	}
	if got := whole.Header.Get("Cache-Control"); strings.Contains(got, "public") {
		t.Errorf("Cache-Control: got %q", got)
	}
	for name, c := range map[string]struct {
		call Call
		want int
		body string
	}{
		"HEAD":                       {Call{Method: "HEAD"}, 200, ""},
		"a range":                    {Call{Header: map[string]string{"Range": "bytes=3-6"}}, 206, string(content[3:7])},
		"a tail":                     {Call{Header: map[string]string{"Range": "bytes=-4"}}, 206, string(content[9996:])},
		"a range beyond the end":     {Call{Header: map[string]string{"Range": "bytes=10000-"}}, 416, "*"},
		"If-None-Match":              {Call{Header: map[string]string{"If-None-Match": etag}}, 304, ""},
		"If-Range that holds":        {Call{Header: map[string]string{"Range": "bytes=0-1", "If-Range": etag}}, 206, string(content[:2])},
		"If-Range that does not":     {Call{Header: map[string]string{"Range": "bytes=0-1", "If-Range": `"x"`}}, 200, string(content)},
		"If-None-Match of something": {Call{Header: map[string]string{"If-None-Match": `"x"`}}, 200, string(content)},
	} {
		c.call.Path = path
		a := s.Do(c.call)
		if a.Status != c.want || (c.body != "*" && string(a.Body) != c.body) {
			t.Errorf("%s: got %d with %d bytes, want %d with %d", name, a.Status, len(a.Body), c.want, len(c.body))
		}
		if name == "HEAD" && a.Header.Get("Content-Length") != "10000" {
			t.Errorf("HEAD: Content-Length %q", a.Header.Get("Content-Length"))
		}
	}
}

func (q questions) index(t *testing.T) {
	s := q.published(t, q.content("1.0.0", 4096))
	plain := s.Do(Call{Path: q.x.Index})
	packed := s.Do(Call{Path: q.x.Index, Header: map[string]string{"Accept-Encoding": "gzip"}})
	if plain.Status != 200 || packed.Status != 200 {
		t.Fatalf("got %d and %d", plain.Status, packed.Status)
	}
	if packed.Header.Get("Content-Encoding") != "gzip" {
		t.Errorf("Content-Encoding: got %q for a document of %d bytes", packed.Header.Get("Content-Encoding"), len(plain.Body))
	}
	etags := []string{plain.Header.Get("ETag"), packed.Header.Get("ETag")}
	if etags[0] == etags[1] {
		t.Errorf("both forms have the ETag %s", etags[0])
	}
	for i, header := range []map[string]string{{}, {"Accept-Encoding": "gzip"}} {
		for j, etag := range etags {
			header["If-None-Match"] = `"other", W/` + etag
			want := 200
			if etag == etags[i] {
				want = 304
			}
			a := s.Do(Call{Path: q.x.Index, Header: header})
			if a.Status != want {
				t.Errorf("form %d with the ETag of form %d: got %d, want %d", i, j, a.Status, want)
			}
			for _, v := range []string{"Accept-Encoding", "Authorization"} {
				if !strings.Contains(a.Header.Get("Vary"), v) {
					t.Errorf("status %d: Vary %q lacks %s", a.Status, a.Header.Get("Vary"), v)
				}
			}
			if a.Header.Get("ETag") != etags[i] || strings.Contains(a.Header.Get("Cache-Control"), "public") {
				t.Errorf("status %d: ETag %s, Cache-Control %q", a.Status, a.Header.Get("ETag"), a.Header.Get("Cache-Control"))
			}
		}
	}
	head := s.Do(Call{Method: "HEAD", Path: q.x.Index})
	if head.Status != 200 || head.Header.Get("Content-Length") != strconv.Itoa(len(plain.Body)) || len(head.Body) != 0 {
		t.Errorf("HEAD: got %d, Content-Length %s for %d bytes", head.Status, head.Header.Get("Content-Length"), len(plain.Body))
	}
	if a := q.publish(s, "1.1.0", q.content("1.1.0", 4096)); a.Status/100 != 2 {
		t.Fatalf("publish: %d %s", a.Status, a.Body)
	}
	if a := s.Do(Call{Path: q.x.Index, Header: map[string]string{"If-None-Match": etags[0]}}); a.Status != 200 || !bytes.Contains(a.Body, []byte("1.1.0")) {
		t.Errorf("after a publish: got %d, and the new version must be in it: %s", a.Status, a.Body)
	}
}

func (q questions) missing(t *testing.T) {
	s := q.published(t, q.content("1.0.0", 4096))
	for _, path := range q.x.Missing {
		if a := s.Do(Call{Path: path}); a.Status != 404 || len(a.Body) == 0 {
			t.Errorf("%s: got %d %q", path, a.Status, a.Body)
		}
	}
	if a := s.Do(Call{Path: q.x.Index, Repo: "none"}); a.Status != 404 {
		t.Errorf("an unknown repository: got %d", a.Status)
	}
	if a := s.Do(Call{Path: q.x.Index, Repo: "none", As: Nobody}); a.Status != 403 {
		t.Errorf("an unknown repository, for who may do nothing: got %d", a.Status)
	}
}

// hostile are spellings of what leaves its place, to stand in any segment.
var hostile = []string{
	"..", ".", "%2e%2e", "%2E.", ".%2e", "%2e", "..%2f..%2fetc%2fpasswd", "%2f%2f..%2fx", "..%5c..%5cx", `..\x`,
	"%252e%252e", "%252f", "x%252fy", "x%00", "%00", "x%0a", "x%0d%0ay", "x;y", "x%3by", "%ff", "%c0%ae%c0%ae", "x%2fy",
	"@s%2fp%2fq", "@s%252fp", "%2f", "x%7f", "%c2%85", "x%23y", "x%3fy", "",
}

func (q questions) paths(t *testing.T) {
	s := q.published(t, q.content("1.0.0", 4096))
	for _, path := range []string{q.x.Index, q.x.Asset("1.0.0")} {
		segments := strings.Split(path, "/")
		for i := range segments {
			for _, h := range hostile {
				if h == "" && i == len(segments)-1 {
					continue // a trailing slash
				}
				for _, form := range [][]string{{h}, {h, segments[i]}, {segments[i], h}} {
					if h == "" && i == len(segments)-1 {
						continue
					}
					bad := slices.Concat(segments[:i], form, segments[i+1:])
					got := s.Do(Call{Path: strings.Join(bad, "/")})
					ok := h == "" && len(form) == 1
					if got.Status != 400 && got.Status != 404 && !ok {
						t.Errorf("%s: got %d", strings.Join(bad, "/"), got.Status)
					}
				}
			}
		}
	}
	if n := s.Upstream.Count(""); n > 0 {
		for _, r := range s.Upstream.Requests("") {
			if strings.Contains(r.Path, "..") || strings.Contains(r.Target, "%2e") || strings.ContainsAny(r.Path, "\\;\x00") {
				t.Errorf("upstream was asked for %s", r.Target)
			}
		}
	}
}

func (q questions) refusals(t *testing.T) {
	s := q.published(t, q.content("1.0.0", 4096))
	for _, c := range q.x.Calls {
		for as, want := range map[string]int{Nobody: 403, "-": 401, "expired": 401} {
			c.As = as
			a := s.Do(c)
			if a.Status != want {
				t.Errorf("%s %s as %q: got %d %s, want %d", c.Method, c.Path, as, a.Status, a.Body, want)
			}
			if want == 401 && a.Header.Get("WWW-Authenticate") != formats.Challenge {
				t.Errorf("%s %s as %q: WWW-Authenticate %q", c.Method, c.Path, as, a.Header.Get("WWW-Authenticate"))
			}
		}
	}
	for _, r := range q.f.Routes {
		if !r.Public && !s.reached(r.Operation) {
			t.Errorf("no call of the fixture reaches %s", r.Operation)
		}
	}
}

func (q questions) reader(t *testing.T) {
	s := q.published(t, q.content("1.0.0", 4096))
	before := s.Do(Call{Path: q.x.Index})
	for _, c := range q.x.Calls {
		if !q.x.Writes(c) {
			continue
		}
		c.As = Reader
		if a := s.Do(c); a.Status != 403 {
			t.Errorf("%s %s: got %d %s, want 403", c.Method, c.Path, a.Status, a.Body)
		}
	}
	if after := s.Do(Call{Path: q.x.Index}); !bytes.Equal(after.Body, before.Body) {
		t.Errorf("the index changed: %s", after.Body)
	}
}

func (q questions) tooLarge(t *testing.T) {
	s := q.server(t, registry.Limits{AssetSize: 1 << 20})
	a := q.publish(s, "1.0.0", q.content("1.0.0", 1<<20+1))
	if a.Status != http.StatusRequestEntityTooLarge || len(a.Body) == 0 {
		t.Errorf("got %d %s", a.Status, a.Body)
	}
	if n := s.BlobCount(); n != 0 {
		t.Errorf("%d blobs stay", n)
	}
	if a := s.Do(Call{Path: q.x.Index}); a.Status != 404 {
		t.Errorf("the index answers %d", a.Status)
	}
	if a := q.publish(s, "1.0.0", q.content("1.0.0", 1<<20)); a.Status/100 != 2 {
		t.Errorf("at the limit: got %d %s", a.Status, a.Body)
	}
}

func (q questions) down(t *testing.T) {
	s := q.published(t, q.content("1.0.0", 4096))
	offered := []byte("offered content")
	q.x.Offer(s.Upstream, "2.0.0", offered, offered)
	if a := s.Do(Call{Path: q.x.OfferedAsset("2.0.0")}); a.Status != 200 || !bytes.Equal(a.Body, offered) {
		t.Fatalf("while it is up: got %d %s", a.Status, a.Body)
	}
	s.Upstream.Down()
	if a := s.Do(Call{Path: q.x.OfferedAsset("2.0.0")}); a.Status != 200 || !bytes.Equal(a.Body, offered) {
		t.Errorf("what was fetched: got %d %s", a.Status, a.Body)
	}
	if a := s.Do(Call{Path: q.x.OfferedIndex}); a.Status != 200 {
		t.Errorf("its index: got %d %s", a.Status, a.Body)
	}
	if a := s.Do(Call{Path: q.x.Asset("1.0.0")}); a.Status != 200 {
		t.Errorf("what is published here: got %d", a.Status)
	}
	if a := q.publish(s, "1.1.0", q.content("1.1.0", 4096)); a.Status/100 != 2 {
		t.Errorf("publishing: got %d %s", a.Status, a.Body)
	}
	fresh := q.server(t, registry.Limits{})
	fresh.Upstream.Down()
	if a := fresh.Do(Call{Path: q.x.OfferedIndex}); a.Status != http.StatusBadGateway {
		t.Errorf("what was never seen: got %d, want 502, which is not \"not found\"", a.Status)
	}
}

func (q questions) misbehaving(t *testing.T) {
	content := bytes.Repeat([]byte("y"), 100_000)
	for name, c := range map[string]struct {
		fault    Fault
		promised []byte
	}{
		"other bytes than promised": {nil, []byte("something else")},
		"half a body":               {HalfBody(), content},
		"a page":                    {HTML(), content},
		"an error":                  {Status(500), content},
		"nothing":                   {Empty(), content},
	} {
		s := q.server(t, registry.Limits{})
		q.x.Offer(s.Upstream, "2.0.0", content, c.promised)
		index := s.Do(Call{Path: q.x.OfferedIndex})
		if index.Status != 200 {
			t.Fatalf("%s: the index answers %d %s", name, index.Status, index.Body)
		}
		if c.fault != nil {
			s.Upstream.Fault("", c.fault)
		}
		a := s.Do(Call{Path: q.x.OfferedAsset("2.0.0")})
		if a.Status == 200 && a.Err == nil && len(a.Body) == len(content) {
			t.Errorf("%s: the asset came whole", name)
		}
		if a.Status != 200 && a.Status != http.StatusBadGateway {
			t.Errorf("%s: got %d %s", name, a.Status, a.Body)
		}
		if n := s.BlobCount(); n != 0 {
			t.Errorf("%s: %d blobs stay", name, n)
		}
	}
}

func (q questions) loop(t *testing.T) {
	s := q.server(t, registry.Limits{})
	via := map[string]string{"Via": "1.1 elsewhere, 1.1 larder-under-test"}
	if a := s.Do(Call{Path: q.x.Index, Header: via}); a.Status != http.StatusLoopDetected {
		t.Errorf("got %d %s", a.Status, a.Body)
	}
	if s.Upstream.Count("") != 0 {
		t.Error("upstream was asked")
	}
}
