package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/mattn/go-isatty"
	"github.com/spf13/cobra"
)

// session is one run of a command that calls the API: the way to the server,
// what the common flags say, and how to answer.
type session struct {
	*client
	target
	out output
	cmd *cobra.Command
	yes bool
}

// traits say which common flags a command has, and how it runs.
type traits int

const (
	ofOwner      traits = 1 << iota // --domain-owner
	inDomain                        // --domain and --domain-owner
	inRepository                    // those and --repository
	plain                           // no --output: what it answers is in files of other tools
	destroys                        // --yes
	long                            // takes as long as it takes: pages, streams
)

// apiCommand gives a command its common flags and its run: a client, a limit
// in time, and errors that say what to do next.
func apiCommand(cmd *cobra.Command, is traits, run func(ctx context.Context, s *session, args []string) error) *cobra.Command {
	s := &session{cmd: cmd}
	switch {
	case is&inRepository != 0:
		s.addDomain(cmd)
		s.addRepository(cmd)
	case is&inDomain != 0:
		s.addDomain(cmd)
	case is&ofOwner != 0:
		s.addOwner(cmd)
	}
	if is&plain == 0 {
		s.out.add(cmd)
	}
	if is&destroys != 0 {
		cmd.Flags().BoolVarP(&s.yes, "yes", "y", false, "do not ask")
	}
	addDataFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) (err error) {
		ctx, cancel := cmd.Context(), func() {}
		switch {
		case is&destroys != 0: // a person may think for a while, and end it as any program
		case is&long != 0:
			ctx, cancel = signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
		default:
			ctx, cancel = context.WithTimeout(ctx, callTime)
		}
		defer cancel()
		if s.client, err = newClient(cmd); err != nil {
			return err
		}
		return s.advise(s.say(run(ctx, s, args)))
	}
	return cmd
}

// nounCommand holds the commands of one noun.
func nounCommand(noun, short, about string, verbs ...*cobra.Command) *cobra.Command {
	cmd := &cobra.Command{
		Use:   noun,
		Short: short,
		Long:  short + ".\n\n" + about,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return fmt.Errorf("%q is no command of %s%s; see: %s --help", args[0], cmd.CommandPath(), meant(cmd, args[0]), cmd.CommandPath())
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(verbs...)
	return cmd
}

// answer shows what the API answered: its own members, or as text.
func (s *session) answer(v any, text func(w io.Writer) error) error {
	if s.out.json() {
		return printMembers(s.cmd.OutOrStdout(), v)
	}
	return text(s.cmd.OutOrStdout())
}

// done is an answer whose text is a line or two.
func (s *session) done(v any, format string, args ...any) error {
	return s.answer(v, func(w io.Writer) error {
		_, err := fmt.Fprintln(w, printable(fmt.Sprintf(format, args...)))
		return err
	})
}

// note tells the person something that is not part of the answer.
func (s *session) note(format string, args ...any) {
	fmt.Fprintln(s.cmd.ErrOrStderr(), printable(fmt.Sprintf(format, args...)))
}

// confirm lets a person think again before something is lost: on a terminal
// they type yes; without one only --yes will do. What completes "This …".
func (s *session) confirm(format string, args ...any) error {
	if s.yes {
		return nil
	}
	what := printable(fmt.Sprintf(format, args...))
	in, ok := s.cmd.InOrStdin().(*os.File)
	if !ok || !isatty.IsTerminal(in.Fd()) {
		return usagef("this %s; add --yes to do it", what)
	}
	fmt.Fprintf(s.cmd.ErrOrStderr(), "This %s.\nType yes to go on: ", what)
	line, _ := bufio.NewReader(io.LimitReader(in, 1<<10)).ReadString('\n')
	if strings.TrimSpace(line) != "yes" {
		return fmt.Errorf("nothing was changed: the answer was not yes")
	}
	return nil
}

// where names the repository that is meant.
func (s *session) where() string { return s.domain + "/" + s.repository }

// again spells the flags that lead a next command to the same domain, and the
// same repository where that is asked for.
func (s *session) again(repository bool) string {
	flags := ""
	if s.domain != "" && s.domain != firstDomain {
		flags += " --domain " + shellWord(s.domain)
	}
	if s.owner != "" {
		flags += " --domain-owner " + shellWord(s.owner)
	}
	if repository && s.repository != "" && s.repository != firstRepository {
		flags += " --repository " + shellWord(s.repository)
	}
	if dir, _ := s.cmd.Flags().GetString("data"); dir != "" {
		flags += " --data " + shellWord(dir)
	}
	return flags
}

// pager is a paginator of the SDK whose pages are O; P are its client's options.
type pager[O, P any] interface {
	HasMorePages() bool
	NextPage(context.Context, ...func(*P)) (*O, error)
}

// collect reads a list to its end, each page with its own limit in time, and
// gives the last answer with all items in it.
func collect[O, T, P any](ctx context.Context, p pager[O, P], items func(*O) *[]T) (*O, error) {
	all, last := []T{}, new(O)
	for p.HasMorePages() {
		page, err := nextPage(ctx, p)
		if err != nil {
			return nil, err
		}
		all, last = append(all, *items(page)...), page
	}
	*items(last) = all
	return last, nil
}

func nextPage[O, P any](ctx context.Context, p pager[O, P]) (*O, error) {
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	return p.NextPage(ctx)
}

// list answers with a table, or on standard error with why it is empty.
func (s *session) list(v any, rows [][]string, empty string) error {
	return s.answer(v, func(w io.Writer) error {
		if len(rows) == 1 {
			s.note("%s", empty)
			return nil
		}
		return table(w, rows)
	})
}
