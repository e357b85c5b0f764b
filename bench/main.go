// Command bench measures Larder beside nginx and beside a bare net/http
// server, all in one run on one machine, and prints ratios: absolute numbers
// of two runs cannot be compared. It needs nginx and wrk.
//
//	go run ./bench                          all of it, about six minutes
//	go run ./bench -duration 1s -rounds 3   a first look
//	go run ./bench -only warm               one part
//
// The parts are warm (warm.go), start (start.go), publish (publish.go), large
// and install (memory.go), pypi (pypi.go), maven (maven.go, which needs mvn), nuget
// (nuget.go) and sealed (sealed.go). The contenders of warm are in contenders.go.
//
// Three parts need PostgreSQL, and the latter two the S3 server that
// e2e/cluster/install-servers.sh builds; each runs only where it is named:
//
//	go run ./bench -only million            a repository of a million versions beside one of a
//	                                        thousand (million.go); a quarter of an hour, 10 GB
//	go run ./bench -only processes          three processes beside one (processes.go); a minute
//	go run ./bench -only engines            SQLite or PostgreSQL, files or S3 (engines.go); a minute
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"time"

	"larder/bench/process"
)

func main() {
	if len(os.Args) == 3 && os.Args[1] == bareCommand {
		exitOn(serveBare(os.Args[2]))
		return
	}
	var b bench
	var only string
	flag.DurationVar(&b.duration, "duration", 3*time.Second, "how long each contender is loaded in each round")
	flag.IntVar(&b.rounds, "rounds", 5, "how often each contender is loaded; the median counts")
	flag.StringVar(&b.binary, "larder", "", "a larder `binary` to measure instead of building one")
	flag.StringVar(&b.profiles, "profiles", "", "a `folder` for perf records of Larder under each load; needs perf")
	flag.StringVar(&b.verdaccio, "verdaccio", "", "Verdaccio's `binary`, to load it as well")
	flag.IntVar(&b.versions, "versions", manyVersions, "how many package versions the large repository of million has")
	flag.StringVar(&only, "only", "", "the one `part` to run: warm, start, publish, large, install, pypi, maven, nuget or sealed; million, processes and engines run only so")
	flag.Parse()
	exitOn(b.run(only))
}

func exitOn(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// bench is one run.
type bench struct {
	duration  time.Duration
	rounds    int
	binary    string
	profiles  string
	verdaccio string
	versions  int    // of the large repository
	folder    string // everything that is made, removed at the end
}

// part is one of the things that are measured.
type part struct {
	name  string
	run   func(*bench) error
	alone bool // it takes long or needs other servers, and runs only where it is named
}

// parts are what is measured, each on a data folder of its own. A part prints
// its table.
var parts = []part{
	{"warm", (*bench).warm, false},
	{"start", (*bench).start, false},
	{"publish", (*bench).publish, false},
	{"large", (*bench).large, false},
	{"install", (*bench).install, false},
	{"pypi", (*bench).pypi, false},
	{"maven", (*bench).maven, false},
	{"nuget", (*bench).nuget, false},
	{"sealed", (*bench).sealed, false},
	{"million", (*bench).million, true},
	{"processes", (*bench).processes, true},
	{"engines", (*bench).engines, true},
}

func (b *bench) run(only string) (err error) {
	if b.folder, err = os.MkdirTemp("", "larder-bench-"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(b.folder)) }()
	// What others make for the time of this run lies there as well, and PostgreSQL,
	// which is not root, gets to it.
	if err := errors.Join(os.Chmod(b.folder, 0o711), os.Setenv("TMPDIR", b.folder)); err != nil {
		return err
	}
	interrupted := make(chan os.Signal, 1)
	signal.Notify(interrupted, os.Interrupt)
	go func() {
		<-interrupted // so are the servers, by the terminal, or they end with this process
		exitOn(errors.Join(os.RemoveAll(b.folder), errors.New("interrupted")))
	}()
	if b.binary == "" {
		if b.binary, err = process.Build(b.folder); err != nil {
			return err
		}
	}
	known := false
	for _, p := range parts {
		if only != p.name && (only != "" || p.alone) {
			continue
		}
		known = true
		if err := p.run(b); err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
	}
	if !known {
		return fmt.Errorf("there is no part %q", only)
	}
	return nil
}

// median gives the middle of the values.
func median[T int64 | float64 | time.Duration](values []T) T {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}
