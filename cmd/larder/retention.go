package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"larder/registry"
)

func newRetentionCommand() *cobra.Command {
	return nounCommand("retention", "Let old and unused versions go by rules",
		`The rules of a repository say which of its versions go: all but the newest, those
that are old, those that nobody downloads. They are applied once a day; each
version that goes is an event. Never go: what a tag names, what is pinned, what is
being published, and the newest release of a package unless a rule says so.

The rules are a JSON document. A version is decided about by the first rule that
selects it:

  {"rules": [
    {"name": "cache", "origin": "EXTERNAL", "notDownloadedFor": "90d", "includeNewest": true},
    {"name": "ours", "packages": ["/npm/acme/*"], "action": "keep"},
    {"name": "previews", "prerelease": true, "olderThan": "30d"},
    {"name": "rest", "keepNewest": 20, "olderThan": "180d"}
  ]}

docs/operations.md has all members.`,
		newRetentionShowCommand(), newRetentionSetCommand(), newRetentionUnsetCommand(),
		newRetentionPreviewCommand(), newRetentionRunCommand(), newRetentionPinCommand(), newRetentionUnpinCommand())
}

// retentionAnswer is the answer of the server's GetRetention and PutRetention.
type retentionAnswer struct {
	Retention json.RawMessage `json:"retention"`
	Revision  string          `json:"revision"`
	NextRun   epochTime       `json:"nextRun,omitempty"`
	Run       *struct {
		Started  epochTime `json:"started"`
		Finished epochTime `json:"finished,omitempty"`
		Packages int       `json:"packages"`
		Versions int       `json:"versions"`
		Bytes    int64     `json:"assetSizeBytes"`
	} `json:"run,omitempty"`
}

// retentionPath is a path of the operations for the repository that is meant.
func (s *session) retentionPath(rest string, more url.Values) string {
	q := url.Values{"domain": {s.domain}, "repository": {s.repository}}
	if s.owner != "" {
		q.Set("domain-owner", s.owner)
	}
	for k, v := range more {
		q[k] = v
	}
	return "/v1/larder/retention" + rest + "?" + q.Encode()
}

func (s *session) retention(ctx context.Context) (retentionAnswer, *registry.RetentionDocument, error) {
	var have retentionAnswer
	if err := s.call(ctx, http.MethodGet, s.retentionPath("", nil), nil, &have); err != nil {
		return have, nil, err
	}
	d, err := registry.ParseRetention(string(have.Retention))
	return have, d, err
}

// editRetention changes the rules that are there, whoever else does so meanwhile.
func (s *session) editRetention(ctx context.Context, edit func(*registry.RetentionDocument) error) (retentionAnswer, error) {
	for tries := 0; ; tries++ {
		have, d, err := s.retention(ctx)
		if err == nil {
			err = edit(d)
		}
		if err != nil {
			return have, err
		}
		var now retentionAnswer
		err = s.call(ctx, http.MethodPut, s.retentionPath("", nil), map[string]any{"retention": d, "revision": have.Revision}, &now)
		var failed *apiFailure
		if errors.As(err, &failed) && failed.code == "ConflictException" && tries < 5 {
			continue
		}
		return now, err
	}
}

// toRepository names the repository for a next command.
func (s *session) toRepository() string {
	if s.repository == firstRepository {
		return s.again(false)
	}
	return " " + shellWord(s.repository) + s.again(false)
}

func newRetentionShowCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:               "show [REPOSITORY]",
		Short:             "Show the retention rules of a repository, and what the last run did",
		Example:           "  larder retention show\n  larder retention show npm-store --output json > rules.json",
		Args:              atMost(1, "REPOSITORY"),
		ValidArgsFunction: first(completeRepository),
	}
	return apiCommand(cmd, inDomain, func(ctx context.Context, s *session, args []string) error {
		s.repository = argument(args, firstRepository)
		have, d, err := s.retention(ctx)
		if err != nil {
			return err
		}
		if s.out.json() {
			return s.out.print(cmd, have.Retention)
		}
		if have.Revision == "" {
			s.note("the repository %s has no retention rules; set some with: larder retention set FILE%s", s.where(), s.toRepository())
			return nil
		}
		return showRetention(cmd.OutOrStdout(), have, d)
	})
}

func showRetention(w io.Writer, have retentionAnswer, d *registry.RetentionDocument) error {
	rows := [][]string{{"RULE", "NAME", "OF", "WHAT GOES"}}
	for i, r := range d.Rules {
		rows = append(rows, []string{strconv.Itoa(i + 1), r.Name, selected(r), goes(r)})
	}
	if err := table(w, rows); err != nil {
		return err
	}
	if len(d.Pins) > 0 {
		rows = [][]string{{"PINNED", "VERSIONS", "REASON"}}
		for _, p := range d.Pins {
			rows = append(rows, []string{p.Package, firstOf(strings.Join(p.Versions, ", "), "all"), p.Reason})
		}
		fmt.Fprintln(w)
		if err := table(w, rows); err != nil {
			return err
		}
	}
	fmt.Fprintf(w, "\nnext run: %s\n", have.NextRun.shown())
	run := have.Run
	switch {
	case run == nil:
		return nil
	case run.Finished == 0:
		_, err := fmt.Fprintf(w, "running since %s: %s (%s) of %s went\n", run.Started.shown(),
			count(run.Versions, "version", "versions"), shownSize(run.Bytes), count(run.Packages, "package", "packages"))
		return err
	}
	_, err := fmt.Fprintf(w, "last run: %s, %s (%s) of %s went\n", run.Finished.shown(),
		count(run.Versions, "version", "versions"), shownSize(run.Bytes), count(run.Packages, "package", "packages"))
	return err
}

