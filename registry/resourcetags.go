package registry

import (
	"context"
	"maps"
	"strings"
	"unicode/utf8"
)

// checkTags holds keys and values to their limits (spec 1.2), and their number
// to the quota.
func (s *Service) checkTags(r Resource, tags map[string]string) error {
	for k, v := range tags {
		if err := checkTagKey(k); err != nil {
			return err
		}
		if utf8.RuneCountInString(v) > 256 {
			return Errorf(Invalid, "the value of tag %q has more than 256 characters", k)
		}
		if err := checkText("a tag's value", v); err != nil {
			return err
		}
	}
	if len(tags) > s.Quotas.TagsPerResource {
		return overQuota(r, "tags of a resource", s.Quotas.TagsPerResource)
	}
	return nil
}

func checkTagKey(k string) error {
	if n := utf8.RuneCountInString(k); n < 1 || n > 128 {
		return Errorf(Invalid, "a tag's key has 1 to 128 characters")
	}
	return checkText("a tag's key", k)
}

// TagsOf gives the tags of a domain, repository or package group.
func (s *Service) TagsOf(ctx context.Context, actor Actor, r Resource) (map[string]string, error) {
	if err := s.enterTagged(ctx, actor, ListTagsForResource, r, nil); err != nil {
		return nil, err
	}
	var tags map[string]string
	err := s.Metadata.View(ctx, func(tx Tx) error {
		var err error
		tags, _, err = taggedResource(tx, r)
		return err
	})
	return tags, err
}

// Tag adds tags to a resource, or gives those it has another value.
func (s *Service) Tag(ctx context.Context, actor Actor, r Resource, tags map[string]string) error {
	return s.retagResource(ctx, actor, TagResource, r, settingTags(tags), func(have map[string]string) { maps.Copy(have, tags) })
}

// Untag takes tags away; those that the resource does not have are no error.
func (s *Service) Untag(ctx context.Context, actor Actor, r Resource, keys []string) error {
	for _, k := range keys {
		if err := checkTagKey(k); err != nil {
			return err
		}
	}
	return s.retagResource(ctx, actor, UntagResource, r, map[string]string{"aws:TagKeys": strings.Join(keys, "\n")}, func(have map[string]string) {
		for _, k := range keys {
			delete(have, k)
		}
	})
}

// enterTagged authorizes an action on something that has tags and makes sure
// that it is there. A repository is looked up first: its administrator's own
// policies suffice.
func (s *Service) enterTagged(ctx context.Context, actor Actor, action Action, r Resource, keys map[string]string) error {
	switch r.Type {
	case DomainResource:
		_, err := s.enterDomainWith(ctx, actor, action, r, keys)
		return err
	case RepositoryResource:
		n, _, err := s.node(ctx, RepoID{r.Domain, r.Repository})
		if err != nil {
			return err
		}
		if n != nil {
			r.Administrator = n.Administrator
		}
		if err := s.authorizeWith(ctx, actor, action, r, keys); err != nil {
			return err
		}
		if n == nil {
			return noRepository(RepoID{r.Domain, r.Repository})
		}
		return nil
	}
	return s.authorizeWith(ctx, actor, action, r, keys)
}

func (s *Service) retagResource(ctx context.Context, actor Actor, action Action, r Resource, keys map[string]string, change func(map[string]string)) error {
	if err := s.enterTagged(ctx, actor, action, r, keys); err != nil {
		return err
	}
	return s.Metadata.Update(ctx, func(tx Tx) error {
		tags, put, err := taggedResource(tx, r)
		if err != nil {
			return err
		}
		change(tags)
		if err := s.checkTags(r, tags); err != nil {
			return err
		}
		return put(tags)
	})
}

// taggedResource gives a copy of the resource's tags and how to write them.
func taggedResource(tx Tx, r Resource) (map[string]string, func(map[string]string) error, error) {
	switch r.Type {
	case DomainResource:
		d, err := tx.Domain(r.Domain)
		return cloneTags(d.Tags), func(t map[string]string) error { return tx.TagDomain(r.Domain, t) }, err
	case RepositoryResource:
		repo, err := tx.Repository(RepoID{r.Domain, r.Repository})
		return cloneTags(repo.Tags), func(t map[string]string) error { repo.Tags = t; return tx.UpdateRepository(repo) }, err
	case GroupResource:
		g, err := groupOf(tx, r.Domain, r.Name)
		return cloneTags(g.Tags), func(t map[string]string) error { g.Tags = t; return putGroup(tx, r.Domain, g) }, err
	}
	return nil, nil, Errorf(Invalid, "domains, repositories and package groups have tags, nothing else").About(r)
}
