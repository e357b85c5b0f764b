package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codeartifact"
	"github.com/aws/aws-sdk-go-v2/service/codeartifact/types"
	"github.com/spf13/cobra"
)

const aboutAddresses = `A package is spelled FORMAT/PACKAGE, a version of it with @VERSION behind:

  npm/react            npm/@scope/name@1.2.3      pypi/requests@2.32.0
  maven/org.example:lib@1.0                       nuget/newtonsoft.json
  generic/team/tool@7                             (NAMESPACE/NAME)`

func newPackageCommand() *cobra.Command {
	return nounCommand("package", "Look at packages; publish, copy, hide and delete versions", aboutAddresses,
		newPackageListCommand(), newPackageShowCommand(), newPackageVersionsCommand(),
		newAssetsCommand(), newDependenciesCommand(), newReadmeCommand(), newDownloadCommand(),
		newPublishCommand(), newCopyCommand(), newStatusCommand(), newYankCommand(), newUnyankCommand(), newDisposeCommand(), newPackageDeleteCommand(), newPackageOriginCommand(),
	)
}

func newPackageListCommand() *cobra.Command {
	var namespace, prefix, publish, upstream string
	cmd := &cobra.Command{
		Use:   "list [FORMAT]",
		Short: "List the packages of a repository",
		Long:  "List the packages that a repository itself holds; what only its upstreams hold\nis not in it.",
		Example: `  larder package list
  larder package list npm --namespace acme --repository team
  larder package list --publish block`,
		Args:              atMost(1, "one FORMAT"),
		ValidArgsFunction: first(completeFormat),
	}
	cmd.Flags().StringVar(&prefix, "prefix", "", "only names that begin so")
	cmd.Flags().StringVar(&namespace, "namespace", "", "only namespaces (npm scopes, Maven groups) that begin so; needs FORMAT")
	cmd.Flags().StringVar(&publish, "publish", "", "only those whose origin configuration says `allow` or block of publishing")
	cmd.Flags().StringVar(&upstream, "upstream", "", "only those whose origin configuration says `allow` or block of upstreams")
	_ = cmd.RegisterFlagCompletionFunc("publish", completeWords("allow", "block"))
	_ = cmd.RegisterFlagCompletionFunc("upstream", completeWords("allow", "block"))
	return apiCommand(cmd, inRepository|long, func(ctx context.Context, s *session, args []string) error {
		in := &codeartifact.ListPackagesInput{
			Domain: &s.domain, DomainOwner: optional(s.owner), Repository: &s.repository,
			Namespace: optional(strings.TrimPrefix(namespace, "@")), PackagePrefix: optional(prefix), MaxResults: aws.Int32(1000),
			Publish: types.AllowPublish(strings.ToUpper(publish)), Upstream: types.AllowUpstream(strings.ToUpper(upstream)),
		}
		if len(args) > 0 {
			f, err := parseFormat(args[0])
			if err != nil {
				return err
			}
			in.Format = f
		}
		out, err := collect(ctx, codeartifact.NewListPackagesPaginator(s.client, in),
			func(o *codeartifact.ListPackagesOutput) *[]types.PackageSummary { return &o.Packages })
		if err != nil {
			return err
		}
		rows := [][]string{{"PACKAGE", "PUBLISH", "UPSTREAM"}}
		for _, p := range out.Packages {
			a := address{format: p.Format, namespace: aws.ToString(p.Namespace), name: aws.ToString(p.Package)}
			o := restrictions(p.OriginConfiguration)
			rows = append(rows, []string{a.String(), string(o.Publish), string(o.Upstream)})
		}
		return s.list(out, rows, "the repository "+s.where()+" itself holds no such packages")
	})
}

func restrictions(o *types.PackageOriginConfiguration) types.PackageOriginRestrictions {
	if o == nil || o.Restrictions == nil {
		return types.PackageOriginRestrictions{}
	}
	return *o.Restrictions
}

func newPackageShowCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "show ADDRESS [VERSION]",
		Short: "Show a package, or a version of it",
		Example: `  larder package show npm/react
  larder package show npm/react@18.2.0
  larder package show maven/org.example:lib 1.0 --output json`,
		Args:              between(1, 2, "a package and perhaps a VERSION"),
		ValidArgsFunction: first(completePackage),
	}
	return apiCommand(cmd, inRepository, func(ctx context.Context, s *session, args []string) error {
		a, versions, err := parseVersions(args)
		switch {
		case err != nil:
			return err
		case len(versions) > 1:
			return usagef("two versions are named, %s and %s; show one", versions[0], versions[1])
		case len(versions) == 1:
			a.version = versions[0]
			return s.showVersion(ctx, a)
		}
		out, err := s.describePackage(ctx, a)
		if err != nil {
			return err
		}
		return s.answer(out, func(w io.Writer) error {
			o := restrictions(out.Package.OriginConfiguration)
			return fields(w, []field{
				{"Package", a.String()},
				{"Repository", s.where()},
				{"Publishing", originWord(string(o.Publish), "versions may be published into this repository", "versions may not be published into this repository")},
				{"Upstream", originWord(string(o.Upstream), "versions may come from upstream", "versions may not come from upstream")},
				{"Versions", "larder package versions " + a.String() + s.again(true)},
			})
		})
	})
}

// originWord spells a restriction with what it means.
func originWord(mode, allow, block string) string {
	switch mode {
	case "ALLOW":
		return mode + ": " + allow
	case "BLOCK":
		return mode + ": " + block
	}
	return mode
}

func (s *session) describePackage(ctx context.Context, a address) (*codeartifact.DescribePackageOutput, error) {
	return s.DescribePackage(ctx, &codeartifact.DescribePackageInput{
		Domain: &s.domain, DomainOwner: optional(s.owner), Repository: &s.repository,
		Format: a.format, Namespace: optional(a.namespace), Package: &a.name,
	})
}

func newPackageOriginCommand() *cobra.Command {
	return nounCommand("origin", "Say where versions of a package may come from",
		`Each package of a repository says whether versions of it may be published there
directly, and whether they may come from upstream. That keeps a name of your own
from being taken over by a public one. What a package group blocks is blocked
whatever the package says.`,
		newPackageOriginShowCommand(), newPackageOriginSetCommand())
}

func newPackageOriginShowCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:               "show ADDRESS",
		Short:             "Show where versions of a package may come from",
		Example:           "  larder package origin show npm/@acme/ui",
		Args:              exactly("ADDRESS", "such as npm/@acme/ui"),
		ValidArgsFunction: first(completePackage),
	}
	return apiCommand(cmd, inRepository, func(ctx context.Context, s *session, args []string) error {
		a, err := parsePackage(args[0])
		if err != nil {
			return err
		}
		out, err := s.describePackage(ctx, a)
		if err != nil {
			return err
		}
		return s.showOrigin(out, out.Package.OriginConfiguration)
	})
}

func (s *session) showOrigin(answer any, o *types.PackageOriginConfiguration) error {
	return s.answer(answer, func(w io.Writer) error {
		r := restrictions(o)
		return fields(w, []field{{"Publish", string(r.Publish)}, {"Upstream", string(r.Upstream)}})
	})
}

