package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/spf13/cobra"
)

func newEndpointCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:               "endpoint FORMAT",
		Short:             "Print the URL of a repository",
		Example:           "  larder endpoint npm\n  larder endpoint npm --domain local --repository npm-store",
		Args:              exactly("FORMAT", strings.Join(formatNames(), ", ")),
		ValidArgsFunction: first(completeFormat),
	}
	return apiCommand(cmd, inRepository, func(ctx context.Context, s *session, args []string) error {
		out, err := s.endpoint(ctx, s.client, args[0])
		if err != nil {
			return err
		}
		return s.answer(out, func(w io.Writer) error {
			_, err := fmt.Fprintln(w, aws.ToString(out.RepositoryEndpoint))
			return err
		})
	})
}
