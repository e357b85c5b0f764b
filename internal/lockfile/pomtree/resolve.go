package pomtree

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"deps.dev/util/maven"
	"golang.org/x/sync/errgroup"
)

// Artifact is a file that a build asks for.
type Artifact struct {
	Coordinates
	Classifier string
	Extension  string // empty: that of the version's packaging
}

// Skipped is a dependency that is not resolved.
type Skipped struct{ Name, Why string }

// Result is what a build comes to.
type Result struct {
	Artifacts []Artifact // by coordinates, without those of the build itself
	Skipped   []Skipped
	// Needed are the POMs of these, with their parents and imports, and those of
	// the build's own. That another one is not there does not matter: it is of a
	// version that lost.
	Needed map[Coordinates]bool
}

// Local gives a POM of the build by its path, relative to that of the first one
// and with slashes; fs.ErrNotExist where there is none.
type Local func(path string) ([]byte, error)

// maxDepth is how deep dependencies may be in each other.
const maxDepth = 200

// Resolve finds what the build of a POM asks for: the POM at path and its
// modules, read through local, each with its dependencies of all scopes and the
// plugins that it names with a version. The POMs of everything, parents and
// imports included, are read from the reader's source, also of the versions that
// lose against others, since Maven reads them too. n bounds what is asked at once.
func (r *Reader) Resolve(ctx context.Context, local Local, first string, n int) (*Result, error) {
	b := &build{reader: r, local: local, own: map[string]bool{}, limit: n, found: map[Artifact]bool{}, needed: map[Coordinates]bool{}, skipped: map[Skipped]bool{}, read: map[string]*model{}}
	projects, err := b.projects(ctx, first)
	if err != nil {
		return nil, err
	}
	for _, p := range projects {
		b.own[p.Coordinates.Group+":"+p.Coordinates.Artifact] = true
	}
	for _, p := range projects {
		if err := b.walk(ctx, p.dependencies, p.managed); err != nil {
			return nil, err
		}
		for _, plugin := range p.plugins { // each has a class path of its own
			if err := b.walkPlugin(ctx, plugin); err != nil {
				return nil, err
			}
		}
	}
	return b.result(), nil
}

// build is one resolution.
type build struct {
	reader  *Reader
	local   Local
	own     map[string]bool // group:artifact of the build's projects
	limit   int
	read    map[string]*model
	found   map[Artifact]bool
	skipped map[Skipped]bool
	needed  map[Coordinates]bool
}

