package registry

import (
	"context"
	"reflect"
)

// RetentionRules gives the retention rules of a repository; an empty document
// without a revision where it has none.
func (s *Service) RetentionRules(ctx context.Context, actor Actor, id RepoID) (Retention, error) {
	n, _, err := s.enter(ctx, actor, GetRetention, id, PackageID{})
	if err != nil {
		return Retention{}, err
	}
	var r Retention
	err = s.Metadata.View(ctx, func(tx Tx) error {
		r, err = tx.Retention(n.ID)
		return err
	})
	if IsNotFound(err) {
		return Retention{Repo: n.ID}, nil
	}
	return r, err
}

// PutRetentionRules sets the retention rules of a repository. They are first
// applied an hour later, and where only pins have changed, when they would have
// been. Invalid with what is wrong with them; Conflict when ifRevision is not
// nil and the rules there have another one.
func (s *Service) PutRetentionRules(ctx context.Context, actor Actor, id RepoID, document string, ifRevision *string) (Retention, error) {
	n, _, err := s.enter(ctx, actor, PutRetention, id, PackageID{})
	if err != nil {
		return Retention{}, err
	}
	doc, err := ParseRetention(document)
	if err != nil {
		return Retention{}, err
	}
	var r Retention
	err = s.Metadata.Update(ctx, func(tx Tx) error {
		have, err := tx.Retention(n.ID)
		if err != nil && !IsNotFound(err) {
			return err
		}
		if ifRevision != nil && *ifRevision != have.Revision {
			return Errorf(Conflict, "the retention rules of repository %q have changed since they were read; read them again and repeat", n.ID.Name).About(n.resource())
		}
		r = Retention{Repo: n.ID, Policy: Policy{Document: document, Revision: newID()}, Due: tx.Now().Add(retentionNotice), Run: have.Run}
		r.Run.After = ""
		if old, err := ParseRetention(have.Document); err == nil && have.Revision != "" && reflect.DeepEqual(old.Rules, doc.Rules) {
			r.Due = have.Due
		}
		return tx.PutRetention(r)
	})
	return r, err
}

// DeleteRetentionRules takes the retention rules of a repository away, and gives
// them as they were. A run that is under way ends. NotFound where it has none.
func (s *Service) DeleteRetentionRules(ctx context.Context, actor Actor, id RepoID) (Retention, error) {
	n, _, err := s.enter(ctx, actor, DeleteRetention, id, PackageID{})
	if err != nil {
		return Retention{}, err
	}
	var r Retention
	err = s.Metadata.Update(ctx, func(tx Tx) error {
		if r, err = tx.Retention(n.ID); err != nil {
			return err
		}
		return tx.DeleteRetention(n.ID)
	})
	if IsNotFound(err) {
		err = noRetention(n)
	}
	return r, err
}

func noRetention(n *node) error {
	return Errorf(NotFound, "repository %q has no retention rules", n.ID.Name).About(n.resource())
}

// PreviewRetention gives a page of what the retention rules of a repository
// would let go now, and changes nothing: its own rules, or those of document
// where it is not nil. NotFound where it has none; Invalid for a document that
// cannot be.
func (s *Service) PreviewRetention(ctx context.Context, actor Actor, id RepoID, document *string, p Page) (RetentionPage, error) {
	n, _, err := s.enter(ctx, actor, PreviewRetention, id, PackageID{})
	if err != nil {
		return RetentionPage{}, err
	}
	var rules *retentionRules
	if document != nil {
		rules, err = s.compileRetention(Policy{Document: *document})
	} else {
		rules, err = s.retentionOf(ctx, n)
	}
	if err != nil {
		return RetentionPage{}, err
	}
	if p.After == "" {
		s.Downloads.Flush(ctx)
	}
	return s.expire(ctx, n, rules, p, false)
}

// RunRetention applies the retention rules of a repository now, and gives what
// went: a page of it, and the next call goes on. NotFound where it has none;
// Conflict where they change meanwhile.
func (s *Service) RunRetention(ctx context.Context, actor Actor, id RepoID, p Page) (RetentionPage, error) {
	n, _, err := s.enter(ctx, actor, RunRetention, id, PackageID{})
	if err != nil {
		return RetentionPage{}, err
	}
	rules, err := s.retentionOf(ctx, n)
	if err != nil {
		return RetentionPage{}, err
	}
	if p.After == "" {
		s.Downloads.Flush(ctx)
	}
	return s.expire(ctx, n, rules, p, true)
}

func (s *Service) retentionOf(ctx context.Context, n *node) (*retentionRules, error) {
	var r Retention
	err := s.Metadata.View(ctx, func(tx Tx) error {
		var err error
		r, err = tx.Retention(n.ID)
		return err
	})
	if IsNotFound(err) {
		return nil, noRetention(n)
	}
	if err != nil {
		return nil, err
	}
	return s.compileRetention(r.Policy)
}
