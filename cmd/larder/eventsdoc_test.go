package main

import (
	"encoding/json"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"larder/events/pattern"
)

// What docs/events.md shows is what there is: bodies have the members of the
// golden files, patterns compile, commands exist, the Go program builds.
func TestTheDocumentOfEvents(t *testing.T) {
	text, err := os.ReadFile("../../docs/events.md")
	if err != nil {
		t.Fatal(err)
	}
	golden, err := os.ReadFile("../../registry/testdata/events/retention-rules-let-versions-go.json")
	if err != nil {
		t.Fatal(err)
	}
	var all []map[string]any
	if err := json.Unmarshal(golden, &all); err != nil {
		t.Fatal(err)
	}
	real := map[any]map[string]any{}
	for _, e := range all {
		real[e["source"]] = e
	}
	keys := func(v any) []string { return slices.Sorted(maps.Keys(v.(map[string]any))) }
	blocks := regexp.MustCompile("(?s)```(\\w+)\n(.*?)```").FindAllStringSubmatch(string(text), -1)
	shown := 0
	for _, b := range blocks {
		switch kind, code := b[1], b[2]; kind {
		case "json":
			var v any
			if err := json.Unmarshal([]byte(code), &v); err != nil {
				t.Errorf("%v:\n%s", err, code)
			}
			e, ok := v.(map[string]any)
			if !ok {
				continue
			}
			shown++
			if like := real[e["source"]]; like == nil || !slices.Equal(keys(e), keys(like)) || !slices.Equal(keys(e["detail"]), keys(like["detail"])) {
				t.Errorf("an event has other members than this:\n%s", code)
			}
		case "sh":
			for line := range strings.Lines(code) {
				if m := regexp.MustCompile(`--(?:event-)?pattern '([^']*)'`).FindStringSubmatch(line); m != nil {
					if _, err := pattern.Compile(m[1]); err != nil {
						t.Errorf("%v: %s", err, line)
					}
				}
			}
		case "go":
			dir := t.TempDir()
			file := filepath.Join(dir, "main.go")
			if err := os.WriteFile(file, []byte(code), 0o600); err != nil {
				t.Fatal(err)
			}
			if out, err := exec.Command("go", "vet", file).CombinedOutput(); err != nil {
				t.Errorf("the program does not compile: %v\n%s", err, out)
			}
		}
	}
	if shown < 2 {
		t.Errorf("only %d events are shown", shown)
	}
}
