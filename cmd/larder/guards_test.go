package main

import (
	"context"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"larder/formats"
	"larder/registry"
	"larder/storage/mem"
	"larder/storage/sqlite"
)

var updateGuards = flag.Bool("update-guards", false, "rewrite testdata/guards.txt")

// askedOf refuses everything and remembers what it was asked.
type askedOf struct{ actions []string }

func (a *askedOf) Authorize(_ context.Context, access registry.Access) error {
	a.actions = append(a.actions, string(access.Action))
	return registry.Errorf(registry.Denied, "refused")
}

func (a *askedOf) Possible(_ context.Context, access registry.Access) error {
	a.actions = append(a.actions, string(access.Action)+" of any package")
	return registry.Errorf(registry.Denied, "refused")
}

// samples stand for variables of routes, by name and then by what the
// variable's own expression takes.
var samples = []string{
	"react", "1.0.0", "latest", "react-1.0.0.tgz", "index.json", "org/acme/app/1.0/app-1.0.jar", "org/acme/app/maven-metadata.xml", "npm/main", "",
	"pkg-1.0-py3-none-any.whl", "react.1.0.0.nupkg", "react.nuspec", "org.couchdb.user:ada", "sha256", "1-larder", "registration4", "1.0.0.json", "$metadata",
}

// TestGuards writes down which action guards each route of each format: what
// is asked first. A route that changes or is new shows here. What asks for no
// action must not answer with anything that is anyone's.
func TestGuards(t *testing.T) {
	metadata, err := sqlite.OpenMemory(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer metadata.Close()
	rules := map[string]registry.Rules{}
	for _, f := range wireFormats(&Config{}) {
		rules[f.Name] = f.Rules
	}
	asked := &askedOf{}
	svc, err := registry.New(registry.Config{Metadata: metadata, Blobs: mem.New(), Authorizer: asked, Rules: rules})
	if err != nil {
		t.Fatal(err)
	}
	actor := registry.Actor{Account: "000000000000", Principal: "arn:aws:iam::000000000000:user/admin", User: "admin"}
	handler := formats.Mount(svc, wireFormats(&Config{}), formats.Options{
		Authenticate: func(*http.Request) (registry.Actor, error) { return actor, nil },
		Base:         func(*http.Request) string { return "http://larder.test" },
	})
	var lines []string
	for _, f := range wireFormats(&Config{}) {
		for _, r := range f.Routes {
			for _, method := range r.Methods {
				guard := ""
				for _, path := range samplesOf(t, r.Pattern) {
					for _, body := range []string{"", `"1.0.0"`} {
						asked.actions = nil
						request := httptest.NewRequest(method, "http://larder.test/"+f.Name+"/d/local-000000000000/main"+path, strings.NewReader(body))
						request.Header.Set("Content-Type", "application/json")
						answer := httptest.NewRecorder()
						handler.ServeHTTP(answer, request)
						if len(asked.actions) > 0 && !strings.Contains(guard, ":") {
							guard = asked.actions[0]
						}
						if guard == "" {
							guard = fmt.Sprint("no action, answers ", answer.Code)
						}
						if len(asked.actions) > 0 && answer.Code < 400 {
							t.Errorf("%s %s answers %d although %s was refused", method, path, answer.Code, guard)
						}
					}
				}
				lines = append(lines, fmt.Sprintf("%s %s %s: %s", f.Name, method, r.Operation, guard))
			}
		}
	}
	slices.Sort(lines)
	got := strings.Join(slices.Compact(lines), "\n") + "\n"
	const file = "testdata/guards.txt"
	if *updateGuards {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("routes are guarded otherwise than %s says; look at the difference, then run: go test ./cmd/larder -run TestGuards -update-guards\n%s", file, difference(string(want), got))
	}
}

func difference(want, got string) string {
	var b strings.Builder
	w, g := strings.Split(want, "\n"), strings.Split(got, "\n")
	for _, line := range w {
		if !slices.Contains(g, line) {
			b.WriteString("- " + line + "\n")
		}
	}
	for _, line := range g {
		if !slices.Contains(w, line) {
			b.WriteString("+ " + line + "\n")
		}
	}
	return b.String()
}

// samplesOf gives paths that a pattern of gorilla/mux takes.
func samplesOf(t *testing.T, pattern string) []string {
	t.Helper()
	paths := []string{""}
	for rest := pattern; rest != ""; {
		open := strings.IndexByte(rest, '{')
		if open < 0 {
			open = len(rest)
		}
		for i := range paths {
			paths[i] += rest[:open]
		}
		if rest = rest[open:]; rest == "" {
			break
		}
		depth, end := 0, 0
		for end = range rest {
			if rest[end] == '{' {
				depth++
			} else if rest[end] == '}' {
				if depth--; depth == 0 {
					break
				}
			}
		}
		_, expression, found := strings.Cut(rest[1:end], ":")
		if !found {
			expression = "[^/]+"
		}
		takes, err := regexp.Compile("^(?:" + expression + ")$")
		if err != nil {
			t.Fatalf("%s: %v", pattern, err)
		}
		var longer []string
		for _, p := range paths {
			for _, s := range samples {
				if takes.MatchString(s) && len(longer) < 4000 {
					longer = append(longer, p+s)
				}
			}
		}
		paths, rest = longer, rest[end+1:]
	}
	return paths
}
