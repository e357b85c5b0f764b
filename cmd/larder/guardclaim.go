package main

import (
	"context"
	"errors"

	"github.com/aws/aws-sdk-go-v2/service/codeartifact"
	"github.com/aws/aws-sdk-go-v2/service/codeartifact/types"
	"github.com/spf13/cobra"
)

func newGuardClaimCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "claim PATTERN...",
		Short: "Say that names are your own: nobody outside is asked for them",
		Long: `Say that the packages of each PATTERN are your own. A package group is made for
it, or the one that is there is set, so that nothing comes in through an
external connection: no request for such a name leaves the server, and nobody
can put a package of that name in your way. Publishing them, and getting them
from an upstream repository of the domain, goes on as before.`,
		Example: "  larder guard claim 'npm:@acme/*' 'pypi:acme-~'",
		Args:    cobra.MinimumNArgs(1),
	}
	return apiCommand(cmd, inDomain, func(ctx context.Context, s *session, args []string) error {
		patterns := make([]string, len(args))
		for i, arg := range args {
			var err error
			if patterns[i], err = parsePattern(arg); err != nil {
				return err
			}
		}
		type claimed struct {
			Pattern string `json:"pattern"`
			Made    bool   `json:"made"`
		}
		answer := struct {
			Claimed []claimed `json:"claimed"`
		}{}
		rows := [][]string{{"PATTERN", "PACKAGE GROUP", "FROM OUTSIDE"}}
		for _, p := range patterns {
			made, err := s.claim(ctx, p)
			if err != nil {
				return err
			}
			answer.Claimed = append(answer.Claimed, claimed{p, made})
			rows = append(rows, []string{p, map[bool]string{true: "made", false: "was there"}[made], "never"})
		}
		if s.out.json() {
			return s.out.print(cmd, answer)
		}
		return table(cmd.OutOrStdout(), rows)
	})
}

// claim makes the group of a pattern, or takes the one that is there.
func (s *session) claim(ctx context.Context, pattern string) (made bool, err error) {
	description := "our own: nobody outside is asked"
	_, err = s.CreatePackageGroup(ctx, &codeartifact.CreatePackageGroupInput{
		Domain: &s.domain, DomainOwner: optional(s.owner), PackageGroup: &pattern, Description: &description,
	})
	var there *types.ConflictException
	if err != nil && !errors.As(err, &there) {
		return false, err
	}
	made = err == nil
	_, err = s.UpdatePackageGroupOriginConfiguration(ctx, &codeartifact.UpdatePackageGroupOriginConfigurationInput{
		Domain: &s.domain, DomainOwner: optional(s.owner), PackageGroup: &pattern,
		Restrictions: map[string]types.PackageGroupOriginRestrictionMode{
			string(types.PackageGroupOriginRestrictionTypeExternalUpstream): types.PackageGroupOriginRestrictionModeBlock,
		},
	})
	return made, err
}
