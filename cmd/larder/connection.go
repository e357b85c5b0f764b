package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/spf13/cobra"
)

func newConnectionCommand() *cobra.Command {
	return nounCommand("connection", "Show and set where external connections lead",
		`An external connection leads to another registry. Which repositories use it is
set with: larder repository connect`,
		newConnectionListCommand(), newConnectionSetCommand())
}

// connectionList is the answer of the server's ListConnections.
type connectionList struct {
	Connections []shownConnection `json:"connections"`
}

// shownConnection is a connection as the server shows it: without secrets.
type shownConnection struct {
	Name   string `json:"name"`
	Format string `json:"format"`
	URL    string `json:"url,omitempty"`
	Source string `json:"source,omitempty"`
}

func newConnectionListCommand() *cobra.Command {
	var o output
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List external connections: where each leads, and why",
		Example: "  larder connection list\n  larder connection list --output json",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := newClient(cmd)
			if err != nil {
				return err
			}
			var answer connectionList
			if err := c.call(cmd.Context(), http.MethodGet, "/v1/larder/connections", nil, &answer); err != nil {
				return err
			}
			if o.json() {
				return o.print(cmd, answer)
			}
			rows := [][]string{{"NAME", "FORMAT", "LEADS TO", "WHY"}}
			for _, conn := range answer.Connections {
				rows = append(rows, []string{conn.Name, conn.Format, firstOf(conn.URL, "nowhere"), why(conn)})
			}
			return table(cmd.OutOrStdout(), rows)
		},
	}
	o.add(cmd)
	addDataFlag(cmd)
	return cmd
}

func why(c shownConnection) string {
	switch {
	case c.Source == "set":
		return "larder connection set"
	case c.URL == "":
		return "set it with: larder connection set " + c.Name + " URL"
	}
	return c.Source
}

func newConnectionSetCommand() *cobra.Command {
	var o output
	cmd := &cobra.Command{
		Use:   "set NAME URL",
		Short: "Set where an external connection leads",
		Long: `Set where an external connection leads; a running server takes it up at once.

URL is an npm registry root, PyPI simple root, Maven repository root or NuGet
service index. User and password may stand in it, percent-encoded; the server
keeps them encrypted and never shows them. A name of your own takes
FORMAT+URL. "-" as URL reads it from standard input; an empty one lets the
connection lead nowhere.`,
		Example: "  larder connection set public:npmjs https://packages.example.com/npm/\n  larder connection set team:npm npm+https://npm.example.com/\n  larder connection set public:pypi - < url.txt",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 2 {
				return errors.New("give a NAME and a URL, such as: larder connection set public:npmjs https://packages.example.com/npm/")
			}
			return nil
		},
		ValidArgsFunction: first(completeConnection),
		RunE: func(cmd *cobra.Command, args []string) error {
			name, target := args[0], args[1]
			if target == "-" {
				text, err := io.ReadAll(io.LimitReader(cmd.InOrStdin(), 64<<10))
				if err != nil {
					return err
				}
				target = strings.TrimSpace(string(text))
			}
			c, err := newClient(cmd)
			if err != nil {
				return err
			}
			var answer struct {
				Connection shownConnection `json:"connection"`
			}
			path := "/v1/larder/connection?name=" + url.QueryEscape(name)
			if err := c.call(cmd.Context(), http.MethodPut, path, map[string]string{"url": target}, &answer); err != nil {
				return err
			}
			if o.json() {
				return o.print(cmd, answer)
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s leads to %s\n", answer.Connection.Name, firstOf(answer.Connection.URL, "nowhere"))
			return err
		},
	}
	o.add(cmd)
	addDataFlag(cmd)
	return cmd
}

// call does one signed call of the server's own API, which the SDK does not know.
func (c *client) call(ctx context.Context, method, path string, in, out any) error {
	header := http.Header{}
	if in != nil {
		header.Set("Content-Type", "application/json")
	}
	return c.signed(ctx, "codeartifact", method, path, header, in, out)
}

// signed does one call of the server that is signed for a service; in goes out
// as JSON unless it is nil, and out is read from the answer.
func (c *client) signed(ctx context.Context, service, method, path string, header http.Header, in, out any) error {
	if c.URL == "" {
		return errors.New("AWS's own service has no such operation; " + noServer)
	}
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	var body []byte
	if in != nil {
		var err error
		if body, err = json.Marshal(in); err != nil {
			return err
		}
	}
	r, err := http.NewRequestWithContext(ctx, method, c.URL+path, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("%q is no URL of a server", c.URL)
	}
	r.Header = header
	key, err := c.Credentials.Retrieve(ctx)
	if err != nil {
		return fmt.Errorf("there are no credentials: %w", err)
	}
	hash := sha256.Sum256(body)
	if err := v4.NewSigner().SignHTTP(ctx, key, r, hex.EncodeToString(hash[:]), service, c.Region, time.Now()); err != nil {
		return err
	}
	res, err := c.httpClient().Do(r)
	if err != nil {
		return c.say(err)
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(res.Body, 64<<20))
	if err != nil {
		return c.say(err)
	}
	if res.StatusCode/100 != 2 {
		return apiError(res, answer)
	}
	return json.Unmarshal(answer, out)
}

// apiError reads an error of the API as the SDK would.
func apiError(res *http.Response, body []byte) error {
	var e struct {
		Message string `json:"message"`
	}
	code, _, _ := strings.Cut(res.Header.Get("X-Amzn-Errortype"), ":")
	if json.Unmarshal(body, &e) != nil || e.Message == "" {
		return fmt.Errorf("the server answered %s", res.Status)
	}
	return newFailure(code, "", e.Message)
}
