package main

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/spf13/cobra"
)

func newTokenCommand() *cobra.Command {
	var (
		t target
		o output
	)
	cmd := &cobra.Command{
		Use:     "token",
		Short:   "Print an authorization token for a domain",
		Example: "  larder token\n  curl -H \"Authorization: Bearer $(larder token)\" \"$(larder endpoint npm)express\"",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, cancel := context.WithTimeout(cmd.Context(), callTime)
			defer cancel()
			c, err := newClient(cmd)
			if err != nil {
				return err
			}
			token, err := t.token(ctx, c)
			if err != nil {
				return err
			}
			if o.json() {
				return o.print(cmd, map[string]string{
					"authorizationToken": aws.ToString(token.AuthorizationToken),
					"expiration":         aws.ToTime(token.Expiration).UTC().Format(time.RFC3339),
				})
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), aws.ToString(token.AuthorizationToken))
			return err
		},
	}
	t.addDomain(cmd)
	t.addDuration(cmd)
	o.add(cmd)
	addDataFlag(cmd)
	return cmd
}
