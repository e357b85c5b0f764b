package registry

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"sync"
	"time"
)

// SearchQuery asks for packages by a part of their name.
type SearchQuery struct {
	Format string
	Text   string // empty: all
	From   int    // how many hits to pass over
	Size   int    // how many to give; at most 250
	// Keep says whether a package is a hit; nil: every one that has a visible
	// version. It is pure, and what it said of a package is remembered under KeepAs.
	Keep   func(*PackageView) bool
	KeepAs string
}

// SearchResult is one page of hits, best first, and how many there are in all.
// Where Keep has not seen all packages yet, Total takes the others for hits.
type SearchResult struct {
	Total int
	Hits  []*PackageView
}

// Limits of one search.
const (
	maxSearch    = 200_000 // packages that it collects in each repository
	maxUnseen    = 20      // packages that Keep is asked about besides those on the page
	maxNameLists = 1024
	maxNames     = 400_000 // that are remembered, of all repositories together
	maxVerdicts  = 400_000
)

// Search finds packages that the repository or one upstream of it holds; it
// asks no external registry. The exact name comes first, then names that begin
// with the text, then the others in order. Needs ReadFromRepository.
func (r *Repo) Search(ctx context.Context, q SearchQuery) (SearchResult, error) {
	s := r.svc
	rules, err := s.rules(q.Format)
	if err != nil {
		return SearchResult{}, err
	}
	n, look, err := r.enter(ctx, ReadFromRepository, PackageID{})
	if err != nil {
		return SearchResult{}, err
	}
	var out SearchResult
	err = s.Metadata.View(ctx, func(tx Tx) error {
		found, err := s.matches(tx, n, q, look.Counters)
		if err != nil {
			return err
		}
		out, err = s.hits(ctx, tx, n, q, found, rules)
		return err
	})
	return out, err
}

// hits gives a page of those that match.
func (s *Service) hits(ctx context.Context, tx Tx, n *node, q SearchQuery, found []match, rules Rules) (SearchResult, error) {
	out := SearchResult{Total: len(found)}
	from, size := max(q.From, 0), min(max(q.Size, 0), 250)
	unseen := maxUnseen
	if q.Keep == nil {
		found, from, unseen = found[min(from, len(found)):], 0, 0
	} else {
		s.verdicts.fill(n, q.KeepAs, found, s.Clock())
	}
	for i := range found {
		m := &found[i]
		wanted := from <= 0 && len(out.Hits) < size
		if q.Keep == nil && !wanted {
			return out, nil
		}
		switch {
		case m.known && !m.keeps:
			out.Total--
			continue
		case !wanted && (m.known || unseen <= 0):
			from--
			continue
		}
		at, err := s.places(tx, n, m.id)
		if err != nil {
			return out, err
		}
		view, err := s.merge(ctx, tx, n, m.id, rules, at, nil)
		if err != nil {
			return out, err
		}
		keeps := len(view.view.Versions) > 0
		if q.Keep != nil {
			keeps = keeps && q.Keep(view.view)
			s.verdicts.put(n, q.KeepAs, m, keeps, view.guard)
			if !keeps {
				out.Total--
			}
			if !wanted {
				unseen--
			}
		}
		switch {
		case keeps && wanted:
			out.Hits = append(out.Hits, view.view)
		case keeps:
			from--
		}
	}
	return out, nil
}

// match is a package whose name matches, with what tells whether it is still as
// it was: its revisions in the repositories of the chain, mixed.
type match struct {
	named
	stamp        uint64
	known, keeps bool // what Keep is remembered to have said
}

