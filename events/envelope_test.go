package events

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"larder/registry"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func sample() registry.Event {
	return registry.Event{
		ID:              "7f1b5c5e-0a3e-4c5c-9d55-2a9c1f3f8a01",
		DeduplicationID: "VGhpcyBpcyBhIGRlZHVwIGlk",
		Account:         "111122223333",
		Time:            time.Date(2026, 3, 4, 5, 6, 7, 890_000_000, time.FixedZone("CET", 3600)),
		Repo:            registry.RepoID{Domain: registry.DomainID{Owner: "111122223333", Name: "local"}, Name: "main"},
		Administrator:   "444455556666",
		Version:         registry.VersionID{Package: registry.PackageID{Format: registry.NPM, Namespace: "scope", Name: "left-pad"}, Version: "1.0.0"},
		State:           registry.Published,
		Revision:        "Cw4kGT1gUHqF5Vt4Qx0zvW8mC2M=",
		Operation:       registry.OpCreated,
		Changes:         registry.Changes{AssetsAdded: 1, MetadataUpdated: true, StatusChanged: true},
		Sequence:        1,
	}
}

func TestBodyIsEventBridges(t *testing.T) {
	plain := sample()
	plain.Account = "444455556666"
	plain.Version.Package = registry.PackageID{Format: registry.PyPI, Name: "requests"}
	plain.Version.Version = "2.0<&>"
	plain.Operation, plain.State = registry.OpDeleted, registry.Deleted
	plain.Changes = registry.Changes{AssetsRemoved: 3, StatusChanged: true}
	plain.Sequence = 9007199254740993

	for name, e := range map[string]registry.Event{"created": sample(), "deleted-without-namespace": plain} {
		t.Run(name, func(t *testing.T) {
			got, err := Body(e, "eu-west-1")
			if err != nil {
				t.Fatal(err)
			}
			if bytes.ContainsRune(got, '\n') {
				t.Errorf("body is more than one line: %q", got)
			}
			var pretty bytes.Buffer
			if err := json.Indent(&pretty, got, "", "  "); err != nil {
				t.Fatalf("body is no JSON: %v\n%s", err, got)
			}
			pretty.WriteByte('\n')
			file := filepath.Join("testdata", "body", name+".json")
			if *update {
				if err := os.WriteFile(file, pretty.Bytes(), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(string(want), pretty.String()); d != "" {
				t.Errorf("body (-want +got):\n%s", d)
			}
		})
	}
}

func TestSubject(t *testing.T) {
	tests := map[string]struct {
		change func(*registry.Event)
		want   string
	}{
		"plain": {func(*registry.Event) {}, "larder.events.111122223333.local.main.npm.created"},
		"it is addressed to the receiver, not the owner": {
			func(e *registry.Event) { e.Account = "444455556666" }, "larder.events.444455556666.local.main.npm.created"},
		"updated":                       {func(e *registry.Event) { e.Operation = registry.OpUpdated }, "larder.events.111122223333.local.main.npm.updated"},
		"deleted":                       {func(e *registry.Event) { e.Operation = registry.OpDeleted }, "larder.events.111122223333.local.main.npm.deleted"},
		"a dot would split":             {func(e *registry.Event) { e.Repo.Name = "my.repo.v1" }, "larder.events.111122223333.local.my_repo_v1.npm.created"},
		"wildcards would widen":         {func(e *registry.Event) { e.Repo.Name = "a*b>c" }, "larder.events.111122223333.local.a_b_c.npm.created"},
		"white space would end":         {func(e *registry.Event) { e.Repo.Name = "a b\tc\r\nd\u00a0e" }, "larder.events.111122223333.local.a_b_c__d_e.npm.created"},
		"control and stray bytes":       {func(e *registry.Event) { e.Repo.Name = "a\x00b\x7fc\xffd" }, "larder.events.111122223333.local.a_b_c_d.npm.created"},
		"letters of any script stay":    {func(e *registry.Event) { e.Repo.Name = "bücher" }, "larder.events.111122223333.local.bücher.npm.created"},
		"an empty token is still there": {func(e *registry.Event) { e.Repo.Name = "" }, "larder.events.111122223333.local._.npm.created"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			e := sample()
			tt.change(&e)
			if got := Subject(e); got != tt.want {
				t.Errorf("subject = %q, want %q", got, tt.want)
			}
		})
	}
}

func FuzzSubject(f *testing.F) {
	f.Add("111122223333", "local", "main")
	f.Add("", "a.b", "* >")
	f.Add("\xff", "a\r\nPUB x", "\u2028")
	f.Fuzz(func(t *testing.T, account, domain, repo string) {
		e := sample()
		e.Account, e.Repo.Domain.Name, e.Repo.Name = account, domain, repo
		s := Subject(e)
		tokens := strings.Split(s, ".")
		if len(tokens) != 7 {
			t.Fatalf("%q has %d tokens, want 7", s, len(tokens))
		}
		for _, tok := range tokens {
			if tok == "" {
				t.Errorf("%q has an empty token", s)
			}
		}
		if !utf8.ValidString(s) || strings.ContainsAny(s, "*>") ||
			strings.ContainsFunc(s, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }) {
			t.Errorf("%q holds what a subject must not", s)
		}
		if _, err := Body(e, "us-east-1"); err != nil {
			t.Errorf("body: %v", err)
		}
	})
}
