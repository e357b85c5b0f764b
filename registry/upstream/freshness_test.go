package upstream_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"larder/formats/formatstest"
	"larder/registry"
	"larder/registry/upstream"
)

func TestAFreshListingIsNotAskedForAgain(t *testing.T) {
	w := newWorld(t)
	w.offer(left, "1.0.0")
	first := w.mustList(t, left, false)
	wantVersions(t, first, "1.0.0")
	if first.Revision == 0 || !first.FreshUntil.Equal(w.clock.Now().Add(5*time.Minute)) || !first.Fetched.Equal(w.clock.Now()) {
		t.Errorf("revision %d, fetched %s, fresh until %s", first.Revision, first.Fetched, first.FreshUntil)
	}
	w.clock.pass(5*time.Minute - time.Second)
	second := w.mustList(t, left, false)
	wantCount(t, w.up, "/left", 1)
	if diff := cmp.Diff(first, second); diff != "" {
		t.Error(diff)
	}
}

func TestAListingSurvivesARestart(t *testing.T) {
	w := newWorld(t)
	w.offer(left, "1.0.0", "1.1.0")
	before := w.mustList(t, left, false)
	w.up.Down()
	after, err := w.puller(t).Listing(t.Context(), domain, connection, left, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before, after); diff != "" {
		t.Error(diff)
	}
}

// G10.
func TestManyWhoAskForTheSameColdListingAreOneRequest(t *testing.T) {
	w := newWorld(t)
	w.offer(left, "1.0.0")
	gate := formatstest.NewGate()
	w.up.Fault("/left", gate.Before())
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			l, err := w.Listing(t.Context(), domain, connection, left, time.Time{})
			if err != nil || len(l.Versions) != 1 {
				t.Errorf("got %v, %v", l, err)
			}
		})
	}
	gate.Await()
	gate.Open()
	all.Wait()
	wantCount(t, w.up, "/left", 1)
}

func TestAStaleListingIsServedAtOnceAndRevalidatedBehind(t *testing.T) {
	w := newWorld(t)
	w.offer(left, "1.0.0")
	w.mustList(t, left, false)
	w.offer(left, "1.0.0", "1.1.0")
	gate := formatstest.NewGate()
	w.up.Fault("/left", gate.Before())
	w.clock.pass(6 * time.Minute)

	for range 10 {
		wantVersions(t, w.mustList(t, left, false), "1.0.0") // while upstream is still thinking
	}
	gate.Await()
	gate.Open()
	w.settle(t, w.Puller)
	wantVersions(t, w.mustList(t, left, false), "1.0.0", "1.1.0")
	wantCount(t, w.up, "/left", 2)
	want := []upstream.Outcome{upstream.OK, upstream.Stale, upstream.Fresh}
	got := w.seen.outcomes(upstream.KindListing)
	for _, o := range want {
		found := false
		for _, g := range got {
			found = found || g == o
		}
		if !found {
			t.Errorf("observed %q, of which %q is missing", got, o)
		}
	}
}

// G15.
func TestAnUnchangedListingIsNotSentAgainAndLivesLonger(t *testing.T) {
	for name, manners := range map[string]formatstest.Behaviour{
		"by ETag":          {ETag: true},
		"by date":          {LastModified: true},
		"by equal content": {},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.up.Behave(manners)
			w.offer(left, "1.0.0")
			before := w.mustList(t, left, false)
			w.clock.pass(6 * time.Minute)
			after := w.mustList(t, left, true)
			wantCount(t, w.up, "/left", 2)
			if after.Revision != before.Revision {
				t.Errorf("revision moved from %d to %d", before.Revision, after.Revision)
			}
			if !after.Fetched.Equal(w.clock.Now()) || !after.FreshUntil.Equal(w.clock.Now().Add(5*time.Minute)) {
				t.Errorf("fetched %s, fresh until %s at %s", after.Fetched, after.FreshUntil, w.clock.Now())
			}
			w.clock.pass(time.Minute)
			w.mustList(t, left, false)
			wantCount(t, w.up, "/left", 2)

			asked := w.up.Requests("/left")[1].Header
			if manners.ETag && asked.Get("If-None-Match") == "" || manners.LastModified && asked.Get("If-Modified-Since") == "" {
				t.Errorf("not asked conditionally: %v", asked)
			}
			want := upstream.NotModified
			if manners == (formatstest.Behaviour{}) {
				want = upstream.OK
			}
			if got := w.seen.outcomes(upstream.KindListing)[1]; got != want {
				t.Errorf("observed %q, want %q", got, want)
			}
		})
	}
}

