package guard_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"larder/formats/maven"
	"larder/formats/npm"
	"larder/formats/nuget"
	"larder/formats/pypi"
	"larder/registry"
	"larder/registry/guard"
)

var now = time.Date(2026, 3, 10, 12, 0, 0, 0, time.UTC)

func ago(days int) time.Time { return now.Add(-time.Duration(days) * 24 * time.Hour) }

var formats = map[string]registry.Rules{
	registry.NPM: npm.Format().Rules, registry.PyPI: pypi.Format().Rules, registry.Maven: maven.Format(maven.Options{}).Rules,
	registry.NuGet: nuget.Format().Rules,
}

// version is one from outside, a year old unless the test says otherwise.
func version(v string) registry.Version {
	return registry.Version{
		Version: v, Status: registry.Published, Released: ago(365),
		Origin: registry.Origin{Type: registry.OriginExternal, Connection: "public:npmjs"},
	}
}

func lib(format string) registry.PackageID {
	p := registry.PackageID{Format: format, Name: "lib"}
	if format == registry.Maven {
		p.Namespace = "org.acme"
	}
	return p
}

// judge compiles the rules and asks about one version.
func judge(t *testing.T, document string, p registry.PackageID, v registry.Version, advisories ...registry.Advisory) registry.Verdict {
	t.Helper()
	rulings, err := guard.New(formats).Compile(document)
	if err != nil {
		t.Fatal(err)
	}
	if rulings == nil {
		return registry.Verdict{}
	}
	ruling := rulings.Of(p)
	if ruling == nil {
		return registry.Verdict{}
	}
	q := registry.Subject{Package: p, Version: v, Advisories: advisories, Now: now}
	for _, a := range v.Assets {
		q.Digests = append(q.Digests, a.Hashes)
	}
	return ruling.Judge(q)
}

