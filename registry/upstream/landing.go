package upstream

import (
	"context"
	"time"

	"larder/registry"
)

// maxLandings bounds the memory of finished downloads.
const maxLandings = 4096

// landing is a download that has just ended. Who looked before it was recorded
// and asks after it ended finds it here and does not begin another.
type landing struct {
	asset    registry.Asset
	modified time.Time
	at       time.Time
}

// landed remembers a finished download; under mu.
func (p *Puller) landed(f *flight, a registry.Asset) {
	now := p.cfg.Clock()
	if len(p.landings) >= maxLandings {
		for k, l := range p.landings {
			if !p.lasts(l, now) {
				delete(p.landings, k)
			}
		}
	}
	if len(p.landings) >= maxLandings {
		clear(p.landings)
	}
	p.landings[f.key] = landing{a, f.modified, now}
}

func (p *Puller) lasts(l landing, now time.Time) bool {
	return now.Before(l.at.Add(p.cfg.Freshness.Recheck))
}

// lately gives the asset of a download that has just ended, if its bytes are
// still here.
func (p *Puller) lately(ctx context.Context, f *flight) (registry.Asset, bool) {
	p.mu.Lock()
	l, ok := p.landings[f.key]
	ok = ok && p.lasts(l, p.cfg.Clock())
	p.mu.Unlock()
	if !ok {
		return registry.Asset{}, false
	}
	b, err := p.cfg.Blobs.Open(ctx, f.key.domain, l.asset.Hashes.SHA256)
	if err != nil {
		return registry.Asset{}, false
	}
	b.Close()
	f.modified = l.modified
	return l.asset, true
}
