package main

import (
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"
)

// output is the flag --output of commands that show something.
type output struct{ form string }

func (o *output) add(cmd *cobra.Command) {
	o.form = "text"
	cmd.Flags().VarP(o, "output", "o", "`form` of the answer: text or json")
	_ = cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions([]string{"text", "json"}, cobra.ShellCompDirectiveNoFileComp))
}

func (o *output) String() string { return o.form }
func (o *output) Type() string   { return "form" }
func (o *output) Set(s string) error {
	if s != "text" && s != "json" {
		return fmt.Errorf("must be text or json")
	}
	o.form = s
	return nil
}

func (o *output) json() bool { return o.form == "json" }

// print writes v as indented JSON.
func (o *output) print(cmd *cobra.Command, v any) error {
	e := json.NewEncoder(cmd.OutOrStdout())
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(v)
}