func TestAChangedListingHasANewRevision(t *testing.T) {
	w := newWorld(t)
	w.offer(left, "1.0.0")
	before := w.mustList(t, left, false)
	w.offer(left, "1.0.0", "2.0.0")
	w.clock.pass(time.Minute)
	after := w.mustList(t, left, true)
	wantVersions(t, after, "1.0.0", "2.0.0")
	if after.Revision == before.Revision {
		t.Error("the revision stands still")
	}
	if diff := cmp.Diff(after, w.mustList(t, left, false)); diff != "" {
		t.Error(diff)
	}
}

func TestAListingThatMustBeCurrentIsRevalidatedButNotAgainAtOnce(t *testing.T) {
	w := newWorld(t)
	w.offer(left, "1.0.0")
	w.mustList(t, left, true)
	w.mustList(t, left, true) // asked at the instant of the answer
	wantCount(t, w.up, "/left", 1)
	w.clock.pass(time.Millisecond)
	w.mustList(t, left, true)
	wantCount(t, w.up, "/left", 2)
	if got := w.up.Requests("/left")[1].Header.Get("Cache-Control"); got != "max-age=0" {
		t.Errorf("Cache-Control: got %q", got)
	}
}

func TestKnownNeverAsksUpstream(t *testing.T) {
	w := newWorld(t)
	w.offer(left, "1.0.0")
	_, err := w.Known(t.Context(), domain, connection, left)
	wantCode(t, err, registry.NotFound)
	wantCount(t, w.up, "", 0)
	w.mustList(t, left, false)
	w.clock.pass(time.Hour)
	l, err := w.Known(t.Context(), domain, connection, left)
	if err != nil {
		t.Fatal(err)
	}
	wantVersions(t, l, "1.0.0")
	wantCount(t, w.up, "", 1)
}

// failures are the ways in which an upstream can fail, none of which means
// that it has no such package.
func failures() map[string]formatstest.Fault {
	return map[string]formatstest.Fault{
		"a web page":                   formatstest.HTML(),
		"an empty 200":                 formatstest.Empty(),
		"half a body":                  formatstest.HalfBody(),
		"a body that stalls":           formatstest.Stall(),
		"a body without an end":        formatstest.Endless(),
		"a broken connection":          formatstest.Reset(),
		"no answer":                    formatstest.Silent(),
		"500":                          formatstest.Status(http.StatusInternalServerError),
		"503":                          formatstest.Status(http.StatusServiceUnavailable),
		"401":                          formatstest.Status(http.StatusUnauthorized),
		"403":                          formatstest.Status(http.StatusForbidden),
		"429":                          formatstest.Status(http.StatusTooManyRequests),
		"508":                          formatstest.Status(http.StatusLoopDetected),
		"300":                          formatstest.Status(http.StatusMultipleChoices),
		"206, which nobody asked for":  formatstest.Status(http.StatusPartialContent),
		"an encoding nobody asked for": formatstest.With("Content-Encoding", "br"),
		"gzip that is none":            formatstest.With("Content-Encoding", "gzip"),
		"a redirect to nowhere":        formatstest.Redirect(""),
		"a redirect in a circle":       formatstest.Redirect("{path}"),
		"a redirect to a file":         formatstest.Redirect("file:///etc/passwd"),
	}
}

func impatient(c *upstream.Config) {
	c.Timeouts.Idle = 50 * time.Millisecond
	c.Timeouts.Header = 200 * time.Millisecond
	c.Limits.Document = 1 << 20
}

