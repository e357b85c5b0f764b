package api

import (
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"larder/registry"
)

const maxTags = 50

// readTags reads a list of tags, and gives the condition keys that stand for it.
func readTags(all []tag) (tags, keys map[string]string, err error) {
	tags, keys = map[string]string{}, map[string]string{}
	for _, t := range all {
		if t.Key == "" || utf8.RuneCountInString(t.Key) > 128 || utf8.RuneCountInString(t.Value) > 256 || strings.HasPrefix(strings.ToLower(t.Key), "aws:") {
			return nil, nil, invalid("a tag's key has 1 to 128 characters and does not begin with aws:, its value up to 256")
		}
		tags[t.Key], keys["aws:RequestTag/"+t.Key] = t.Value, t.Value
	}
	return tags, keys, checkTags(tags)
}

func checkTags(tags map[string]string) error {
	if len(tags) > maxTags {
		return limitExceeded("a rule has at most 50 tags")
	}
	return nil
}

// tagged gives the name of the rule that an ARN of the account names.
func (c *call) tagged(arn string) (string, error) {
	name, ok := strings.CutPrefix(arn, c.ruleARN(""))
	name = strings.TrimPrefix(name, defaultBus+"/")
	if !ok || checkName("resourceARN", name) != nil {
		return "", registry.Errorf(registry.NotFound, "%s is no rule of account %s", clip(arn), c.actor.Account)
	}
	return name, nil
}

// retag changes the tags of a rule.
func (c *call) retag(arn string, keys map[string]string, f func(map[string]string) error) error {
	name, missing := c.tagged(arn)
	if err := c.allow(arn, keys); err != nil {
		return err
	}
	if missing != nil {
		return missing
	}
	return c.Metadata.Update(c.ctx, func(tx registry.Tx) error {
		r, err := c.rule(tx, name)
		if err != nil {
			return err
		}
		r.Tags = maps.Clone(r.Tags)
		if err := f(r.Tags); err != nil {
			return err
		}
		return tx.PutRule(r)
	})
}

func (c *call) tagResource() (any, error) {
	var in struct {
		ResourceARN string
		Tags        []tag
	}
	if err := c.read(&in); err != nil {
		return nil, err
	}
	tags, keys, err := readTags(in.Tags)
	if err != nil {
		return nil, err
	}
	return nil, c.retag(in.ResourceARN, keys, func(have map[string]string) error {
		maps.Copy(have, tags)
		return checkTags(have)
	})
}

func (c *call) untagResource() (any, error) {
	var in struct {
		ResourceARN string
		TagKeys     []string
	}
	if err := c.read(&in); err != nil {
		return nil, err
	}
	keys := map[string]string{"aws:TagKeys": strings.Join(in.TagKeys, "\n")}
	return nil, c.retag(in.ResourceARN, keys, func(have map[string]string) error {
		for _, key := range in.TagKeys {
			delete(have, key)
		}
		return nil
	})
}

func (c *call) listTagsForResource() (any, error) {
	var in struct{ ResourceARN string }
	if err := c.read(&in); err != nil {
		return nil, err
	}
	name, missing := c.tagged(in.ResourceARN)
	if err := c.allow(in.ResourceARN, nil); err != nil {
		return nil, err
	}
	if missing != nil {
		return nil, missing
	}
	answer := struct{ Tags []tag }{[]tag{}}
	return &answer, c.view(func(tx registry.Tx) error {
		r, err := c.rule(tx, name)
		answer.Tags = answer.Tags[:0]
		for _, key := range slices.Sorted(maps.Keys(r.Tags)) {
			answer.Tags = append(answer.Tags, tag{key, r.Tags[key]})
		}
		return err
	})
}
