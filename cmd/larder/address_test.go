package main

import (
	"errors"
	"strings"
	"testing"
)

func TestAddresses(t *testing.T) {
	for spelled, want := range map[string]address{
		"npm/react":                {"npm", "", "react", ""},
		"npm/react@18.2.0":         {"npm", "", "react", "18.2.0"},
		"npm/@scope/name":          {"npm", "scope", "name", ""},
		"npm/@scope/name@1.0.0":    {"npm", "scope", "name", "1.0.0"},
		"npm/scope/name":           {"npm", "scope", "name", ""},
		"NPM/react":                {"npm", "", "react", ""},
		"npm/name@1.0.0-a@b":       {"npm", "", "name", "1.0.0-a@b"},
		"npm/@name":                {"npm", "", "@name", ""},
		"pypi/requests@2.32.0":     {"pypi", "", "requests", "2.32.0"},
		"maven/org.example:lib":    {"maven", "org.example", "lib", ""},
		"maven/org.example:lib:1":  {"maven", "org.example", "lib", "1"},
		"maven/org.example:lib@1":  {"maven", "org.example", "lib", "1"},
		"maven/org.example/lib@1":  {"maven", "org.example", "lib", "1"},
		"nuget/Newtonsoft.Json@13": {"nuget", "", "Newtonsoft.Json", "13"},
		"generic/team/tool@7":      {"generic", "team", "tool", "7"},
		"swift/mona.LinkedList":    {"swift", "mona", "LinkedList", ""},
		"swift/mona/LinkedList@1":  {"swift", "mona", "LinkedList", "1"},
		"cargo/serde@1.0":          {"cargo", "", "serde", "1.0"},
		"ruby/rails":               {"ruby", "", "rails", ""},
	} {
		got, err := parseAddress(spelled)
		if err != nil || got != want {
			t.Errorf("%s: got %+v, %v; want %+v", spelled, got, err, want)
		}
	}
	for _, spelled := range []string{
		"", "npm", "npm/", "/react", "rpm/x", "npm/a/b/c", "npm/@/name", "npm/name@", "npm/@scope/", "maven/lib", "maven/a:b:c:d", "maven/a:b:",
		"generic/tool", "pypi/a/b", "npm/a b", "npm/a#b", "swift/List", "maven/:lib", "maven/org.x:",
	} {
		if got, err := parseAddress(spelled); err == nil || !errors.As(err, new(usageError)) {
			t.Errorf("%q became %+v, %v", spelled, got, err)
		}
	}
}

func FuzzAddressesSpellThemselves(f *testing.F) {
	for _, s := range []string{"npm/@scope/name@1", "maven/org.x:lib:1", "generic/a/b", "swift/a.b", "npm/@a", "maven/a@b/c", "maven/@@/c", "generic/@a/b"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, spelled string) {
		a, err := parseAddress(spelled)
		if err != nil {
			return
		}
		again := a.String()
		if a.version != "" {
			again += "@" + a.version
		}
		b, err := parseAddress(again)
		if err != nil || a != b {
			t.Fatalf("%q is %+v, spelled %q, which is %+v, %v", spelled, a, again, b, err)
		}
	})
}

func TestVersionsStandInTheAddressOrAfterIt(t *testing.T) {
	a, versions, err := parseVersions([]string{"npm/a@1", "2", "1", "3"})
	if err != nil || a.name != "a" || strings.Join(versions, " ") != "1 2 3" {
		t.Errorf("got %v %v, %v", a, versions, err)
	}
	a, rest, err := parseOneVersion([]string{"generic/a/b", "1", "file"})
	if err != nil || a.version != "1" || len(rest) != 1 {
		t.Errorf("got %v %v, %v", a, rest, err)
	}
	if _, _, err := parseOneVersion([]string{"generic/a/b"}); err == nil || !strings.Contains(err.Error(), "larder package versions generic/a/b") {
		t.Errorf("no version: %v", err)
	}
}
