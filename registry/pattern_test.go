package registry_test

import (
	"strings"
	"testing"

	"larder/registry"
)

func TestPackageGroupPatternsAreParsed(t *testing.T) {
	for _, c := range []struct {
		pattern string
		ok      bool
	}{
		{"/*", true},
		{"/npm/*", true},
		{"/npm/space/*", true},
		{"/npm//*", true},
		{"/npm/space~", true},
		{"/npm/space/any-ui~", true},
		{"/npm//react~", true},
		{"/npm//react$", true},
		{"/npm/space/react$", true},
		{"/maven/com.any~", true},
		{"/maven/org.x/log4j-core$", true},
		{"/maven/org.x/*", true},
		{"/pypi//requests$", true},
		{"/nuget//Newtonsoft~", true},
		{"/generic/ns/tool$", true},
		{"/swift/scope/lib$", true},
		{"/cargo//serde$", true},
		{"/ruby//rails~", true},
		{"/npm/spaß~", true},
		{"/npm/日本/語~", true},

		{"", false},
		{"/", false},
		{"*", false},
		{"npm/*", false},
		{"/python//requests$", false}, // not an API format name
		{"/npm", false},               // no suffix
		{"/npm*", false},              // "*" after "/" only
		{"/npm/space*", false},        //
		{"/np~", false},               // not within the format
		{"/npm/space$", false},        // "$" is for whole coordinates
		{"/npm/space-~", false},       // "~" after a word only
		{"/npm/space/a.~", false},     //
		{"/npm/space/~", false},       //
		{"/npm/sp*ce/x$", false},      // suffixes stand at the end
		{"/npm/a/b/c$", false},        //
		{"/npm/a/b/*", false},         //
		{"/npm/a b/*", false},         // white space
		{"/npm/a\x01/*", false},       // control character
		{"/npm/\xff/*", false},        // not UTF-8
		{"/npm//$", false},            // no name
		{"/maven//lib$", false},       // needs a namespace
		{"/generic//*", false},        //
		{"/pypi/ns/requests$", false}, // has none
		{"/" + strings.Repeat("x", 520), false},
	} {
		_, err := registry.ParsePattern(c.pattern)
		if (err == nil) != c.ok {
			t.Errorf("%q: %v, want ok=%v", c.pattern, err, c.ok)
		}
		if err != nil && registry.CodeOf(err) != registry.Invalid {
			t.Errorf("%q: code %d", c.pattern, registry.CodeOf(err))
		}
	}
}

func FuzzParsePattern(f *testing.F) {
	for _, s := range []string{"/*", "/npm/a~", "/npm/a/b$", "/maven/é.b/*", "/npm//*", "/~", "//$"} {
		f.Add(s, "npm", "a", "b-c")
	}
	f.Fuzz(func(t *testing.T, s, format, namespace, name string) {
		p, err := registry.ParsePattern(s)
		if err != nil {
			return
		}
		if p.String() != s {
			t.Errorf("%q became %q", s, p)
		}
		p.Matches(registry.PackageID{Format: format, Namespace: namespace, Name: name})
	})
}

