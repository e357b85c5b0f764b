package registry

import (
	"context"
	"fmt"
	"slices"
	"sync"
)

// maxSearched bounds how many repositories one request looks into (spec 8).
const maxSearched = 25

// graph is a domain's repositories and their links as of one value of the
// domain's graph counter. It is immutable.
type graph struct {
	stamp  int64
	repos  map[string]*node
	groups *groups
	guard  Rulings // nil: no rules
	rules  string  // revision of the document that guard was made of
}

// node is a repository in a graph.
type node struct {
	Repository
	graph     *graph
	upstreams []*node
	// chain is the whole search order from here, itself first: depth first, each
	// repository once, at most maxSearched (spec 3.1). What a package's origin
	// configuration prunes is not pruned here.
	chain []string
	// own are this repository's connections by format, in order of association;
	// reach are those of all the chain, each once.
	own, reach map[string][]string
}

// controls are the origin controls of a package's group.
func (n *node) controls(p PackageID) controls { return n.graph.groups.controls(p) }

func (n *node) resource() Resource {
	r := n.ID.Resource()
	r.Administrator = n.Administrator
	return r
}

func (n *node) packageResource(p PackageID) Resource {
	r := n.ID.Package(p)
	r.Administrator = n.Administrator
	return r
}

// newGraph links the repositories; formats gives each connection's format.
func newGraph(stamp int64, repos []Repository, formats map[string]string, groups *groups) *graph {
	g := &graph{stamp: stamp, repos: make(map[string]*node, len(repos)), groups: groups}
	for _, r := range repos {
		n := &node{Repository: r, graph: g, own: map[string][]string{}, reach: map[string][]string{}}
		for _, c := range r.Connections {
			n.own[formats[c]] = append(n.own[formats[c]], c)
		}
		g.repos[r.ID.Name] = n
	}
	for _, n := range g.repos {
		for _, name := range n.Upstreams {
			if up, ok := g.repos[name]; ok {
				n.upstreams = append(n.upstreams, up)
			}
		}
	}
	for _, n := range g.repos {
		n.walk(func(m *node) bool {
			n.chain = append(n.chain, m.ID.Name)
			for format, connections := range m.own {
				for _, c := range connections {
					if !slices.Contains(n.reach[format], c) {
						n.reach[format] = append(n.reach[format], c)
					}
				}
			}
			return true
		})
	}
	return g
}

// walk visits the repositories of the search order; where visit returns false
// the repository's own upstreams are not searched.
func (n *node) walk(visit func(*node) bool) {
	seen := map[string]bool{}
	var down func(*node)
	down = func(m *node) {
		if seen[m.ID.Name] || len(seen) == maxSearched {
			return
		}
		seen[m.ID.Name] = true
		if !visit(m) {
			return
		}
		for _, up := range m.upstreams {
			down(up)
		}
	}
	down(n)
}

// graphs keeps the newest graph of each domain.
type graphs struct {
	mu sync.RWMutex
	m  map[DomainID]*graph
}

// graph gives the domain's graph at the counter's value; nil for an unknown domain.
func (s *Service) graph(ctx context.Context, d DomainID, stamp int64) (*graph, error) {
	s.graphs.mu.RLock()
	g := s.graphs.m[d]
	s.graphs.mu.RUnlock()
	if g != nil && g.stamp == stamp {
		return g, nil
	}
	var repos []Repository
	var formats map[string]string
	var all []Group
	var domain Domain
	var rules Policy
	err := s.Metadata.View(ctx, func(tx Tx) error {
		var err error
		if domain, err = tx.Domain(d); err != nil {
			return err
		}
		if repos, err = tx.Graph(d); err != nil {
			return err
		}
		if formats, err = s.Connections.formats(tx); err != nil {
			return err
		}
		if all, err = tx.Groups(d); err != nil || s.Guard == nil {
			return err
		}
		rules, err = tx.Guard(d)
		if IsNotFound(err) {
			err = nil
		}
		return err
	})
	switch {
	case IsNotFound(err):
		s.graphs.mu.Lock()
		delete(s.graphs.m, d)
		s.graphs.mu.Unlock()
		return nil, nil
	case err != nil:
		return nil, err
	}
	old := g
	g = newGraph(stamp, repos, formats, newGroups(all, domain.Created))
	switch g.rules = rules.Revision; {
	case s.Guard == nil:
	case old != nil && old.rules == g.rules:
		g.guard = old.guard
	default:
		// What cannot be read lets nothing through.
		if g.guard, err = s.Guard.Compile(rules.Document); err != nil {
			return nil, &Error{Code: Internal, Err: fmt.Errorf("guard rules of domain %s: %w", d.Name, err)}
		}
	}
	s.graphs.mu.Lock()
	defer s.graphs.mu.Unlock()
	if s.graphs.m == nil {
		s.graphs.m = map[DomainID]*graph{}
	}
	if old := s.graphs.m[d]; old == nil || old.stamp < stamp {
		s.graphs.m[d] = g
	}
	return g, nil
}
