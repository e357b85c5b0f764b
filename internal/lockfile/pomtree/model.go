package pomtree

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"

	"deps.dev/util/maven"
	"golang.org/x/net/html/charset"
)

// Limits of one resolution.
const (
	// MaxPOM is how large a POM may be, in bytes; the largest known has 1 MB.
	MaxPOM     = 4 << 20
	maxParents = 50
	maxModels  = 20_000
)

// Coordinates name a version of an artifact.
type Coordinates struct{ Group, Artifact, Version string }

// String spells them as Maven does.
func (c Coordinates) String() string { return c.Group + ":" + c.Artifact + ":" + c.Version }

// Source gives the bytes of a POM as a repository has it, ErrNoPOM where it has
// none. It is called by several goroutines, once for each POM.
type Source func(ctx context.Context, c Coordinates) ([]byte, error)

// ErrNoPOM says that a repository has no such POM; the artifact then has no
// dependencies, as for Maven.
var ErrNoPOM = errors.New("there is no such POM")

// Reader reads models from a repository, each once. Safe for concurrent use.
type Reader struct {
	source Source

	mu    sync.Mutex
	raw   map[Coordinates]func() (*model, error)
	whole map[Coordinates]func() (*Model, error)
}

// NewReader reads from the source.
func NewReader(source Source) *Reader {
	return &Reader{source: source, raw: map[Coordinates]func() (*model, error){}, whole: map[Coordinates]func() (*Model, error){}}
}

// model is one POM as it is written.
type model struct {
	maven.Project
	plugins []plugin
	gradle  bool // Gradle's module metadata lies beside it
}

// plugin is a plugin of a build. The library's model has none.
type plugin struct {
	GroupID    maven.String `xml:"groupId"`
	ArtifactID maven.String `xml:"artifactId"`
	Version    maven.String `xml:"version"`
}

// Model is an effective model: with what its parents and imports say.
type Model struct {
	Coordinates Coordinates
	Extension   string // of the main file; empty where there is none
	// Relocated is where the artifact has gone to.
	Relocated *Coordinates
	// Gradle: Gradle's module metadata lies beside the POM, and says what files
	// there are.
	Gradle bool

	dependencies, managed []maven.Dependency
	plugins               []maven.Dependency
	modules               []string
	unset                 []string      // dependencies with a property that is set nowhere
	made                  []Coordinates // of POMs that it is made of, those that are not there too
}

// gradleMark is in the POMs that Gradle publishes with module metadata.
const gradleMark = "do_not_remove: published-with-gradle-metadata"

// HasModule reports whether Gradle's module metadata lies beside a POM.
func HasModule(pom []byte) bool { return bytes.Contains(pom, []byte(gradleMark)) }

// parsePOM reads a POM.
func parsePOM(data []byte) (*model, error) {
	if len(data) > MaxPOM {
		return nil, fmt.Errorf("the POM has %d bytes, and %d are read at most", len(data), MaxPOM)
	}
	m := &model{gradle: HasModule(data)}
	var build struct {
		Plugins []plugin `xml:"build>plugins>plugin"`
	}
	for _, into := range []any{&m.Project, &build} {
		d := xml.NewDecoder(bytes.NewReader(data))
		d.CharsetReader = func(label string, input io.Reader) (io.Reader, error) { return charset.NewReaderLabel(label, input) }
		d.Entity = xml.HTMLEntity // old ones have them
		var syntax *xml.SyntaxError
		if err := d.Decode(into); errors.As(err, &syntax) {
			return nil, fmt.Errorf("line %d: it is no XML: %s", syntax.Line, syntax.Msg)
		} else if err != nil {
			return nil, fmt.Errorf("it is no POM: %w", err)
		}
	}
	m.plugins = build.Plugins
	return m, m.MergeProfiles("", maven.ActivationOS{})
}

