package main

import (
	"io"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/mattn/go-isatty"
)

// newLogger writes text for people at a terminal and JSON for everything else.
// The lines go to w; stderr is where they will end up. json takes lines that
// are JSON already: nil at a terminal.
func newLogger(w, stderr io.Writer) (log *slog.Logger, json io.Writer) {
	if f, ok := stderr.(*os.File); ok && isatty.IsTerminal(f.Fd()) {
		return slog.New(slog.NewTextHandler(w, nil)), nil
	}
	return slog.New(slog.NewJSONHandler(w, nil)), w
}

// batchWriter collects small writes and hands them on together, so that a log
// line costs a request no system call. A line is at most flushEvery late.
type batchWriter struct {
	mu    sync.Mutex
	w     io.Writer
	buf   []byte
	timer *time.Timer
}

const (
	flushEvery = 50 * time.Millisecond
	flushSize  = 64 << 10 // bytes
)

func newBatchWriter(w io.Writer) *batchWriter {
	b := &batchWriter{w: w}
	b.timer = time.AfterFunc(time.Hour, b.Flush)
	b.timer.Stop()
	return b
}

// Write never fails: there is nobody to tell.
func (b *batchWriter) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.buf) == 0 {
		b.timer.Reset(flushEvery)
	}
	b.buf = append(b.buf, p...)
	if len(b.buf) >= flushSize {
		b.flush()
	}
	return len(p), nil
}

// Flush hands on what has been collected.
func (b *batchWriter) Flush() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.flush()
}

func (b *batchWriter) flush() {
	if len(b.buf) == 0 {
		return
	}
	_, _ = b.w.Write(b.buf)
	b.buf = b.buf[:0]
}
