package policy

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"larder/internal/bounded"
	"larder/registry"
)

// many are n statements, all about publishing; where allows, the last one
// allows publishing re…
func many(of Kind, n int, allows bool) string {
	var lines strings.Builder
	for i := range n {
		name := fmt.Sprintf("team%d-*", i)
		if allows && i == n-1 {
			name = "re*"
		}
		principal := ""
		if of == Resource {
			principal = "B "
		}
		fmt.Fprintf(&lines, "S%d: allow %sPublishPackageVersion package/acme/main/npm/*/%s\n", i, principal, name)
	}
	return document(of, lines.String())
}

func benchWorld(identity string) (*rows, registry.Access) {
	m := newRows()
	actor := actorOf("B/u")
	m.identity(actor, "", "")
	u := m.users[accountB+"/u"]
	u.Inline = map[string]string{"inline": identity}
	m.users[accountB+"/u"] = u
	return m, ask(actor, registry.PublishPackageVersion, things["react"])
}

// An unchanged decision: under 2 µs, nothing allocated (issue of the decision).
func BenchmarkUnchangedDecision(b *testing.B) {
	m, access := benchWorld(document(Identity, `S: allow * *`))
	m.putPolicy(acme, "main", document(Resource, `S: allow B PublishPackageVersion *`))
	a := newTestAuthorizer(m)
	b.ReportAllocs()
	for b.Loop() {
		if err := a.Authorize(b.Context(), access); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkUnchangedRefusal(b *testing.B) {
	m, access := benchWorld(document(Identity, `S: allow * *`))
	a := newTestAuthorizer(m)
	b.ReportAllocs()
	for b.Loop() {
		if err := a.Authorize(b.Context(), access); err == nil {
			b.Fatal("allowed")
		}
	}
}

func BenchmarkUnchangedDecisionByAddress(b *testing.B) {
	m, access := benchWorld(document(Identity, `S: allow * * if {"IpAddress":{"aws:SourceIp":"203.0.113.0/24"}}`))
	m.putPolicy(acme, "main", document(Resource, `S: allow B PublishPackageVersion *`))
	access.Actor.Source = mustAddr("203.0.113.7")
	a := newTestAuthorizer(m)
	b.ReportAllocs()
	for b.Loop() {
		if err := a.Authorize(b.Context(), access); err != nil {
			b.Fatal(err)
		}
	}
}

// A first decision between two accounts with 100 statements, all about the
// action: under 100 µs.
func BenchmarkFirstDecision(b *testing.B) {
	m, access := benchWorld(many(Identity, 30, true))
	m.putPolicy(acme, "", many(Resource, 30, false))
	m.putPolicy(acme, "main", many(Resource, 30, true))
	first(b, m, access)
}

// The same with all on the caller's side, in four policies.
func BenchmarkFirstDecisionOfIdentity(b *testing.B) {
	m, access := benchWorld("")
	u := m.users[accountB+"/u"]
	for i := range 4 {
		u.Inline[fmt.Sprint("p", i)] = many(Identity, 25, i == 3)
	}
	delete(u.Inline, "inline")
	m.putPolicy(acme, "main", document(Resource, `S: allow B PublishPackageVersion *`))
	first(b, m, access)
}

// All 100 cover the request.
func BenchmarkFirstDecisionOfStatementsThatAllCover(b *testing.B) {
	m, access := benchWorld("")
	u := m.users[accountB+"/u"]
	delete(u.Inline, "inline")
	for i := range 4 {
		u.Inline[fmt.Sprint("p", i)] = regexp.MustCompile(`team[0-9]+-`).ReplaceAllString(many(Identity, 25, false), "re")
	}
	m.putPolicy(acme, "main", document(Resource, `S: allow B PublishPackageVersion *`))
	access.Resource.Package.Name = "re"
	first(b, m, access)
}

func first(b *testing.B, m *rows, access registry.Access) {
	a := newTestAuthorizer(m)
	packages := make([]registry.Access, 1<<10)
	for i := range packages {
		packages[i] = access
		packages[i].Resource.Package.Name = fmt.Sprint("re", i)
	}
	n := 0
	b.ReportAllocs()
	for b.Loop() {
		if n%len(packages) == 0 {
			b.StopTimer()
			a.decisions = bounded.NewMap[decisionKey, decided](1 << 14)
			b.StartTimer()
		}
		if err := a.Authorize(b.Context(), packages[n%len(packages)]); err != nil {
			b.Fatal(err)
		}
		n++
	}
}

func BenchmarkParse(b *testing.B) {
	text := many(Resource, 30, true)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := parse(Resource, text); err != nil {
			b.Fatal(err)
		}
	}
}