// G7, G12, G14, G24.
func TestAFailureIsNeverTakenForAnAnswer(t *testing.T) {
	for name, fault := range failures() {
		t.Run(name, func(t *testing.T) {
			t.Run("nothing kept", func(t *testing.T) {
				w := newWorld(t, impatient)
				w.offer(left, "1.0.0")
				w.up.Behave(formatstest.Behaviour{})
				w.up.Fault("/left", fault)
				_, err := w.list(t, left, false)
				wantCode(t, err, registry.UpstreamFailed)
				if !strings.Contains(err.Error(), connection) {
					t.Errorf("the error does not name the connection: %v", err)
				}
			})
			t.Run("something kept", func(t *testing.T) {
				w := newWorld(t)
				w.offer(left, "1.0.0")
				w.up.Behave(formatstest.Behaviour{})
				before := w.mustList(t, left, false)
				w.up.Fault("/left", fault)
				w.clock.pass(6 * time.Minute)
				since := w.clock.Now()
				after, err := w.puller(t, impatient).Listing(t.Context(), domain, connection, left, w.clock.Now())
				if err != nil {
					t.Fatal(err)
				}
				wantVersions(t, after, "1.0.0")
				if after.Revision != before.Revision || !after.FailingSince.Equal(since) || !after.Fetched.Equal(before.Fetched) {
					t.Errorf("got revision %d, failing since %s, fetched %s", after.Revision, after.FailingSince, after.Fetched)
				}
				l, err := w.Known(t.Context(), domain, connection, left)
				if err != nil {
					t.Fatal(err)
				}
				wantVersions(t, l, "1.0.0")
			})
		})
	}
}

// G13, G14.
func TestUpstreamIsLeftAloneWhileItFailsAndFoundAgain(t *testing.T) {
	w := newWorld(t)
	w.offer(left, "1.0.0")
	w.mustList(t, left, false)
	w.up.Fault("", formatstest.Status(http.StatusBadGateway))
	w.clock.pass(6 * time.Minute)
	since := w.clock.Now()
	for range 5 {
		if l := w.mustList(t, left, true); !l.FailingSince.Equal(since) {
			t.Fatalf("failing since %s, want %s", l.FailingSince, since)
		}
		w.mustList(t, left, false)
	}
	wantCount(t, w.up, "/left", 2)

	// The longer it fails, the rarer it is asked by those who need not know.
	for range 100 {
		w.clock.pass(30 * time.Second)
		p := w.puller(t)
		if _, err := p.Listing(t.Context(), domain, connection, left, time.Time{}); err != nil {
			t.Fatal(err)
		}
		w.settle(t, p)
	}
	if got := w.up.Count("/left"); got < 10 || got > 20 {
		t.Errorf("asked %d times within 50 minutes", got)
	}

	w.up.Heal("")
	p := w.puller(t)
	w.clock.pass(6 * time.Second)
	l, err := p.Listing(t.Context(), domain, connection, left, w.clock.Now())
	if err != nil || !l.FailingSince.IsZero() || !l.Fetched.Equal(w.clock.Now()) {
		t.Errorf("after it came back: %v, failing since %s, fetched %s", err, l.FailingSince, l.Fetched)
	}
}

// G11.
func TestThatThereIsNoneIsBelievedShortly(t *testing.T) {
	for _, status := range []int{http.StatusNotFound, http.StatusGone} {
		w := newWorld(t)
		w.up.Fault("/left", formatstest.Status(status))
		for range 3 {
			_, err := w.list(t, left, false)
			wantCode(t, err, registry.NotFound)
		}
		wantCount(t, w.up, "/left", 1)
		w.up.Heal("/left")
		w.offer(left, "1.0.0")
		w.clock.pass(6 * time.Second)
		_, err := w.list(t, left, false)
		wantCode(t, err, registry.NotFound)
		wantVersions(t, w.mustList(t, left, true), "1.0.0") // who must know asks again
		w.clock.pass(time.Minute)
		wantVersions(t, w.mustList(t, left, false), "1.0.0")
	}
}

