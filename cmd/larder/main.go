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

// run executes one command line and gives the exit status: 0, or another with
// one sentence on standard error.
func run(args []string) int {
	cmd := newRootCommand()
	cmd.SetArgs(args)
	if err := cmd.ExecuteContext(context.Background()); err != nil {
		fmt.Fprintln(cmd.ErrOrStderr(), "larder:", sentence(err))
		return exitStatus(err)
	}
	return 0
}

func newRootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "larder",
		Short: "A package registry that speaks AWS CodeArtifact's API",
		Long: `Larder keeps the packages you publish, pulls what you need from public
registries and keeps that too. It speaks AWS CodeArtifact's own API, and these
commands work against CodeArtifact itself as well.`,
		Example:       "  larder serve\n  larder login npm\n  larder repository create team --upstream npm-store\n  larder package versions npm/react --repository npm-store",
		SilenceErrors: true,
		SilenceUsage:  true,
		Version:       version(),
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return fmt.Errorf("%q is no command%s; see: larder --help", args[0], meant(cmd, args[0]))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetVersionTemplate("larder {{.Version}}\n")
	root.AddGroup(&cobra.Group{ID: groupUse, Title: "Use a server:"}, &cobra.Group{ID: groupManage, Title: "Manage what it holds:"}, &cobra.Group{ID: groupRun, Title: "Run a server:"})
	for id, commands := range map[string][]*cobra.Command{
		groupRun:    {newServeCommand(), newHealthCommand(), newConnectionCommand(), newBackupCommand(), newRestoreCommand(), newMigrateCommand(), newVerifyCommand(), newGCCommand(), newEncryptionCommand()},
		groupUse:    {newLoginCommand(), newTokenCommand(), newEnvCommand(), newEndpointCommand(), newPrefetchCommand(), newHelperCommand()},
		groupManage: {newDomainCommand(), newRepositoryCommand(), newPackageCommand(), newGroupCommand(), newGuardCommand(), newRetentionCommand(), newPolicyCommand(), newAccountCommand(), newUserCommand(), newRoleCommand(), newRuleCommand(), newEventsCommand()},
	} {
		for _, c := range commands {
			c.GroupID = id
			root.AddCommand(c)
		}
	}
	root.AddCommand(newVersionCommand())
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return fmt.Errorf("%w; see: %s --help", err, cmd.CommandPath())
	})
	root.SetUsageTemplate(strings.NewReplacer(
		"{{if .Runnable}}", "{{if not .HasAvailableSubCommands}}", // what holds other commands is of no use by itself
		".FlagUsages", fmt.Sprintf(".FlagUsagesWrapped %d", helpWidth),
	).Replace(root.UsageTemplate()))
	markRan(root)
	return root
}

// helpWidth is where help breaks its lines: that of the narrowest usual terminal.
const helpWidth = 80

// meant names the command that somebody may have meant, empty where none is
// spelled like it.
func meant(cmd *cobra.Command, word string) string {
	cmd.SuggestionsMinimumDistance = 2
	if all := cmd.SuggestionsFor(word); len(all) > 0 {
		return " (did you mean " + strings.Join(all, " or ") + "?)"
	}
	return ""
}

// The groups in which help shows the commands.
const groupRun, groupUse, groupManage = "run", "use", "manage"

// sentence puts an error on one line.
func sentence(err error) string {
	return printable(strings.Join(strings.Fields(err.Error()), " "))
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
