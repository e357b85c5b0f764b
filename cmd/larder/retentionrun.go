package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
)

// expiredVersion is a version that goes, or went, as the server's
// PreviewRetention and RunRetention name it.
type expiredVersion struct {
	namedVersion
	Status     string    `json:"status"`
	Origin     string    `json:"originType"`
	Published  epochTime `json:"publishedTime"`
	Downloaded epochTime `json:"lastDownloadedTime,omitempty"`
	Size       int64     `json:"assetSizeBytes"`
	Action     string    `json:"action"`
	Rule       string    `json:"rule"`
	Reason     string    `json:"reason"`
}

// expiry adds up what goes.
type expiry struct {
	versions, packages int
	bytes              int64
}

// expired reads all pages of an operation, and hands each version on where each
// is not nil.
func (s *session) expired(ctx context.Context, operation string, rules json.RawMessage, each func(expiredVersion)) (expiry, error) {
	var sum expiry
	show, end := ticker(s.cmd)
	defer end()
	var in any
	if rules != nil {
		in = map[string]any{"retention": rules}
	}
	for token := ""; ; {
		more := url.Values{}
		if token != "" {
			more.Set("next-token", token)
		}
		var page struct {
			Versions []expiredVersion `json:"versions"`
			Packages int              `json:"packagesScanned"`
			Next     string           `json:"nextToken"`
		}
		if err := s.call(ctx, http.MethodPost, s.retentionPath(operation, more), in, &page); err != nil {
			return sum, err
		}
		sum.packages += page.Packages
		for _, v := range page.Versions {
			sum.versions++
			sum.bytes += v.Size
			if each != nil {
				each(v)
			}
		}
		show("%s looked at, %s", count(sum.packages, "package", "packages"), count(sum.versions, "version", "versions"))
		if token = page.Next; token == "" {
			return sum, ctx.Err()
		}
	}
}

// showExpired answers with what went, or would go; how completes "… went".
func (s *session) showExpired(ctx context.Context, operation string, rules json.RawMessage, how string) error {
	all := []expiredVersion{}
	sum, err := s.expired(ctx, operation, rules, func(v expiredVersion) { all = append(all, v) })
	if err != nil && len(all) == 0 {
		return err
	}
	if s.out.json() {
		if failed := s.out.print(s.cmd, map[string]any{"versions": all, "packagesScanned": sum.packages, "assetSizeBytes": sum.bytes}); failed != nil {
			return failed
		}
		return err
	}
	w := s.cmd.OutOrStdout()
	if len(all) > 0 {
		rows := [][]string{{"VERSION", "SIZE", "PUBLISHED", "LAST DOWNLOAD", "ACTION", "RULE", "WHY"}}
		for _, v := range all {
			rows = append(rows, []string{v.namedVersion.String(), shownSize(v.Size), v.Published.shown(), firstOf(v.Downloaded.shown(), "-"), v.Action, v.Rule, v.Reason})
		}
		if failed := table(w, rows); failed != nil {
			return failed
		}
		fmt.Fprintln(w)
	}
	fmt.Fprintf(w, "%s (%s) of %s %s\n", count(sum.versions, "version", "versions"), shownSize(sum.bytes), count(sum.packages, "package", "packages"), how)
	return err
}

func newRetentionPreviewCommand() *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use:   "preview [REPOSITORY]",
		Short: "Say what would go by the retention rules now, and why",
		Long: `Say what would go by the retention rules now, why, and how large it is, and change
nothing. With --file, by rules that are not set yet. Bytes that another version or
another repository of the domain has as well stay on disk.`,
		Example:           "  larder retention preview npm-store\n  larder retention preview npm-store --file rules.json --output json",
		Args:              atMost(1, "REPOSITORY"),
		ValidArgsFunction: first(completeRepository),
	}
	cmd.Flags().StringVar(&file, "file", "", "`file` with rules to try, or - for standard input")
	return apiCommand(cmd, inDomain|long, func(ctx context.Context, s *session, args []string) error {
		s.repository = argument(args, firstRepository)
		var rules json.RawMessage
		if file != "" {
			var err error
			if rules, _, err = readRetention(cmd, file); err != nil {
				return err
			}
		}
		return s.unruled(s.showExpired(ctx, "/preview", rules, "would go"))
	})
}

// unruled says what to do where a repository has no rules.
func (s *session) unruled(err error) error {
	err = s.say(err)
	var api *apiFailure
	if errors.As(err, &api) && strings.Contains(api.text, "no retention rules") { // else the repository is not there
		return s.instead(err, "ResourceNotFoundException", "set some with: larder retention set FILE"+s.toRepository())
	}
	return err
}

func newRetentionRunCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "run [REPOSITORY]",
		Short: "Apply the retention rules now",
		Long: `Apply the retention rules of a repository now, and say what went. Servers do so once
a day by themselves. It can be ended at any time: what went is gone, and the rest
goes the next time.`,
		Example:           "  larder retention run npm-store\n  larder retention run npm-store --yes",
		Args:              atMost(1, "REPOSITORY"),
		ValidArgsFunction: first(completeRepository),
	}
	return apiCommand(cmd, inDomain|destroys, func(ctx context.Context, s *session, args []string) error {
		s.repository = argument(args, firstRepository)
		if !s.yes {
			goes, err := s.expired(ctx, "/preview", nil, nil)
			if err != nil {
				return s.unruled(err)
			}
			if goes.versions > 0 {
				if err := s.confirm("lets %s (%s) of %s go", count(goes.versions, "version", "versions"), shownSize(goes.bytes), s.where()); err != nil {
					return err
				}
			}
		}
		ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
		defer stop()
		return s.unruled(s.showExpired(ctx, "/run", nil, "went"))
	})
}