// open reads a POM of the build.
func (b *build) open(file string) (*model, error) {
	if m, ok := b.read[file]; ok {
		return m, nil
	}
	data, err := b.local(file)
	if err != nil {
		return nil, err
	}
	m, err := parsePOM(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	if len(b.read) > maxModels {
		return nil, fmt.Errorf("the build has more than %d modules", maxModels)
	}
	b.read[file] = m
	return m, nil
}

// projects gives the effective models of a POM and its modules.
func (b *build) projects(ctx context.Context, first string) ([]*Model, error) {
	var all []*Model
	seen := map[string]bool{}
	for files := []string{first}; len(files) > 0; {
		file := files[0]
		files = files[1:]
		if seen[file] {
			continue
		}
		seen[file] = true
		m, err := b.open(file)
		if err != nil {
			return nil, err
		}
		p, err := b.reader.effective(ctx, m, b.parentOf(file))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		all = append(all, p)
		b.need(p)
		for _, name := range p.unset {
			b.skipped[Skipped{name, "a property in it is set nowhere"}] = true
		}
		for _, module := range p.modules {
			at := path.Join(path.Dir(file), module)
			if path.Ext(module) != ".xml" {
				at = path.Join(at, "pom.xml")
			}
			files = append(files, at)
		}
	}
	return all, nil
}

// parentOf finds a project's parent where relativePath says, else in the
// repository, as Maven does.
func (b *build) parentOf(file string) parents {
	return func(ctx context.Context, m *model) (*model, parents, error) {
		key := m.Parent.ProjectKey
		if key.ArtifactID == "" {
			return nil, nil, nil
		}
		relative := string(m.Parent.RelativePath)
		if relative == "" {
			relative = "../pom.xml"
		}
		at := path.Join(path.Dir(file), relative)
		for _, candidate := range []string{at, path.Join(at, "pom.xml")} {
			parent, err := b.open(candidate)
			if err == nil && parent.ArtifactID == key.ArtifactID && (parent.GroupID == key.GroupID || parent.GroupID == "") {
				return parent, b.parentOf(candidate), nil
			}
		}
		return b.reader.parentOf(ctx, m)
	}
}

// node is a dependency where it stands in the tree.
type node struct {
	maven.Dependency
	excluded []maven.Exclusion // by those above it
	lost     bool              // against another version: only its POM counts
}

// walk goes down from a project's dependencies level by level: the nearest
// version of an artifact wins, the first of equally near ones.
func (b *build) walk(ctx context.Context, roots, managed []maven.Dependency) error {
	rules := map[maven.DependencyKey]maven.Dependency{}
	for _, d := range managed {
		rules[d.Key()] = d
	}
	won := map[maven.DependencyKey]bool{}
	expanded := map[Coordinates]bool{} // as one that lost
	var level []node
	for _, d := range roots {
		if d.Scope != "system" && d.Scope != "import" {
			level = append(level, node{Dependency: d})
		}
	}
	for depth := 0; len(level) > 0; depth++ {
		if depth == maxDepth {
			return fmt.Errorf("dependencies are in each other more than %d deep", maxDepth)
		}
		level = slices.DeleteFunc(level, func(n node) bool { return !b.usable(n.Dependency) })
		for i := range level {
			n := &level[i]
			n.lost = n.lost || won[n.Key()]
			if !n.lost {
				won[n.Key()] = true
				b.found[artifactOf(n.Dependency)] = true
			}
		}
		level = slices.DeleteFunc(level, func(n node) bool {
			c := coordinatesOf(n.Dependency)
			again := n.lost && expanded[c]
			expanded[c] = true
			return again
		})
		below, err := b.below(ctx, level, rules)
		if err != nil {
			return err
		}
		level = below
	}
	return nil
}

// walkPlugin goes down from a plugin, whose own management holds for what its
// dependencies depend on.
func (b *build) walkPlugin(ctx context.Context, plugin maven.Dependency) error {
	if !b.usable(plugin) {
		return nil
	}
	c := coordinatesOf(plugin)
	b.found[artifactOf(plugin)], b.needed[c] = true, true
	m, err := b.reader.Read(ctx, c)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil && !errors.Is(err, ErrNoPOM):
		b.skipped[Skipped{c.String(), err.Error()}] = true
	}
	if m == nil {
		return nil
	}
	b.need(m)
	roots := slices.DeleteFunc(slices.Clone(m.dependencies), func(d maven.Dependency) bool { return !followed(d) })
	return b.walk(ctx, roots, m.managed)
}

// followed reports whether what depends on a version needs this dependency of it.
func followed(d maven.Dependency) bool {
	return !d.Optional.Boolean() && (d.Scope == "" || d.Scope == "compile" || d.Scope == "runtime")
}

