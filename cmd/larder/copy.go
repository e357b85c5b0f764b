package main

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codeartifact"
	"github.com/aws/aws-sdk-go-v2/service/codeartifact/types"
	"github.com/spf13/cobra"
)

// copyBatch is how many versions the API copies in one call.
const copyBatch = 100

func newCopyCommand() *cobra.Command {
	var (
		from, to, revision       string
		all, overwrite, upstream bool
	)
	cmd := &cobra.Command{
		Use:   "copy ADDRESS VERSION... --from REPOSITORY",
		Short: "Copy versions into another repository of the domain",
		Long: `Copy versions of a package into another repository of the same domain, with
their status and npm dist-tags. All versions are copied or none; with --all, all
or none of each hundred. No bytes are moved.`,
		Example: `  larder package copy npm/@acme/ui@1.0.0 --from staging --to release
  larder package copy npm/@acme/ui --all --from staging
  larder package copy npm/react@18.2.0 --from main --include-from-upstream --to audited`,
		Args:              atLeast(1, "a package and VERSION"),
		ValidArgsFunction: first(completePackage),
	}
	cmd.Flags().StringVar(&from, "from", "", "`repository` that has the versions")
	cmd.Flags().StringVar(&to, "to", firstRepository, "`repository` that gets them")
	cmd.Flags().BoolVar(&all, "all", false, "copy every published and unlisted version")
	cmd.Flags().BoolVar(&overwrite, "overwrite", false, "replace versions that are there and differ")
	cmd.Flags().BoolVar(&upstream, "include-from-upstream", false, "look in the upstreams of --from too")
	addRevision(cmd, &revision)
	_ = cmd.MarkFlagRequired("from")
	for _, flag := range []string{"from", "to"} {
		_ = cmd.RegisterFlagCompletionFunc(flag, completeRepository)
	}
	return apiCommand(cmd, inDomain|long, func(ctx context.Context, s *session, args []string) error {
		a, versions, err := parseVersions(args)
		if err != nil {
			return err
		}
		s.repository = from
		switch {
		case all && len(versions) > 0:
			return usagef("--all leaves no version to name")
		case all:
			if versions, err = s.listedVersions(ctx, a); err != nil {
				return err
			}
		case len(versions) == 0:
			return usagef("name a version, %s@VERSION, or --all", a)
		}
		only, err := revisions(versions, revision)
		if err != nil {
			return err
		}
		bar := newProgress(cmd, a.name, int64(len(versions)), func(n int64) string { return count(int(n), "version", "versions") })
		defer bar.end()
		answer := &codeartifact.CopyPackageVersionsOutput{
			SuccessfulVersions: map[string]types.SuccessfulPackageVersionInfo{}, FailedVersions: map[string]types.PackageVersionError{},
		}
		done := 0
		for batch := range slices.Chunk(versions, copyBatch) {
			in := &codeartifact.CopyPackageVersionsInput{
				Domain: &s.domain, DomainOwner: optional(s.owner), SourceRepository: &from, DestinationRepository: &to,
				Format: a.format, Namespace: optional(a.namespace), Package: &a.name,
				AllowOverwrite: &overwrite, IncludeFromUpstream: &upstream,
			}
			if in.VersionRevisions = only; only == nil {
				in.Versions = batch
			}
			out, err := s.CopyPackageVersions(ctx, in)
			if err != nil {
				return afterSome(done, s.say(err))
			}
			maps.Copy(answer.SuccessfulVersions, out.SuccessfulVersions)
			maps.Copy(answer.FailedVersions, out.FailedVersions)
			done += len(batch)
			bar.set(int64(done))
			if len(out.FailedVersions) > 0 {
				break
			}
		}
		bar.end()
		return s.batch(answer, a, versions[:done], answer.SuccessfulVersions, answer.FailedVersions, "there already, the same")
	})
}

// afterSome says that a call failed when others had been done.
func afterSome(done int, err error) error {
	if done == 0 {
		return err
	}
	return fmt.Errorf("%s were copied before this: %w", count(done, "version", "versions"), err)
}

// listedVersions are the versions of a package that clients can fetch.
func (s *session) listedVersions(ctx context.Context, a address) ([]string, error) {
	out, err := collect(ctx, codeartifact.NewListPackageVersionsPaginator(s.client, &codeartifact.ListPackageVersionsInput{
		Domain: &s.domain, DomainOwner: optional(s.owner), Repository: &s.repository,
		Format: a.format, Namespace: optional(a.namespace), Package: &a.name, MaxResults: aws.Int32(1000),
	}), func(o *codeartifact.ListPackageVersionsOutput) *[]types.PackageVersionSummary { return &o.Versions })
	if err != nil {
		return nil, err
	}
	var versions []string
	for _, v := range out.Versions {
		if v.Status == types.PackageVersionStatusPublished || v.Status == types.PackageVersionStatusUnlisted {
			versions = append(versions, aws.ToString(v.Version))
		}
	}
	if len(versions) == 0 {
		return nil, &apiFailure{code: "ResourceNotFoundException", text: fmt.Sprintf("%s has no published or unlisted version in %s", a, s.where())}
	}
	return versions, nil
}
