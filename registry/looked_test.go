package registry_test

import (
	"context"
	"testing"

	"larder/registry"
)

// countersRead counts how often counters are read: on a shared database each
// time is a query.
type countersRead struct {
	registry.Metadata
	times int
}

func (m *countersRead) Counters(ctx context.Context, d registry.DomainID) (registry.Counters, error) {
	m.times++
	return m.Metadata.Counters(ctx, d)
}

func TestARequestLooksAtCountersOnceToBeginWith(t *testing.T) {
	w := newWorld(t)
	meta := &countersRead{Metadata: w.meta}
	w.svc.Metadata = meta
	actor := alice
	actor.Domain = acme
	actor.Looked.At = w.svc.Clock()
	var err error
	if actor.Looked.Counters, err = w.meta.Counters(t.Context(), acme); err != nil {
		t.Fatal(err)
	}
	ping := func(r *registry.Repo) error { return r.Ping(t.Context()) }

	r := w.svc.Repo(actor, w.id("app"))
	if err := ping(r); err != nil || meta.times != 0 {
		t.Errorf("the first look reads counters %d times, %v; want none", meta.times, err)
	}
	w.update(func(tx registry.Tx) error { return tx.DeleteRepository(w.id("app")) })
	if err := ping(r); !registry.IsNotFound(err) {
		t.Errorf("the second look of a request: %v, want NotFound: the repository is gone", err)
	}

	// A publish checks the right before the body, and looks anew after it.
	meta.times = 0
	pub, err := w.svc.Repo(actor, w.id("team")).Publish(t.Context(), registry.PackageID{Format: registry.NPM})
	if err != nil || meta.times != 0 {
		t.Fatalf("the look before a body reads counters %d times, %v; want none", meta.times, err)
	}
	defer pub.Abort()
	if err := pub.Commit(t.Context(), registry.Draft{ID: vid("lib", "1"), Status: registry.Published}); err != nil || meta.times == 0 {
		t.Errorf("the look after the body reads counters %d times, %v; want some", meta.times, err)
	}

	meta.times = 0
	elsewhere := registry.RepoID{Domain: registry.DomainID{Owner: owner, Name: "elsewhere"}, Name: "app"}
	if err := ping(w.svc.Repo(actor, elsewhere)); !registry.IsNotFound(err) || meta.times == 0 {
		t.Errorf("counters of another domain were gone by: %v, read %d times", err, meta.times)
	}
	if access := w.accessOf(func() { _ = ping(w.svc.Repo(actor, w.id("team"))) }); access.Counters != actor.Looked.Counters {
		t.Errorf("the authorizer is given %+v, want %+v", access.Counters, actor.Looked)
	}
}

// accessOf gives the access that f asks for last.
func (w *world) accessOf(f func()) (last registry.Access) {
	was := w.auth
	defer func() { w.auth = was }()
	w.auth = noting{was, &last}
	f()
	return last
}

type noting struct {
	registry.Authorizer
	last *registry.Access
}

func (n noting) Authorize(ctx context.Context, a registry.Access) error {
	*n.last = a
	return n.Authorizer.Authorize(ctx, a)
}
