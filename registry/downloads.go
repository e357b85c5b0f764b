package registry

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

const (
	// flushDownloads is how often noted downloads are written: as long as a crash
	// can make forgotten.
	flushDownloads = 10 * time.Second
	// keepDownloads is for how long it is known who downloaded a version, from the
	// last time.
	keepDownloads = 400 * 24 * time.Hour
	// keepLastDownloads is for how long it is known when a version was downloaded
	// last: longer than retention rules can ask.
	keepLastDownloads = time.Duration(longestUnused) + 5*day
	// watchEvery is how often it is noted that downloads are. Who was away for as
	// long as watchAway begins anew: what would have been used then is not known.
	watchEvery = time.Hour
	watchAway  = 7 * day
	pruneEvery = 24 * time.Hour
	// firstPrune comes soon after the start: a server that is started anew every
	// day drops old rows, too.
	firstPrune = time.Minute
	// maxPending bounds the downloads that wait to be written.
	maxPending = 100_000
)

// DownloadLog notes who got bytes of which version. Noting touches memory only;
// rows are written in batches by Run, or Flush.
type DownloadLog struct {
	Metadata Metadata
	Logger   *slog.Logger

	mu      sync.Mutex
	pending map[downloadKey]*span
	lost    int // could not even wait
}

type downloadKey struct {
	domain  DomainID
	version VersionID
	actor   string
}

type span struct {
	since, latest time.Time
	times         int
}

// note adds one download. A nil log notes nothing.
func (l *DownloadLog) note(d DomainID, id VersionID, actor Actor, at time.Time) {
	if l == nil {
		return
	}
	key := downloadKey{d, id, actor.Principal}
	if actor.Anonymous() {
		key.actor = "anonymous from " + actor.Source.String()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.pending[key]
	switch {
	case s != nil:
		s.latest = at
		s.times++
	case len(l.pending) == maxPending:
		l.lost++
	case l.pending == nil:
		l.pending = map[downloadKey]*span{}
		fallthrough
	default:
		l.pending[key] = &span{at, at, 1}
	}
}

// Run writes what was noted, now and again, until ctx ends, and then the rest.
func (l *DownloadLog) Run(ctx context.Context) {
	flush, prune, watch := time.NewTicker(flushDownloads), time.NewTimer(firstPrune), time.NewTicker(watchEvery)
	defer flush.Stop()
	defer prune.Stop()
	defer watch.Stop()
	l.Watch(ctx)
	for {
		select {
		case <-flush.C:
		case <-watch.C:
			l.Watch(ctx)
		case <-prune.C:
			prune.Reset(pruneEvery)
			err := l.Metadata.Update(ctx, func(tx Tx) error {
				if _, err := tx.PruneDownloads(tx.Now().Add(-keepDownloads)); err != nil {
					return err
				}
				_, err := tx.PruneLastDownloads(tx.Now().Add(-keepLastDownloads))
				return err
			})
			if err != nil && ctx.Err() == nil {
				l.Logger.WarnContext(ctx, "old rows of the download log stay for now", "err", err)
			}
		case <-ctx.Done():
			l.Flush(context.WithoutCancel(ctx))
			return
		}
		l.Flush(ctx)
	}
}

// Watch notes that downloads are noted at this moment. Run does it every hour.
func (l *DownloadLog) Watch(ctx context.Context) {
	err := l.Metadata.Update(ctx, func(tx Tx) error { return tx.WatchDownloads(watchAway) })
	if err != nil && ctx.Err() == nil {
		l.Logger.WarnContext(ctx, "it is not noted yet that downloads are watched", "err", err)
	}
}

// Flush writes what was noted by now. What cannot be written waits for the next
// time. Where downloads were lost, watching begins anew.
func (l *DownloadLog) Flush(ctx context.Context) {
	if l == nil {
		return
	}
	l.mu.Lock()
	taken, lost := l.pending, l.lost
	l.pending, l.lost = nil, 0
	l.mu.Unlock()
	if lost > 0 {
		l.Logger.WarnContext(ctx, "the download log was full; some downloads are not in it", "lost", lost)
		if err := l.Metadata.Update(ctx, func(tx Tx) error { return tx.WatchDownloads(0) }); err != nil {
			l.mu.Lock()
			l.lost += lost
			l.mu.Unlock()
		}
	}
	by := map[DomainID][]Download{}
	for k, s := range taken {
		by[k.domain] = append(by[k.domain], Download{Version: k.version, Actor: k.actor, Since: s.since, Latest: s.latest, Times: s.times})
	}
	for d, all := range by {
		for len(all) > 0 {
			n := min(len(all), 1000) // others want to write, too
			err := l.Metadata.Update(ctx, func(tx Tx) error { return tx.AddDownloads(d, all[:n]...) })
			if err != nil && !IsNotFound(err) { // the domain is gone
				l.Logger.WarnContext(ctx, "downloads are not written yet", "domain", d.Name, "err", err)
				l.again(d, all)
				break
			}
			all = all[n:]
		}
	}
}

// again puts back what could not be written.
func (l *DownloadLog) again(d DomainID, all []Download) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.pending == nil {
		l.pending = map[downloadKey]*span{}
	}
	for _, x := range all {
		key := downloadKey{d, x.Version, x.Actor}
		switch s := l.pending[key]; {
		case s != nil:
			s.since = x.Since
			s.times += x.Times
		case len(l.pending) < maxPending:
			l.pending[key] = &span{x.Since, x.Latest, x.Times}
		default:
			l.lost++
		}
	}
}
