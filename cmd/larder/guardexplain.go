package main

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/spf13/cobra"
)

// epochTime is a time as the API writes it: seconds since 1970.
type epochTime float64

func (e epochTime) shown() string {
	if e == 0 {
		return ""
	}
	t := time.UnixMilli(int64(float64(e) * 1000))
	return shownTime(&t)
}

// guardExplanation is the answer of the server's ExplainGuard.
type guardExplanation struct {
	Format    string           `json:"format"`
	Namespace string           `json:"namespace,omitempty"`
	Package   string           `json:"package"`
	Rules     []string         `json:"rules"`
	Shown     int              `json:"shown"`
	Newest    string           `json:"newest,omitempty"`
	Versions  []guardedVersion `json:"versions"`
}

type guardedVersion struct {
	Version    string    `json:"version"`
	Origin     string    `json:"originType"`
	Connection string    `json:"externalConnection,omitempty"`
	Held       bool      `json:"held"`
	Released   epochTime `json:"released,omitempty"`
	Seen       epochTime `json:"firstSeen,omitempty"`
	Hidden     bool      `json:"hidden"`
	Refused    bool      `json:"refused"`
	Reason     string    `json:"reason,omitempty"`
	Warning    string    `json:"warning,omitempty"`
	Until      epochTime `json:"until,omitempty"`
}

func newGuardExplainCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "explain PACKAGE",
		Short:   "Say which rules apply to a package, and which versions they keep back",
		Example: "  larder guard explain npm/react\n  larder guard explain maven/org.example:lib --repository maven-central-store",
		Args:    exactly("PACKAGE", "such as npm/react"),
	}
	return apiCommand(cmd, inRepository, func(ctx context.Context, s *session, args []string) error {
		a, err := parsePackage(args[0])
		if err != nil {
			return err
		}
		q := url.Values{"repository": {s.repository}, "format": {string(a.format)}, "package": {a.name}}
		if a.namespace != "" {
			q.Set("namespace", a.namespace)
		}
		var x guardExplanation
		if err := s.call(ctx, http.MethodGet, s.guardPath("/explain", q), nil, &x); err != nil {
			return err
		}
		if s.out.json() {
			return s.out.print(cmd, x)
		}
		w := cmd.OutOrStdout()
		if len(x.Rules) == 0 {
			_, err := fmt.Fprintf(w, "no guard rule is about %s; %s, the newest is %s\n", a, count(x.Shown, "version is shown", "versions are shown"), firstOf(x.Newest, "none"))
			return err
		}
		fmt.Fprintf(w, "rules for %s, the most specific first:\n", a)
		for _, rule := range x.Rules {
			fmt.Fprintf(w, "  %s\n", printable(rule))
		}
		fmt.Fprintf(w, "%s; the newest is %s\n", count(x.Shown, "version is shown", "versions are shown"), firstOf(x.Newest, "none"))
		if len(x.Versions) == 0 {
			return nil
		}
		fmt.Fprintln(w)
		rows := [][]string{{"VERSION", "PUBLISHED", "FIRST SEEN", "VERDICT", "UNTIL", "WHY"}}
		for _, v := range x.Versions {
			rows = append(rows, []string{v.Version, v.Released.shown(), v.Seen.shown(), v.verdict(), v.Until.shown(), firstOf(v.Reason, v.Warning)})
		}
		return table(w, rows)
	})
}

func (v guardedVersion) verdict() string {
	switch {
	case v.Refused:
		return "refused"
	case v.Hidden:
		return "hidden, lock files may name it"
	}
	return "warning"
}
