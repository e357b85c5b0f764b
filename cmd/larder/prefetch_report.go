package main

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"

	"larder/internal/lockfile"
)

// state is what became of a file.
type state string

const (
	stateFetched state = "fetched"
	stateHeld    state = "held"
	stateMissing state = "missing"
	stateRefused state = "refused"
	stateFailed  state = "failed"
	stateSkipped state = "skipped"
)

// outcome is what became of one file of a version.
type outcome struct {
	file   string
	state  state
	reason string // of what is neither fetched nor held
	size   int64  // bytes that were fetched
}

// problem is an outcome before it is known which file is meant.
type problem struct{ outcome }

func (p *problem) Error() string { return p.reason }

// prefetchReport collects what became of everything. Safe for concurrent use.
type prefetchReport struct {
	mu      sync.Mutex
	files   []prefetchedFile
	skipped []skippedEntry
	counts  map[state]int
	size    int64
}

// prefetchedFile is one file as --output json has it.
type prefetchedFile struct {
	Format    string `json:"format"`
	Namespace string `json:"namespace,omitempty"`
	Package   string `json:"package"`
	Version   string `json:"version"`
	File      string `json:"file,omitempty"`
	State     state  `json:"state"`
	Reason    string `json:"reason,omitempty"`
	Size      int64  `json:"size,omitempty"` // bytes, of what was fetched

	name string
}

type skippedEntry struct {
	Name   string `json:"name"`
	Reason string `json:"reason"`
}

func newPrefetchReport() *prefetchReport { return &prefetchReport{counts: map[state]int{}} }

func (r *prefetchReport) add(e lockfile.Entry, o outcome) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.counts[o.state]++
	r.size += o.size
	r.files = append(r.files, prefetchedFile{
		Format: e.Format, Namespace: e.Namespace, Package: e.Name, Version: e.Version,
		File: o.file, State: o.state, Reason: o.reason, Size: o.size, name: e.DisplayName(),
	})
}

func (r *prefetchReport) skip(name, why string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := skippedEntry{name, why}
	if !slices.Contains(r.skipped, s) {
		r.skipped = append(r.skipped, s)
		r.counts[stateSkipped]++
	}
}

// answerReport shows what became of everything, and fails unless all is there.
func (p *prefetcher) answerReport() error {
	r := p.report
	slices.SortFunc(r.files, func(a, b prefetchedFile) int {
		return cmp.Or(strings.Compare(a.Format, b.Format), strings.Compare(a.name, b.name), strings.Compare(a.Version, b.Version), strings.Compare(a.File, b.File))
	})
	if p.out.json() {
		err := p.out.print(p.cmd, struct {
			Domain     string           `json:"domain"`
			Repository string           `json:"repository"`
			Counts     map[state]int    `json:"counts"`
			Files      []prefetchedFile `json:"files"`
			Skipped    []skippedEntry   `json:"skipped"`
		}{p.domain, p.repository, r.counts, append([]prefetchedFile{}, r.files...), append([]skippedEntry{}, r.skipped...)})
		if err != nil {
			return err
		}
		return r.verdict(p.where())
	}
	p.noteSkipped()
	if err := r.text(p.cmd.OutOrStdout(), p.where()); err != nil {
		return err
	}
	return r.verdict(p.where())
}

// noteSkipped says what was skipped, some of each kind by name.
func (p *prefetcher) noteSkipped() {
	const named = 5
	by := map[string][]string{}
	for _, s := range p.report.skipped {
		by[s.Reason] = append(by[s.Reason], s.Name)
	}
	for _, reason := range slices.Sorted(maps.Keys(by)) {
		names := by[reason]
		text := strings.Join(names[:min(len(names), named)], ", ")
		if more := len(names) - named; more > 0 {
			text += fmt.Sprintf(" and %d more", more)
		}
		p.note("skipped: %s (%s)", text, reason)
	}
}

// text is a table of what is wrong, where something is, and a line of sums.
func (r *prefetchReport) text(w io.Writer, where string) error {
	var rows [][]string
	var reasons []string
	for _, f := range r.files {
		if f.State == stateFetched || f.State == stateHeld {
			continue
		}
		rows = append(rows, []string{string(f.State), f.Format + "/" + f.name + "@" + f.Version, f.File})
		reasons = append(reasons, f.Reason)
	}
	for i, row := range rows { // reasons are sentences: below, whole
		if _, err := fmt.Fprintln(w, printable(strings.TrimRight(strings.Join(row, "  "), " "))); err != nil {
			return err
		}
		if row[0] != string(stateMissing) || reasons[i] != notHeldReason {
			fmt.Fprintln(w, printable("  "+reasons[i]))
		}
	}
	var sums []string
	for _, s := range []state{stateFetched, stateHeld, stateMissing, stateRefused, stateFailed, stateSkipped} {
		n := r.counts[s]
		if n == 0 && s != stateHeld {
			continue
		}
		text := fmt.Sprintf("%d %s", n, s)
		if s == stateFetched {
			text += " (" + shownSize(r.size) + ")"
		}
		sums = append(sums, text)
	}
	_, err := fmt.Fprintf(w, "%s: %s\n", where, strings.Join(sums, ", "))
	return err
}

// notHeldReason is that of every file that a check finds missing.
const notHeldReason = "it is not held"

// verdict is the error of a run whose files are not all there.
func (r *prefetchReport) verdict(where string) error {
	text := func(s state, word string) string {
		return count(r.counts[s], "file is ", "files are ") + word
	}
	var parts []string
	code := ""
	if r.counts[stateMissing] > 0 {
		parts, code = append(parts, text(stateMissing, "missing")), "ResourceNotFoundException"
	}
	if r.counts[stateRefused] > 0 {
		parts, code = append(parts, text(stateRefused, "refused")), "AccessDeniedException"
	}
	if r.counts[stateFailed] > 0 {
		parts, code = append(parts, text(stateFailed, "not as promised, or could not be had")), ""
	}
	if parts == nil {
		return nil
	}
	return &apiFailure{code: code, text: strings.Join(parts, ", ") + ", for " + where}
}
