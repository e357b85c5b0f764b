package api

import (
	"context"
	"maps"
	"slices"
	"strings"

	"larder/internal/awswire"
	"larder/registry"
)

// tag is Tag of spec 2.9.
type tag struct {
	Key   *string `json:"key"`
	Value *string `json:"value"`
}

// maxTags bounds the tags of one call (spec 1.2).
const maxTags = 200

// tagsOf gives a list of tags as a map.
func tagsOf(list []tag) (map[string]string, error) {
	if len(list) > maxTags {
		return nil, awswire.Invalid(awswire.FieldValidation, "tags: one call takes at most %d", maxTags)
	}
	m := map[string]string{}
	for _, t := range list {
		switch {
		case t.Key == nil || t.Value == nil:
			return nil, awswire.Invalid(awswire.FieldValidation, "tags: each tag needs key and value")
		case strings.HasPrefix(strings.ToLower(*t.Key), "aws:"):
			return nil, awswire.Invalid(awswire.FieldValidation, "tags: the prefix aws: is reserved")
		}
		if _, ok := m[*t.Key]; ok {
			return nil, awswire.Invalid(awswire.FieldValidation, "tags: the key %q is there twice", *t.Key)
		}
		m[*t.Key] = *t.Value
	}
	return m, nil
}

// resourceOf reads the ARN of something that can have tags (spec 1.4).
func (c *call) resourceOf(arn string) (registry.Resource, error) {
	bad := awswire.Invalid(awswire.FieldValidation, "resourceArn is %q; it must be the ARN of a domain, a repository or a package group", clip(arn))
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) != 6 || parts[0] != "arn" || parts[2] != "codeartifact" || !accountID.MatchString(parts[4]) {
		return registry.Resource{}, bad
	}
	kind, rest, _ := strings.Cut(parts[5], "/")
	name, more, hasMore := strings.Cut(rest, "/")
	r := registry.Resource{Domain: registry.DomainID{Owner: parts[4], Name: name}}
	if !domainName.MatchString(name) {
		return registry.Resource{}, bad
	}
	switch {
	case kind == "domain" && !hasMore:
		r.Type = registry.DomainResource
	case kind == "repository" && repositoryName.MatchString(more):
		r.Type, r.Repository = registry.RepositoryResource, more
	case kind == "package-group" && hasMore:
		r.Type, r.Name = registry.GroupResource, groupDecoder.Replace("/"+more)
	default:
		return registry.Resource{}, bad
	}
	// Of a pattern just "*", "$" and "%" are encoded, with lower-case digits.
	if own := r.ARN(parts[3]); r.Type == registry.GroupResource && !strings.HasSuffix(own, ":"+parts[5]) {
		return registry.Resource{}, bad
	}
	return r, nil
}

var groupDecoder = strings.NewReplacer("%2a", "*", "%24", "$", "%25", "%")

type taggedInput struct {
	ARN string `query:"resourceArn" required:"true" json:"-"`
}

type tagsAnswer struct {
	Tags []tag `json:"tags"`
}

func listTagsForResource(ctx context.Context, c *call, in *taggedInput) (any, error) {
	r, err := c.resourceOf(in.ARN)
	if err != nil {
		return nil, err
	}
	tags, err := c.core.TagsOf(ctx, c.actor, r)
	if err != nil {
		return nil, err
	}
	answer := tagsAnswer{[]tag{}}
	for _, k := range slices.Sorted(maps.Keys(tags)) {
		v := tags[k]
		answer.Tags = append(answer.Tags, tag{&k, &v})
	}
	return answer, nil
}

type nothing struct{}

type tagInput struct {
	taggedInput
	Tags []tag `json:"tags" required:"true"`
}

func tagResource(ctx context.Context, c *call, in *tagInput) (any, error) {
	r, err := c.resourceOf(in.ARN)
	if err != nil {
		return nil, err
	}
	tags, err := tagsOf(in.Tags)
	if err != nil {
		return nil, err
	}
	return nothing{}, c.core.Tag(ctx, c.actor, r, tags)
}

type untagInput struct {
	taggedInput
	Keys []string `json:"tagKeys" required:"true"`
}

func untagResource(ctx context.Context, c *call, in *untagInput) (any, error) {
	r, err := c.resourceOf(in.ARN)
	if err != nil {
		return nil, err
	}
	if len(in.Keys) > maxTags {
		return nil, awswire.Invalid(awswire.FieldValidation, "tagKeys: one call takes at most %d", maxTags)
	}
	return nothing{}, c.core.Untag(ctx, c.actor, r, in.Keys)
}
