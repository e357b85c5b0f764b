package pomtree

import (
	"context"
	"fmt"
	"io/fs"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// world is a repository and a build, in POMs.
type world struct {
	mu    sync.Mutex
	poms  map[string]string // by group:artifact:version
	files map[string]string
	asked map[string]int
}

func (w *world) source(_ context.Context, c Coordinates) ([]byte, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.asked == nil {
		w.asked = map[string]int{}
	}
	w.asked[c.String()]++
	pom, ok := w.poms[c.String()]
	if !ok {
		return nil, ErrNoPOM
	}
	return []byte(pom), nil
}

func (w *world) local(path string) ([]byte, error) {
	text, ok := w.files[path]
	if !ok {
		return nil, fs.ErrNotExist
	}
	return []byte(text), nil
}

// resolve gives the artifacts and what is skipped, a line each.
func (w *world) resolve(t *testing.T) string {
	t.Helper()
	got, err := NewReader(w.source).Resolve(t.Context(), w.local, "pom.xml", 4)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, a := range got.Artifacts {
		fmt.Fprintln(&b, strings.TrimSpace(fmt.Sprintf("%s %s %s", a, a.Classifier, a.Extension)))
	}
	for _, s := range got.Skipped {
		fmt.Fprintf(&b, "skipped %s: %s\n", s.Name, s.Why)
	}
	return b.String()
}

func pom(body string) string {
	return `<?xml version="1.0" encoding="ISO-8859-1"?><project xmlns="http://maven.apache.org/POM/4.0.0">` + body + `</project>`
}

func gav(g, a, v string) string {
	s := "<groupId>" + g + "</groupId><artifactId>" + a + "</artifactId>"
	if v != "" {
		s += "<version>" + v + "</version>"
	}
	return s
}

func dep(g, a, v string, more ...string) string {
	return "<dependency>" + gav(g, a, v) + strings.Join(more, "") + "</dependency>"
}

func deps(all ...string) string {
	return "<dependencies>" + strings.Join(all, "") + "</dependencies>"
}

func TestTheNearestVersionWins(t *testing.T) {
	w := &world{
		files: map[string]string{"pom.xml": pom(gav("app", "app", "1") + deps(dep("g", "a", "1"), dep("g", "b", "1"), dep("g", "t", "1", "<scope>test</scope>"), dep("g", "sys", "1", "<scope>system</scope>")))},
		poms: map[string]string{
			"g:a:1": pom(gav("g", "a", "1") + deps(dep("g", "deep", "1"))),
			"g:b:1": pom(gav("g", "b", "1") + deps(dep("g", "c", "1"), dep("g", "a", "2"),
				dep("g", "opt", "1", "<optional>true</optional>"), dep("g", "prov", "1", "<scope>provided</scope>"), dep("g", "run", "1", "<scope>runtime</scope>"))),
			"g:c:1":    pom(gav("g", "c", "1") + deps(dep("g", "deep", "2"), dep("g", "b", "1"))),
			"g:a:2":    pom(gav("g", "a", "2")),
			"g:deep:1": pom(gav("g", "deep", "1")), "g:deep:2": pom(gav("g", "deep", "2")),
			"g:t:1": pom(gav("g", "t", "1") + deps(dep("g", "tt", "1"))),
		},
	}
	want := "g:a:1\ng:b:1\ng:c:1\ng:deep:1\ng:run:1\ng:t:1\ng:tt:1\n"
	if diff := cmp.Diff(want, w.resolve(t)); diff != "" {
		t.Error(diff)
	}
	got, err := NewReader(w.source).Resolve(t.Context(), w.local, "pom.xml", 4)
	if err != nil {
		t.Fatal(err)
	}
	for c, want := range map[Coordinates]bool{{"g", "a", "1"}: true, {"g", "tt", "1"}: true, {"g", "a", "2"}: false, {"g", "deep", "2"}: false} {
		if got.Needed[c] != want {
			t.Errorf("%s is needed: %v", c, !want)
		}
	}
	for _, c := range []string{"g:b:1", "g:a:2", "g:deep:2"} { // Maven reads those of the losers too
		if w.asked[c] != 2 {
			t.Errorf("%s was asked for %d times by two readers", c, w.asked[c])
		}
	}
	if w.asked["g:opt:1"]+w.asked["g:prov:1"]+w.asked["g:sys:1"] != 0 {
		t.Errorf("asked: %v", w.asked)
	}
}

func TestManagementParentsAndImports(t *testing.T) {
	w := &world{
		files: map[string]string{
			"pom.xml": pom("<parent>" + gav("app", "parent", "1") + "<relativePath>up/pom.xml</relativePath></parent><artifactId>app</artifactId>" +
				deps(dep("g", "a", ""), dep("g", "b", "${b.version}"), dep("g", "none", "${unset}"), dep("g", "range", "[1,2)"), dep("g", "snap", "1-SNAPSHOT"), dep("g", "unmanaged", ""))),
			"up/pom.xml": pom("<parent>" + gav("far", "root", "3") + "</parent>" + gav("app", "parent", "1") +
				"<dependencyManagement>" + deps(dep("g", "deep", "9"), dep("far", "bom", "${bom.version}", "<type>pom</type><scope>import</scope>")) + "</dependencyManagement>"),
		},
		poms: map[string]string{
			"far:root:3":       pom("<parent>" + gav("far", "grand", "1") + "</parent>" + gav("far", "root", "3") + "<properties><b.version>2</b.version></properties>"),
			"far:grand:1":      pom(gav("far", "grand", "1") + "<properties><bom.version>4</bom.version><b.version>1</b.version></properties>"),
			"far:bom:4":        pom("<parent>" + gav("far", "bom-parent", "1") + "</parent>" + gav("far", "bom", "") + "<version>4</version><dependencyManagement>" + deps(dep("g", "a", "${a}")) + "</dependencyManagement>"),
			"far:bom-parent:1": pom(gav("far", "bom-parent", "1") + "<properties><a>7</a></properties>"),
			"g:a:7":            pom(gav("g", "a", "7") + deps(dep("g", "deep", "1"))),
			"g:b:2":            pom(gav("g", "b", "2") + deps(dep("g", "x", "1"), dep("g", "y", "1"))),
		},
	}
	want := `g:a:7
g:b:2
g:deep:9
g:x:1
g:y:1
skipped g:none: a property in it is set nowhere
skipped g:range: its version is not fixed: [1,2)
skipped g:snap: a snapshot, which is resolved anew each time
skipped g:unmanaged: no POM says its version
`
	if diff := cmp.Diff(want, w.resolve(t)); diff != "" {
		t.Error(diff)
	}
}

func TestTypesExclusionsAndRelocations(t *testing.T) {
	exclude := "<exclusions><exclusion><groupId>g</groupId><artifactId>*</artifactId></exclusion></exclusions>"
	w := &world{
		files: map[string]string{"pom.xml": pom(gav("app", "app", "1") + deps(
			dep("g", "a", "1", exclude), dep("g", "w", "1", "<type>war</type>"), dep("g", "tj", "1", "<type>test-jar</type>"), dep("g", "cl", "1", "<classifier>linux</classifier>"),
			dep("g", "platform", "1", "<type>pom</type>"), dep("old", "name", "1")))},
		poms: map[string]string{
			"g:a:1":      pom(gav("g", "a", "1") + deps(dep("g", "b", "1"), dep("h", "c", "1"))),
			"h:c:1":      pom(gav("h", "c", "1") + deps(dep("g", "d", "1"))),
			"old:name:1": pom(gav("old", "name", "1") + "<distributionManagement><relocation><groupId>new</groupId></relocation></distributionManagement>"),
			"new:name:1": pom(gav("new", "name", "1") + deps(dep("new", "below", "1"))),
		},
	}
	want := "g:a:1\ng:cl:1 linux jar\ng:platform:1  pom\ng:tj:1 tests jar\ng:w:1  war\nh:c:1\nnew:below:1\nnew:name:1\n"
	if diff := cmp.Diff(want, w.resolve(t)); diff != "" {
		t.Error(diff)
	}
}

func TestModulesAndPlugins(t *testing.T) {
	w := &world{
		files: map[string]string{
			"pom.xml": pom(gav("app", "all", "1") + "<packaging>pom</packaging><modules><module>core</module><module>web/pom.xml</module></modules>" +
				"<properties><p>3</p></properties><build><pluginManagement><plugins><plugin>" + gav("x", "managed-plugin", "5") + "</plugin></plugins></pluginManagement><plugins>" +
				"<plugin><artifactId>maven-x-plugin</artifactId><version>${p}</version></plugin><plugin>" + gav("x", "managed-plugin", "") + "</plugin><plugin><artifactId>maven-default-plugin</artifactId></plugin></plugins></build>"),
			"core/pom.xml": pom("<parent>" + gav("app", "all", "1") + "</parent><artifactId>core</artifactId>" + deps(dep("g", "a", "1"))),
			"web/pom.xml":  pom("<parent>" + gav("app", "all", "1") + "</parent><artifactId>web</artifactId>" + deps(dep("app", "core", "1"), dep("g", "b", "1"))),
		},
		poms: map[string]string{
			"org.apache.maven.plugins:maven-x-plugin:3": pom(gav("org.apache.maven.plugins", "maven-x-plugin", "3") + "<packaging>maven-plugin</packaging>" +
				"<dependencyManagement>" + deps(dep("g", "lib", "9"), dep("g", "below", "9")) + "</dependencyManagement>" + deps(dep("g", "lib", "1"), dep("g", "core", "1", "<scope>provided</scope>"))),
			"g:lib:1": pom(gav("g", "lib", "1") + deps(dep("g", "below", "1"))),
		},
	}
	want := "g:a:1\ng:b:1\ng:below:9\ng:lib:1\norg.apache.maven.plugins:maven-x-plugin:3\nx:managed-plugin:5\n"
	if diff := cmp.Diff(want, w.resolve(t)); diff != "" {
		t.Error(diff)
	}
}

func TestWhatLeadsInCirclesEnds(t *testing.T) {
	w := &world{
		files: map[string]string{"pom.xml": pom("<parent>" + gav("g", "p", "1") + "</parent><artifactId>app</artifactId>" + deps(dep("g", "a", "1")))},
		poms: map[string]string{
			"g:a:1": pom(gav("g", "a", "1") + deps(dep("g", "b", "1"))),
			"g:b:1": pom(gav("g", "b", "1") + deps(dep("g", "a", "1"), dep("g", "moved", "1"))),
			"g:moved:1": pom(gav("g", "moved", "1") +
				"<distributionManagement><relocation><artifactId>moved</artifactId></relocation></distributionManagement>"),
		},
	}
	if got := w.resolve(t); !strings.HasPrefix(got, "g:a:1\ng:b:1\n") {
		t.Errorf("got %s", got)
	}
	w.poms["g:p:1"] = pom("<parent>" + gav("g", "p", "1") + "</parent>" + gav("g", "p", "1"))
	if _, err := NewReader(w.source).Resolve(t.Context(), w.local, "pom.xml", 1); err == nil || !strings.Contains(err.Error(), "parents") {
		t.Errorf("a parent of itself: %v", err)
	}
}

func TestPOMsThatCannotBeRead(t *testing.T) {
	w := &world{
		files: map[string]string{"pom.xml": pom(gav("app", "app", "1") + deps(dep("g", "a", "1")))},
		poms:  map[string]string{"g:a:1": "<project>\n<a></project>"},
	}
	if got := w.resolve(t); got != "g:a:1\nskipped g:a:1: the POM of g:a:1: line 2: it is no XML: element <a> closed by </project>\n" {
		t.Errorf("got %s", got)
	}
	w.files["pom.xml"] = "<project>"
	if _, err := NewReader(w.source).Resolve(t.Context(), w.local, "pom.xml", 1); err == nil || !strings.Contains(err.Error(), "pom.xml: line 1") {
		t.Errorf("the build's own: %v", err)
	}
	if _, err := parsePOM(make([]byte, MaxPOM+1)); err == nil {
		t.Error("too large a POM was read")
	}
}

func FuzzPOM(f *testing.F) {
	f.Add([]byte(pom(gav("app", "app", "1") + deps(dep("g", "a", "${x}")) + "<properties><x>${y}</x><y>${x}</y></properties>")))
	f.Add([]byte(pom("<parent>" + gav("g", "p", "1") + "</parent><artifactId>app</artifactId><modules><module>..</module></modules>")))
	f.Fuzz(func(t *testing.T, data []byte) {
		local := func(path string) ([]byte, error) {
			if path != "pom.xml" {
				return nil, fs.ErrNotExist
			}
			return data, nil
		}
		none := func(context.Context, Coordinates) ([]byte, error) { return nil, ErrNoPOM }
		got, err := NewReader(none).Resolve(t.Context(), local, "pom.xml", 1)
		if err != nil {
			return
		}
		for _, a := range got.Artifacts {
			if a.Version == "" {
				t.Errorf("%+v", a)
			}
		}
	})
}