func TestCooldown(t *testing.T) {
	days := func(released, seen int) registry.Version {
		v := version("1.2.0")
		v.Released, v.Seen = time.Time{}, time.Time{}
		if released >= 0 {
			v.Released = ago(released)
		}
		if seen >= 0 {
			v.Seen = ago(seen)
		}
		return v
	}
	internal := days(0, -1)
	internal.Origin = registry.Origin{Type: registry.OriginInternal, Repository: "main"}
	other := days(1, -1)
	other.Origin.Connection = "public:other"
	fix := registry.Advisory{ID: "GHSA-1", AdvisoryBody: registry.AdvisoryBody{Severity: registry.High, Ranges: []registry.AdvisoryRange{{Fixed: "1.2.0"}}}}
	malware := fix
	malware.Severity = registry.Malware
	const three = `{"cooldown":[{"age":"3d"}]}`
	for name, c := range map[string]struct {
		document   string
		version    registry.Version
		advisories []registry.Advisory
		hide       bool
		refuse     bool
		until      time.Time
		undated    bool
	}{
		"old enough": {document: three, version: days(3, -1)},
		"too new":    {document: three, version: days(2, -1), hide: true, refuse: true, until: now.Add(24 * time.Hour)},
		"published long ago, first seen yesterday":       {document: three, version: days(300, 1), hide: true, refuse: true, until: now.Add(48 * time.Hour)},
		"first seen long ago, published yesterday":       {document: three, version: days(1, 300), hide: true, refuse: true, until: now.Add(48 * time.Hour)},
		"of unknown date, first seen long ago":           {document: three, version: days(-1, 300)},
		"of unknown date, first seen yesterday":          {document: three, version: days(-1, 1), hide: true, refuse: true, undated: true, until: now.Add(48 * time.Hour)},
		"of which nothing is known":                      {document: three, version: days(-1, -1), refuse: true, undated: true},
		"published here":                                 {document: three, version: internal},
		"lock files may name it":                         {document: `{"cooldown":[{"age":"3d","serveBytes":true}]}`, version: days(1, -1), hide: true, until: now.Add(48 * time.Hour)},
		"the most specific pattern counts":               {document: `{"cooldown":[{"age":"3d"},{"package":"/npm//lib$","age":"0"}]}`, version: days(1, -1)},
		"whatever the order":                             {document: `{"cooldown":[{"package":"/npm//lib$","age":"30d"},{"package":"/npm/*","age":"0"}]}`, version: days(5, -1), hide: true, refuse: true, until: ago(5).Add(30 * 24 * time.Hour)},
		"of a connection that is meant":                  {document: `{"cooldown":[{"age":"0"},{"connection":"public:npmjs","age":"3d"}]}`, version: days(1, -1), hide: true, refuse: true, until: now.Add(48 * time.Hour)},
		"of another connection":                          {document: `{"cooldown":[{"age":"0"},{"connection":"public:npmjs","age":"3d"}]}`, version: other},
		"another package's":                              {document: `{"cooldown":[{"package":"/pypi/*","age":"3d"}]}`, version: days(1, -1)},
		"exempt by pattern":                              {document: `{"cooldown":[{"age":"3d"}],"exempt":[{"package":"/npm/*"}]}`, version: days(1, -1)},
		"exempt by version":                              {document: `{"cooldown":[{"age":"3d"}],"exempt":[{"versions":">=1.2 <2"}]}`, version: days(1, -1)},
		"another version is exempt":                      {document: `{"cooldown":[{"age":"3d"}],"exempt":[{"versions":"=1.3.0"}]}`, version: days(1, -1), hide: true, refuse: true, until: now.Add(48 * time.Hour)},
		"exempt from other rules":                        {document: `{"cooldown":[{"age":"3d"}],"exempt":[{"from":["block"]}]}`, version: days(1, -1), hide: true, refuse: true, until: now.Add(48 * time.Hour)},
		"a fix":                                          {document: three, version: days(1, -1), advisories: []registry.Advisory{fix}},
		"a fix that has to wait":                         {document: `{"cooldown":[{"age":"3d","holdFixes":true}]}`, version: days(1, -1), advisories: []registry.Advisory{fix}, hide: true, refuse: true, until: now.Add(48 * time.Hour)},
		"what malware calls its fix is none":             {document: three, version: days(1, -1), advisories: []registry.Advisory{malware}, hide: true, refuse: true, until: now.Add(48 * time.Hour)},
		"a fix that is itself blocked by another advice": {document: `{"cooldown":[{"age":"3d"}],"advisories":[{"severities":["malware"],"action":"block"}]}`, version: days(1, -1), advisories: []registry.Advisory{fix, {ID: "MAL-1", AdvisoryBody: registry.AdvisoryBody{Severity: registry.Malware, Versions: []string{"1.2.0"}}}}, hide: true, refuse: true},
	} {
		t.Run(name, func(t *testing.T) {
			got := judge(t, c.document, lib(registry.NPM), c.version, c.advisories...)
			if got.Hide != c.hide || got.Refuse != c.refuse || got.Undated != c.undated || !got.Until.Equal(c.until) {
				t.Errorf("got %+v", got)
			}
			if (got.Hide || got.Refuse) == (got.Reason == "") {
				t.Errorf("the reason is %q", got.Reason)
			}
		})
	}
}

