package nuget

import (
	"sync"
	"time"

	"larder/formats"
	"larder/registry"
)

// passed remembers for a while what other sources answered that every restore
// asks for, as finished documents.
type passed struct {
	mu    sync.Mutex
	known map[passedKey]passedAnswer
}

type passedKey struct {
	repo registry.RepoID
	what string
}

type passedAnswer struct {
	doc     *registry.Document
	expires time.Time
}

// Limits of passed.
const (
	passedLife   = 5 * time.Minute
	failedLife   = 30 * time.Second // of what stands in for an answer that failed
	maxRemembers = 256
)

// get gives what is remembered under a name for the repository, else what make
// gives, and for how long that holds. Who may not read the repository gets nothing.
func (p *passed) get(r *formats.Request, what string, make func() ([]byte, time.Duration, error)) (*registry.Document, error) {
	if err := r.Repo.Ping(r.Context()); err != nil {
		return nil, err
	}
	key, now := passedKey{r.Repo.ID(), what}, time.Now()
	p.mu.Lock()
	have, ok := p.known[key]
	p.mu.Unlock()
	if ok && now.Before(have.expires) {
		return have.doc, nil
	}
	b, life, err := make()
	if err != nil {
		return nil, err
	}
	made := passedAnswer{registry.NewDocument(b, time.Time{}), now.Add(life)}
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.known) >= maxRemembers || p.known == nil {
		p.known = map[passedKey]passedAnswer{}
	}
	p.known[key] = made
	return made.doc, nil
}
