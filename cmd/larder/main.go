// Command larder is a package registry that speaks AWS CodeArtifact's API:
// the server (`larder serve`), and the commands that set clients up and
// administer it.
//
// The server is put together in serve.go, the only place that names concrete
// parts; its settings are in config.go. Every other command is a client: it
// reaches the server through the AWS SDK, see client.go.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"
)

func main() { os.Exit(run(os.Args[1:])) }

// run executes one command line and gives the exit status: 0, or 1 with one
// sentence on standard error.
func run(args []string) int {
	cmd := newRootCommand()
	cmd.SetArgs(args)
	if err := cmd.ExecuteContext(context.Background()); err != nil {
		fmt.Fprintln(cmd.ErrOrStderr(), "larder:", sentence(err))
		return 1
	}
	return 0
}

func newRootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "larder",
		Short: "A package registry that speaks AWS CodeArtifact's API",
		Long: `Larder keeps the packages you publish, pulls what you need from public
registries and keeps that too. It speaks AWS CodeArtifact's own API.

Start with:   larder serve
Then:         larder login npm`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Version:       version(),
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return fmt.Errorf("%q is no command; see: larder --help", args[0])
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetVersionTemplate("larder {{.Version}}\n")
	root.AddCommand(
		newServeCommand(), newLoginCommand(), newTokenCommand(), newEnvCommand(), newEndpointCommand(),
		newConnectionCommand(), newHealthCommand(), newVersionCommand(),
	)
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return fmt.Errorf("%w; see: %s --help", err, cmd.CommandPath())
	})
	return root
}

// sentence puts an error on one line.
func sentence(err error) string {
	return strings.Join(strings.Fields(err.Error()), " ")
}

// release is set by the linker in releases: -ldflags "-X main.release=1.2.3".
var release string

// version is the release, or what the build says of the source it was made of.
func version() string {
	if release != "" {
		return release
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "devel"
	}
	v := "devel"
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && len(s.Value) >= 12 {
			v += "-" + s.Value[:12]
		}
	}
	return v
}

func newVersionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := fmt.Fprintln(cmd.OutOrStdout(), "larder", version())
			return err
		},
	}
}

// ownName is what a person types to run this program again.
func ownName() string {
	name := os.Args[0]
	if exe, err := os.Executable(); err == nil {
		if strings.Contains(filepath.ToSlash(exe), "/go-build") && !strings.HasSuffix(exe, ".test") {
			return "go run ./cmd/larder"
		}
		if found, err := exec.LookPath("larder"); err == nil && samePath(found, exe) {
			return "larder"
		}
	}
	if filepath.Base(name) == name {
		return "larder"
	}
	return shellWord(name)
}

func samePath(a, b string) bool {
	a, errA := absolute(a)
	b, errB := absolute(b)
	return errors.Join(errA, errB) == nil && a == b
}

var plainWord = regexp.MustCompile(`^[A-Za-z0-9_@%+=:,./-]+$`)

// shellWord quotes s for a POSIX shell where it needs that.
func shellWord(s string) string {
	if plainWord.MatchString(s) {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