// TestAPackageIsAssociatedWithTheMostSpecificGroup lays the groups out and
// asks for packages: "-" before a group's name means a weak match.
func TestAPackageIsAssociatedWithTheMostSpecificGroup(t *testing.T) {
	npm := func(s string) registry.PackageID {
		ns, name, ok := strings.Cut(s, "/")
		if !ok {
			return registry.PackageID{Format: registry.NPM, Name: s}
		}
		return registry.PackageID{Format: registry.NPM, Namespace: ns, Name: name}
	}
	mvn := func(ns, name string) registry.PackageID {
		return registry.PackageID{Format: registry.Maven, Namespace: ns, Name: name}
	}
	for _, c := range []struct {
		groups string
		id     registry.PackageID
		want   string
	}{
		// The root takes what nothing else does.
		{"", npm("left"), "/*"},
		{"/maven/*", npm("left"), "/*"},
		{"/npm/*", npm("left"), "/npm/*"},
		{"/npm/*", npm("s/left"), "/npm/*"},
		// Namespaces.
		{"/npm/s/*", npm("s/left"), "/npm/s/*"},
		{"/npm/s/*", npm("left"), "/*"},
		{"/npm/s/*", npm("st/left"), "/*"},
		{"/npm//*", npm("left"), "/npm//*"},
		{"/npm//*", npm("s/left"), "/*"},
		{"/npm/s~", npm("s/left"), "/npm/s~"},
		{"/npm/s~", npm("s-t/left"), "/npm/s~"},
		{"/npm/s~", npm("st/left"), "/*"},
		{"/npm/s~", npm("s/x"), "/npm/s~"},
		{"/npm/s~ /npm/s/*", npm("s/x"), "/npm/s/*"},
		// Word boundaries in names.
		{"/npm//foo~", npm("foo"), "/npm//foo~"},
		{"/npm//foo~", npm("foo-bar"), "/npm//foo~"},
		{"/npm//foo~", npm("foo.bar"), "/npm//foo~"},
		{"/npm//foo~", npm("foo_bar"), "/npm//foo~"},
		{"/npm//foo~", npm("food"), "/*"},
		{"/npm//foo~", npm("foo2"), "/*"},
		{"/npm//foo~", npm("fooBar"), "/*"}, // camel case is no boundary
		{"/npm//foo~", npm("s/foo"), "/*"},
		{"/npm//foo-bar~", npm("foo-bar-baz"), "/npm//foo-bar~"},
		{"/npm//foo-bar~", npm("foo-barn"), "/*"},
		{"/npm//foo-bar~", npm("foo"), "/*"},
		// Unicode words.
		{"/npm//größe~", npm("größe-x"), "/npm//größe~"},
		{"/npm//größ~", npm("größe"), "/*"},
		{"/npm//日本~", npm("日本-語"), "/npm//日本~"},
		{"/npm//日本~", npm("日本語"), "/*"},
		{"/npm//caf\u0065~", npm("cafe\u0301"), "/*"}, // a combining mark goes on with the word
		{"/npm//no~", npm("no²"), "/*"},               // numbers are part of words
		// Exact.
		{"/npm//react$", npm("react"), "/npm//react$"},
		{"/npm//react$", npm("react-dom"), "/*"},
		{"/npm//react$ /npm//react~", npm("react"), "/npm//react$"},
		{"/npm//react$ /npm//react~", npm("react-dom"), "/npm//react~"},
		{"/npm/s/react$", npm("react"), "/*"},
		// The longest wins.
		{"/npm/* /npm//* /npm//a~ /npm//a-b~ /npm//a-b-c$", npm("a-b-c"), "/npm//a-b-c$"},
		{"/npm/* /npm//* /npm//a~ /npm//a-b~ /npm//a-b-c$", npm("a-b-d"), "/npm//a-b~"},
		{"/npm/* /npm//* /npm//a~ /npm//a-b~ /npm//a-b-c$", npm("a-x"), "/npm//a~"},
		{"/npm/* /npm//* /npm//a~ /npm//a-b~ /npm//a-b-c$", npm("x"), "/npm//*"},
		{"/npm/* /npm//* /npm//a~ /npm//a-b~ /npm//a-b-c$", npm("s/x"), "/npm/*"},
		// Maven.
		{"/maven/com.any~", mvn("com.any", "lib"), "/maven/com.any~"},
		{"/maven/com.any~", mvn("com.any.deep", "lib"), "/maven/com.any~"},
		{"/maven/com.any~", mvn("com.anything", "lib"), "/*"},
		{"/maven/com.any~ /maven/com.any.deep/*", mvn("com.any.deep", "lib"), "/maven/com.any.deep/*"},
		{"/maven/org.x/log4j-core$", mvn("org.x", "log4j-core"), "/maven/org.x/log4j-core$"},
		{"/maven/org.x/log4j~", mvn("org.x", "log4j-core"), "/maven/org.x/log4j~"},
		{"/maven/org.x/log4j~", mvn("org.y", "log4j-core"), "/*"},
		// Weak: variants of a spelling.
		{"/npm//foo-bar$", npm("foo_bar"), "-/npm//foo-bar$"},
		{"/npm//foo-bar$", npm("foo..bar"), "-/npm//foo-bar$"},
		{"/npm//foo-bar$", npm("Foo-Bar"), "-/npm//foo-bar$"},
		{"/npm//foo-bar$", npm("foo-._bar"), "-/npm//foo-bar$"},
		{"/npm//foo-bar$", npm("foobar"), "/*"},
		{"/npm//foo-bar$", npm("foo-bar-x"), "/*"},
		{"/npm//foo-bar$ /npm//foo_bar$", npm("foo_bar"), "/npm//foo_bar$"},
		{"/npm//foo-bar$ /npm//foo_bar$", npm("foo.bar"), "-/npm//"},
		{"/npm//foo-bar~", npm("foo_bar-baz"), "-/npm//foo-bar~"},
		{"/npm//foo~", npm("FOO-bar"), "-/npm//foo~"},
		{"/npm//foo~ /npm//foo-bar$", npm("foo_bar"), "-/npm//foo-bar$"},
		{"/npm/my-co/*", npm("my_co/lib"), "-/npm/my-co/*"},
		{"/npm/my-co/*", npm("MY-CO/lib"), "-/npm/my-co/*"},
		{"/npm/my-co~", npm("my.co.x/lib"), "-/npm/my-co~"},
		{"/npm/* /npm//foo-bar$", npm("foo_bar"), "-/npm//foo-bar$"},
		// Confusables: Cyrillic о, а; fullwidth; Greek; digits that look like letters.
		{"/npm//foo$", npm("f\u043eo"), "-/npm//foo$"},
		{"/npm//react$", npm("re\u0430ct"), "-/npm//react$"},
		{"/npm//numpy$", npm("n\uff55mpy"), "-/npm//numpy$"},
		{"/npm//\u03bfmega$", npm("omega"), "-/npm//\u03bfmega$"},
		{"/npm//foo$", npm("fоо\u0301"), "/*"},
		{"/npm//straße$", npm("STRAẞE"), "-/npm//straße$"},
	} {
		w := newWorld(t)
		for _, pattern := range strings.Fields(c.groups) {
			if _, err := w.svc.CreatePackageGroup(t.Context(), alice, acme, registry.Group{Pattern: pattern}); err != nil {
				t.Fatalf("%s: %v", pattern, err)
			}
		}
		v, weak, err := w.svc.GetAssociatedPackageGroup(t.Context(), alice, acme, c.id)
		if err != nil {
			t.Errorf("%s with groups %s: %v", c.id, c.groups, err)
			continue
		}
		got := v.Pattern
		if weak {
			got = "-" + got
		}
		if got != c.want && !(c.want == "-/npm//" && strings.HasPrefix(got, c.want)) {
			t.Errorf("%s with groups %q: got %s, want %s", c.id, c.groups, got, c.want)
		}
	}
}

