package registry

import (
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
	maxUnseen    = 100     // packages that Keep is asked about besides those on the page
	maxNameLists = 64
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
	n, counters, err := r.enter(ctx, ReadFromRepository, PackageID{})
	if err != nil {
		return SearchResult{}, err
	}
	var out SearchResult
	err = s.Metadata.View(ctx, func(tx Tx) error {
		found, err := s.matches(tx, n, q, counters)
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
	}
	for i := range found {
		m := &found[i]
		wanted := from <= 0 && len(out.Hits) < size
		keeps, known := false, false
		if q.Keep != nil {
			keeps, known = s.verdicts.get(n, q.KeepAs, m, s.Clock())
		}
		switch {
		case known && !wanted, !known && !wanted && unseen <= 0:
			if known && !keeps {
				out.Total--
			} else {
				from--
			}
			if q.Keep == nil && len(out.Hits) == size {
				return out, nil
			}
			continue
		case known && !keeps:
			out.Total--
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
		keeps = len(view.view.Versions) > 0
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
	id    PackageID
	stamp uint64
}

// matches gives the packages of the chain that match, best first.
func (s *Service) matches(tx Tx, n *node, q SearchQuery, counters Counters) ([]match, error) {
	text := strings.ToLower(q.Text)
	var found []match
	at := map[PackageID]int{}
	add := func(repo int, p named) {
		i, seen := at[p.id]
		if !seen {
			i = len(found)
			found = append(found, match{id: p.id, stamp: 14695981039346656037})
			if len(n.chain) > 1 {
				at[p.id] = i
			}
		}
		found[i].stamp = (found[i].stamp ^ uint64(p.revision)<<8 ^ uint64(repo)) * 1099511628211
	}
	lists := s.names.current(n, q.Format, counters.Contents)
	if lists == nil {
		s.learnNames(n, q.Format, counters.Contents)
	}
	for i, name := range n.chain {
		if lists != nil {
			for _, p := range lists[i] {
				if strings.Contains(p.lower, text) || p.id.Namespace != "" && strings.Contains(strings.ToLower(p.id.Namespace), text) {
					add(i, p)
				}
			}
			continue
		}
		f := PackageFilter{Format: q.Format, Search: q.Text}
		packages, _, err := tx.Packages(RepoID{n.ID.Domain, name}, f, Page{Limit: maxSearch})
		if err != nil {
			return nil, err
		}
		for _, p := range packages {
			add(i, named{id: p.ID, revision: p.Revision})
		}
	}
	byRank(found, text)
	return found, nil
}

// byRank orders matches: the exact name, those that begin with the text, the
// others, each in order of their names.
func byRank(found []match, text string) {
	rank := func(id PackageID) int {
		name, full := strings.ToLower(id.Name), strings.ToLower(id.DisplayName())
		switch {
		case name == text || full == text:
			return 0
		case strings.HasPrefix(name, text) || strings.HasPrefix(full, text):
			return 1
		}
		return 2
	}
	type ranked struct {
		match
		rank int
		name string
	}
	all := make([]ranked, len(found))
	sorted := true
	less := func(a, b ranked) int {
		if a.rank != b.rank {
			return a.rank - b.rank
		}
		return strings.Compare(a.name, b.name)
	}
	for i, m := range found {
		all[i] = ranked{m, rank(m.id), m.id.DisplayName()}
		sorted = sorted && (i == 0 || less(all[i-1], all[i]) <= 0)
	}
	if sorted {
		return
	}
	slices.SortFunc(all, less)
	for i := range all {
		found[i] = all[i].match
	}
}

// named is a package of a repository by its name.
type named struct {
	id       PackageID
	lower    string // the name
	revision int64
}

// nameLists remember the names that repositories hold, so that a search need
// not read them all. A list is good as long as the domain's contents stand still.
type nameLists struct {
	mu    sync.Mutex
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
}

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
			list := nameList{contents: contents}
			err := s.Metadata.View(context.Background(), func(tx Tx) error {
				list.names = nil
				packages, next, err := tx.Packages(key.repo, PackageFilter{Format: format}, Page{Limit: maxSearch})
				if next != "" {
					list.contents = -1 // too many to remember
				}
				for _, p := range packages {
					list.names = append(list.names, named{p.ID, strings.ToLower(p.ID.Name), p.Revision})
				}
				return err
			})
			// Where it failed, the next search tries again.
			s.names.end(key, list, err == nil && list.contents == contents)
		})
	}
}

func (l *nameLists) begin(key nameListKey, contents int64) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if have, ok := l.lists[key]; l.busy[key] || ok && have.contents == contents {
		return false
	}
	if l.busy == nil {
		l.busy = map[nameListKey]bool{}
	}
	l.busy[key] = true
	return true
}

func (l *nameLists) end(key nameListKey, list nameList, good bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.busy, key)
	if !good {
		return
	}
	if len(l.lists) >= maxNameLists || l.lists == nil {
		l.lists = map[nameListKey]nameList{}
	}
	l.lists[key] = list
}

// verdicts remember what Keep said of packages.
type verdicts struct {
	mu    sync.Mutex
	known map[verdictKey]verdict
}

type verdictKey struct {
	repo RepoID
	as   string
	id   PackageID
}

type verdict struct {
	stamp uint64
	graph int64
	until time.Time // zero: as long as the package stays as it is
	keeps bool
}

func (v *verdicts) get(n *node, as string, m *match, now time.Time) (keeps, known bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	have, ok := v.known[verdictKey{n.ID, as, m.id}]
	ok = ok && have.stamp == m.stamp && have.graph == n.graph.stamp && (have.until.IsZero() || now.Before(have.until))
	return have.keeps, ok
}

func (v *verdicts) put(n *node, as string, m *match, keeps bool, until time.Time) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.known) >= maxVerdicts || v.known == nil {
		v.known = map[verdictKey]verdict{}
	}
	v.known[verdictKey{n.ID, as, m.id}] = verdict{m.stamp, n.graph.stamp, until, keeps}
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