// selected says which versions a rule decides about.
func selected(r registry.RetentionRule) string {
	kind := "all versions"
	if r.Prerelease != nil {
		kind = map[bool]string{true: "prereleases", false: "releases"}[*r.Prerelease]
	}
	var statuses []string
	for _, s := range r.Statuses {
		statuses = append(statuses, string(s))
	}
	return joined("; ", kind, strings.Join(r.Packages, ", "), string(r.Origin), strings.Join(statuses, ", "))
}

// goes says which of these go, and how.
func goes(r registry.RetentionRule) string {
	if r.Action == registry.ActionKeep {
		return "nothing"
	}
	var why []string
	if r.KeepNewest > 0 {
		newest := "all but the newest " + strconv.Itoa(r.KeepNewest)
		if r.Order == registry.OrderPublished {
			newest += " by time"
		}
		why = append(why, newest)
	}
	if r.OlderThan != nil && *r.OlderThan > 0 {
		why = append(why, "older than "+r.OlderThan.String())
	}
	if r.NotDownloadedFor > 0 {
		why = append(why, "not downloaded for "+r.NotDownloadedFor.String())
	}
	what := strings.Join(why, ", ")
	if r.IncludeNewest {
		what += "; the newest release, too"
	}
	return joined("; ", what, r.Action)
}

func newRetentionSetCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "set FILE [REPOSITORY]",
		Short: "Set the retention rules of a repository from a JSON file",
		Long: `Set the retention rules of a repository from a JSON file, "-" for standard input, in
place of those that are there, pins included. What they would let go now is counted
first, and asked about. They are applied an hour later, and then each day.`,
		Example:           "  larder retention set rules.json\n  larder retention set rules.json npm-store --yes",
		Args:              between(1, 2, "a FILE with the rules, and a REPOSITORY"),
		ValidArgsFunction: completeFileThenRepository,
	}
	return apiCommand(cmd, inDomain|destroys, func(ctx context.Context, s *session, args []string) error {
		s.repository = argument(args[1:], firstRepository)
		text, d, err := readRetention(cmd, args[0])
		if err != nil {
			return err
		}
		if !s.yes {
			goes, err := s.expired(ctx, "/preview", text, nil)
			if err != nil {
				return err
			}
			what := ""
			if goes.versions > 0 {
				what = fmt.Sprintf(" and lets %s (%s) go, first in an hour", count(goes.versions, "version", "versions"), shownSize(goes.bytes))
			}
			if err := s.confirm("sets the retention rules of %s%s", s.where(), what); err != nil {
				return err
			}
		}
		var now retentionAnswer
		if err := s.call(ctx, http.MethodPut, s.retentionPath("", nil), map[string]any{"retention": text}, &now); err != nil {
			return err
		}
		return s.changed(now, "the repository %s has %s now, first applied %s\nnext: larder retention preview%s",
			s.where(), count(len(d.Rules), "retention rule", "retention rules"), now.NextRun.shown(), s.toRepository())
	})
}

// readRetention reads a file of rules, and says at once what is wrong with them.
func readRetention(cmd *cobra.Command, file string) (json.RawMessage, *registry.RetentionDocument, error) {
	text, err := readGiven(cmd, file, 1<<20)
	if err != nil {
		return nil, nil, err
	}
	d, err := registry.ParseRetention(string(text))
	if err == nil && len(text) == 0 {
		err = usagef("%s is empty; a document without rules is {}", file)
	}
	return text, d, err
}

// completeFileThenRepository completes a file, and then a repository.
func completeFileThenRepository(cmd *cobra.Command, args []string, word string) ([]string, cobra.ShellCompDirective) {
	if len(args) == 0 {
		return nil, cobra.ShellCompDirectiveDefault
	}
	return first(completeRepository)(cmd, args[1:], word)
}

func newRetentionUnsetCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:               "unset [REPOSITORY]",
		Short:             "Take the retention rules of a repository away, with its pins",
		Long:              "Take the retention rules of a repository away, with its pins: nothing goes by itself\nany more. A run that is under way ends.",
		Example:           "  larder retention unset npm-store",
		Args:              atMost(1, "REPOSITORY"),
		ValidArgsFunction: first(completeRepository),
	}
	return apiCommand(cmd, inDomain|destroys, func(ctx context.Context, s *session, args []string) error {
		s.repository = argument(args, firstRepository)
		if err := s.confirm("deletes the retention rules and pins of %s", s.where()); err != nil {
			return err
		}
		var was retentionAnswer
		if err := s.call(ctx, http.MethodDelete, s.retentionPath("", nil), nil, &was); err != nil {
			return err
		}
		return s.changed(was, "the repository %s has no retention rules now", s.where())
	})
}
