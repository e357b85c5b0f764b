package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/spf13/cobra"
)

// shells are the ways to set a variable, with how each quotes.
var shells = map[string]func(w io.Writer, name, value string){
	"sh": func(w io.Writer, name, value string) {
		fmt.Fprintf(w, "export %s=%s\n", name, shellWord(value))
	},
	"fish": func(w io.Writer, name, value string) {
		fmt.Fprintf(w, "set -gx %s '%s'\n", name, strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(value))
	},
	"powershell": func(w io.Writer, name, value string) {
		fmt.Fprintf(w, "$Env:%s = '%s'\n", name, strings.ReplaceAll(value, `'`, `''`))
	},
}

func newEnvCommand() *cobra.Command {
	var shell string
	cmd := &cobra.Command{
		Use:     "env",
		Short:   "Print shell exports with which aws talks to this server",
		Example: "  eval \"$(larder env)\"\n  larder env --shell fish | source\n  larder env --shell powershell | Invoke-Expression",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			set, ok := shells[shell]
			if !ok {
				return fmt.Errorf("--shell: %q is not known; take sh, fish or powershell", shell)
			}
			ctx, cancel := context.WithTimeout(cmd.Context(), callTime)
			defer cancel()
			c, err := newClient(cmd)
			if err != nil {
				return err
			}
			return printEnv(ctx, cmd.OutOrStdout(), c, set)
		},
	}
	cmd.Flags().StringVar(&shell, "shell", "sh", "`shell` to write for: sh (bash, zsh), fish or powershell")
	_ = cmd.RegisterFlagCompletionFunc("shell", cobra.FixedCompletions([]string{"sh", "fish", "powershell"}, cobra.ShellCompDirectiveNoFileComp))
	addDataFlag(cmd)
	return cmd
}

func printEnv(ctx context.Context, w io.Writer, c *client, set func(w io.Writer, name, value string)) error {
	var key aws.Credentials
	key, err := c.Credentials.Retrieve(ctx)
	if err != nil {
		return fmt.Errorf("there are no credentials: %w", err)
	}
	if c.URL != "" {
		set(w, "AWS_ENDPOINT_URL", c.URL)
	}
	set(w, "AWS_ACCESS_KEY_ID", key.AccessKeyID)
	set(w, "AWS_SECRET_ACCESS_KEY", key.SecretAccessKey)
	if key.SessionToken != "" {
		set(w, "AWS_SESSION_TOKEN", key.SessionToken)
	}
	set(w, "AWS_REGION", c.Region)
	set(w, "AWS_DEFAULT_REGION", c.Region) // the aws command, version 1, reads no other
	return nil
}