func TestAFailureIsRememberedForSeconds(t *testing.T) {
	w := newWorld(t)
	w.offer(left, "1.0.0")
	w.up.Fault("/left", formatstest.Status(http.StatusInternalServerError))
	for range 3 {
		_, err := w.list(t, left, true)
		wantCode(t, err, registry.UpstreamFailed)
	}
	wantCount(t, w.up, "/left", 1)
	w.up.Heal("/left")
	w.clock.pass(6 * time.Second)
	w.mustList(t, left, false)
}

func TestAPackageThatUpstreamDropsIsGoneAndMayComeBack(t *testing.T) {
	w := newWorld(t)
	w.offer(left, "1.0.0")
	before := w.mustList(t, left, false)
	w.up.Remove("/left")
	w.clock.pass(6 * time.Minute)
	_, err := w.list(t, left, true)
	wantCode(t, err, registry.NotFound)
	_, err = w.Known(t.Context(), domain, connection, left)
	wantCode(t, err, registry.NotFound)
	_, err = w.list(t, left, false)
	wantCode(t, err, registry.NotFound)
	wantCount(t, w.up, "/left", 2)
	var moved []registry.ListingRevision
	err = w.meta.View(t.Context(), func(tx registry.Tx) (err error) {
		moved, err = tx.ListingRevisions(domain, []string{connection}, left)
		return err
	})
	if err != nil || moved[0].Revision == before.Revision {
		t.Errorf("documents made of the old listing do not learn of it: revision %d, %v", moved[0].Revision, err)
	}
	w.offer(left, "1.0.0")
	w.clock.pass(2 * time.Minute)
	wantVersions(t, w.mustList(t, left, false), "1.0.0")
}

// G39, and a dead upstream costs one time-out, not one for each package.
func TestADeadServerIsNotTriedForEachPackage(t *testing.T) {
	w := newWorld(t)
	w.offer(right, "1.0.0")
	w.up.Fault("", formatstest.Reset())
	name := func(i int) registry.PackageID {
		return registry.PackageID{Format: registry.NPM, Name: "p" + string(rune('a'+i))}
	}
	for i := range 10 {
		_, err := w.list(t, name(i), false)
		wantCode(t, err, registry.UpstreamFailed)
	}
	wantCount(t, w.up, "", 3)

	w.up.Heal("")
	w.clock.pass(6 * time.Second)
	wantVersions(t, w.mustList(t, right, false), "1.0.0")
	w.offer(left, "1.0.0")
	wantVersions(t, w.mustList(t, left, false), "1.0.0")
}

func TestAServerThatCannotBeReachedIsLeftAlone(t *testing.T) {
	w := newWorld(t)
	gone := formatstest.NewUpstream(t)
	gone.Down()
	w.lead(connection, gone.URL)
	_, err := w.list(t, left, false)
	wantCode(t, err, registry.UpstreamFailed)
	w.lead(connection, w.up.URL) // a changed URL acts at once
	w.offer(left, "1.0.0")
	wantVersions(t, w.mustList(t, left, false), "1.0.0")
}

// G12.
func TestABrokenDatabaseIsNoMiss(t *testing.T) {
	w := newWorld(t)
	w.offer(left, "1.0.0")
	w.meta.down.Store(true)
	_, err := w.list(t, left, false)
	wantCode(t, err, registry.Internal)
	_, err = w.Known(t.Context(), domain, connection, left)
	wantCode(t, err, registry.Internal)
	wantCount(t, w.up, "", 0)
}

// G39.
func TestNoTransactionIsOpenWhileUpstreamIsAsked(t *testing.T) {
	w := newWorld(t)
	open := int32(-1)
	p := w.puller(t, func(c *upstream.Config) {
		c.Adapters = map[string]registry.Upstream{registry.NPM: adapter{before: func() { open = w.meta.open.Load() }}}
	})
	w.offer(left, "1.0.0")
	if _, err := p.Listing(t.Context(), domain, connection, left, time.Time{}); err != nil || open != 0 {
		t.Errorf("%d transactions open, %v", open, err)
	}
}

