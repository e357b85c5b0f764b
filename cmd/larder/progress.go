package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/mattn/go-isatty"
	"github.com/spf13/cobra"
)

// progress shows on a terminal, and nowhere else, how far a command is. A nil
// one shows nothing. Safe for concurrent use.
type progress struct {
	w     io.Writer
	label string
	total int64
	unit  func(int64) string

	mu    sync.Mutex
	done  int64
	drawn time.Time
}

const (
	barColumns  = 24
	barInterval = 100 * time.Millisecond
)

// newProgress is for total of something, spelled by unit. End it.
func newProgress(cmd *cobra.Command, label string, total int64, unit func(int64) string) *progress {
	f, ok := cmd.ErrOrStderr().(*os.File)
	if !ok || !isatty.IsTerminal(f.Fd()) || os.Getenv("TERM") == "dumb" || total <= 0 {
		return nil
	}
	return &progress{w: f, label: shortened(printable(label), 24), total: total, unit: unit}
}

// set says how much is done.
func (p *progress) set(done int64) {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.done = done
	if time.Since(p.drawn) < barInterval {
		return
	}
	p.drawn = time.Now()
	done = min(max(done, 0), p.total)
	filled := int(done * barColumns / p.total)
	fmt.Fprintf(p.w, "\r%s [%s%s] %3d%%  %s of %s\x1b[K", p.label,
		strings.Repeat("=", filled), strings.Repeat(" ", barColumns-filled), done*100/p.total, p.unit(done), p.unit(p.total))
}

// end takes the bar away.
func (p *progress) end() {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.drawn.IsZero() {
		fmt.Fprint(p.w, "\r\x1b[K")
	}
}

// countingReader counts what is read; seeking counts as well, since a client that
// tries again begins anew.
type countingReader struct {
	io.ReadSeeker
	progress *progress
	at       int64
}

func (r *countingReader) Read(p []byte) (int, error) {
	n, err := r.ReadSeeker.Read(p)
	r.at += int64(n)
	r.progress.set(r.at)
	return n, err
}

func (r *countingReader) Seek(offset int64, whence int) (int64, error) {
	at, err := r.ReadSeeker.Seek(offset, whence)
	if err == nil {
		r.at = at
	}
	return at, err
}

// countingWriter counts what is written to it, and keeps nothing.
type countingWriter struct {
	progress *progress
	at       int64
}

func (w *countingWriter) Write(p []byte) (int, error) {
	w.at += int64(len(p))
	w.progress.set(w.at)
	return len(p), nil
}
