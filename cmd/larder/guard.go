package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"larder/registry/guard"
)

func newGuardCommand() *cobra.Command {
	return nounCommand("guard", "Keep new, bad and misplaced versions out",
		`The guard judges every version that anybody reads, in indexes and as bytes, in all
repositories of a domain. Its rules act on the next request. Packages are named
as PATTERN, in quotes because of the shell:

  'npm:*'                  every npm package
  'npm:@acme/*'            those of the scope @acme
  'npm:@acme/ui~'          @acme/ui, @acme/ui-kit, … (a word begins so)
  'pypi:acme-~'            acme, acme-tools, …
  'maven:org.example:*'    those of one group
  'nuget:Acme.Core'        this package alone
  '/npm/acme/*'            a package group's pattern`,
		newGuardShowCommand(), newGuardSetCommand(), newGuardCooldownCommand(), newGuardExemptCommand(),
		newGuardBlockCommand(), newGuardUnblockCommand(), newGuardRequireCommand(), newGuardClaimCommand(),
		newGuardExplainCommand(), newGuardImportCommand(), newGuardRespondCommand())
}

// guardAnswer is the answer of the server's GetGuard and PutGuard.
type guardAnswer struct {
	Guard    json.RawMessage `json:"guard"`
	Revision string          `json:"revision"`
}

// guardPath is a path of the guard's operations for the domain that is meant.
func (s *session) guardPath(rest string, more url.Values) string {
	q := url.Values{"domain": {s.domain}}
	if s.owner != "" {
		q.Set("domain-owner", s.owner)
	}
	for k, v := range more {
		q[k] = v
	}
	return "/v1/larder/guard" + rest + "?" + q.Encode()
}

func (s *session) guardRules(ctx context.Context) (guardAnswer, *guard.Document, error) {
	var have guardAnswer
	if err := s.call(ctx, http.MethodGet, s.guardPath("", nil), nil, &have); err != nil {
		return have, nil, err
	}
	d, err := guard.Parse(string(have.Guard))
	return have, d, err
}

// editGuard changes the rules that are there, whoever else does so meanwhile.
func (s *session) editGuard(ctx context.Context, edit func(*guard.Document) error) (guardAnswer, error) {
	for tries := 0; ; tries++ {
		have, d, err := s.guardRules(ctx)
		if err == nil {
			err = edit(d)
		}
		if err != nil {
			return have, err
		}
		var now guardAnswer
		err = s.call(ctx, http.MethodPut, s.guardPath("", nil), map[string]any{"guard": d, "revision": have.Revision}, &now)
		var failed *apiFailure
		if errors.As(err, &failed) && failed.code == "ConflictException" && tries < 5 {
			continue
		}
		return now, err
	}
}

// changed tells of changed rules: the rules themselves as JSON, else a line.
func (s *session) changed(a any, format string, args ...any) error {
	if s.out.json() {
		return s.out.print(s.cmd, a)
	}
	_, err := fmt.Fprintln(s.cmd.OutOrStdout(), printable(fmt.Sprintf(format, args...)))
	return err
}

func newGuardShowCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "show",
		Short:   "Show the rules of a domain, and where advisories came from",
		Example: "  larder guard show\n  larder guard show --output json > guard.json",
		Args:    cobra.NoArgs,
	}
	return apiCommand(cmd, inDomain, func(ctx context.Context, s *session, _ []string) error {
		have, d, err := s.guardRules(ctx)
		if err != nil {
			return err
		}
		if s.out.json() {
			return s.out.print(cmd, have.Guard)
		}
		rows := append([][]string{{"RULE", "PACKAGES", "WHAT"}}, ruleRows(d)...)
		if len(rows) == 1 {
			s.note("the domain %s has no guard rules; begin with: larder guard cooldown 3d%s", s.domain, s.again(false))
		} else if err := table(cmd.OutOrStdout(), rows); err != nil {
			return err
		}
		// Who may see the rules need not see the sources: they are the server's.
		if sources, err := s.sources(ctx); err == nil && len(sources) > 0 {
			fmt.Fprintln(cmd.OutOrStdout())
			return table(cmd.OutOrStdout(), sourceRows(sources))
		}
		return nil
	})
}

