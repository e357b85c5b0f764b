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

func newPackageVersionsCommand() *cobra.Command {
	var (
		only, origin string
		newest       bool
	)
	cmd := &cobra.Command{
		Use:   "versions ADDRESS",
		Short: "List the versions of a package",
		Example: `  larder package versions npm/react
  larder package versions npm/@acme/ui --status archived
  larder package versions maven/org.example:lib --newest-first`,
		Args:              exactly("ADDRESS", "such as npm/react"),
		ValidArgsFunction: first(completePackage),
	}
	cmd.Flags().StringVar(&only, "status", "", "only versions of this `status`: published, unfinished, unlisted, archived or disposed")
	cmd.Flags().StringVar(&origin, "origin", "", "only versions of this `origin`: internal, external or unknown")
	cmd.Flags().BoolVar(&newest, "newest-first", false, "in the order of publishing")
	_ = cmd.RegisterFlagCompletionFunc("status", completeWords("published", "unfinished", "unlisted", "archived", "disposed"))
	_ = cmd.RegisterFlagCompletionFunc("origin", completeWords("internal", "external", "unknown"))
	return apiCommand(cmd, inRepository|long, func(ctx context.Context, s *session, args []string) error {
		a, err := parsePackage(args[0])
		if err != nil {
			return err
		}
		in := &codeartifact.ListPackageVersionsInput{
			Domain: &s.domain, DomainOwner: optional(s.owner), Repository: &s.repository,
			Format: a.format, Namespace: optional(a.namespace), Package: &a.name, MaxResults: aws.Int32(1000),
			Status: status(only), OriginType: types.PackageVersionOriginType(strings.ToUpper(origin)),
		}
		if newest {
			in.SortBy = types.PackageVersionSortTypePublishedTime
		}
		out, err := collect(ctx, codeartifact.NewListPackageVersionsPaginator(s.client, in),
			func(o *codeartifact.ListPackageVersionsOutput) *[]types.PackageVersionSummary { return &o.Versions })
		if err != nil {
			return err
		}
		rows := [][]string{{"VERSION", "STATUS", "ORIGIN", "CAME BY", ""}}
		for _, v := range out.Versions {
			kind, entry := shownOrigin(v.Origin)
			mark := ""
			if aws.ToString(v.Version) == aws.ToString(out.DefaultDisplayVersion) {
				mark = "default"
			}
			rows = append(rows, []string{aws.ToString(v.Version), string(v.Status), kind, entry, mark})
		}
		return s.list(out, rows, a.String()+" has no such versions in "+s.where())
	})
}

// shownOrigin gives the kind of an origin, and where the version first came in.
func shownOrigin(o *types.PackageVersionOrigin) (kind, entry string) {
	if o == nil {
		return "", ""
	}
	if p := o.DomainEntryPoint; p != nil {
		entry = aws.ToString(p.ExternalConnectionName)
		if r := aws.ToString(p.RepositoryName); entry == "" && r != "" {
			entry = "repository " + r
		}
	}
	return string(o.OriginType), entry
}

// status spells a status as the API does: Published.
func status(s string) types.PackageVersionStatus {
	for _, known := range types.PackageVersionStatus("").Values() {
		if strings.EqualFold(string(known), s) {
			return known
		}
	}
	return types.PackageVersionStatus(s)
}

func (s *session) showVersion(ctx context.Context, a address) error {
	out, err := s.DescribePackageVersion(ctx, &codeartifact.DescribePackageVersionInput{
		Domain: &s.domain, DomainOwner: optional(s.owner), Repository: &s.repository,
		Format: a.format, Namespace: optional(a.namespace), Package: &a.name, PackageVersion: &a.version,
	})
	if err != nil {
		return s.missingVersion(err, a)
	}
	return s.answer(out, func(w io.Writer) error {
		v := out.PackageVersion
		var licenses []string
		for _, l := range v.Licenses {
			licenses = append(licenses, firstOf(aws.ToString(l.Name), aws.ToString(l.Url)))
		}
		kind, entry := shownOrigin(v.Origin)
		if entry != "" {
			kind += ", by " + entry
		}
		return fields(w, []field{
			{"Package", a.String()},
			{"Version", aws.ToString(v.Version)},
			{"Repository", s.where()},
			{"Status", string(v.Status)},
			{"Revision", aws.ToString(v.Revision)},
			{"Published", shownTime(v.PublishedTime)},
			{"Origin", kind},
			{"Summary", aws.ToString(v.Summary)},
			{"Licenses", strings.Join(licenses, ", ")},
			{"Home page", aws.ToString(v.HomePage)},
			{"Source code", aws.ToString(v.SourceCodeRepository)},
		})
	})
}

func newAssetsCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:               "assets ADDRESS [VERSION]",
		Short:             "List the files of a version",
		Example:           "  larder package assets npm/react@18.2.0\n  larder package assets generic/team/tool 7 --output json",
		Args:              between(1, 2, "a package and a VERSION"),
		ValidArgsFunction: first(completePackage),
	}
	return apiCommand(cmd, inRepository|long, func(ctx context.Context, s *session, args []string) error {
		a, err := parseVersionOnly(args)
		if err != nil {
			return err
		}
		out, err := s.assets(ctx, a)
		if err != nil {
			return err
		}
		rows := [][]string{{"ASSET", "SIZE", "SHA-256"}}
		for _, f := range out.Assets {
			rows = append(rows, []string{aws.ToString(f.Name), shownSize(aws.ToInt64(f.Size)), f.Hashes[string(types.HashAlgorithmSha256)]})
		}
		return s.list(out, rows, "the version has no assets")
	})
}

// parseVersionOnly reads one version and nothing after it.
func parseVersionOnly(args []string) (address, error) {
	a, rest, err := parseOneVersion(args)
	if err == nil && len(rest) > 0 {
		return a, usagef("the version is named twice, %s and %s", a.version, rest[0])
	}
	return a, err
}

func (s *session) assets(ctx context.Context, a address) (*codeartifact.ListPackageVersionAssetsOutput, error) {
	out, err := collect(ctx, codeartifact.NewListPackageVersionAssetsPaginator(s.client, &codeartifact.ListPackageVersionAssetsInput{
		Domain: &s.domain, DomainOwner: optional(s.owner), Repository: &s.repository,
		Format: a.format, Namespace: optional(a.namespace), Package: &a.name, PackageVersion: &a.version, MaxResults: aws.Int32(1000),
	}), func(o *codeartifact.ListPackageVersionAssetsOutput) *[]types.AssetSummary { return &o.Assets })
	return out, s.missingVersion(err, a)
}

func newDependenciesCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:               "dependencies ADDRESS [VERSION]",
		Short:             "List what a version depends on, by its own manifest",
		Example:           "  larder package dependencies npm/react-dom@18.2.0",
		Args:              between(1, 2, "a package and a VERSION"),
		ValidArgsFunction: first(completePackage),
	}
	return apiCommand(cmd, inRepository|long, func(ctx context.Context, s *session, args []string) error {
		a, err := parseVersionOnly(args)
		if err != nil {
			return err
		}
		out, err := s.dependencies(ctx, a)
		if err != nil {
			return err
		}
		rows := [][]string{{"PACKAGE", "REQUIREMENT", "KIND"}}
		for _, d := range out.Dependencies {
			on := address{format: a.format, namespace: aws.ToString(d.Namespace), name: aws.ToString(d.Package)}
			rows = append(rows, []string{on.String(), aws.ToString(d.VersionRequirement), aws.ToString(d.DependencyType)})
		}
		return s.list(out, rows, "the version depends on nothing")
	})
}