// G10.
func TestRevalidationOutlivesItsAsker(t *testing.T) {
	w := newWorld(t)
	w.offer(left, "1.0.0")
	gate := formatstest.NewGate()
	w.up.Fault("/left", gate.Before())
	ctx, leave := context.WithCancel(t.Context())
	left1 := make(chan error, 1)
	go func() {
		_, err := w.Listing(ctx, domain, connection, left, time.Time{})
		left1 <- err
	}()
	gate.Await()
	leave()
	if err := <-left1; err != context.Canceled {
		t.Errorf("who left got %v", err)
	}
	gate.Open()
	wantVersions(t, w.mustList(t, left, false), "1.0.0")
	wantCount(t, w.up, "/left", 1)
}

func TestAConnectionThatLeadsNowhereServesWhatItHas(t *testing.T) {
	for name, c := range map[string]struct {
		url  string
		code registry.Code
	}{"no URL": {"", registry.NotFound}, "a URL of another kind": {"ftp://upstream.test/", registry.UpstreamFailed}} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.offer(left, "1.0.0")
			w.mustList(t, left, false)
			w.lead(connection, c.url)
			w.clock.pass(time.Hour)
			wantVersions(t, w.mustList(t, left, true), "1.0.0")
			_, err := w.list(t, right, false)
			wantCode(t, err, c.code)
			if !strings.Contains(registry.MessageOf(err), "larder connection set "+connection+" URL") {
				t.Errorf("the error does not say what to do: %v", err)
			}
			_, err = w.Fetch(t.Context(), connection, registry.AuxiliaryRequest{Path: "audit"})
			wantCode(t, err, c.code)
		})
	}
	w := newWorld(t)
	_, err := w.Listing(t.Context(), domain, "public:unknown", left, time.Time{})
	wantCode(t, err, registry.NotFound)
}

func TestAChangedURLActsAtOnceAndForgetsValidators(t *testing.T) {
	w := newWorld(t)
	w.offer(left, "1.0.0")
	w.mustList(t, left, false)
	_, err := w.list(t, right, false)
	wantCode(t, err, registry.NotFound)

	other := newWorld(t)
	other.offer(left, "1.0.0", "3.0.0")
	other.offer(right, "3.0.0")
	w.lead(connection, other.up.URL)
	wantVersions(t, w.mustList(t, left, false), "1.0.0", "3.0.0") // waited for, though the old one is fresh
	wantVersions(t, w.mustList(t, right, false), "3.0.0")
	for _, r := range other.up.Requests("") {
		if r.Header.Get("If-None-Match") != "" || r.Header.Get("If-Modified-Since") != "" {
			t.Errorf("asked by another server's validators: %v", r.Header)
		}
	}
}

func TestNothingIsFetchedFromWhereTheConnectionLedBefore(t *testing.T) {
	w, other := newWorld(t, open), newWorld(t)
	w.offer(left, "1.0.0")
	w.mustList(t, left, false)
	r := w.asset("left-1.0.0.tgz", []byte("bytes"))
	r.Asset.URL = w.up.URL + "/left-1.0.0.tgz"

	other.up.Fault("/"+left.Name, formatstest.Status(503))
	w.lead(connection, other.up.URL)
	wantVersions(t, w.mustList(t, left, false), "1.0.0") // the new one fails: what is kept is shown
	_, err := w.Pull(t.Context(), r)
	wantCode(t, err, registry.UpstreamFailed)
	if n := w.up.Count("/left-1.0.0.tgz"); n != 0 {
		t.Errorf("the registry of before was asked %d times", n)
	}

	// A build of another version reads listings anew, but not from elsewhere.
	w.lead(connection, w.up.URL)
	newer := w.puller(t, func(c *upstream.Config) { c.Version = "1.2.4" })
	if b, err := pull(t, newer, r); err != nil || string(b) != "bytes" {
		t.Errorf("got %q, %v", b, err)
	}
}

