package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/feature/ec2/imds"
	"github.com/spf13/cobra"

	"larder/cmd/larder/login"
)

// newHelperCommand holds what package clients run by themselves.
func newHelperCommand() *cobra.Command {
	cmd := nounCommand("helper", "Give a package client a token when it asks for one",
		`larder login TOOL --helper has the tool run one of these each time it needs a
token, so that none stands in a file and none ends. They answer for the
repositories that it was run for, and for nothing else.`,
		newHelperNPMCommand(), newHelperKeyringCommand(), newHelperNuGetCommand())
	cmd.Hidden = true // from people, who have no use for it
	return cmd
}

// errNotOurs says that a helper was asked for what it has no token for.
var errNotOurs error = &apiFailure{code: "ResourceNotFoundException", text: "larder login --helper was not run for this repository"}

// helped gives a token for the repository that a URL lies in.
func helped(ctx context.Context, of string) (string, error) {
	m, err := thisUser()
	if err != nil {
		return "", err
	}
	h, found, err := login.FindHelped(m, of)
	if err != nil {
		return "", err
	}
	if !found {
		return "", errNotOurs
	}
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	c, err := helpedClient(ctx, h)
	if err != nil {
		return "", err
	}
	t := target{domain: h.Domain, owner: h.Owner}
	out, err := t.token(ctx, c, duration(time.Duration(h.Seconds)*time.Second))
	if err != nil {
		return "", c.say(err)
	}
	return aws.ToString(out.AuthorizationToken), nil
}

// helpedClient finds the server and the credentials that the login had.
func helpedClient(ctx context.Context, h login.Helped) (*client, error) {
	if h.Data != "" {
		return folderClient(ctx, dataFolder(h.Data))
	}
	options := []func(*config.LoadOptions) error{config.WithEC2IMDSClientEnableState(imds.ClientDisabled), config.WithRegion(h.Region)}
	if h.Profile != "" {
		options = append(options, config.WithSharedConfigProfile(h.Profile))
	}
	if h.ConfigFile != "" {
		options = append(options, config.WithSharedConfigFiles([]string{h.ConfigFile}))
	}
	if h.CredentialsFile != "" {
		options = append(options, config.WithSharedCredentialsFiles([]string{h.CredentialsFile}))
	}
	cfg, err := config.LoadDefaultConfig(ctx, options...)
	if err != nil {
		return nil, fmt.Errorf("cannot read the AWS settings: %w", err)
	}
	if _, err := cfg.Credentials.Retrieve(ctx); err != nil {
		return nil, fmt.Errorf("there are no credentials for %s: put the access key into a profile of ~/.aws/credentials, and run larder login --helper again with AWS_PROFILE set to it", firstOf(h.Endpoint, "AWS"))
	}
	return makeClient(cfg, h.Endpoint), nil
}

// helper is how tools come to a token later, as this session came to its server.
func (s *session) helper(ctx context.Context, lives duration) (*login.Helper, error) {
	program, err := helperProgram()
	if err != nil {
		return nil, err
	}
	h := &login.Helper{Program: program, Helped: login.Helped{Owner: s.owner, Seconds: int64(time.Duration(lives).Seconds())}}
	key, err := s.Credentials.Retrieve(ctx)
	if err != nil {
		return nil, fmt.Errorf("there are no credentials: %w", err)
	}
	flag, _ := s.cmd.Flags().GetString("data")
	folder, err := filepath.Abs(firstOf(flag, os.Getenv(envName("data")), defaultData))
	if err != nil {
		return nil, err
	}
	if d := dataFolder(folder); d.leadsTo(ctx, s.URL, key.AccessKeyID) {
		h.Data = folder
		return h, nil
	}
	h.Endpoint, h.Region, h.Profile = s.URL, s.Region, firstOf(os.Getenv("AWS_PROFILE"), os.Getenv("AWS_DEFAULT_PROFILE"))
	for name, to := range map[string]*string{"AWS_CONFIG_FILE": &h.ConfigFile, "AWS_SHARED_CREDENTIALS_FILE": &h.CredentialsFile} {
		if file := os.Getenv(name); file != "" {
			if *to, err = filepath.Abs(file); err != nil {
				return nil, err
			}
		}
	}
	if key.Source == config.CredentialsSourceName {
		s.note("note: the access key stands in your environment alone; the helper needs AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY there whenever a tool runs it, or a profile of ~/.aws/credentials (then run this again)")
	}
	return h, nil
}

// leadsTo says whether the folder is of the server at this URL, and has this key.
func (d dataFolder) leadsTo(ctx context.Context, url, key string) bool {
	r, err := d.running()
	if err != nil || r.URL != url {
		return false
	}
	c, err := d.readCredentials()
	if err != nil {
		return false
	}
	has, err := c.Retrieve(ctx)
	return err == nil && has.AccessKeyID == key
}

