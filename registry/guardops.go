package registry

import (
	"context"
	"slices"
)

// GuardRules gives the guard's rules of a domain; an empty document without a
// revision where it has none.
func (s *Service) GuardRules(ctx context.Context, actor Actor, d DomainID) (Policy, error) {
	if _, err := s.enterDomain(ctx, actor, GetGuard, d); err != nil {
		return Policy{}, err
	}
	var p Policy
	err := s.Metadata.View(ctx, func(tx Tx) error {
		var err error
		p, err = guardRules(tx, d)
		return err
	})
	return p, err
}

func guardRules(tx Tx, d DomainID) (Policy, error) {
	p, err := tx.Guard(d)
	if IsNotFound(err) {
		return Policy{}, nil
	}
	return p, err
}

// PutGuardRules sets the guard's rules of a domain: the next request is judged
// by them. Invalid with what is wrong with them; Conflict when ifRevision is not
// nil and the rules there have another one.
func (s *Service) PutGuardRules(ctx context.Context, actor Actor, d DomainID, document string, ifRevision *string) (Policy, error) {
	if _, err := s.enterDomain(ctx, actor, PutGuard, d); err != nil {
		return Policy{}, err
	}
	if s.Guard == nil {
		return Policy{}, noGuard()
	}
	if _, err := s.Guard.Compile(document); err != nil {
		return Policy{}, err
	}
	p := Policy{Document: document, Revision: newID()}
	return p, s.Metadata.Update(ctx, func(tx Tx) error {
		have, err := guardRules(tx, d)
		if err != nil {
			return err
		}
		if ifRevision != nil && *ifRevision != have.Revision {
			return Errorf(Conflict, "the guard rules of domain %q have changed since they were read; read them again and repeat", d.Name).About(d.Resource())
		}
		return tx.PutGuard(d, p)
	})
}

func noGuard() error { return Errorf(Invalid, "this server runs without a guard") }

// GuardedVersion is a version with what the guard says of it.
type GuardedVersion struct {
	Version
	Held    bool // by a repository of the chain
	Verdict Verdict
}

// GuardExplanation is what the guard does about one package.
type GuardExplanation struct {
	Package  PackageID
	Rules    []string         // that apply, a sentence each
	Shown    int              // versions that indexes show
	Newest   string           // of these; empty: none
	Versions []GuardedVersion // hidden, refused or warned of, ascending
}

// ExplainGuard says what the guard does about a package as clients of the
// repository see it, and why. NotFound where nobody has the package.
func (s *Service) ExplainGuard(ctx context.Context, actor Actor, r RepoID, p PackageID) (GuardExplanation, error) {
	id, rules, err := s.canonical(VersionID{Package: p})
	if err != nil {
		return GuardExplanation{}, err
	}
	n, _, err := s.enter(ctx, actor, ExplainGuard, r, id.Package)
	if err != nil {
		return GuardExplanation{}, err
	}
	m, err := s.view(ctx, n, id.Package, rules)
	if err != nil && (m == nil || len(m.hidden) == 0) {
		return GuardExplanation{}, err
	}
	guard, err := s.rulingNow(ctx, n, id.Package)
	if err != nil {
		return GuardExplanation{}, err
	}
	out := GuardExplanation{Package: id.Package, Shown: len(m.view.Versions) + len(m.view.Unlisted)}
	if len(m.view.Versions) > 0 {
		out.Newest = newest(m.view.Versions, rules)
	}
	if guard == nil {
		return out, nil
	}
	out.Rules = guard.Explain()
	for _, h := range m.hidden {
		out.Versions = append(out.Versions, GuardedVersion{h.view.Version, h.view.Held, h.verdict})
	}
	for _, of := range [][]VersionView{m.view.Versions, m.view.Unlisted} {
		for _, v := range of {
			if verdict := guard.judge(v.Version, v.Listed); verdict.final() || verdict.Warning != "" {
				out.Versions = append(out.Versions, GuardedVersion{v.Version, v.Held, verdict})
			}
		}
	}
	slices.SortStableFunc(out.Versions, func(a, b GuardedVersion) int { return rules.Compare(a.Version.Version, b.Version.Version) })
	return out, nil
}
