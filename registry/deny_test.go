package registry_test

import (
	"context"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"larder/registry"
)

// denyAll refuses everything.
type denyAll struct{}

func (denyAll) Authorize(context.Context, registry.Access) error {
	return registry.Errorf(registry.Denied, "denied")
}

func (denyAll) Possible(context.Context, registry.Access) error {
	return registry.Errorf(registry.Denied, "denied")
}

// TestEveryOperationIsRefusedUnderDenyAll calls every exported method of the
// core's doors. A method that is new and not named here fails the test.
func TestEveryOperationIsRefusedUnderDenyAll(t *testing.T) {
	w := newWorld(t)
	w.mustPublish("app", "lib", "1.0", "a")
	w.puller.offer("left", "1.0")
	w.events()
	w.auth = denyAll{}
	ctx := t.Context()
	page := registry.Page{Limit: 10}
	repo := func(id registry.RepoID) map[string]func() error {
		r := w.svc.Repo(alice, id)
		return map[string]func() error{
			"Ping": func() error { return r.Ping(ctx) },
			"Document": func() error {
				_, err := r.Document(ctx, registry.DocumentQuery{Package: pid("lib"), Kind: "test"}, renderPlain)
				return err
			},
			"Package": func() error { _, err := r.Package(ctx, pid("lib")); return err },
			"Held":    func() error { _, err := r.Held(ctx, pid("lib")); return err },
			"Asset":   func() error { _, err := r.Asset(ctx, vid("lib", "1.0"), "package.tgz"); return err },
			"Search":  func() error { _, err := r.Search(ctx, registry.SearchQuery{Format: registry.NPM, Size: 1}); return err },
			"Auxiliary": func() error {
				_, err := r.Auxiliary(ctx, registry.NPM, registry.AuxiliaryRequest{Kind: "audit"})
				return err
			},
			"Internal": func() error { _, err := r.Internal(ctx, []registry.PackageID{pid("lib")}); return err },
			"Publish": func() error {
				if _, err := r.Publish(ctx, registry.PackageID{Format: registry.NPM}); err == nil {
					return nil
				}
				_, err := r.Publish(ctx, pid("lib"))
				return err
			},
			"SetTag":         func() error { return r.SetTag(ctx, pid("lib"), "beta", "1.0") },
			"RemoveTag":      func() error { return r.RemoveTag(ctx, pid("lib"), "beta") },
			"Amend":          func() error { return r.Amend(ctx, pid("lib"), nil, 0) },
			"DeleteVersions": func() error { return r.DeleteVersions(ctx, pid("lib"), []string{"1.0"}, 0) },
			"DeletePackage":  func() error { return r.DeletePackage(ctx, pid("lib"), 0) },
		}
	}
	app := w.id("app")
	service := map[string]func() error{
		"DescribeDomain":     func() error { _, err := w.svc.DescribeDomain(ctx, alice, acme); return err },
		"DescribeRepository": func() error { _, err := w.svc.DescribeRepository(ctx, alice, app); return err },
		"AuthorizeToken":     func() error { return w.svc.AuthorizeToken(ctx, alice, acme, time.Hour) },
		"AuthorizeEndpoint":  func() error { return w.svc.AuthorizeEndpoint(ctx, alice, app, registry.NPM) },
		"ListDomains":        func() error { _, _, err := w.svc.ListDomains(ctx, alice, page); return err },
		"ListRepositories":   func() error { _, _, err := w.svc.ListRepositories(ctx, alice, "", page); return err },
		"ListRepositoriesInDomain": func() error {
			_, _, err := w.svc.ListRepositoriesInDomain(ctx, alice, registry.RepositoryFilter{Domain: acme}, page)
			return err
		},
		"ListPackages": func() error {
			_, _, err := w.svc.ListPackages(ctx, alice, app, registry.PackageFilter{}, page)
			return err
		},
		"ListPackageVersions": func() error {
			_, err := w.svc.ListPackageVersions(ctx, alice, app, pid("lib"), registry.VersionFilter{}, page)
			return err
		},
		"ListPackageVersionAssets": func() error {
			_, err := w.svc.ListPackageVersionAssets(ctx, alice, app, vid("lib", "1.0"), page)
			return err
		},
		"ListConnections": func() error { _, err := w.svc.ListConnections(ctx, alice); return err },
		"PutConnection": func() error {
			return w.svc.PutConnection(ctx, alice, registry.Connection{Name: "public:npmjs", URL: "https://upstream.test/"})
		},
	}
	// What reads and changes nothing of anyone's.
	harmless := "Repo Close ID Actor Sweep"
	for _, d := range []struct {
		door  any
		calls map[string]func() error
	}{
		{w.svc, service},
		{w.svc.Repo(alice, app), repo(app)},
		{w.svc.Repo(alice, w.id("not-there")), repo(w.id("not-there"))},
	} {
		typ := reflect.TypeOf(d.door)
		for i := range typ.NumMethod() {
			name := typ.Method(i).Name
			if slices.Contains(strings.Fields(harmless), name) {
				continue
			}
			call, ok := d.calls[name]
			if !ok {
				t.Errorf("%s.%s is not in this test", typ, name)
				continue
			}
			t.Run(typ.Elem().Name()+"."+name, func(t *testing.T) { wantCode(t, call(), registry.Denied) })
		}
	}
	w.wantEvents()
	if asked, pulled := w.puller.counts(); asked+pulled != 0 {
		t.Error("a refused request reached upstream")
	}
}

func TestAnUnknownRepositoryTellsNothingToStrangers(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	for _, c := range []struct {
		name  string
		actor registry.Actor
		id    registry.RepoID
		want  registry.Code
	}{
		{"the owner, an unknown repository", alice, w.id("nowhere"), registry.NotFound},
		{"the owner, an unknown domain", alice, registry.RepoID{Domain: registry.DomainID{Owner: owner, Name: "nothing"}, Name: "r"}, registry.NotFound},
		{"a stranger, a repository", bob, w.id("app"), registry.Denied},
		{"a stranger, an unknown repository", bob, w.id("nowhere"), registry.Denied},
		{"a stranger, an unknown domain", bob, registry.RepoID{Domain: registry.DomainID{Owner: owner, Name: "nothing"}, Name: "r"}, registry.Denied},
		{"nobody", registry.Actor{}, w.id("nowhere"), registry.Unauthenticated},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := w.svc.Repo(c.actor, c.id).Package(ctx, pid("lib"))
			wantCode(t, err, c.want)
			_, err = w.svc.Repo(c.actor, c.id).Publish(ctx, registry.PackageID{Format: registry.NPM})
			wantCode(t, err, c.want)
		})
	}
}