func TestParents(t *testing.T) {
	w := newWorld(t)
	all := "/npm/* /npm//* /npm/s~ /npm/s/* /npm/s/a~ /npm/s/a-b~ /npm/s/a-b-c$ /maven/com.a~ /maven/com.a.b~"
	for _, pattern := range strings.Fields(all) {
		if _, err := w.svc.CreatePackageGroup(t.Context(), alice, acme, registry.Group{Pattern: pattern}); err != nil {
			t.Fatal(err)
		}
	}
	for pattern, want := range map[string]string{
		"/*": "", "/npm/*": "/*", "/npm//*": "/npm/*", "/npm/s~": "/npm/*", "/npm/s/*": "/npm/s~",
		"/npm/s/a~": "/npm/s/*", "/npm/s/a-b~": "/npm/s/a~", "/npm/s/a-b-c$": "/npm/s/a-b~",
		"/maven/com.a~": "/*", "/maven/com.a.b~": "/maven/com.a~",
	} {
		v, err := w.svc.DescribePackageGroup(t.Context(), alice, acme, pattern)
		if err != nil || v.Parent != want {
			t.Errorf("%s: parent %q, want %q (%v)", pattern, v.Parent, want, err)
		}
	}
	// A group that goes leaves its children to its parent.
	if _, err := w.svc.DeletePackageGroup(t.Context(), alice, acme, "/npm/s/a~"); err != nil {
		t.Fatal(err)
	}
	if v, _ := w.svc.DescribePackageGroup(t.Context(), alice, acme, "/npm/s/a-b~"); v.Parent != "/npm/s/*" {
		t.Errorf("parent %q after its own was deleted", v.Parent)
	}
	subs, _, err := w.svc.ListSubPackageGroups(t.Context(), alice, acme, "/npm/*", registry.Page{Limit: 10})
	var got []string
	for _, s := range subs {
		got = append(got, s.Pattern)
	}
	if strings.Join(got, " ") != "/npm//* /npm/s~" || err != nil {
		t.Errorf("direct children %v, %v", got, err)
	}
}