func TestBlock(t *testing.T) {
	held := version("1.2.0")
	held.Assets = []registry.Asset{{Name: "a"}, {Name: "b", Hashes: registry.Hashes{SHA1: [20]byte{1}, SHA512: [64]byte{2}}}}
	held.Manifest = json.RawMessage(`{"more":{"license":"AGPL-3.0-only"}}`) // as the npm format keeps it
	internal := held
	internal.Origin = registry.Origin{Type: registry.OriginInternal, Repository: "main"}
	for name, c := range map[string]struct {
		block   string
		version registry.Version
		blocked bool
	}{
		"the package":                    {`{"package":"/npm//lib$"}`, held, true},
		"published here as well":         {`{"package":"/npm//lib$"}`, internal, true},
		"another package":                {`{"package":"/npm//lib-x$"}`, held, false},
		"a range":                        {`{"package":"/npm/*","versions":">=1 <2"}`, held, true},
		"a range that ends before":       {`{"package":"/npm/*","versions":">=1 <1.2.0"}`, held, false},
		"one of two ranges":              {`{"package":"/npm/*","versions":"<1 || =1.2.0"}`, held, true},
		"all but":                        {`{"package":"/npm/*","versions":"!=1.2.0"}`, held, false},
		"a list":                         {`{"package":"/npm//lib$","list":["1.1.0","1.2.0"]}`, held, true},
		"a list that spells it shorter":  {`{"package":"/npm//lib$","list":["1.2"]}`, held, true},
		"not in the list":                {`{"package":"/npm//lib$","list":["1.1.0"]}`, held, false},
		"a digest of any of its files":   {`{"digest":"01` + strings.Repeat("00", 19) + `"}`, held, true},
		"a digest as lock files have it": {`{"digest":"sha512-` + "Ag" + strings.Repeat("A", 84) + `=="}`, held, true},
		"another digest":                 {`{"digest":"` + strings.Repeat("01", 20) + `"}`, held, false},
		"a licence":                      {`{"license":"agpl-*"}`, held, true},
		"another licence":                {`{"license":"GPL-*"}`, held, false},
		"of which one condition fails":   {`{"package":"/npm/*","versions":"=1.2.0","license":"MIT"}`, held, false},
	} {
		t.Run(name, func(t *testing.T) {
			got := judge(t, `{"block":[`+c.block+`]}`, lib(registry.NPM), c.version)
			if got.Hide != c.blocked || got.Refuse != c.blocked {
				t.Errorf("got %+v", got)
			}
			warned := judge(t, `{"block":[`+strings.TrimSuffix(c.block, "}")+`,"action":"warn","reason":"why"}]}`, lib(registry.NPM), c.version)
			if warned.Hide || warned.Refuse || strings.Contains(warned.Warning, "why") != c.blocked {
				t.Errorf("as a warning: %+v", warned)
			}
		})
	}
}

func TestVersionsAreComparedAsTheirFormatDoes(t *testing.T) {
	for _, c := range []struct {
		format, versions, version string
		blocked                   bool
	}{
		{registry.NPM, "<2", "2.0.0-rc.1", true},
		{registry.NPM, "<10", "9.0.0", true},
		{registry.NPM, ">=1.10", "1.9.0", false},
		{registry.PyPI, "<2.0", "2.0rc1", true},
		{registry.PyPI, "=1.0", "1.0.0", true},
		{registry.PyPI, "<1.0.0", "1.0", false},
		{registry.NPM, "=1.0.0", "1.0.0+build", true},
		{registry.NPM, ">1.0.0", "1.0.0+build", false},
		{registry.NPM, "=v1.0.0-RC.1", "1.0.0-RC.1", true},
		{registry.NPM, "=1.0.0-rc.1", "1.0.0-RC.1", false},
		{registry.PyPI, "=1.0-RC1", "1.0rc1", true},
		{registry.PyPI, "=1.0.0rc1", "1.0rc1", true},
		{registry.PyPI, ">=1.0rc1", "1.0.0rc1", true},
		{registry.PyPI, ">1.0rc1", "1.0.0rc1", false},
		{registry.PyPI, "=v1.0", "1.0", true},
		{registry.NuGet, "=1.0.0-Beta.1", "1.0.0-beta.1", true},
		{registry.NuGet, "=1.0-Beta", "1.0.0-beta", true},
		{registry.NuGet, "=1.0.0+build", "1.0.0", true},
		{registry.NuGet, "<1.0.0-Beta", "1.0.0-beta", false},
		{registry.Maven, "<=1.0", "1.0-SNAPSHOT", true},
		{registry.Maven, ">1.0", "1.0-alpha-1", false},
	} {
		got := judge(t, `{"block":[{"package":"/`+c.format+`/*","versions":"`+c.versions+`"}]}`, lib(c.format), version(c.version))
		if got.Refuse != c.blocked {
			t.Errorf("%s %s in %q: %t, want %t", c.format, c.version, c.versions, got.Refuse, c.blocked)
		}
	}
}

