package registry

import (
	"context"
	"encoding/json"
	"time"
)

// Offered gives the package-level metadata of every connection's listing of a
// package that the repository reaches, nearest first. Where none has any, and
// a connection failed, it is that error. of is the package whose origin
// configuration decides: p itself, or, where a format keeps more documents of a
// package as listings of their own, that package. Needs ReadFromRepository.
func (r *Repo) Offered(ctx context.Context, of, p PackageID) ([]json.RawMessage, error) {
	s := r.svc
	id, _, err := s.canonical(VersionID{Package: p})
	if err != nil {
		return nil, err
	}
	owner, _, err := s.canonical(VersionID{Package: of})
	if err != nil {
		return nil, err
	}
	n, _, err := r.enter(ctx, ReadFromRepository, PackageID{})
	if err != nil {
		return nil, err
	}
	var at []place
	err = s.Metadata.View(ctx, func(tx Tx) error {
		var err error
		at, err = s.places(tx, n, owner.Package)
		return err
	})
	if err != nil {
		return nil, err
	}
	sources := s.sources(at, id.Package.Format)
	s.list(ctx, sources, n.ID.Domain, id.Package, time.Time{})
	var out []json.RawMessage
	for _, src := range sources {
		if src.listing != nil && src.listing.Metadata != nil {
			out = append(out, src.listing.Metadata)
		}
	}
	if out == nil {
		return nil, failure(sources, nil)
	}
	return out, nil
}

// InNamespace gives the packages of one namespace that this repository or an
// upstream repository of it holds, each once. Needs ReadFromRepository.
func (r *Repo) InNamespace(ctx context.Context, format, namespace string) ([]PackageID, error) {
	n, _, err := r.enter(ctx, ReadFromRepository, PackageID{})
	if err != nil {
		return nil, err
	}
	var ids []PackageID
	err = r.svc.Metadata.View(ctx, func(tx Tx) error {
		ids = nil
		seen := map[PackageID]bool{}
		for _, repo := range n.chain {
			filter := PackageFilter{Format: format, NamespacePrefix: namespace}
			for page := (Page{Limit: 1000}); ; {
				packages, next, err := tx.Packages(n.graph.repos[repo].ID, filter, page)
				if err != nil {
					return err
				}
				for _, p := range packages {
					if p.ID.Namespace == namespace && !seen[p.ID] {
						seen[p.ID] = true
						ids = append(ids, p.ID)
					}
				}
				// By (namespace, name): those that only begin alike come after.
				if page.After = next; next == "" || packages[len(packages)-1].ID.Namespace != namespace {
					break
				}
			}
		}
		return nil
	})
	return ids, err
}