// dependencies reads the list to its end; the SDK has no paginator for it.
func (s *session) dependencies(ctx context.Context, a address) (*codeartifact.ListPackageVersionDependenciesOutput, error) {
	in := &codeartifact.ListPackageVersionDependenciesInput{
		Domain: &s.domain, DomainOwner: optional(s.owner), Repository: &s.repository,
		Format: a.format, Namespace: optional(a.namespace), Package: &a.name, PackageVersion: &a.version,
	}
	all := []types.PackageDependency{}
	for {
		out, err := s.ListPackageVersionDependencies(ctx, in)
		if err != nil {
			return nil, s.missingVersion(err, a)
		}
		all = append(all, out.Dependencies...)
		if in.NextToken = out.NextToken; in.NextToken == nil {
			out.Dependencies = all
			return out, nil
		}
	}
}

func newReadmeCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:               "readme ADDRESS [VERSION]",
		Short:             "Print the readme of a version",
		Example:           "  larder package readme npm/react@18.2.0",
		Args:              between(1, 2, "a package and a VERSION"),
		ValidArgsFunction: first(completePackage),
	}
	return apiCommand(cmd, inRepository, func(ctx context.Context, s *session, args []string) error {
		a, err := parseVersionOnly(args)
		if err != nil {
			return err
		}
		out, err := s.GetPackageVersionReadme(ctx, &codeartifact.GetPackageVersionReadmeInput{
			Domain: &s.domain, DomainOwner: optional(s.owner), Repository: &s.repository,
			Format: a.format, Namespace: optional(a.namespace), Package: &a.name, PackageVersion: &a.version,
		})
		if err != nil {
			return err
		}
		return s.answer(out, func(w io.Writer) error {
			_, err := fmt.Fprintln(w, strings.TrimRight(printable(aws.ToString(out.Readme)), "\n"))
			return err
		})
	})
}

// addExpect is the condition of the operations on several versions.
func addExpect(cmd *cobra.Command, expect *string) {
	cmd.Flags().StringVar(expect, "expect", "", "only if the versions have this `status` by now")
	_ = cmd.RegisterFlagCompletionFunc("expect", completeWords("published", "unfinished", "unlisted", "archived", "disposed"))
}

// addRevision is the condition on what one version holds.
func addRevision(cmd *cobra.Command, revision *string) {
	cmd.Flags().StringVar(revision, "revision", "", "only if the version still has this `revision`; for one version")
	_ = cmd.RegisterFlagCompletionFunc("revision", cobra.NoFileCompletions)
}

// revisions gives the condition as the API takes it.
func revisions(versions []string, revision string) (map[string]string, error) {
	if revision == "" {
		return nil, nil
	}
	if len(versions) != 1 {
		return nil, usagef("--revision is for one version, and %d are named", len(versions))
	}
	return map[string]string{versions[0]: revision}, nil
}

func newStatusCommand() *cobra.Command {
	return nounCommand("status", "Publish, unlist or archive versions",
		`A published version is listed and can be fetched. An unlisted one is not listed
any more, and lock files that name it keep working. An archived one can neither
be seen nor fetched, and keeps its number. All of it can be taken back.`,
		newStatusVerb("publish", types.PackageVersionStatusPublished, "List versions, and let them be fetched"),
		newStatusVerb("unlist", types.PackageVersionStatusUnlisted, "Take versions from lists; they can still be fetched"),
		newStatusVerb("archive", types.PackageVersionStatusArchived, "Hide versions; they cannot be fetched"),
	)
}

func newStatusVerb(verb string, to types.PackageVersionStatus, short string) *cobra.Command {
	var expect, revision string
	cmd := &cobra.Command{
		Use:               verb + " ADDRESS VERSION...",
		Short:             short,
		Example:           fmt.Sprintf("  larder package status %s npm/@acme/ui@1.0.0\n  larder package status %s npm/@acme/ui 1.0.0 1.0.1 --repository team", verb, verb),
		Args:              atLeast(1, "a package and VERSION"),
		ValidArgsFunction: first(completePackage),
	}
	addExpect(cmd, &expect)
	addRevision(cmd, &revision)
	return apiCommand(cmd, inRepository, func(ctx context.Context, s *session, args []string) error {
		a, versions, err := parseSomeVersions(args)
		if err != nil {
			return err
		}
		only, err := revisions(versions, revision)
		if err != nil {
			return err
		}
		out, err := s.UpdatePackageVersionsStatus(ctx, &codeartifact.UpdatePackageVersionsStatusInput{
			Domain: &s.domain, DomainOwner: optional(s.owner), Repository: &s.repository,
			Format: a.format, Namespace: optional(a.namespace), Package: &a.name,
			Versions: versions, VersionRevisions: only, ExpectedStatus: status(expect), TargetStatus: to,
		})
		if err != nil {
			return err
		}
		return s.batch(out, a, versions, out.SuccessfulVersions, out.FailedVersions, "")
	})
}

