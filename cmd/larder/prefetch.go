package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"slices"

	"github.com/spf13/cobra"

	"larder/internal/lockfile"
)

func newPrefetchCommand() *cobra.Command {
	p := &prefetcher{}
	cmd := &cobra.Command{
		Use:   "prefetch FILE...",
		Short: "Fetch what lock files name, so that it is here before it is needed",
		Long: `Fetch every package that lock files name into a repository, verify the digests
that they promise, and say what is missing, refused or not as promised. What the
repository holds already is verified without being fetched.

FILE is package-lock.json, npm-shrinkwrap.json, pnpm-lock.yaml, yarn.lock (1 and
later), uv.lock, poetry.lock, requirements.txt, pom.xml, gradle.lockfile,
packages.lock.json (NuGet), or a bill of materials (CycloneDX as JSON or XML,
SPDX as JSON or tags); "-" is standard input. Which it is shows in its name or
content, else --as says it. Git repositories, folders, URLs and versions that
are not fixed are skipped with a word.

A pom.xml is no lock: its modules, parents, imports, dependencies and the plugins
that it names with a version are resolved as Maven does. For the modules of a
gradle.lockfile and a bill of materials, POMs and parents are fetched too.

--check fetches nothing and asks no upstream. The exit status is 0 only if all
is there: 3 where something is missing, 4 where something is refused, else 1.`,
		Example: `  larder prefetch package-lock.json
  larder prefetch --check uv.lock gradle.lockfile --repository team
  larder prefetch poetry.lock --only '*-cp312-*manylinux*x86_64.whl' --only '*-any.whl'
  larder prefetch - --as cyclonedx --output json < sbom.json`,
		Args:              atLeast(1, "FILE"),
		ValidArgsFunction: cobra.FixedCompletions(nil, cobra.ShellCompDirectiveDefault),
	}
	cmd.Flags().BoolVar(&p.check, "check", false, "say what is missing or refused; fetch nothing")
	cmd.Flags().IntVarP(&p.jobs, "jobs", "j", 8, "how many files are fetched at once, 1 to 64")
	cmd.Flags().StringArrayVar(&p.only, "only", nil, "only files whose name matches the `pattern`, such as '*.whl'; repeatable")
	cmd.Flags().StringVar(&p.as, "as", "", "what FILE is, where it does not show: `kind` npm, pnpm, yarn, uv, poetry, requirements, pom, gradle, nuget, cyclonedx or spdx")
	_ = cmd.RegisterFlagCompletionFunc("as", completeWords(kindNames()...))
	return apiCommand(cmd, inRepository|long, func(ctx context.Context, s *session, args []string) error {
		p.session = s
		switch {
		case p.jobs < 1 || p.jobs > 64:
			return usagef("--jobs: from 1 to 64 files are fetched at once")
		case p.as != "" && !slices.Contains(kindNames(), p.as):
			return usagef("--as: %q is none of the kinds of lock that are read; see: larder prefetch --help", p.as)
		}
		for _, pattern := range p.only {
			if _, err := path.Match(pattern, ""); err != nil {
				return usagef("--only: %q is no pattern such as '*.whl'", pattern)
			}
		}
		return p.run(ctx, args)
	})
}

func kindNames() []string {
	names := make([]string, len(lockfile.Kinds))
	for i, k := range lockfile.Kinds {
		names[i] = string(k)
	}
	return names
}

// prefetcher is one run of the command.
type prefetcher struct {
	*session
	check bool
	jobs  int
	only  []string
	as    string

	wire   *wire
	report *prefetchReport
}

// run reads the locks, then asks for what they name.
func (p *prefetcher) run(ctx context.Context, files []string) error {
	p.report = newPrefetchReport()
	var locks []lock
	for _, file := range files {
		l, err := p.open(file)
		if err != nil {
			return err
		}
		locks = append(locks, l)
	}
	var err error
	if p.wire, err = newWire(ctx, p.session, p.jobs, p.check); err != nil {
		return err
	}
	maven := newMavenWire(p)
	var all []item
	for _, l := range locks {
		items, err := p.items(ctx, l, maven)
		if err != nil {
			return fmt.Errorf("%s: %w", l.name, err)
		}
		all = append(all, items...)
	}
	if err := p.fetchAll(ctx, distinct(all), maven); err != nil {
		return err
	}
	return p.answerReport()
}

// lock is a file that was read.
type lock struct {
	name string
	kind lockfile.Kind
	data []byte
}

// open reads a file and finds out what it is.
func (p *prefetcher) open(file string) (lock, error) {
	l := lock{name: file, kind: lockfile.Kind(p.as)}
	var err error
	if file == "-" {
		l.name = "standard input"
		l.data, err = readLimited(p.cmd.InOrStdin(), lockfile.MaxSize)
	} else {
		l.data, err = readFile(file, lockfile.MaxSize)
	}
	if err != nil {
		return l, fmt.Errorf("cannot read %s: %w", l.name, err)
	}
	if l.kind == "" {
		if l.kind, err = lockfile.Detect(file, l.data); err != nil {
			return l, usagef("%s: %w with --as", l.name, err)
		}
	}
	return l, nil
}

func readFile(name string, limit int) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, errors.Unwrap(err) // the path is said already
	}
	defer f.Close()
	return readLimited(f, limit)
}

// readLimited reads all there is, and fails where that is too much.
func readLimited(r io.Reader, limit int) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, int64(limit)+1))
	if err == nil && len(data) > limit {
		err = fmt.Errorf("it is larger than %s", shownSize(int64(limit)))
	}
	return data, err
}