// matches gives the packages of the chain that match, best first.
func (s *Service) matches(tx Tx, n *node, q SearchQuery, counters Counters) ([]match, error) {
	text := strings.ToLower(q.Text)
	lists := s.names.current(n, q.Format, counters.Contents)
	if lists == nil {
		s.learnNames(n, q.Format, counters.Contents)
	}
	var found []match
	for i, name := range n.chain {
		var of []match
		add := func(p named) {
			of = append(of, match{named: p, stamp: (14695981039346656037 ^ uint64(p.revision)<<8 ^ uint64(i)) * 1099511628211})
		}
		if lists != nil {
			for _, p := range lists[i] {
				if strings.Contains(p.lower, text) || p.id.Namespace != "" && strings.Contains(strings.ToLower(p.id.Namespace), text) {
					add(p)
				}
			}
		} else {
			f := PackageFilter{Format: q.Format, Search: q.Text}
			packages, _, err := tx.Packages(RepoID{n.ID.Domain, name}, f, Page{Limit: maxSearch})
			if err != nil {
				return nil, err
			}
			for _, p := range packages {
				add(newNamed(p))
			}
		}
		found = join(found, of)
	}
	byRank(found, text)
	return found, nil
}

// join merges matches of two repositories, each in order of (namespace, name).
func join(a, b []match) []match {
	if len(a) == 0 {
		return b
	}
	if len(b) == 0 {
		return a
	}
	out := make([]match, 0, len(a)+len(b))
	for len(a) > 0 && len(b) > 0 {
		c := cmp.Or(strings.Compare(a[0].id.Namespace, b[0].id.Namespace), strings.Compare(a[0].id.Name, b[0].id.Name))
		switch {
		case c < 0:
			out, a = append(out, a[0]), a[1:]
		case c > 0:
			out, b = append(out, b[0]), b[1:]
		default:
			m := a[0]
			m.stamp = (m.stamp ^ b[0].stamp) * 1099511628211
			out, a, b = append(out, m), a[1:], b[1:]
		}
	}
	return append(append(out, a...), b...)
}

// byRank orders matches: the exact name, those that begin with the text, the
// others, each in order of their names.
func byRank(found []match, text string) {
	rank := func(m *match) int {
		full := m.lower
		if m.id.Namespace != "" {
			full = strings.ToLower(m.id.DisplayName())
		}
		switch {
		case m.lower == text || full == text:
			return 0
		case strings.HasPrefix(m.lower, text) || strings.HasPrefix(full, text):
			return 1
		}
		return 2
	}
	display := func(m *match) string {
		if m.id.Namespace == "" {
			return m.id.Name
		}
		return m.id.DisplayName()
	}
	if !slices.IsSortedFunc(found, func(a, b match) int { return strings.Compare(display(&a), display(&b)) }) {
		slices.SortFunc(found, func(a, b match) int { return strings.Compare(display(&a), display(&b)) })
	}
	if !slices.ContainsFunc(found, func(m match) bool { return rank(&m) < 2 }) {
		return
	}
	var ranked [3][]match
	for i := range found {
		r := rank(&found[i])
		ranked[r] = append(ranked[r], found[i])
	}
	at := 0
	for _, of := range ranked {
		at += copy(found[at:], of)
	}
}

// named is a package of a repository by its name.
type named struct {
	id       PackageID
	lower    string // the name
	revision int64
}

func newNamed(p Package) named { return named{p.ID, strings.ToLower(p.ID.Name), p.Revision} }

// nameLists remember the names that repositories hold, so that a search need
// not read them all. A list is good as long as the domain's contents stand still.
type nameLists struct {
	mu    sync.Mutex
	count int // of names in all lists
	lists map[nameListKey]nameList
	busy  map[nameListKey]bool
}

type nameListKey struct {
	repo   RepoID
	format string
}

type nameList struct {
	contents int64
	names    []named
	ended    time.Time     // when it was read
	took     time.Duration // to read it
}

// noContents is of a list that is never good.
const noContents = -1

// namesPause is how many times as long as it took a list is not read again, so
// that reading lists takes a small part of a machine that is published to
// without pause; searches ask the rows meanwhile.
const namesPause = 20

// current gives the lists of the chain, nil unless all are good.
func (l *nameLists) current(n *node, format string, contents int64) [][]named {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := make([][]named, len(n.chain))
	for i, name := range n.chain {
		have, ok := l.lists[nameListKey{RepoID{n.ID.Domain, name}, format}]
		if !ok || have.contents != contents {
			return nil
		}
		out[i] = have.names
	}
	return out
}

