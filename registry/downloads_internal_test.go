package registry

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"time"
)

// watching is a database that only notes how watching goes.
type watching struct {
	Metadata
	Tx
	anew    int
	failing bool
}

func (w *watching) Update(_ context.Context, f func(Tx) error) error {
	if w.failing {
		return errors.New("away")
	}
	return f(w)
}

func (w *watching) AddDownloads(DomainID, ...Download) error { return nil }

func (w *watching) WatchDownloads(away time.Duration) error {
	if away == 0 {
		w.anew++
	}
	return nil
}

// Retention rules do not take for unused what was downloaded and is not in the log.
func TestWatchingBeginsAnewWhenDownloadsWereLost(t *testing.T) {
	w := &watching{}
	l := &DownloadLog{Metadata: w, Logger: slog.New(slog.DiscardHandler)}
	for i := range maxPending {
		l.note(DomainID{}, VersionID{Version: fmt.Sprint(i)}, Actor{Account: "1"}, time.Time{})
	}
	l.Flush(t.Context())
	if w.anew != 0 {
		t.Error("watching began anew although nothing was lost")
	}
	for i := range maxPending + 1 {
		l.note(DomainID{}, VersionID{Version: fmt.Sprint(i)}, Actor{Account: "1"}, time.Time{})
	}
	w.failing = true
	l.Flush(t.Context())
	w.failing = false
	l.Flush(t.Context())
	if w.anew != 1 {
		t.Errorf("watching began anew %d times, want once", w.anew)
	}
}