// below reads the models of a level and gives the next one.
func (b *build) below(ctx context.Context, level []node, rules map[maven.DependencyKey]maven.Dependency) ([]node, error) {
	models, failures := make([]*Model, len(level)), make([]error, len(level))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(max(b.limit, 1))
	for i, n := range level {
		if b.own[string(n.GroupID+":"+n.ArtifactID)] {
			continue
		}
		g.Go(func() error {
			models[i], failures[i] = b.reader.Read(ctx, coordinatesOf(n.Dependency))
			return ctx.Err()
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	var next []node
	for i, m := range models {
		n := level[i]
		if err := failures[i]; err != nil && !errors.Is(err, ErrNoPOM) { // what it depends on is not known
			b.skipped[Skipped{coordinatesOf(n.Dependency).String(), err.Error()}] = true
		}
		if !n.lost {
			b.needed[coordinatesOf(n.Dependency)] = true
		}
		if m == nil {
			continue
		}
		if !n.lost {
			b.need(m)
		}
		if m.Relocated != nil {
			to := n
			to.GroupID, to.ArtifactID, to.Version = maven.String(m.Relocated.Group), maven.String(m.Relocated.Artifact), maven.String(m.Relocated.Version)
			delete(b.found, artifactOf(n.Dependency))
			next = append(next, to)
			continue
		}
		excluded := append(slices.Clip(n.excluded), n.Exclusions...)
		for _, d := range m.dependencies {
			if r, ok := rules[d.Key()]; ok {
				d.Version = r.Version
				if r.Scope != "" {
					d.Scope = r.Scope
				}
				d.Exclusions = append(slices.Clip(d.Exclusions), r.Exclusions...)
			}
			if followed(d) && !excludes(excluded, d) {
				next = append(next, node{d, excluded, n.lost})
			}
		}
	}
	return next, nil
}

func excludes(all []maven.Exclusion, d maven.Dependency) bool {
	return slices.ContainsFunc(all, func(e maven.Exclusion) bool {
		return (e.GroupID == "*" || e.GroupID == d.GroupID) && (e.ArtifactID == "*" || e.ArtifactID == d.ArtifactID)
	})
}

// usable skips what has no one version.
func (b *build) usable(d maven.Dependency) bool {
	name := string(d.GroupID + ":" + d.ArtifactID)
	why := ""
	switch v := string(d.Version); {
	case b.own[name]:
		return true // what its POM says is walked by itself; it is left out in the end
	case v == "":
		why = "no POM says its version"
	case strings.ContainsAny(v, "[](),"), v == "LATEST", v == "RELEASE":
		why = "its version is not fixed: " + v
	case strings.HasSuffix(v, "-SNAPSHOT"):
		why = "a snapshot, which is resolved anew each time"
	}
	if why != "" {
		b.skipped[Skipped{name, why}] = true
	}
	return why == ""
}

func coordinatesOf(d maven.Dependency) Coordinates {
	return Coordinates{string(d.GroupID), string(d.ArtifactID), string(d.Version)}
}

// artifactOf is the file of a dependency, by the handlers that Maven has for
// its types.
func artifactOf(d maven.Dependency) Artifact {
	a := Artifact{Coordinates: coordinatesOf(d), Classifier: string(d.Classifier), Extension: string(d.Type)}
	switch a.Extension {
	case "", "jar", "bundle", "maven-plugin", "ejb":
		a.Extension = ""
		if a.Classifier != "" {
			a.Extension = "jar"
		}
	case "test-jar":
		a.Classifier, a.Extension = or(a.Classifier, "tests"), "jar"
	case "ejb-client":
		a.Classifier, a.Extension = or(a.Classifier, "client"), "jar"
	case "java-source":
		a.Classifier, a.Extension = or(a.Classifier, "sources"), "jar"
	case "javadoc":
		a.Classifier, a.Extension = or(a.Classifier, "javadoc"), "jar"
	}
	return a
}

// need notes what a model is made of.
func (b *build) need(m *Model) {
	for _, c := range m.made {
		b.needed[c] = true
	}
}

func (b *build) result() *Result {
	out := &Result{Needed: b.needed}
	for a := range b.found {
		if !b.own[a.Group+":"+a.Artifact] {
			out.Artifacts = append(out.Artifacts, a)
		}
	}
	slices.SortFunc(out.Artifacts, func(x, y Artifact) int {
		return strings.Compare(x.String()+" "+x.Classifier+" "+x.Extension, y.String()+" "+y.Classifier+" "+y.Extension)
	})
	for s := range b.skipped {
		out.Skipped = append(out.Skipped, s)
	}
	slices.SortFunc(out.Skipped, func(x, y Skipped) int { return strings.Compare(x.Name+x.Why, y.Name+y.Why) })
	return out
}
