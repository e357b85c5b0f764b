package registry

import (
	"context"
	"slices"
	"strings"
)

// SearchQuery asks for packages by a part of their name.
type SearchQuery struct {
	Format string
	Text   string // empty: all
	From   int    // how many hits to pass over
	Size   int    // how many to give; at most 250
}

// SearchResult is one page of hits, best first, and how many there are in all.
type SearchResult struct {
	Total int
	Hits  []*PackageView
}

// maxSearch bounds how many packages one search collects in each repository.
const maxSearch = 10_000

// Search finds packages that the repository or one upstream of it holds; it
// asks no external registry. The exact name comes first, then names that begin
// with the text, then the others in order. Needs ReadFromRepository.
func (r *Repo) Search(ctx context.Context, q SearchQuery) (SearchResult, error) {
	s := r.svc
	rules, err := s.rules(q.Format)
	if err != nil {
		return SearchResult{}, err
	}
	n, _, err := r.enter(ctx, ReadFromRepository, PackageID{})
	if err != nil {
		return SearchResult{}, err
	}
	var out SearchResult
	err = s.Metadata.View(ctx, func(tx Tx) error {
		ids, err := s.matches(tx, n, q)
		if err != nil {
			return err
		}
		out = SearchResult{}
		from := min(max(q.From, 0), len(ids))
		size := min(max(q.Size, 0), 250)
		for i, id := range ids {
			if i < from || len(out.Hits) == size {
				continue
			}
			at, err := s.places(tx, n, id)
			if err != nil {
				return err
			}
			m, err := s.merge(ctx, tx, n, id, rules, at, nil)
			if err != nil {
				return err
			}
			if len(m.view.Versions) > 0 {
				out.Hits = append(out.Hits, m.view)
			}
		}
		out.Total = len(ids)
		return nil
	})
	return out, err
}

// matches gives the packages of the chain that match, best first.
func (s *Service) matches(tx Tx, n *node, q SearchQuery) ([]PackageID, error) {
	seen := map[PackageID]bool{}
	var ids []PackageID
	for _, name := range n.chain {
		f := PackageFilter{Format: q.Format, Search: q.Text}
		packages, _, err := tx.Packages(RepoID{n.ID.Domain, name}, f, Page{Limit: maxSearch})
		if err != nil {
			return nil, err
		}
		for _, p := range packages {
			if !seen[p.ID] {
				seen[p.ID] = true
				ids = append(ids, p.ID)
			}
		}
	}
	text := strings.ToLower(q.Text)
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
	slices.SortFunc(ids, func(a, b PackageID) int {
		if c := rank(a) - rank(b); c != 0 {
			return c
		}
		return strings.Compare(a.DisplayName(), b.DisplayName())
	})
	return ids, nil
}
