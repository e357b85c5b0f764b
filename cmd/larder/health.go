package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// healthTime is how long a server may take to say that it is ready.
const healthTime = 5 * time.Second

func newHealthCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "health",
		Short: "Ask whether the server is ready; exit status 0 where it is",
		Long: `Ask whether the server is ready, for containers and scripts. The server is
that of --data, else AWS_ENDPOINT_URL, else the one that runs with the data
folder LARDER_DATA or ./` + defaultData + `, else the one at LARDER_LISTEN.`,
		Example: "  larder health\n  larder health --data /var/lib/larder",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, cancel := context.WithTimeout(cmd.Context(), healthTime)
			defer cancel()
			dir, _ := cmd.Flags().GetString("data")
			r := whoseHealth(dir, os.Getenv)
			if err := askReady(ctx, r); err != nil {
				return err
			}
			_, err := fmt.Fprintln(cmd.OutOrStdout(), "ready", r.URL)
			return err
		},
	}
	addDataFlag(cmd)
	return cmd
}

// whoseHealth finds the server. It needs no credentials, and inside a container
// nothing but the server's own environment.
func whoseHealth(dir string, getenv func(string) string) running {
	if dir == "" {
		if u := firstOf(getenv("AWS_ENDPOINT_URL_CODEARTIFACT"), getenv("AWS_ENDPOINT_URL")); u != "" {
			return running{URL: strings.TrimRight(u, "/")}
		}
		dir = firstOf(getenv(envName("data")), defaultData)
	}
	if r, err := dataFolder(dir).running(); err == nil {
		return r
	}
	listen := firstOf(getenv(envName("listen")), defaultListen)
	a, err := net.ResolveTCPAddr("tcp", listen)
	if err != nil {
		return running{URL: "http://" + listen}
	}
	return running{URL: localURL(a, getenv(envName("tls-cert")) != "")}
}

func askReady(ctx context.Context, server running) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL+"/-/ready", nil)
	if err != nil {
		return fmt.Errorf("%q is no URL of a server", server.URL)
	}
	res, err := (&http.Client{Transport: server.transport()}).Do(r)
	if err != nil {
		var op *net.OpError
		if errors.As(err, &op) || errors.Is(err, context.DeadlineExceeded) {
			return fmt.Errorf("no server answers at %s; start it with: larder serve", server.URL)
		}
		return err
	}
	defer res.Body.Close()
	body, _ := io.ReadAll(io.LimitReader(res.Body, 1024))
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("the server at %s is not ready: %s", server.URL, strings.TrimSpace(string(body)))
	}
	return nil
}