// learnNames reads the lists of the chain behind the request that lacked them.
func (s *Service) learnNames(n *node, format string, contents int64) {
	for _, name := range n.chain {
		key := nameListKey{RepoID{n.ID.Domain, name}, format}
		if !s.names.begin(key, contents) {
			continue
		}
		s.behind.Go(func() {
			list, began := nameList{contents: contents}, time.Now()
			err := s.Metadata.View(context.Background(), func(tx Tx) error {
				list.names = nil
				packages, next, err := tx.Packages(key.repo, PackageFilter{Format: format}, Page{Limit: maxSearch})
				if next != "" {
					packages, list.contents = nil, noContents // too many to remember
				}
				for _, p := range packages {
					list.names = append(list.names, newNamed(p))
				}
				return err
			})
			if err != nil {
				list = nameList{contents: noContents} // a later search tries again
			}
			list.ended, list.took = time.Now(), time.Since(began)
			s.names.end(key, list)
		})
	}
}

func (l *nameLists) begin(key nameListKey, contents int64) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	have, ok := l.lists[key]
	if l.busy[key] || ok && (have.contents == contents || time.Since(have.ended) < namesPause*have.took) {
		return false
	}
	if l.busy == nil {
		l.busy = map[nameListKey]bool{}
	}
	l.busy[key] = true
	return true
}

func (l *nameLists) end(key nameListKey, list nameList) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.busy, key)
	l.count += len(list.names) - len(l.lists[key].names)
	if l.lists == nil || len(l.lists) >= maxNameLists {
		l.lists, l.count = map[nameListKey]nameList{}, len(list.names)
	}
	if l.count > maxNames {
		l.forget()
		l.count = len(list.names)
	}
	l.lists[key] = list
}

// forget drops the names and not how long they took to read: what is too much
// to remember together is not read again at every search.
func (l *nameLists) forget() {
	for key, list := range l.lists {
		list.contents, list.names = noContents, nil
		l.lists[key] = list
	}
}

// verdicts remember what Keep said of packages.
type verdicts struct {
	mu    sync.Mutex
	count int
	known map[verdictSet]map[PackageID]verdict
}

type verdictSet struct {
	repo RepoID
	as   string
}

type verdict struct {
	stamp uint64
	graph int64
	until time.Time // zero: as long as the package stays as it is
	keeps bool
}

// fill notes at each match what is remembered of it.
func (v *verdicts) fill(n *node, as string, found []match, now time.Time) {
	v.mu.Lock()
	defer v.mu.Unlock()
	set := v.known[verdictSet{n.ID, as}]
	if len(set) == 0 {
		return
	}
	for i := range found {
		m := &found[i]
		have, ok := set[m.id]
		m.known = ok && have.stamp == m.stamp && have.graph == n.graph.stamp && (have.until.IsZero() || now.Before(have.until))
		m.keeps = have.keeps
	}
}

func (v *verdicts) put(n *node, as string, m *match, keeps bool, until time.Time) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.count >= maxVerdicts || v.known == nil {
		v.known, v.count = map[verdictSet]map[PackageID]verdict{}, 0
	}
	set := v.known[verdictSet{n.ID, as}]
	if set == nil {
		set = map[PackageID]verdict{}
		v.known[verdictSet{n.ID, as}] = set
	}
	if _, ok := set[m.id]; !ok {
		v.count++
	}
	set[m.id] = verdict{m.stamp, n.graph.stamp, until, keeps}
}

// Holds gives those of the packages that the repository or one upstream of it
// holds. Ids that no package can have are passed over. Needs ReadFromRepository.
func (r *Repo) Holds(ctx context.Context, ids []PackageID) (map[PackageID]bool, error) {
	n, _, err := r.enter(ctx, ReadFromRepository, PackageID{})
	if err != nil {
		return nil, err
	}
	held := map[PackageID]bool{}
	err = r.svc.Metadata.View(ctx, func(tx Tx) error {
		for _, p := range ids {
			id, _, err := r.svc.canonical(VersionID{Package: p})
			if err != nil {
				continue
			}
			revisions, err := tx.PackageRevisions(n.ID.Domain, n.chain, id.Package)
			if err != nil {
				return err
			}
			if slices.ContainsFunc(revisions, func(r int64) bool { return r != 0 }) {
				held[p] = true
			}
		}
		return nil
	})
	return held, err
}
