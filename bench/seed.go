package main

import (
	"bytes"
	"context"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"larder/registry"
	"larder/storage"
)

// The repository that is filled: that of the first start.
var (
	localDomain = registry.DomainID{Owner: "000000000000", Name: "local"}
	mainRepo    = registry.RepoID{Domain: localDomain, Name: "main"}
)

// A template is a package that was really published; rows of others are made
// from its rows by putting other names in. A sample is published as well, and
// what is made for it from the template has to be what the server wrote.
const (
	templateName, templateScope, templateVersion = "templatelib", "templatescope", "77.66.55"
	sampleName, sampleScope, sampleVersion       = "samplelib", "samplescope", "1.2.3"
	longName                                     = "long" // the npm package with very many versions
)

// versionsEach is how many versions a package has, but for the long one, which
// has a tenth of all.
const versionsEach = 10

// batchPackages is about how many packages are written in one transaction.
const batchPackages = 1000

// stencil is what a template's rows were.
type stencil struct {
	kind
	pkg     registry.Package
	version registry.Version
	fileOf  []int   // by asset: which of the kind's files it is
	spelled []digit // the digests that the manifest names
	stamp   string  // the time that it names, if any
}

// stamps are times in manifests.
var stamps = regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z`)

// digit is a digest of a file as some text spells it.
type digit struct {
	file  int
	spell func(registry.Hashes) string
	text  string // of the template
}

var spellings = []func(registry.Hashes) string{
	func(h registry.Hashes) string { return hex.EncodeToString(h.MD5[:]) },
	func(h registry.Hashes) string { return hex.EncodeToString(h.SHA1[:]) },
	func(h registry.Hashes) string { return hex.EncodeToString(h.SHA256[:]) },
	func(h registry.Hashes) string { return hex.EncodeToString(h.SHA512[:]) },
	func(h registry.Hashes) string { return base64.StdEncoding.EncodeToString(h.SHA256[:]) },
	func(h registry.Hashes) string { return base64.StdEncoding.EncodeToString(h.SHA512[:]) },
}

func hashesOf(content []byte) registry.Hashes {
	return registry.Hashes{MD5: md5.Sum(content), SHA1: sha1.Sum(content), SHA256: sha256.Sum256(content), SHA512: sha512.Sum512(content)}
}

// cut makes a stencil of a published template.
func cut(k kind, p registry.Package, v registry.Version) (stencil, error) {
	t := stencil{kind: k, pkg: p, version: v, stamp: stamps.FindString(string(v.Manifest))}
	files := k.files(p.ID, v.Version)
	for i, f := range files {
		for _, spell := range spellings {
			if text := spell(hashesOf(f.content)); bytes.Contains(v.Manifest, []byte(text)) {
				t.spelled = append(t.spelled, digit{i, spell, text})
			}
		}
	}
	for _, a := range v.Assets {
		at := slices.IndexFunc(files, func(f file) bool { return hashesOf(f.content) == a.Hashes })
		if at < 0 {
			return t, fmt.Errorf("%s: asset %s is none of the files that were published", k.name, a.Name)
		}
		t.fileOf = append(t.fileOf, at)
	}
	return t, nil
}

// scoped gives the namespace of a template or a sample of the kind.
func (k kind) scoped(scope string) string {
	if k.scope == "" {
		return ""
	}
	return scope
}

func (k kind) id(namespace, name string) registry.PackageID {
	return registry.PackageID{Format: k.format, Namespace: k.scoped(namespace), Name: name}
}

// nth is the n-th generated package of the kind: a hundred to a namespace.
func (k kind) nth(n int) registry.PackageID {
	return k.id(fmt.Sprintf("%s%d", k.scope, n/100), fmt.Sprintf("lib%d", n))
}

// nthVersion is the version of that number.
func nthVersion(n int) string { return fmt.Sprintf("%d.%d.%d", 1+n/100, n/10%10, n%10) }

// publishTemplates publishes a template and a sample of each kind.
func publishTemplates(s *server) error {
	for _, k := range kinds {
		err := k.publish(s, k.id(templateScope, templateName), templateVersion)
		if err = errors.Join(err, k.publish(s, k.id(sampleScope, sampleName), sampleVersion)); err != nil {
			return fmt.Errorf("%s: %w", k.name, err)
		}
	}
	return nil
}

// readTemplates reads what the server wrote, and holds what is made of the
// templates against it.
func readTemplates(ctx context.Context, rows registry.Metadata) ([]stencil, error) {
	var all []stencil
	err := rows.View(ctx, func(tx registry.Tx) error {
		for _, k := range kinds {
			template, err := tx.Package(mainRepo, k.id(templateScope, templateName))
			if err != nil {
				return err
			}
			version, err := tx.Version(mainRepo, registry.VersionID{Package: template.ID, Version: templateVersion})
			if err != nil {
				return err
			}
			t, err := cut(k.kind, template, version)
			if err != nil {
				return err
			}
			id := k.id(sampleScope, sampleName)
			pkg, err := tx.Package(mainRepo, id)
			if err != nil {
				return err
			}
			sample, err := tx.Version(mainRepo, registry.VersionID{Package: id, Version: sampleVersion})
			if err != nil {
				return err
			}
			made, _ := t.make(id, sampleVersion, sample.Published, stamps.FindString(string(sample.Manifest)))
			made.Released = sample.Released
			if !reflect.DeepEqual(made, sample) {
				return fmt.Errorf("%s: what is made differs from what was published:\n%+v\n%+v", k.name, made, sample)
			}
			madePackage := t.makePackage(id, []registry.Version{made})
			madePackage.Created, madePackage.Modified, madePackage.Revision = pkg.Created, pkg.Modified, pkg.Revision
			if !reflect.DeepEqual(madePackage, pkg) {
				return fmt.Errorf("%s: the package that is made differs from the one that was published:\n%+v\n%+v", k.name, madePackage, pkg)
			}
			all = append(all, t)
		}
		return nil
	})
	return all, err
}

// make gives a version as the server would have written it, with its files;
// stamp is the time of its upload as manifests have it.
func (t stencil) make(id registry.PackageID, version string, at time.Time, stamp string) (registry.Version, []file) {
	files := t.files(id, version)
	hashes := make([]registry.Hashes, len(files))
	for i, f := range files {
		hashes[i] = hashesOf(f.content)
	}
	put := []string{templateScope, id.Namespace, templateName, id.Name, templateVersion, version}
	if t.stamp != "" {
		put = append(put, t.stamp, stamp)
	}
	for _, d := range t.spelled {
		put = append(put, d.text, d.spell(hashes[d.file]))
	}
	named := strings.NewReplacer(put...)
	v := t.version
	v.Version, v.Published, v.Released = version, at, at
	v.Manifest = []byte(named.Replace(string(v.Manifest)))
	v.Assets = slices.Clone(v.Assets)
	manifest := sha256.Sum256(v.Manifest)
	revision := sha256.New() // as registry/revision.go makes it
	revision.Write(manifest[:])
	for i := range v.Assets {
		a, f := &v.Assets[i], t.fileOf[i]
		a.Name, a.Size, a.Hashes = named.Replace(a.Name), int64(len(files[f].content)), hashes[f]
		revision.Write(append([]byte(a.Name), 0))
		revision.Write(a.Hashes.SHA256[:])
	}
	v.Revision = base64.StdEncoding.EncodeToString(revision.Sum(nil))
	return v, files
}

// makePackage gives the row of a package that has these versions, the newest last.
func (t stencil) makePackage(id registry.PackageID, versions []registry.Version) registry.Package {
	p := t.pkg
	newest := versions[len(versions)-1]
	p.ID, p.Created, p.Modified = id, versions[0].Published, newest.Published
	p.Sequence = t.pkg.Sequence * int64(len(versions))
	p.Tags = map[string]string{}
	for tag := range t.pkg.Tags {
		p.Tags[tag] = newest.Version
	}
	return p
}

// seeding fills the repository of a server that does not run.
type seeding struct {
	data     string
	stencils []stencil
	began    time.Time // of the oldest version
}

// generated is a package, or a part of one.
type generated struct {
	pkg      registry.Package
	versions []registry.Version
}

// seed brings the repository to about so many versions, a thousand at least.
// Publishing a million over HTTP would take hours: rows are written by the
// storage's own transactions, ten thousand versions in each, and bytes are put
// where storage/fs has them, but not synchronized one by one.
func (b *bench) seed(data string, total int) (err error) {
	ctx := context.Background()
	rows, err := storage.Metadata(ctx, "", data)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	s := seeding{data: data, began: time.Now().Add(-1000 * 24 * time.Hour).UTC().Truncate(time.Millisecond)}
	if s.stencils, err = readTemplates(ctx, rows); err != nil {
		return err
	}
	work, ctx := errgroup.WithContext(ctx)
	jobs := s.jobs(total)
	next := make(chan func() ([]generated, error), len(jobs))
	for _, j := range jobs {
		next <- j
	}
	close(next)
	made := make(chan []generated, 4)
	makers, _ := errgroup.WithContext(ctx)
	for range 2 {
		makers.Go(func() error {
			for job := range next {
				batch, err := job()
				if err != nil {
					return err
				}
				select {
				case made <- batch:
				case <-ctx.Done():
					return ctx.Err()
				}
			}
			return nil
		})
	}
	work.Go(func() error {
		defer close(made)
		return makers.Wait()
	})
	work.Go(func() error {
		var batch []generated
		for some := range made {
			if batch = append(batch, some...); len(batch) < batchPackages {
				continue // a commit waits for all bytes that are on their way to the disk
			}
			if err := rows.Update(ctx, func(tx registry.Tx) error { return write(tx, batch) }); err != nil {
				return err
			}
			batch = nil
		}
		return rows.Update(ctx, func(tx registry.Tx) error { return write(tx, batch) })
	})
	return work.Wait()
}

// jobs make a thousand versions each.
func (s seeding) jobs(total int) (all []func() ([]generated, error)) {
	const batch = 100
	for i, k := range kinds {
		packages := total * k.share / 1000
		for from := 0; from < packages; from += batch {
			all = append(all, func() ([]generated, error) {
				var out []generated
				for n := from; n < min(from+batch, packages); n++ {
					g, err := s.generate(s.stencils[i], k.nth(n), 0, versionsEach)
					if err != nil {
						return nil, err
					}
					out = append(out, g)
				}
				return out, nil
			})
		}
	}
	npm := 1 // without a namespace
	for from := 0; from < total/10; from += batch * versionsEach {
		all = append(all, func() ([]generated, error) {
			g, err := s.generate(s.stencils[npm], kinds[npm].id("", longName), from, min(batch*versionsEach, total/10-from))
			return []generated{g}, err
		})
	}
	return all
}

// generate makes versions of a package, from the given number on.
func (s seeding) generate(t stencil, id registry.PackageID, from, count int) (generated, error) {
	var g generated
	for n := from; n < from+count; n++ {
		at := s.began.Add(time.Duration(n) * time.Minute)
		v, files := t.make(id, nthVersion(n), at, at.Format(time.RFC3339Nano))
		for i, f := range t.fileOf {
			if err := s.keep(v.Assets[i].Hashes.SHA256, files[f].content); err != nil {
				return g, err
			}
		}
		g.versions = append(g.versions, v)
	}
	g.pkg = t.makePackage(id, g.versions)
	g.pkg.Sequence = t.pkg.Sequence * int64(from+count)
	return g, nil
}

// keep puts bytes where storage/fs/layout.go says.
func (s seeding) keep(digest registry.Digest, content []byte) error {
	name := digest.String()
	path := filepath.Join(s.data, "blobs", "sha256", localDomain.Owner, localDomain.Name, name[:2], name[2:4], name)
	err := os.WriteFile(path, content, 0o600)
	if errors.Is(err, fs.ErrNotExist) {
		if err = os.MkdirAll(filepath.Dir(path), 0o700); err == nil {
			err = os.WriteFile(path, content, 0o600)
		}
	}
	return err
}

func write(tx registry.Tx, batch []generated) error {
	for _, g := range batch {
		have, err := tx.Package(mainRepo, g.pkg.ID)
		switch {
		case err == nil && have.Sequence > g.pkg.Sequence: // parts may come in any order
			g.pkg = have
		case err != nil && !registry.IsNotFound(err):
			return err
		}
		if err := tx.PutPackage(mainRepo, g.pkg); err != nil {
			return err
		}
		for _, v := range g.versions {
			if err := tx.PutVersion(mainRepo, g.pkg.ID, v); err != nil {
				return err
			}
		}
	}
	return nil
}