// parseSomeVersions reads a package with at least one version.
func parseSomeVersions(args []string) (address, []string, error) {
	a, versions, err := parseVersions(args)
	if err == nil && len(versions) == 0 {
		return a, nil, usagef("name a version: %s@VERSION; the versions that there are: larder package versions %s", a, a)
	}
	return a, versions, err
}

func newDisposeCommand() *cobra.Command {
	var expect, revision string
	cmd := &cobra.Command{
		Use:   "dispose ADDRESS VERSION...",
		Short: "Destroy the files of versions, and keep their record",
		Long: `Destroy the files of versions and keep their record, so that the numbers are
never published again. This cannot be taken back.`,
		Example: `  larder package dispose npm/@acme/ui@1.0.0
  larder package dispose npm/@acme/ui 1.0.0 1.0.1 --yes`,
		Args:              atLeast(1, "a package and VERSION"),
		ValidArgsFunction: first(completePackage),
	}
	addExpect(cmd, &expect)
	addRevision(cmd, &revision)
	return apiCommand(cmd, inRepository|destroys|long, func(ctx context.Context, s *session, args []string) error {
		a, versions, err := parseSomeVersions(args)
		if err != nil {
			return err
		}
		only, err := revisions(versions, revision)
		if err != nil {
			return err
		}
		if err := s.confirm("destroys the files of %s of %s in %s for good", shownVersions(versions), a, s.where()); err != nil {
			return err
		}
		out, err := s.DisposePackageVersions(ctx, &codeartifact.DisposePackageVersionsInput{
			Domain: &s.domain, DomainOwner: optional(s.owner), Repository: &s.repository,
			Format: a.format, Namespace: optional(a.namespace), Package: &a.name,
			Versions: versions, VersionRevisions: only, ExpectedStatus: status(expect),
		})
		if err != nil {
			return err
		}
		return s.batch(out, a, versions, out.SuccessfulVersions, out.FailedVersions, "")
	})
}

// batch answers what became of several versions, and fails where one failed.
// What stands in neither map was unchanged, which same spells.
func (s *session) batch(answer any, a address, versions []string, ok map[string]types.SuccessfulPackageVersionInfo, failed map[string]types.PackageVersionError, same string) error {
	rows := [][]string{{"VERSION", "RESULT"}}
	if len(failed) > 0 {
		rows[0] = append(rows[0], "WHY")
	}
	var cause types.PackageVersionError // the first that is not only a consequence
	var of string
	for _, v := range versions {
		if f, is := failed[v]; is {
			rows = append(rows, []string{v, string(f.ErrorCode), aws.ToString(f.ErrorMessage)})
			if of == "" || cause.ErrorCode == types.PackageVersionErrorCodeSkipped {
				cause, of = f, v
			}
			continue
		}
		result := same
		if i, is := ok[v]; is {
			result = string(i.Status)
		}
		rows = append(rows, []string{v, result})
	}
	if err := s.answer(answer, func(w io.Writer) error { return table(w, rows) }); err != nil {
		return err
	}
	if len(failed) == 0 {
		return nil
	}
	code := ""
	if cause.ErrorCode == types.PackageVersionErrorCodeNotFound {
		code = "ResourceNotFoundException"
	}
	return &apiFailure{code: code, text: fmt.Sprintf("%s of %s failed; version %s: %s (%s)",
		count(len(failed), "version", "versions"), a, of, aws.ToString(cause.ErrorMessage), cause.ErrorCode)}
}