// once gives what has been read under a key, or reads it.
func once[T any](r *Reader, all map[Coordinates]func() (T, error), c Coordinates, read func() (T, error)) (T, error) {
	r.mu.Lock()
	f, ok := all[c]
	full := len(all) >= maxModels
	if !ok && !full {
		f = sync.OnceValues(read)
		all[c] = f
	}
	r.mu.Unlock()
	if f == nil {
		var none T
		return none, fmt.Errorf("there are more than %d POMs", maxModels)
	}
	return f()
}

// fetch reads one POM from the repository.
func (r *Reader) fetch(ctx context.Context, c Coordinates) (*model, error) {
	return once(r, r.raw, c, func() (*model, error) {
		data, err := r.source(ctx, c)
		if err != nil {
			return nil, err
		}
		m, err := parsePOM(data)
		if err != nil {
			return nil, fmt.Errorf("the POM of %s: %w", c, err)
		}
		return m, nil
	})
}

// Read gives the effective model of a version, for which it reads the parents
// and what they import. ErrNoPOM where its own POM is not there; a parent that
// is not leaves gaps.
func (r *Reader) Read(ctx context.Context, c Coordinates) (*Model, error) {
	return once(r, r.whole, c, func() (*Model, error) {
		m, err := r.fetch(ctx, c)
		if err != nil {
			return nil, err
		}
		return r.effective(ctx, m, r.parentOf)
	})
}

// parents finds the parent of a model; nil where it has none.
type parents func(ctx context.Context, m *model) (*model, parents, error)

// parentOf is parents for what came from the repository.
func (r *Reader) parentOf(ctx context.Context, m *model) (*model, parents, error) {
	p := m.Parent.ProjectKey
	if p.ArtifactID == "" {
		return nil, nil, nil
	}
	parent, err := r.fetch(ctx, Coordinates{string(p.GroupID), string(p.ArtifactID), string(p.Version)})
	return parent, r.parentOf, err
}

// inherited is a model with what its parents say, properties filled in.
type inherited struct {
	maven.Project
	plugins []plugin // of the build, the parents' last
	unset   []string // dependencies that are left out: a property in them is set nowhere
	parents []Coordinates
}

// inherit adds to a model what its parents say.
func (r *Reader) inherit(ctx context.Context, m *model, find parents) (*inherited, error) {
	p, plugins := m.Project, slices.Clip(m.plugins)
	var above []Coordinates
	for at, n := m, 0; ; n++ {
		if n == maxParents {
			return nil, fmt.Errorf("%s has more than %d parents", p.ProjectKey.Name(), maxParents)
		}
		if k := at.Parent.ProjectKey; k.ArtifactID != "" {
			above = append(above, Coordinates{string(k.GroupID), string(k.ArtifactID), string(k.Version)})
		}
		parent, next, err := find(ctx, at)
		if errors.Is(err, ErrNoPOM) || parent == nil && err == nil {
			break
		}
		if err != nil {
			return nil, err
		}
		p.MergeParent(parent.Project)
		plugins = append(plugins, parent.plugins...)
		at, find = parent, next
	}
	before := p.Dependencies
	if err := p.Interpolate(); err != nil {
		return nil, err
	}
	var unset []string
	if len(p.Dependencies) < len(before) {
		for _, d := range before {
			if !slices.ContainsFunc(p.Dependencies, func(o maven.Dependency) bool { return o.ArtifactID == d.ArtifactID }) && d.ArtifactID != "" {
				unset = append(unset, string(d.GroupID+":"+d.ArtifactID))
			}
		}
	}
	return &inherited{p, plugins, unset, above}, nil
}

