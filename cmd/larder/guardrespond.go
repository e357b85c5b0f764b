package main

import (
	"context"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
)

// namedVersion names a version of a package, as the server's RespondGuard does.
type namedVersion struct {
	Format    string `json:"format"`
	Namespace string `json:"namespace,omitempty"`
	Package   string `json:"package"`
	Version   string `json:"version"`
}

type respondedVersion struct {
	namedVersion
	Problem   string   `json:"problem,omitempty"`
	Disposed  []string `json:"disposed"`
	Kept      []string `json:"kept"`
	Downloads []struct {
		Actor  string    `json:"actor"`
		Since  epochTime `json:"since"`
		Latest epochTime `json:"latest"`
		Times  int       `json:"times"`
	} `json:"downloads"`
}

const (
	// respondAtOnce is how many versions one call names.
	respondAtOnce = 1000
	// maxResponse bounds the list of versions, in bytes.
	maxResponse = 16 << 20
)

func newGuardRespondCommand() *cobra.Command {
	var (
		reason              string
		keepBytes, rehearse bool
	)
	cmd := &cobra.Command{
		Use:   "respond FILE",
		Short: "Respond to bad versions: block them, drop their bytes, say who has them",
		Long: `Respond to a list of versions that turned out to be bad, in all repositories of a
domain. They are blocked at once; then the bytes that were fetched from outside
are disposed of, tags point at the newest version before them, each change is
told as an event, and the answer says who downloaded which of them since when.
What was published into the domain itself is blocked and keeps its bytes.

FILE, or "-" for standard input, has a package with its version on each line;
what follows # is not read:

  npm/@scope/name@1.2.3
  pypi/requests 2.31.0 2.31.1
  maven/org.example:lib:1.0`,
		Example: "  larder guard respond worm.txt --reason 'Shai-Hulud, INC-12' --rehearse\n  larder guard respond worm.txt --reason 'Shai-Hulud, INC-12' --yes",
		Args:    exactly("FILE", "such as worm.txt, or - for standard input"),
	}
	cmd.Flags().StringVar(&reason, "reason", "", "what clients are told (default: that the version is in FILE)")
	cmd.Flags().BoolVar(&keepBytes, "keep-bytes", false, "block only, dispose of nothing")
	cmd.Flags().BoolVar(&rehearse, "rehearse", false, "say what would be done and who downloaded them, and change nothing")
	return apiCommand(cmd, inDomain|destroys, func(ctx context.Context, s *session, args []string) error {
		b, err := readGiven(cmd, args[0], maxResponse)
		if err != nil {
			return err
		}
		versions, err := parseResponse(string(b))
		if err != nil {
			return err
		}
		if reason == "" {
			reason = "it is in the list " + filepath.Base(args[0])
		}
		if !rehearse {
			what := "blocks " + count(len(versions), "version", "versions") + " in domain " + s.domain
			if !keepBytes {
				what += " and destroys the bytes that were fetched of them"
			}
			if err := s.confirm("%s", what); err != nil {
				return err
			}
		}
		var all []respondedVersion
		for part := range slices.Chunk(versions, respondAtOnce) {
			var answer struct {
				Versions []respondedVersion `json:"versions"`
			}
			err := s.call(ctx, http.MethodPost, s.guardPath("/respond", nil), map[string]any{
				"versions": part, "reason": reason, "keepBytes": keepBytes, "rehearse": rehearse,
			}, &answer)
			if err != nil {
				return err
			}
			all = append(all, answer.Versions...)
		}
		if s.out.json() {
			return s.out.print(cmd, map[string]any{"versions": all})
		}
		return s.responded(all, rehearse)
	})
}

// responded tells what was done, and who has to be told.
func (s *session) responded(all []respondedVersion, rehearse bool) error {
	w := s.cmd.OutOrStdout()
	rows := [][]string{{"VERSION", "DOWNLOADED BY", "FIRST", "LAST", "TIMES"}}
	var held, kept, wrong int
	for _, v := range all {
		id := v.namedVersion.String()
		switch {
		case v.Problem != "":
			wrong++
			s.note("%s: %s", id, v.Problem)
		case len(v.Disposed) > 0:
			held++
		}
		if len(v.Kept) > 0 {
			kept++
		}
		for _, d := range v.Downloads {
			rows = append(rows, []string{id, d.Actor, d.Since.shown(), d.Latest.shown(), strconv.Itoa(d.Times)})
		}
	}
	verb := "blocked"
	if rehearse {
		verb = "would be blocked"
	}
	fmt.Fprintf(w, "%s %s; bytes of %d disposed of, %d held and kept, %d never fetched\n",
		count(len(all)-wrong, "version", "versions"), verb, held, kept, len(all)-wrong-held-kept)
	if len(rows) == 1 {
		_, err := fmt.Fprintln(w, "nobody downloaded any of them through this server, as far as its log reaches")
		return err
	}
	fmt.Fprintln(w)
	return table(w, rows)
}

func (v namedVersion) String() string {
	a := address{namespace: v.Namespace, name: v.Package}
	f, err := parseFormat(v.Format)
	if err != nil {
		return v.Package + "@" + v.Version
	}
	a.format = f
	return a.String() + "@" + v.Version
}

// parseResponse reads a list of versions.
func parseResponse(text string) ([]namedVersion, error) {
	var all []namedVersion
	seen := map[namedVersion]bool{}
	n := 0
	for line := range strings.Lines(text) {
		n++
		line, _, _ = strings.Cut(line, "#")
		words := strings.FieldsFunc(line, func(r rune) bool { return r == ' ' || r == '\t' || r == ',' || r == '\r' || r == '\n' })
		if len(words) == 0 {
			continue
		}
		if format, rest, ok := strings.Cut(words[0], ":"); ok && !strings.Contains(format, "/") {
			words[0] = format + "/" + rest // npm:name, as patterns are spelled
		}
		a, versions, err := parseVersions(words)
		if err == nil && len(versions) == 0 {
			err = usagef("%q names no version", words[0])
		}
		if err != nil {
			return nil, usagef("line %d: %v", n, err)
		}
		for _, v := range versions {
			named := namedVersion{string(a.format), a.namespace, a.name, v}
			if !seen[named] {
				seen[named] = true
				all = append(all, named)
			}
		}
	}
	if len(all) == 0 {
		return nil, usagef("the list names no version; write one on each line, such as npm/@scope/name@1.2.3")
	}
	return all, nil
}