// ruleRows are the rules as lines of a table.
func ruleRows(d *guard.Document) [][]string {
	var rows [][]string
	all := func(pattern string) string { return firstOf(pattern, "/*") }
	for _, c := range d.Cooldown {
		what := "at least " + c.Age.String() + " old"
		if c.Age == 0 {
			what = "any age"
		}
		if c.Connection != "" {
			what += ", through " + c.Connection
		}
		if c.ServeBytes {
			what += "; lock files may name younger ones"
		}
		if c.HoldFixes {
			what += "; fixes wait, too"
		}
		rows = append(rows, []string{"cooldown", all(c.Package), what})
	}
	for _, x := range d.Exempt {
		rows = append(rows, []string{"exempt", all(x.Package), joined("; ", "versions "+firstOf(x.Versions, "all")+" from "+firstOf(strings.Join(x.From, ", "), guard.KindCooldown), x.Reason)})
	}
	for _, b := range d.Block {
		versions := "versions " + firstOf(b.Versions, strings.Join(b.List, ", "), "all")
		if b.Digest != "" {
			versions = joined("; ", versions, "digest "+b.Digest)
		}
		if b.License != "" {
			versions = joined("; ", versions, "licence "+b.License)
		}
		rows = append(rows, []string{firstOf(b.Action, guard.ActionBlock), all(b.Package), joined("; ", versions, b.Reason)})
	}
	for _, a := range d.Attest {
		rows = append(rows, []string{"attest", a.Package, joined("; ", "by "+a.Signer()+", known to "+a.Issuer, a.Predicate, a.Reason)})
	}
	for _, a := range d.Advisories {
		severities := make([]string, len(a.Severities))
		for i, s := range a.Severities {
			severities[i] = string(s)
		}
		rows = append(rows, []string{a.Action, "/*", "advisories of " + firstOf(a.Source, "any source") + ": " + firstOf(strings.Join(severities, ", "), "any severity")})
	}
	return rows
}

func joined(by string, parts ...string) string {
	var all []string
	for _, p := range parts {
		if p != "" {
			all = append(all, p)
		}
	}
	return strings.Join(all, by)
}

func newGuardSetCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "set FILE",
		Short: "Replace all rules of a domain by those of a JSON file",
		Long: `Replace all rules of a domain by those of a JSON file, "-" for standard input: what
larder guard show --output json prints. The members are in docs/guard.md.`,
		Example: "  larder guard set guard.json",
		Args:    exactly("FILE", "such as guard.json, or - for standard input"),
	}
	return apiCommand(cmd, inDomain|destroys, func(ctx context.Context, s *session, args []string) error {
		b, err := readGiven(cmd, args[0], 1<<20)
		if err != nil {
			return err
		}
		d, err := guard.Parse(string(b))
		if err != nil {
			return err
		}
		if _, old, err := s.guardRules(ctx); err != nil {
			return err
		} else if n := len(ruleRows(old)); n > 0 {
			if err := s.confirm("replaces %s of domain %s", count(n, "guard rule", "guard rules"), s.domain); err != nil {
				return err
			}
		}
		now, err := s.editGuard(ctx, func(have *guard.Document) error { *have = *d; return nil })
		if err != nil {
			return err
		}
		return s.changed(now, "domain %s has %s now", s.domain, count(len(ruleRows(d)), "guard rule", "guard rules"))
	})
}

// readGiven reads a file that was named, or standard input.
func readGiven(cmd *cobra.Command, name string, most int64) ([]byte, error) {
	r := cmd.InOrStdin()
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		r = f
	}
	b, err := io.ReadAll(io.LimitReader(r, most+1))
	if err == nil && int64(len(b)) > most {
		err = fmt.Errorf("%s is longer than %s", name, shownSize(most))
	}
	return b, err
}