// effective makes the effective model.
func (r *Reader) effective(ctx context.Context, m *model, find parents) (*Model, error) {
	p, err := r.inherit(ctx, m, find)
	if err != nil {
		return nil, err
	}
	var failed error
	made := p.parents
	p.ProcessDependencies(func(group, artifact, version maven.String) (maven.DependencyManagement, error) {
		c := Coordinates{string(group), string(artifact), string(version)}
		made = append(made, c)
		imported, err := r.fetch(ctx, c)
		if err == nil {
			var whole *inherited
			if whole, err = r.inherit(ctx, imported, r.parentOf); err == nil {
				made = append(made, whole.parents...)
				return whole.DependencyManagement, nil
			}
		}
		if !errors.Is(err, ErrNoPOM) {
			failed = errors.Join(failed, err)
		}
		return maven.DependencyManagement{}, err
	})
	out := &Model{
		Coordinates: Coordinates{string(p.GroupID), string(p.ArtifactID), string(p.Version)},
		Extension:   extension(string(p.Packaging)), Gradle: m.gradle,
		dependencies: p.Dependencies, managed: p.DependencyManagement.Dependencies, unset: p.unset,
	}
	if at := p.DistributionManagement.Relocation; at != (maven.Relocation{}) {
		out.Relocated = &Coordinates{
			or(string(at.GroupID), out.Coordinates.Group), or(string(at.ArtifactID), out.Coordinates.Artifact), or(string(at.Version), out.Coordinates.Version),
		}
	}
	out.made = append(made, out.Coordinates)
	for _, module := range p.Modules {
		out.modules = append(out.modules, string(module))
	}
	out.plugins = p.pluginVersions()
	return out, failed
}

// lifecycle are the plugins that Maven itself binds to phases.
var lifecycle = []maven.String{
	"maven-clean-plugin", "maven-resources-plugin", "maven-compiler-plugin", "maven-surefire-plugin", "maven-jar-plugin",
	"maven-war-plugin", "maven-install-plugin", "maven-deploy-plugin", "maven-site-plugin",
}

const pluginGroup = "org.apache.maven.plugins"

// pluginVersions gives the plugins that a build names with a version: in its
// own list, and those of the lifecycle that it manages.
func (p *inherited) pluginVersions() []maven.Dependency {
	// The library fills properties into dependencies only.
	q := maven.Project{ProjectKey: p.ProjectKey, Parent: p.Parent, Properties: p.Properties}
	add := func(group, artifact, version maven.String) {
		if group == "" {
			group = pluginGroup
		}
		d := maven.Dependency{GroupID: group, ArtifactID: artifact, Version: version, Scope: "runtime"}
		if version != "" && !slices.ContainsFunc(q.Dependencies, func(o maven.Dependency) bool { return o.GroupID == group && o.ArtifactID == artifact }) {
			q.Dependencies = append(q.Dependencies, d)
		}
	}
	managed := p.Build.PluginManagement.Plugins
	for _, x := range p.plugins {
		for _, m := range managed {
			same := x.GroupID == m.GroupID || (x.GroupID == "" || x.GroupID == pluginGroup) && (m.GroupID == "" || m.GroupID == pluginGroup)
			if x.Version == "" && m.ArtifactID == x.ArtifactID && same {
				x.Version = m.Version
			}
		}
		add(x.GroupID, x.ArtifactID, x.Version) // without a version Maven itself chooses
	}
	for _, m := range managed {
		if (m.GroupID == "" || m.GroupID == pluginGroup) && slices.Contains(lifecycle, m.ArtifactID) {
			add(m.GroupID, m.ArtifactID, m.Version)
		}
	}
	if q.Interpolate() != nil {
		return nil
	}
	return q.Dependencies
}

// extension is that of a packaging's main file; empty: there is none.
func extension(packaging string) string {
	switch packaging {
	case "pom":
		return ""
	case "war", "ear", "rar", "aar", "zip", "tar.gz", "so", "dll", "exe", "nar", "hpi", "apk":
		return packaging
	}
	return "jar" // bundle, maven-plugin, ejb, and what plugins add
}

func or(a, b string) string {
	if strings.TrimSpace(a) != "" {
		return a
	}
	return b
}