// People and advisories spell versions as they were published, and as they like.
func TestAVersionIsKnownInEverySpelling(t *testing.T) {
	for _, c := range []struct {
		format, written, version string
		same                     bool
	}{
		{registry.NuGet, "2.0.0-Beta.1", "2.0.0-beta.1", true},
		{registry.NuGet, "2.0-beta", "2.0.0-beta", true},
		{registry.NuGet, "2.0.0-beta", "2.0.0-beta.1", false},
		{registry.PyPI, "2.0-RC1", "2.0rc1", true},
		{registry.PyPI, "2.0rc1", "2.0.0rc1", true},
		{registry.PyPI, "2.0rc1", "2.0rc10", false},
		{registry.NPM, "v2.0.0-rc.1", "2.0.0-rc.1", true},
		{registry.NPM, "2.0.0", "2.0.0+build.7", true},
		{registry.NPM, "2.0.0-rc.1", "2.0.0-rc.2", false},
	} {
		of := version(c.version)
		if got := judge(t, `{"block":[{"package":"/`+c.format+`//lib$","list":["`+c.written+`"]}]}`, lib(c.format), of); got.Refuse != c.same {
			t.Errorf("%s %s by a list with %s: %t", c.format, c.version, c.written, got.Refuse)
		}
		known := registry.Advisory{Source: "osv", ID: "A-1", AdvisoryBody: registry.AdvisoryBody{Severity: registry.Malware, Versions: []string{c.written}}}
		if got := judge(t, `{"advisories":[{"severities":["malware"],"action":"block"}]}`, lib(c.format), of, known); got.Refuse != c.same {
			t.Errorf("%s %s by an advisory of %s: %t", c.format, c.version, c.written, got.Refuse)
		}
	}
}

func TestAdvisories(t *testing.T) {
	of := func(s registry.Severity, versions []string, ranges ...registry.AdvisoryRange) registry.Advisory {
		return registry.Advisory{Source: "osv", ID: "A-1", AdvisoryBody: registry.AdvisoryBody{Severity: s, Versions: versions, Ranges: ranges}}
	}
	internal := version("1.2.0")
	internal.Origin = registry.Origin{Type: registry.OriginInternal, Repository: "main"}
	const malware = `{"severities":["malware"],"action":"block"}`
	for name, c := range map[string]struct {
		rules    string
		advisory registry.Advisory
		version  registry.Version
		blocked  bool
		warned   bool
	}{
		"of the version":               {malware, of(registry.Malware, []string{"1.2.0"}), version("1.2.0"), true, false},
		"of another version":           {malware, of(registry.Malware, []string{"1.2.1"}), version("1.2.0"), false, false},
		"of every version":             {malware, of(registry.Malware, nil, registry.AdvisoryRange{}), version("1.2.0"), true, false},
		"before the fix":               {malware, of(registry.Malware, nil, registry.AdvisoryRange{Introduced: "1.0.0", Fixed: "1.3.0"}), version("1.2.0"), true, false},
		"the fix":                      {malware, of(registry.Malware, nil, registry.AdvisoryRange{Introduced: "1.0.0", Fixed: "1.2.0"}), version("1.2.0"), false, false},
		"the last one":                 {malware, of(registry.Malware, nil, registry.AdvisoryRange{Last: "1.2.0"}), version("1.2.0"), true, false},
		"after the last one":           {malware, of(registry.Malware, nil, registry.AdvisoryRange{Last: "1.1.0"}), version("1.2.0"), false, false},
		"before the first one":         {malware, of(registry.Malware, nil, registry.AdvisoryRange{Introduced: "1.3.0"}), version("1.2.0"), false, false},
		"of a severity without a rule": {malware, of(registry.High, []string{"1.2.0"}), version("1.2.0"), false, false},
		"the first rule that fits":     {malware + `,{"action":"warn"}`, of(registry.High, []string{"1.2.0"}), version("1.2.0"), false, true},
		"another source's rule":        {`{"source":"own","action":"block"}`, of(registry.High, []string{"1.2.0"}), version("1.2.0"), false, false},
		"published here":               {malware, of(registry.Malware, []string{"1.2.0"}), internal, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			got := judge(t, `{"advisories":[`+c.rules+`]}`, lib(registry.NPM), c.version, c.advisory)
			if got.Refuse != c.blocked || got.Hide != c.blocked || (got.Warning != "") != c.warned {
				t.Errorf("got %+v", got)
			}
		})
	}
}