func newPackageOriginSetCommand() *cobra.Command {
	var publish, upstream string
	cmd := &cobra.Command{
		Use:   "set ADDRESS",
		Short: "Set where versions of a package may come from",
		Long:  "Set where versions of a package may come from. What is not named stays as it is.\nThe package need not be there yet: then both must be named.",
		Example: `  larder package origin set npm/@acme/ui --publish allow --upstream block
  larder package origin set npm/react --publish allow`,
		Args:              exactly("ADDRESS", "such as npm/@acme/ui"),
		ValidArgsFunction: first(completePackage),
	}
	cmd.Flags().StringVar(&publish, "publish", "", "`allow` or block publishing into the repository")
	cmd.Flags().StringVar(&upstream, "upstream", "", "`allow` or block versions from upstream")
	cmd.MarkFlagsOneRequired("publish", "upstream")
	_ = cmd.RegisterFlagCompletionFunc("publish", completeWords("allow", "block"))
	_ = cmd.RegisterFlagCompletionFunc("upstream", completeWords("allow", "block"))
	return apiCommand(cmd, inRepository, func(ctx context.Context, s *session, args []string) error {
		a, err := parsePackage(args[0])
		if err != nil {
			return err
		}
		want := types.PackageOriginRestrictions{
			Publish: types.AllowPublish(strings.ToUpper(publish)), Upstream: types.AllowUpstream(strings.ToUpper(upstream)),
		}
		if want.Publish == "" || want.Upstream == "" {
			have, err := s.describePackage(ctx, a)
			if err != nil {
				return s.instead(err, "ResourceNotFoundException", "for a package that is yet to come, give both --publish and --upstream")
			}
			r := restrictions(have.Package.OriginConfiguration)
			if want.Publish == "" {
				want.Publish = r.Publish
			}
			if want.Upstream == "" {
				want.Upstream = r.Upstream
			}
		}
		out, err := s.PutPackageOriginConfiguration(ctx, &codeartifact.PutPackageOriginConfigurationInput{
			Domain: &s.domain, DomainOwner: optional(s.owner), Repository: &s.repository,
			Format: a.format, Namespace: optional(a.namespace), Package: &a.name, Restrictions: &want,
		})
		if err != nil {
			return err
		}
		return s.showOrigin(out, out.OriginConfiguration)
	})
}

// parsePackage reads an address that names no version.
func parsePackage(s string) (address, error) {
	a, err := parseAddress(s)
	if err == nil && a.version != "" {
		return a, usagef("this is about the whole package: leave @%s out", a.version)
	}
	return a, err
}

func newPackageDeleteCommand() *cobra.Command {
	var expect string
	cmd := &cobra.Command{
		Use:   "delete ADDRESS [VERSION]...",
		Short: "Delete versions, or a whole package",
		Long: `Delete versions of a package; their numbers can be published again. Without a
version the whole package goes, with its origin configuration.`,
		Example: `  larder package delete npm/@acme/ui@1.0.0
  larder package delete npm/@acme/ui 1.0.0 1.0.1 --yes
  larder package delete generic/team/tool`,
		Args:              atLeast(1, "a package"),
		ValidArgsFunction: first(completePackage),
	}
	addExpect(cmd, &expect)
	return apiCommand(cmd, inRepository|destroys|long, func(ctx context.Context, s *session, args []string) error {
		a, versions, err := parseVersions(args)
		if err != nil {
			return err
		}
		if len(versions) == 0 {
			if expect != "" {
				return usagef("--expect is about versions; name some")
			}
			return s.deletePackage(ctx, a)
		}
		if err := s.confirm("deletes %s of %s from %s", shownVersions(versions), a, s.where()); err != nil {
			return err
		}
		out, err := s.DeletePackageVersions(ctx, &codeartifact.DeletePackageVersionsInput{
			Domain: &s.domain, DomainOwner: optional(s.owner), Repository: &s.repository,
			Format: a.format, Namespace: optional(a.namespace), Package: &a.name, Versions: versions, ExpectedStatus: status(expect),
		})
		if err != nil {
			return err
		}
		return s.batch(out, a, versions, out.SuccessfulVersions, out.FailedVersions, "")
	})
}

func (s *session) deletePackage(ctx context.Context, a address) error {
	if err := s.confirm("deletes %s with all its versions from %s", a, s.where()); err != nil {
		return err
	}
	out, err := s.DeletePackage(ctx, &codeartifact.DeletePackageInput{
		Domain: &s.domain, DomainOwner: optional(s.owner), Repository: &s.repository,
		Format: a.format, Namespace: optional(a.namespace), Package: &a.name,
	})
	if err != nil {
		return err
	}
	return s.done(out, "deleted %s from %s", a, s.where())
}

// shownVersions spells a list of versions for a sentence.
func shownVersions(versions []string) string {
	if len(versions) > 5 {
		return fmt.Sprintf("%d versions", len(versions))
	}
	if len(versions) == 1 {
		return "version " + versions[0]
	}
	return "versions " + strings.Join(versions, ", ")
}
