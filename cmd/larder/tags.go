package main

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codeartifact"
	"github.com/aws/aws-sdk-go-v2/service/codeartifact/types"
	"github.com/spf13/cobra"
)

// addTags is the flag --tag KEY=VALUE of what is made.
func addTags(cmd *cobra.Command, tags *[]string) {
	cmd.Flags().StringArrayVar(tags, "tag", nil, "`key=value` to tag it with; repeatable")
	_ = cmd.RegisterFlagCompletionFunc("tag", cobra.NoFileCompletions)
}

func parseTags(all []string) ([]types.Tag, error) {
	var tags []types.Tag
	for _, s := range all {
		key, value, ok := strings.Cut(s, "=")
		if !ok || key == "" {
			return nil, usagef("%q is no tag; one reads KEY=VALUE", s)
		}
		tags = append(tags, types.Tag{Key: &key, Value: &value})
	}
	return tags, nil
}

// tags shows the tags of a resource; who may see the resource but not its tags
// sees none.
func (s *session) tags(ctx context.Context, arn *string) (string, error) {
	out, err := s.ListTagsForResource(ctx, &codeartifact.ListTagsForResourceInput{ResourceArn: arn})
	var denied *types.AccessDeniedException
	if errors.As(err, &denied) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	var all []string
	for _, t := range out.Tags {
		all = append(all, aws.ToString(t.Key)+"="+aws.ToString(t.Value))
	}
	slices.Sort(all)
	return strings.Join(all, "\n"), nil
}

// tagged is a noun whose things carry tags.
type tagged struct {
	noun    string // as in: larder NOUN tag NAME
	name    string // placeholder of its name
	example string
	traits  traits
	words   completion
	arn     func(ctx context.Context, s *session, name string) (*string, error)
}

func (k tagged) commands() []*cobra.Command {
	tag := &cobra.Command{
		Use:     "tag " + k.name + " [KEY=VALUE]...",
		Short:   "Show the tags of a " + k.noun + ", or set some",
		Example: "  larder " + k.noun + " tag " + k.example + "\n  larder " + k.noun + " tag " + k.example + " team=web stage=test",
		Args:    atLeast(1, k.name),
	}
	tag.ValidArgsFunction = first(k.words)
	untag := &cobra.Command{
		Use:     "untag " + k.name + " KEY...",
		Short:   "Take tags from a " + k.noun,
		Example: "  larder " + k.noun + " untag " + k.example + " stage",
		Args:    atLeast(2, k.name+" and KEY"),
	}
	untag.ValidArgsFunction = first(k.words)
	return []*cobra.Command{
		apiCommand(tag, k.traits, func(ctx context.Context, s *session, args []string) error {
			tags, err := parseTags(args[1:])
			if err != nil {
				return err
			}
			arn, err := k.arn(ctx, s, args[0])
			if err != nil {
				return err
			}
			if len(tags) > 0 {
				if _, err := s.TagResource(ctx, &codeartifact.TagResourceInput{ResourceArn: arn, Tags: tags}); err != nil {
					return err
				}
			}
			return s.showTags(ctx, arn)
		}),
		apiCommand(untag, k.traits, func(ctx context.Context, s *session, args []string) error {
			arn, err := k.arn(ctx, s, args[0])
			if err != nil {
				return err
			}
			if _, err := s.UntagResource(ctx, &codeartifact.UntagResourceInput{ResourceArn: arn, TagKeys: args[1:]}); err != nil {
				return err
			}
			return s.showTags(ctx, arn)
		}),
	}
}

func (s *session) showTags(ctx context.Context, arn *string) error {
	out, err := s.ListTagsForResource(ctx, &codeartifact.ListTagsForResourceInput{ResourceArn: arn})
	if err != nil {
		return err
	}
	rows := [][]string{{"KEY", "VALUE"}}
	for _, t := range out.Tags {
		rows = append(rows, []string{aws.ToString(t.Key), aws.ToString(t.Value)})
	}
	return s.list(out, rows, "it has no tags")
}
