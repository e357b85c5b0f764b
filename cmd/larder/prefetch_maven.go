package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync"

	"larder/internal/lockfile"
	"larder/internal/lockfile/pomtree"
)

// mavenWire asks for Maven's files, and for the POMs that lead to them, each
// POM once in a run.
type mavenWire struct {
	p      *prefetcher
	reader *pomtree.Reader

	mu        sync.Mutex
	fatal     error        // what ended the run while a POM was asked for
	waiting   []pomOutcome // while it is not known which POMs matter
	resolving bool
	modules   bool // Gradle's module metadata is wanted too, where a POM says that there is some
}

func newMavenWire(p *prefetcher) *mavenWire {
	m := &mavenWire{p: p}
	m.reader = pomtree.NewReader(m.pom)
	return m
}

// pomOutcome is what became of a POM.
type pomOutcome struct {
	at pomtree.Coordinates
	e  lockfile.Entry
	o  outcome
}

// entryOf makes an entry of coordinates, whose names may be anything.
func entryOf(c pomtree.Coordinates) (lockfile.Entry, error) {
	return lockfile.Check(lockfile.Entry{Format: lockfile.Maven, Namespace: c.Group, Name: c.Artifact, Version: c.Version})
}

// want is a file of a version in Maven's layout.
func (m *mavenWire) want(ctx context.Context, e lockfile.Entry, file string) (want, error) {
	segments := append(strings.Split(e.Namespace, "."), e.Name, e.Version, file)
	for _, s := range segments {
		if s == "" {
			return want{}, &problem{outcome{file: file, state: stateFailed, reason: fmt.Sprintf("%q is no group", e.Namespace)}}
		}
	}
	u, err := m.p.wire.address(ctx, lockfile.Maven, segments...)
	return want{file: file, asset: file, url: u}, err
}

// pom is the source of all POMs. What becomes of each stands in the report; one
// that is not there, or not to be had, is none.
func (m *mavenWire) pom(ctx context.Context, c pomtree.Coordinates) ([]byte, error) {
	e, err := entryOf(c)
	if err != nil {
		m.p.report.skip(c.String(), err.Error())
		return nil, pomtree.ErrNoPOM
	}
	var data []byte
	var one *problem
	o := outcome{}
	f, err := m.want(ctx, e, e.Name+"-"+e.Version+".pom")
	switch {
	case errors.As(err, &one):
		o = one.outcome
	case err == nil:
		f.keep = func(b []byte) { data = b }
		o, err = m.p.wire.file(ctx, &askedVersion{session: m.p.session, entry: e}, f)
	}
	if err != nil && one == nil {
		m.mu.Lock()
		m.fatal = errors.Join(m.fatal, err)
		m.mu.Unlock()
		return nil, err
	}
	if m.p.wanted(o.file) || o.state == stateRefused || o.state == stateFailed {
		m.note(pomOutcome{c, e, o})
	}
	if data == nil {
		return nil, pomtree.ErrNoPOM
	}
	return data, m.module(ctx, e, data)
}

// module asks for the module metadata that a POM says lies beside it. Gradle
// does so for parents and imports too, and goes on without.
func (m *mavenWire) module(ctx context.Context, e lockfile.Entry, pom []byte) error {
	file := e.Name + "-" + e.Version + ".module"
	if !m.modules || !pomtree.HasModule(pom) || !m.p.wanted(file) {
		return nil
	}
	f, err := m.want(ctx, e, file)
	var o outcome
	if err == nil {
		o, err = m.p.wire.file(ctx, &askedVersion{session: m.p.session, entry: e}, f)
	}
	if err != nil {
		m.mu.Lock()
		m.fatal = errors.Join(m.fatal, err)
		m.mu.Unlock()
	} else if o.state != stateMissing {
		m.p.report.add(e, o)
	}
	return err
}

// note reports what became of a POM, or keeps it until it is known whether it
// matters that it is missing.
func (m *mavenWire) note(p pomOutcome) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.resolving && p.o.state == stateMissing {
		m.waiting = append(m.waiting, p)
		return
	}
	m.p.report.add(p.e, p.o)
}

// ended gives what ended the run.
func (m *mavenWire) ended() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.fatal
}

// files are what belongs to a version: its POM, which is asked for here with
// its parents and imports, and the file that is meant.
func (m *mavenWire) files(ctx context.Context, i item) ([]want, error) {
	c := pomtree.Coordinates{Group: i.Namespace, Artifact: i.Name, Version: i.Version}
	model, err := m.reader.Read(ctx, c)
	if err := errors.Join(m.ended(), ctx.Err()); err != nil {
		return nil, err
	}
	extension, optional := "jar", false
	switch {
	case errors.Is(err, pomtree.ErrNoPOM):
	case model == nil || err != nil:
		m.p.report.skip(c.String(), err.Error())
	}
	if model != nil {
		extension = model.Extension
		optional = model.Relocated != nil || model.Gradle // then the metadata names the files
	}
	if i.Extension != "" {
		extension = i.Extension
	}
	var all []want
	if extension != "" && extension != "pom" {
		file := i.Name + "-" + i.Version
		if i.Classifier != "" {
			file += "-" + i.Classifier
		}
		w, err := m.want(ctx, i.Entry, file+"."+extension)
		if err != nil {
			return nil, err
		}
		w.promises, w.optional = promised(i.Digests), optional && len(i.Digests) == 0
		all = append(all, w)
	}
	return all, nil
}

// resolve finds out what the build of a pom.xml asks for.
func (m *mavenWire) resolve(ctx context.Context, l lock) ([]item, error) {
	first := path.Base(filepath.ToSlash(l.name))
	folder := filepath.Dir(l.name)
	local := func(name string) ([]byte, error) {
		if name == first {
			return l.data, nil
		}
		data, err := readFile(filepath.Join(folder, filepath.FromSlash(name)), pomtree.MaxPOM)
		if err != nil && !os.IsNotExist(err) {
			return nil, fmt.Errorf("cannot read %s: %w", name, err)
		}
		if err != nil {
			err = fmt.Errorf("%s: %w", name, fs.ErrNotExist)
		}
		return data, err
	}
	m.resolving = true
	found, err := m.reader.Resolve(ctx, local, first, m.p.jobs)
	m.resolving = false
	if err := errors.Join(m.ended(), ctx.Err()); err != nil {
		return nil, err
	}
	if err != nil {
		return nil, err
	}
	for _, p := range m.waiting {
		if found.Needed[p.at] {
			m.p.report.add(p.e, p.o)
		}
	}
	m.waiting = nil
	for _, s := range found.Skipped {
		m.p.report.skip(s.Name, s.Why)
	}
	var all []item
	for _, a := range found.Artifacts {
		e, err := entryOf(a.Coordinates)
		if err == nil {
			e.Classifier, e.Extension = a.Classifier, a.Extension
			e, err = lockfile.Check(e)
		}
		if err != nil {
			m.p.report.skip(a.String(), err.Error())
			continue
		}
		all = append(all, item{e})
	}
	return all, nil
}