// helperProgram is the path by which tools find this program later.
func helperProgram() (string, error) {
	exe, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("cannot find out where this program is: %w", err)
	}
	if strings.Contains(filepath.ToSlash(exe), "/go-build") && !strings.HasSuffix(exe, ".test") {
		return "", errors.New("go run makes a program that is gone when it ends, and tools could not run it later: install the command with go install ./cmd/larder, and use that one")
	}
	return exe, nil
}

func newHelperNPMCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "npm URL",
		Short: "Print the Authorization header for an npm repository (pnpm, Yarn)",
		Long: `Print the value of an Authorization header for an npm repository. pnpm runs it
as tokenHelper, Yarn 3 and later through a plugin.`,
		Example: "  larder helper npm http://127.0.0.1:8484/npm/d/local-000000000000/main/",
		Args:    exactly("URL", "the repository's URL"),
		RunE: func(cmd *cobra.Command, args []string) error {
			token, err := helped(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), "Bearer "+token)
			return err
		},
	}
}

// newHelperKeyringCommand is, as far as tools use it, the program of Python's
// keyring (its module cli, version 25.7): `keyring [--mode MODE] [--output
// FORMAT] get SERVICE [USER]`. A status other than 0 and no output say that there
// is none.
func newHelperKeyringCommand() *cobra.Command {
	var mode, output string
	cmd := &cobra.Command{
		Use:   "keyring get SERVICE [USER]",
		Short: "Answer as the program keyring does (pip, uv, PDM, twine, Poetry)",
		Long: `Answer as the program keyring of Python does. pip, uv and PDM run it under that
name, twine and Poetry through a backend of Python's keyring.`,
		Example: "  larder helper keyring get http://127.0.0.1:8484/pypi/d/local-000000000000/main/simple/ aws",
		Args:    cobra.RangeArgs(1, 3),
		RunE: func(cmd *cobra.Command, args []string) error {
			modes, formats := []string{"password", "creds"}, []string{"plain", "json"}
			switch {
			case args[0] != "get":
				return fmt.Errorf("this keyring only gives tokens: it cannot %s; unset the tool's wish to store passwords", args[0])
			case len(args) < 2:
				return usagef("say of which service: keyring get SERVICE [USER]")
			case !slices.Contains(modes, mode):
				return usagef("--mode: %q is not known; take password or creds", mode)
			case !slices.Contains(formats, output):
				return usagef("--output: %q is not known; take plain or json", output)
			}
			token, err := helped(cmd.Context(), args[1])
			if errors.Is(err, errNotOurs) {
				cmd.Root().SetErr(io.Discard) // asked for many things; keyring says nothing either
			}
			if err != nil {
				return err
			}
			return printSecret(cmd.OutOrStdout(), mode, output, token)
		},
	}
	cmd.Flags().StringVar(&mode, "mode", "password", "print the password, or creds: user and password")
	cmd.Flags().StringVar(&output, "output", "plain", "plain or json")
	_ = cmd.RegisterFlagCompletionFunc("mode", completeWords("password", "creds"))
	_ = cmd.RegisterFlagCompletionFunc("output", completeWords("plain", "json"))
	return cmd
}

// helperUser is the user that stands with a token; the server takes any.
const helperUser = "aws"

func printSecret(w io.Writer, mode, output, token string) error {
	secret := map[string]string{"password": token}
	text := token
	if mode == "creds" {
		secret["username"] = helperUser
		text = helperUser + "\n" + token
	}
	if output == "json" {
		return json.NewEncoder(w).Encode(secret)
	}
	_, err := fmt.Fprintln(w, text)
	return err
}

func newHelperNuGetCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "nuget -Plugin",
		Short: "Answer as a credential provider of NuGet (nuget.exe, dotnet)",
		Long: `Talk with nuget.exe or dotnet as a cross platform plugin of NuGet, version 2 of
the protocol, over standard input and output. They start it by themselves.`,
		Example:            "  larder helper nuget -Plugin",
		DisableFlagParsing: true, // NuGet's flags have one dash
	}
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		switch {
		case slices.ContainsFunc(args, func(a string) bool { return strings.EqualFold(a, "-plugin") }):
			p := &nugetPlugin{out: cmd.OutOrStdout(), token: func(of string) (string, error) { return helped(cmd.Context(), of) }}
			return p.serve(cmd.InOrStdin())
		case slices.Contains(args, "--help"), slices.Contains(args, "-h"):
			return cmd.Help()
		}
		return usagef("NuGet starts this by itself, with -Plugin; set it up with: larder login dotnet --helper")
	}
	return cmd
}
