package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"larder/storage/care"
)

func newGCCommand() *cobra.Command {
	var p place
	var out output
	g := care.GC{}
	cmd := &cobra.Command{
		Use:   "gc",
		Short: "Delete bytes that nothing refers to",
		Long: `Delete bytes that no asset refers to and that are older than --grace. A server
does this by itself when it starts and twice a day; this command is for now.
Servers may run meanwhile, on every kind of storage: what a publish is about to
refer to is not deleted.`,
		Example: "  larder gc --dry-run --data /var/lib/larder",
		Args:    cobra.NoArgs,
	}
	cmd.RunE = func(cmd *cobra.Command, _ []string) (err error) {
		if err := p.complete(cmd); err != nil {
			return err
		}
		if g.Grace < 0 {
			return errors.New("--grace: a time such as 1h, not below zero")
		}
		g.Grace = max(g.Grace, time.Nanosecond) // zero would be the default
		m, b, closeBoth, err := p.look(cmd.Context())
		if err != nil {
			return told(err)
		}
		defer func() { err = errors.Join(err, closeBoth()) }()
		total, err := care.Held(cmd.Context(), m)
		if err != nil {
			return told(err)
		}
		bar := newProgress(cmd, "gc", total, shownSize)
		g.Progress = func(f care.Garbage) { bar.set(f.Size) }
		found, err := g.Run(cmd.Context(), m, b)
		bar.end()
		if err != nil {
			return told(err)
		}
		if out.json() {
			return out.print(cmd, found)
		}
		what := "deleted"
		if g.DryRun {
			what = "to be deleted"
		}
		_, err = fmt.Fprintf(cmd.OutOrStdout(), "%d blobs; %d %s (%s)\n", found.Blobs, found.Unused, what, shownSize(found.Bytes))
		return err
	}
	p.add(cmd)
	out.add(cmd)
	cmd.Flags().DurationVar(&g.Grace, "grace", care.DefaultGrace, "how `old` bytes must be that nothing refers to")
	cmd.Flags().BoolVar(&g.DryRun, "dry-run", false, "only say what would be deleted")
	return cmd
}