func TestNothingOfOneDomainIsUsedForAnother(t *testing.T) {
	w := newWorld(t)
	other := registry.DomainID{Owner: domain.Owner, Name: "other"}
	err := w.meta.Update(t.Context(), func(tx registry.Tx) error {
		return tx.CreateDomain(registry.Domain{ID: other})
	})
	if err != nil {
		t.Fatal(err)
	}
	w.offer(left, "1.0.0")
	w.mustList(t, left, false)
	_, err = w.Known(t.Context(), other, connection, left)
	wantCode(t, err, registry.NotFound)
	if _, err := w.Listing(t.Context(), other, connection, left, time.Time{}); err != nil {
		t.Fatal(err)
	}
	wantCount(t, w.up, "/left", 2)
}

func TestAnAdapterThatPanicsCostsOneRequest(t *testing.T) {
	w := newWorld(t)
	p := w.puller(t, func(c *upstream.Config) {
		c.Adapters = map[string]registry.Upstream{registry.NPM: adapter{before: func() { panic("hostile document") }}}
	})
	_, err := p.Listing(t.Context(), domain, connection, left, time.Time{})
	wantCode(t, err, registry.UpstreamFailed)
}

func TestAnAdapterThatSaysNotModifiedUnaskedIsNotBelieved(t *testing.T) {
	w := newWorld(t)
	p := w.puller(t, func(c *upstream.Config) {
		c.Adapters = map[string]registry.Upstream{registry.NPM: adapter{
			read: func(context.Context, registry.Getter, registry.PackageID) (*registry.Listing, error) {
				return nil, registry.ErrNotModified
			},
		}}
	})
	_, err := p.Listing(t.Context(), domain, connection, left, time.Time{})
	wantCode(t, err, registry.UpstreamFailed)

	w.up.Fault("/left", formatstest.Status(http.StatusNotModified))
	_, err = w.list(t, left, false)
	wantCode(t, err, registry.UpstreamFailed)
}

// slow reads nothing before the asker, or the server, has had enough.
type slow struct {
	registry.Metadata
	reading chan struct{}
	reads   atomic.Int32
}

func (m *slow) View(ctx context.Context, f func(registry.Tx) error) error {
	if m.reads.Add(1) == 1 {
		return m.Metadata.View(ctx, f)
	}
	close(m.reading)
	<-ctx.Done()
	return ctx.Err()
}

func TestCloseIsSaidWhereverTheWorkWas(t *testing.T) {
	w := newWorld(t)
	m := &slow{Metadata: w.meta, reading: make(chan struct{})}
	p := w.puller(t, func(c *upstream.Config) { c.Metadata = m })
	got := make(chan error, 1)
	go func() {
		_, err := p.Listing(t.Context(), domain, connection, left, time.Time{})
		got <- err
	}()
	<-m.reading
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if err := p.Close(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Close: %v", err)
	}
	wantCode(t, <-got, registry.Unavailable)
}

func TestCloseEndsWhatIsUnderWayAndServesWhatIsKept(t *testing.T) {
	w := newWorld(t)
	w.offer(left, "1.0.0")
	w.mustList(t, left, false)
	w.up.Fault("/right", formatstest.Silent())
	ctx, stop := context.WithCancel(t.Context())
	got := make(chan error, 1)
	go func() {
		_, err := w.Listing(t.Context(), domain, connection, right, time.Time{})
		got <- err
	}()
	closed := make(chan error, 1)
	go func() { closed <- w.Close(ctx) }()
	stop()
	if err := <-closed; err != context.Canceled && err != nil {
		t.Errorf("Close: %v", err)
	}
	wantCode(t, <-got, registry.Unavailable)
	w.clock.pass(time.Hour)
	wantVersions(t, w.mustList(t, left, true), "1.0.0")
	_, err := w.list(t, registry.PackageID{Format: registry.NPM, Name: "new"}, false)
	wantCode(t, err, registry.Unavailable)
}
