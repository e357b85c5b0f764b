package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"larder/internal/pgtest"
	"larder/registry"
	"larder/storage"
	"larder/storage/care"
)

// Sizes of the two repositories that are compared, in package versions.
const (
	fewVersions  = 1_000
	manyVersions = 1_000_000
)

// warmUp is how many requests a server answers before it is measured: its
// connections to the database are made by them.
const warmUp = 20

// million compares a repository of a million package versions with one of a
// thousand, on SQLite and on PostgreSQL.
func (b *bench) million() error {
	few, many := filepath.Join(b.folder, "few"), filepath.Join(b.folder, "many")
	for _, w := range []struct {
		data  string
		total int
	}{{few, fewVersions}, {many, b.versions}} {
		s, err := b.serve(filepath.Base(w.data))
		if err != nil {
			return err
		}
		if err := errors.Join(publishTemplates(s), s.Stop()); err != nil {
			return err
		}
		began := time.Now()
		if err := b.seed(w.data, w.total); err != nil {
			return err
		}
		fmt.Printf("\n%d package versions written in %v, rows of %s.\n", w.total, time.Since(began).Round(time.Second), fileSize(filepath.Join(w.data, "larder.db")))
	}
	clusters, err := b.toPostgres(few, many)
	defer func() {
		for _, c := range clusters {
			c.Remove() //nolint:errcheck // the folder goes with everything else
		}
	}()
	if err != nil {
		return err
	}
	if err := b.compareSizes("SQLite", "few", "many"); err != nil {
		return err
	}
	if err := b.collectGarbage(many); err != nil {
		return err
	}
	return b.compareSizes("PostgreSQL", "few-postgres", "many-postgres", "--metadata", clusters[0].URL(), "--metadata", clusters[1].URL())
}

func fileSize(path string) string {
	i, err := os.Stat(path)
	if err != nil {
		return "?"
	}
	return megabytes(i.Size())
}

// toPostgres brings the rows of the two folders into clusters of their own, and
// makes folders for servers on these, whose bytes are those of the old ones.
func (b *bench) toPostgres(folders ...string) (clusters []*pgtest.Cluster, err error) {
	ctx := context.Background()
	for _, data := range folders {
		c, err := pgtest.Start()
		if err != nil {
			return clusters, err
		}
		clusters = append(clusters, c)
		dump := filepath.Join(b.folder, "rows")
		began := time.Now()
		if err := writeDump(ctx, storage.Place{Data: data}, dump); err != nil {
			return clusters, err
		}
		dumped := time.Since(began)
		began = time.Now()
		if err := readDump(ctx, dump, storage.Place{Metadata: c.URL(), Data: data}); err != nil {
			return clusters, err
		}
		fmt.Printf("\nRows of %s dumped in %v (%s), and restored into PostgreSQL in %v.\n", filepath.Base(data), dumped.Round(time.Second), fileSize(dump), time.Since(began).Round(time.Second))
		folder := data + "-postgres"
		err = errors.Join(os.Mkdir(folder, 0o700), os.Symlink(filepath.Join(data, "blobs"), filepath.Join(folder, "blobs")),
			os.WriteFile(filepath.Join(folder, "larder.lock"), nil, 0o600)) // by which a server knows its folder
		for _, name := range []string{"master.key", "credentials"} {
			content, readErr := os.ReadFile(filepath.Join(data, name))
			err = errors.Join(err, readErr, os.WriteFile(filepath.Join(folder, name), content, 0o600))
		}
		if err != nil {
			return clusters, err
		}
	}
	return clusters, os.Remove(filepath.Join(b.folder, "rows"))
}

func writeDump(ctx context.Context, from storage.Place, path string) (err error) {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return from.Dump(ctx, f)
}

func readDump(ctx context.Context, path string, to storage.Place) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	return to.Restore(ctx, f)
}

// collectGarbage measures what a sweep of all bytes takes that finds nothing.
func (b *bench) collectGarbage(data string) error {
	ctx := context.Background()
	rows, bytes, closeBoth, err := storage.Place{Data: data}.Look(ctx)
	if err != nil {
		return err
	}
	defer closeBoth() //nolint:errcheck // was only read
	began := time.Now()
	found, err := care.GC{DryRun: true, Grace: time.Nanosecond}.Run(ctx, rows, bytes)
	if err != nil {
		return err
	}
	fmt.Printf("\n`larder gc --dry-run` looked at %d blobs in %v.\n", found.Blobs, time.Since(began).Round(time.Second))
	return nil
}

// compareSizes starts a server on each folder and prints how long requests
// take at the one and at the other.
func (b *bench) compareSizes(engine, few, many string, args ...string) (err error) {
	var servers [2]*server
	for i, name := range []string{few, many} {
		if servers[i], err = b.serve(name, args[len(args)/2*i:len(args)/2*(i+1)]...); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, servers[i].Stop()) }()
	}
	time.Sleep(settle)
	idle, err := memories(servers[:])
	if err != nil {
		return err
	}
	sites := []*site{{server: servers[0], name: few, versions: fewVersions}, {server: servers[1], name: many, versions: b.versions}}
	for _, at := range sites {
		for range warmUp {
			if err := at.ask(npmIndex(at.server, kindOf(registry.NPM).id("", sampleName))); err != nil {
				return err
			}
		}
		if at.keys, err = readCredentials(filepath.Join(b.folder, at.name, "credentials")); err != nil {
			return err
		}
	}
	fmt.Printf("\n%s: latencies one after another, medians and in parentheses the 99th percentiles of %d, at both in turn (goal: within %d times).\n\n| | %d versions | %d versions | times |\n|---|--:|--:|--:|\n",
		engine, samples, sizeGoal, fewVersions, b.versions)
	for _, g := range groups() {
		err := measure(sites, g, func(name string, took [][]time.Duration) {
			fmt.Printf("| %s | %s | %s | **%.2f** |\n", name, spread(took[0]), spread(took[1]), float64(median(took[1]))/float64(median(took[0])))
		})
		if err != nil {
			return err
		}
	}
	after, err := memories(servers[:])
	if err != nil {
		return err
	}
	fmt.Printf("\n%s: ready after %v with %d versions and %v with %d. Memory (RSS) idle %s and %s, after all this %s and %s.\n", engine,
		servers[0].Ready.Round(time.Millisecond), fewVersions, servers[1].Ready.Round(time.Millisecond), b.versions,
		megabytes(idle[0]), megabytes(idle[1]), megabytes(after[0]), megabytes(after[1]))
	return nil
}

func memories(servers []*server) (all []int64, err error) {
	for _, s := range servers {
		n, err := resident(s.PID, "VmRSS")
		if err != nil {
			return nil, err
		}
		all = append(all, n)
	}
	return all, nil
}
