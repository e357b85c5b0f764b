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
	unset                 []string // dependencies with a property that is set nowhere
}

// gradleMark is in the POMs that Gradle publishes with module metadata.
const gradleMark = "do_not_remove: published-with-gradle-metadata"

// parsePOM reads a POM.
func parsePOM(data []byte) (*model, error) {
	if len(data) > MaxPOM {
		return nil, fmt.Errorf("the POM has %d bytes, and %d are read at most", len(data), MaxPOM)
	}
	m := &model{gradle: bytes.Contains(data, []byte(gradleMark))}
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

// inherited gives a model with what its parents say, properties filled in, and
// the dependencies that are left out since a property in them is set nowhere.
func (r *Reader) inherited(ctx context.Context, m *model, find parents) (*maven.Project, []string, error) {
	p := m.Project
	for at, n := m, 0; ; n++ {
		if n == maxParents {
			return nil, nil, fmt.Errorf("%s has more than %d parents", p.ProjectKey.Name(), maxParents)
		}
		parent, next, err := find(ctx, at)
		if errors.Is(err, ErrNoPOM) || parent == nil && err == nil {
			break
		}
		if err != nil {
			return nil, nil, err
		}
		p.MergeParent(parent.Project)
		at, find = parent, next
	}
	before := p.Dependencies
	if err := p.Interpolate(); err != nil {
		return nil, nil, err
	}
	var unset []string
	if len(p.Dependencies) < len(before) {
		for _, d := range before {
			if !slices.ContainsFunc(p.Dependencies, func(o maven.Dependency) bool { return o.ArtifactID == d.ArtifactID }) && d.ArtifactID != "" {
				unset = append(unset, string(d.GroupID+":"+d.ArtifactID))
			}
		}
	}
	return &p, unset, nil
}

// effective makes the effective model.
func (r *Reader) effective(ctx context.Context, m *model, find parents) (*Model, error) {
	p, unset, err := r.inherited(ctx, m, find)
	if err != nil {
		return nil, err
	}
	var failed error
	p.ProcessDependencies(func(group, artifact, version maven.String) (maven.DependencyManagement, error) {
		imported, err := r.fetch(ctx, Coordinates{string(group), string(artifact), string(version)})
		if err == nil {
			var whole *maven.Project
			if whole, _, err = r.inherited(ctx, imported, r.parentOf); err == nil {
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
		dependencies: p.Dependencies, managed: p.DependencyManagement.Dependencies, unset: unset,
	}
	if at := p.DistributionManagement.Relocation; at != (maven.Relocation{}) {
		out.Relocated = &Coordinates{
			or(string(at.GroupID), out.Coordinates.Group), or(string(at.ArtifactID), out.Coordinates.Artifact), or(string(at.Version), out.Coordinates.Version),
		}
	}
	for _, module := range p.Modules {
		out.modules = append(out.modules, string(module))
	}
	out.plugins = pluginsOf(m, p)
	return out, failed
}

// pluginsOf gives the plugins that a build names, with their versions filled in.
func pluginsOf(m *model, p *maven.Project) []maven.Dependency {
	// The library fills properties into dependencies only.
	q := maven.Project{ProjectKey: p.ProjectKey, Parent: p.Parent, Properties: p.Properties}
	for _, x := range m.plugins {
		d := maven.Dependency{GroupID: x.GroupID, ArtifactID: x.ArtifactID, Version: x.Version, Scope: "runtime"}
		if d.GroupID == "" {
			d.GroupID = "org.apache.maven.plugins"
		}
		for _, managed := range p.Build.PluginManagement.Plugins {
			if d.Version == "" && managed.ArtifactID == d.ArtifactID && (managed.GroupID == d.GroupID || managed.GroupID == "") {
				d.Version = managed.Version
			}
		}
		if d.Version != "" { // else Maven itself chooses
			q.Dependencies = append(q.Dependencies, d)
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
