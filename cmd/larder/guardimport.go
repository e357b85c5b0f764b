package main

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"larder/registry"
	"larder/registry/guard"
	"larder/registry/guard/osv"
)

// advisorySource is where advisories came from, as the server tells it.
type advisorySource struct {
	Name     string    `json:"name"`
	Imported epochTime `json:"imported"`
	Entries  int       `json:"entries"`
	Dropped  int       `json:"dropped,omitempty"`
}

func (s *session) sources(ctx context.Context) ([]advisorySource, error) {
	var answer struct {
		Sources []advisorySource `json:"sources"`
	}
	err := s.call(ctx, http.MethodGet, "/v1/larder/advisories", nil, &answer)
	return answer.Sources, err
}

func sourceRows(all []advisorySource) [][]string {
	rows := [][]string{{"ADVISORIES OF", "ENTRIES", "IMPORTED"}}
	for _, x := range all {
		rows = append(rows, []string{x.Name, strconv.Itoa(x.Entries), x.Imported.shown()})
	}
	return rows
}

// notInSource is what cannot stand in a source's name.
var notInSource = regexp.MustCompile(`[^A-Za-z0-9._-]+`)

func newGuardImportCommand() *cobra.Command {
	var source string
	var noRules bool
	cmd := &cobra.Command{
		Use:   "import FILE",
		Short: "Take in a dump of advisories: OSV, OSSF malicious-packages",
		Long: `Take in a dump of advisories in the OSV format: a zip archive with one JSON
document per advisory, as OSV offers for each ecosystem, and as the archive of
the OSSF's malicious-packages is. The file is read here and sent to the server,
which needs no network for it. What the source had before and has no more, or
has withdrawn, goes.

Where the domain has no rules for advisories yet, it gets two: malware is blocked,
of everything else there are warnings. To have the server itself fetch dumps
every six hours, see: larder serve --advisories`,
		Example: "  larder guard import npm-all.zip --source osv-npm\n  larder guard import malicious-packages.zip",
		Args:    exactly("FILE", "such as malicious-packages.zip"),
	}
	cmd.Flags().StringVar(&source, "source", "", "`name` under which the server keeps it (default: the file's)")
	cmd.Flags().BoolVar(&noRules, "no-rules", false, "leave the rules of the domain alone")
	return apiCommand(cmd, inDomain|long, func(ctx context.Context, s *session, args []string) error {
		if source == "" {
			base := strings.TrimSuffix(filepath.Base(args[0]), ".zip")
			source = strings.Trim(notInSource.ReplaceAllString(base, "-"), "-._")
		}
		f, err := os.Open(args[0])
		if err != nil {
			return err
		}
		defer f.Close()
		info, err := f.Stat()
		if err != nil {
			return err
		}
		stats, settled, err := s.sendAdvisories(ctx, source, f, info.Size())
		if err != nil {
			return err
		}
		added := false
		if !noRules {
			if added, err = s.adviseByDefault(ctx); err != nil {
				return err
			}
		}
		if s.out.json() {
			return s.out.print(cmd, map[string]any{"source": settled, "rulesAdded": added})
		}
		w := cmd.OutOrStdout()
		fmt.Fprintf(w, "%s: %s of %s are kept", source, count(settled.Entries, "advisory", "advisories"), count(stats.Documents, "document", "documents"))
		if stats.Withdrawn > 0 {
			fmt.Fprintf(w, ", %d withdrawn", stats.Withdrawn)
		}
		if stats.Unreadable > 0 {
			fmt.Fprintf(w, ", %d unreadable", stats.Unreadable)
		}
		if settled.Dropped > 0 {
			fmt.Fprintf(w, "; %d of earlier went", settled.Dropped)
		}
		fmt.Fprintln(w)
		if added {
			_, err = fmt.Fprintf(w, "domain %s blocks malware by advisories now, and warns of the rest; see: larder guard show%s\n", s.domain, s.again(false))
		}
		return err
	})
}

func (s *session) sendAdvisories(ctx context.Context, source string, f *os.File, size int64) (osv.Stats, advisorySource, error) {
	number := time.Now().UnixMilli()
	q := url.Values{"source": {source}, "import": {strconv.FormatInt(number, 10)}}.Encode()
	type advisory struct {
		ID        string `json:"id"`
		Format    string `json:"format"`
		Namespace string `json:"namespace,omitempty"`
		Package   string `json:"package"`
		registry.AdvisoryBody
	}
	batches := &osv.Batches{Put: func(all []registry.Advisory) error {
		wire := make([]advisory, len(all))
		for i, a := range all {
			wire[i] = advisory{a.ID, a.Package.Format, a.Package.Namespace, a.Package.Name, a.AdvisoryBody}
		}
		return s.call(ctx, http.MethodPost, "/v1/larder/advisories?"+q, map[string]any{"advisories": wire}, &struct{}{})
	}}
	stats, err := osv.Read(f, size, batches.Add)
	if err == nil {
		err = batches.Flush()
	}
	var answer struct {
		Source advisorySource `json:"source"`
	}
	if err == nil {
		err = s.call(ctx, http.MethodPost, "/v1/larder/advisories/settle?"+q, map[string]any{}, &answer)
	}
	return stats, answer.Source, err
}

// adviseByDefault gives the domain rules for advisories where it has none.
func (s *session) adviseByDefault(ctx context.Context) (bool, error) {
	if _, d, err := s.guardRules(ctx); err != nil || len(d.Advisories) > 0 {
		return false, err
	}
	_, err := s.editGuard(ctx, func(d *guard.Document) error {
		d.Advisories = []guard.AdvisoryRule{
			{Severities: []registry.Severity{registry.Malware}, Action: guard.ActionBlock},
			{Action: guard.ActionWarn},
		}
		return nil
	})
	return err == nil, err
}
