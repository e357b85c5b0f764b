package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"
)

func newEndpointCommand() *cobra.Command {
	var (
		t target
		o output
	)
	var names []string
	for _, f := range wireFormats {
		names = append(names, f.Name)
	}
	cmd := &cobra.Command{
		Use:       "endpoint FORMAT",
		Short:     "Print the URL of a repository",
		Example:   "  larder endpoint npm\n  larder endpoint npm --domain local --repository npm-store",
		Args:      exactly("FORMAT", "such as npm"),
		ValidArgs: names,
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx, cancel := context.WithTimeout(cmd.Context(), callTime)
			defer cancel()
			c, err := newClient(cmd)
			if err != nil {
				return err
			}
			url, err := t.endpoint(ctx, c, args[0])
			if err != nil {
				return err
			}
			if o.json() {
				return o.print(cmd, map[string]string{"repositoryEndpoint": url})
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), url)
			return err
		},
	}
	t.addDomain(cmd)
	t.addRepository(cmd)
	o.add(cmd)
	addDataFlag(cmd)
	return cmd
}
