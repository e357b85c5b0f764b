package main

import (
	"fmt"

	"github.com/spf13/cobra"
)

// exactly asks for one argument and says what may stand there.
func exactly(name, known string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) == 1 {
			return nil
		}
		return fmt.Errorf("name one %s: %s", name, known)
	}
}

// both asks for two arguments and shows some.
func both(one, other, example string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) == 2 {
			return nil
		}
		return fmt.Errorf("give %s and %s, such as: %s %s", one, other, cmd.CommandPath(), example)
	}
}

// atLeast asks for so many arguments, which names spells.
func atLeast(n int, names string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) >= n {
			return nil
		}
		return fmt.Errorf("name %s; see: %s --help", names, cmd.CommandPath())
	}
}

// atMost allows so many arguments.
func atMost(n int, names string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) <= n {
			return nil
		}
		return fmt.Errorf("only %s may stand there; see: %s --help", names, cmd.CommandPath())
	}
}

// argument is the first argument, or what stands for it.
func argument(args []string, otherwise string) string {
	if len(args) > 0 {
		return args[0]
	}
	return otherwise
}

// between allows so many arguments, which names spells.
func between(low, high int, names string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) >= low && len(args) <= high {
			return nil
		}
		return fmt.Errorf("name %s; see: %s --help", names, cmd.CommandPath())
	}
}
