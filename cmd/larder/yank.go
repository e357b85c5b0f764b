package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/spf13/cobra"
)

// yanking is what yank and unyank answer, in the API's words.
type yanking struct {
	Package string `json:"package"`
	Version string `json:"version"`
	Status  string `json:"status"`
	Reason  string `json:"reason,omitempty"`
}

func newYankCommand() *cobra.Command {
	var reason string
	cmd := &cobra.Command{
		Use:   "yank ADDRESS",
		Short: "Yank a Python version, with a reason that pip shows",
		Long: `Yank a version of a Python package: who pins it still gets it, everybody else
passes it over, and pip shows the reason. CodeArtifact's API has no reason;
"larder package status unlist" yanks without one.`,
		Example:           "  larder package yank pypi/acme-lib@1.2.0 --reason \"breaks on Windows\"",
		Args:              exactly("ADDRESS", "such as pypi/acme-lib@1.2.0"),
		ValidArgsFunction: first(completePackage),
	}
	cmd.Flags().StringVar(&reason, "reason", "", "`text` that clients show")
	return apiCommand(cmd, inRepository, func(ctx context.Context, s *session, args []string) error {
		return s.relist(ctx, args[0], http.MethodPut, yanking{Status: "Unlisted", Reason: reason})
	})
}

func newUnyankCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:               "unyank ADDRESS",
		Short:             "Take a yank back",
		Example:           "  larder package unyank pypi/acme-lib@1.2.0",
		Args:              exactly("ADDRESS", "such as pypi/acme-lib@1.2.0"),
		ValidArgsFunction: first(completePackage),
	}
	return apiCommand(cmd, inRepository, func(ctx context.Context, s *session, args []string) error {
		return s.relist(ctx, args[0], http.MethodDelete, yanking{Status: "Published"})
	})
}

// relist asks the repository itself, as package clients do: with a token.
func (s *session) relist(ctx context.Context, text, method string, y yanking) error {
	a, versions, err := parseSomeVersions([]string{text})
	if err != nil {
		return err
	}
	if len(versions) != 1 || a.format != "pypi" {
		return usagef("name one version of a Python package: pypi/NAME@VERSION")
	}
	y.Package, y.Version = a.name, versions[0]
	endpoint, err := s.endpoint(ctx, s.client, string(a.format))
	if err != nil {
		return err
	}
	token, err := s.token(ctx, s.client, duration(15*time.Minute))
	if err != nil {
		return err
	}
	body, err := json.Marshal(map[string]string{"reason": y.Reason})
	if err != nil {
		return err
	}
	target := aws.ToString(endpoint.RepositoryEndpoint) + "-/yanked/" + url.PathEscape(y.Package) + "/" + url.PathEscape(y.Version)
	r, err := http.NewRequestWithContext(ctx, method, target, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("the server named %q as the repository's URL, which is none", aws.ToString(endpoint.RepositoryEndpoint))
	}
	r.Header.Set("Authorization", "Bearer "+aws.ToString(token.AuthorizationToken))
	r.Header.Set("Content-Type", "application/json")
	res, err := s.httpClient().Do(r)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode/100 != 2 {
		why, _ := io.ReadAll(io.LimitReader(res.Body, 4<<10))
		return errors.New(printable(string(bytes.TrimSpace(why))))
	}
	word := "yanked"
	if method == http.MethodDelete {
		word = "listed again"
	}
	return s.done(y, "version %s of %s is %s in %s", y.Version, a, word, s.where())
}