func TestDocumentsThatCannotMeanAnything(t *testing.T) {
	for _, document := range []string{
		`{`, `[]`, `{} {}`, `{"colldown":[]}`,
		`{"cooldown":[{"age":"3"}]}`, `{"cooldown":[{"age":3}]}`, `{"cooldown":[{"age":"-1h"}]}`, `{"cooldown":[{"age":"99999d"}]}`,
		`{"cooldown":[{"age":"3d","package":"npm/*"}]}`, `{"cooldown":[{"age":"3d"},{"age":"4d"}]}`,
		`{"block":[{}]}`, `{"block":[{"package":"/npm/*","versions":"^1.0"}]}`, `{"block":[{"package":"/npm/*","versions":">=1 ||"}]}`,
		`{"block":[{"package":"/npm/*","versions":"=>1"}]}`, `{"block":[{"digest":"abc"}]}`, `{"block":[{"package":"/npm/*","action":"delete"}]}`,
		`{"advisories":[{"action":""}]}`, `{"advisories":[{"action":"warn","severities":["bad"]}]}`, `{"exempt":[{"from":["everything"]}]}`,
	} {
		if _, err := guard.New(formats).Compile(document); registry.CodeOf(err) != registry.Invalid {
			t.Errorf("%s: %v, want it to be Invalid", document, err)
		}
	}
}

func TestBlockedVersionsAreAddedOnce(t *testing.T) {
	g := guard.New(formats)
	id := func(name, v string) registry.VersionID {
		return registry.VersionID{Package: registry.PackageID{Format: registry.NPM, Name: name}, Version: v}
	}
	document, err := g.Block(`{"cooldown":[{"age":"3d"}]}`, []registry.VersionID{id("a", "1.0.0"), id("b", "1.0.0"), id("a", "2.0.0")}, "INC-1")
	if err != nil {
		t.Fatal(err)
	}
	again, err := g.Block(document, []registry.VersionID{id("a", "1.0.0"), id("a", "2.0.0")}, "INC-1")
	if err != nil || again != document {
		t.Errorf("blocked again: %v\n%s\n%s", err, document, again)
	}
	const want = `{"cooldown":[{"age":"3d"}],"block":[{"package":"/npm//a$","list":["1.0.0","2.0.0"],"reason":"INC-1"},{"package":"/npm//b$","list":["1.0.0"],"reason":"INC-1"}]}`
	if document != want {
		t.Errorf("got %s\nwant %s", document, want)
	}
}

func TestRulesAreExplained(t *testing.T) {
	rulings, err := guard.New(formats).Compile(`{"cooldown":[{"age":"3d"},{"package":"/npm//lib$","age":"7d","serveBytes":true}],
		"exempt":[{"versions":"=1.0.0","reason":"reviewed"}],"block":[{"package":"/npm/*","license":"AGPL-3.0"}],"advisories":[{"action":"warn"}]}`)
	if err != nil {
		t.Fatal(err)
	}
	got := strings.Join(rulings.Of(lib(registry.NPM)).Explain(), "\n")
	const want = `cooldown of /npm//lib$: versions through any external connection have to be 7d old, though lock files may name them, unless an advisory names them as the fix
exempt from cooldown: versions =1.0.0: reviewed
block /npm/*: versions all with licence AGPL-3.0
warn what advisories of any source say is of any severity`
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func FuzzDocument(f *testing.F) {
	for _, s := range []string{"", `{"cooldown":[{"age":"3d"}]}`, `{"block":[{"package":"/npm//lib$","versions":">=1 <2 || =3"}]}`, `{"exempt":[{"versions":"*"}],"advisories":[{"action":"warn"}]}`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, document string) {
		g := guard.New(formats)
		rulings, err := g.Compile(document)
		if err != nil {
			if registry.CodeOf(err) != registry.Invalid {
				t.Fatalf("%v", err)
			}
			return
		}
		d, err := guard.Parse(document)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := g.Compile(d.String()); err != nil {
			t.Fatalf("%s is kept as %s, which is refused: %v", document, d, err)
		}
		if rulings == nil {
			return
		}
		if r := rulings.Of(lib(registry.NPM)); r != nil {
			r.Judge(registry.Subject{Package: lib(registry.NPM), Version: version("1.2.0"), Now: now})
			r.Explain()
		}
	})
}
