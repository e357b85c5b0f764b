package registry_test

import (
	"context"
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"larder/registry"
)

func batch(versions ...string) registry.Batch { return registry.Batch{Versions: versions} }

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
			"HeldOnly": func() error {
				_, err := r.HeldOnly().Asset(ctx, vid("lib", "1.0"), "package.tgz")
				return err
			},
			"Document": func() error {
				_, err := r.Document(ctx, registry.DocumentQuery{Package: pid("lib"), Kind: "test"}, renderPlain)
				return err
			},
			"Package": func() error { _, err := r.Package(ctx, pid("lib")); return err },
			"Held":    func() error { _, err := r.Held(ctx, pid("lib")); return err },
			"Asset":   func() error { _, err := r.Asset(ctx, vid("lib", "1.0"), "package.tgz"); return err },
			"Search":  func() error { _, err := r.Search(ctx, registry.SearchQuery{Format: registry.NPM, Size: 1}); return err },
			"Holds":   func() error { _, err := r.Holds(ctx, nil); return err },
			"Auxiliary": func() error {
				_, err := r.Auxiliary(ctx, registry.NPM, registry.AuxiliaryRequest{Kind: "audit"})
				return err
			},
			"AuxiliaryOf": func() error {
				_, err := r.AuxiliaryOf(ctx, registry.NPM, registry.Origin{}, registry.AuxiliaryRequest{Kind: "attestations"})
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
			"Derived": func() error {
				_, err := r.Derived(ctx, vid("lib", "1.0"), "package.tgz", registry.Derivation{Kind: "test"})
				return err
			},
			"Names":   func() error { _, err := r.Names(ctx, registry.NPM); return err },
			"Allowed": func() error { return r.Allowed(ctx, registry.PutPackageMetadata, pid("lib")) },
			"Finish": func() error {
				return r.Finish(ctx, pid("lib"), registry.Ending{Version: "1.0", Status: registry.Published})
			},
			"Offered":     func() error { _, err := r.Offered(ctx, pid("lib"), pid("lib")); return err },
			"InNamespace": func() error { _, err := r.InNamespace(ctx, registry.NPM, "team"); return err },
			"Relist": func() error {
				return r.Relist(ctx, vid("lib", "1.0"), registry.Unlisted, func(m json.RawMessage) json.RawMessage { return m })
			},
			"Withheld":       func() error { _, err := r.Withheld(ctx, pid("lib"), []string{"1.0"}); return err },
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
		"AssociateExternalConnection": func() error {
			_, err := w.svc.AssociateExternalConnection(ctx, alice, app, "public:npmjs")
			return err
		},
		"DisassociateExternalConnection": func() error {
			_, err := w.svc.DisassociateExternalConnection(ctx, alice, w.id("store"), "public:npmjs")
			return err
		},
		"CreateDomain": func() error { _, err := w.svc.CreateDomain(ctx, alice, "another", "", nil); return err },
		"DeleteDomain": func() error { _, err := w.svc.DeleteDomain(ctx, alice, acme); return err },
		"CreateRepository": func() error {
			_, err := w.svc.CreateRepository(ctx, alice, registry.Repository{ID: w.id("new")})
			return err
		},
		"UpdateRepository": func() error {
			_, err := w.svc.UpdateRepository(ctx, alice, app, registry.RepositoryUpdate{})
			return err
		},
		"DeleteRepository": func() error { _, err := w.svc.DeleteRepository(ctx, alice, app); return err },
		"PermissionsPolicy": func() error {
			if _, err := w.svc.PermissionsPolicy(ctx, alice, acme, ""); registry.CodeOf(err) != registry.Denied {
				return err
			}
			_, err := w.svc.PermissionsPolicy(ctx, alice, acme, "app")
			return err
		},
		"PutPermissionsPolicy": func() error {
			if _, err := w.svc.PutPermissionsPolicy(ctx, alice, acme, "", "{}", ""); registry.CodeOf(err) != registry.Denied {
				return err
			}
			_, err := w.svc.PutPermissionsPolicy(ctx, alice, acme, "app", "{}", "")
			return err
		},
		"DeletePermissionsPolicy": func() error { _, err := w.svc.DeletePermissionsPolicy(ctx, alice, acme, "app", ""); return err },
		"TagsOf":                  func() error { _, err := w.svc.TagsOf(ctx, alice, acme.Resource()); return err },
		"Tag":                     func() error { return w.svc.Tag(ctx, alice, acme.Resource(), map[string]string{"a": "b"}) },
		"Untag":                   func() error { return w.svc.Untag(ctx, alice, acme.Resource(), []string{"a"}) },
		"DescribePackage":         func() error { _, err := w.svc.DescribePackage(ctx, alice, app, pid("lib")); return err },
		"DeletePackage":           func() error { _, err := w.svc.DeletePackage(ctx, alice, app, pid("lib")); return err },
		"PutPackageOriginConfiguration": func() error {
			return w.svc.PutPackageOriginConfiguration(ctx, alice, app, pid("lib"), registry.Restrictions{Publish: registry.Allow, Upstream: registry.Allow})
		},
		"DescribePackageVersion": func() error { _, err := w.svc.DescribePackageVersion(ctx, alice, app, vid("lib", "1.0")); return err },
		"PackageVersionReadme":   func() error { _, err := w.svc.PackageVersionReadme(ctx, alice, app, vid("lib", "1.0")); return err },
		"PackageVersionDependencies": func() error {
			_, err := w.svc.PackageVersionDependencies(ctx, alice, app, vid("lib", "1.0"))
			return err
		},
		"VersionAsset": func() error {
			_, _, err := w.svc.VersionAsset(ctx, alice, app, vid("lib", "1.0"), "package.tgz", "")
			return err
		},
		"PublishPackageVersion": func() error {
			id := registry.VersionID{Package: registry.PackageID{Format: registry.Generic, Namespace: "n", Name: "p"}, Version: "1"}
			_, err := w.svc.PublishPackageVersion(ctx, alice, app, id, "a", registry.Digest{}, false, strings.NewReader("x"))
			return err
		},
		"UpdatePackageVersionsStatus": func() error {
			_, err := w.svc.UpdatePackageVersionsStatus(ctx, alice, app, pid("lib"), batch("1.0"), registry.Archived)
			return err
		},
		"DisposePackageVersions": func() error {
			_, err := w.svc.DisposePackageVersions(ctx, alice, app, pid("lib"), batch("1.0"))
			return err
		},
		"DeletePackageVersions": func() error {
			_, err := w.svc.DeletePackageVersions(ctx, alice, app, pid("lib"), batch("1.0"))
			return err
		},
		"CopyPackageVersions": func() error {
			_, err := w.svc.CopyPackageVersions(ctx, alice, registry.Copy{From: app, To: w.id("team"), Package: pid("lib"), Versions: []string{"1.0"}})
			return err
		},
		"CreatePackageGroup": func() error {
			_, err := w.svc.CreatePackageGroup(ctx, alice, acme, registry.Group{Pattern: "/npm/*"})
			return err
		},
		"DescribePackageGroup": func() error { _, err := w.svc.DescribePackageGroup(ctx, alice, acme, "/*"); return err },
		"UpdatePackageGroup":   func() error { _, err := w.svc.UpdatePackageGroup(ctx, alice, acme, "/*", nil, nil); return err },
		"UpdatePackageGroupOriginConfiguration": func() error {
			_, _, err := w.svc.UpdatePackageGroupOriginConfiguration(ctx, alice, acme, "/*", registry.GroupOriginUpdate{})
			return err
		},
		"DeletePackageGroup":   func() error { _, err := w.svc.DeletePackageGroup(ctx, alice, acme, "/npm/*"); return err },
		"ListPackageGroups":    func() error { _, _, err := w.svc.ListPackageGroups(ctx, alice, acme, "", page); return err },
		"ListSubPackageGroups": func() error { _, _, err := w.svc.ListSubPackageGroups(ctx, alice, acme, "/*", page); return err },
		"ListAllowedRepositoriesForGroup": func() error {
			_, _, err := w.svc.ListAllowedRepositoriesForGroup(ctx, alice, acme, "/*", registry.PublishOrigin, page)
			return err
		},
		"ListAssociatedPackages": func() error {
			_, _, err := w.svc.ListAssociatedPackages(ctx, alice, acme, "/*", false, page)
			return err
		},
		"GetAssociatedPackageGroup": func() error { _, _, err := w.svc.GetAssociatedPackageGroup(ctx, alice, acme, pid("lib")); return err },
		"ListConnections":           func() error { _, err := w.svc.ListConnections(ctx, alice); return err },
		"PutConnection": func() error {
			return w.svc.PutConnection(ctx, alice, registry.Connection{Name: "public:npmjs", URL: "https://upstream.test/"})
		},
	}
	maps.Copy(service, map[string]func() error{
		"GuardRules":    func() error { _, err := w.svc.GuardRules(ctx, alice, acme); return err },
		"PutGuardRules": func() error { _, err := w.svc.PutGuardRules(ctx, alice, acme, "{}", nil); return err },
		"ExplainGuard":  func() error { _, err := w.svc.ExplainGuard(ctx, alice, app, pid("lib")); return err },
		"RespondGuard": func() error {
			_, err := w.svc.RespondGuard(ctx, alice, acme, registry.GuardResponse{Versions: []registry.VersionID{vid("lib", "1.0")}, Reason: "r"})
			return err
		},
		"PutAdvisories":       func() error { _, err := w.svc.PutAdvisories(ctx, alice, "osv", 1, nil); return err },
		"SettleAdvisories":    func() error { _, err := w.svc.SettleAdvisories(ctx, alice, "osv", 1); return err },
		"ListAdvisorySources": func() error { _, err := w.svc.ListAdvisorySources(ctx, alice); return err },
		"RetentionRules":      func() error { _, err := w.svc.RetentionRules(ctx, alice, app); return err },
		"PutRetentionRules": func() error {
			_, err := w.svc.PutRetentionRules(ctx, alice, app, "{}", nil)
			return err
		},
		"DeleteRetentionRules": func() error { _, err := w.svc.DeleteRetentionRules(ctx, alice, app); return err },
		"PreviewRetention":     func() error { _, err := w.svc.PreviewRetention(ctx, alice, app, nil, page); return err },
		"RunRetention":         func() error { _, err := w.svc.RunRetention(ctx, alice, app, page); return err },
	})
	// What reads and changes nothing of anyone's, or only what its owner has ruled.
	harmless := "Repo Close ID Actor Sweep ApplyRetention ImportVersions ImportDue"
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
