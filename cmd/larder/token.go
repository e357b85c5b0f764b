package main

import (
	"context"
	"fmt"
	"io"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/spf13/cobra"
)

func newTokenCommand() *cobra.Command {
	var duration duration
	cmd := &cobra.Command{
		Use:     "token",
		Short:   "Print an authorization token for a domain",
		Example: "  larder token\n  curl -H \"Authorization: Bearer $(larder token)\" \"$(larder endpoint npm)express\"",
		Args:    cobra.NoArgs,
	}
	duration.add(cmd)
	return apiCommand(cmd, inDomain, func(ctx context.Context, s *session, _ []string) error {
		out, err := s.token(ctx, s.client, duration)
		if err != nil {
			return err
		}
		return s.answer(out, func(w io.Writer) error {
			_, err := fmt.Fprintln(w, aws.ToString(out.AuthorizationToken))
			return err
		})
	})
}
