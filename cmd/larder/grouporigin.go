package main

import (
	"context"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codeartifact"
	"github.com/aws/aws-sdk-go-v2/service/codeartifact/types"
	"github.com/spf13/cobra"
)

// restrictionTypes are the three ways by which versions come, as flags, in
// answers and in the API.
var restrictionTypes = []struct {
	flag, title, about string
	api                types.PackageGroupOriginRestrictionType
}{
	{"publish", "Publishing", "of publishing directly", types.PackageGroupOriginRestrictionTypePublish},
	{"external", "From outside", "of fetching through an external connection", types.PackageGroupOriginRestrictionTypeExternalUpstream},
	{"internal", "From upstream", "of keeping what an upstream repository has", types.PackageGroupOriginRestrictionTypeInternalUpstream},
}

func newGroupOriginCommand() *cobra.Command {
	return nounCommand("origin", "Set where versions of a group's packages may come from",
		"The rules that hold are shown by: larder group show PATTERN",
		newGroupOriginSetCommand())
}

func newGroupOriginSetCommand() *cobra.Command {
	modes := make([]string, len(restrictionTypes))
	var add, remove []string
	cmd := &cobra.Command{
		Use:   "set PATTERN",
		Short: "Set where versions of a group's packages may come from",
		Long: `Set where versions of a group's packages may come from. A MODE is allow, block,
inherit (as the group above says) or specific (only the repositories listed with
--allow-repository). What no flag names stays.`,
		Example: `  larder group origin set '/npm/acme/*' --external block --publish allow
  larder group origin set '/npm/acme/*' --publish specific --allow-repository publish=team
  larder group origin set '/npm/acme/*' --remove-repository publish=team`,
		Args:              exactly("PATTERN", "such as '/npm/acme/*'"),
		ValidArgsFunction: first(completeGroup),
	}
	for i, t := range restrictionTypes {
		cmd.Flags().StringVar(&modes[i], t.flag, "", "`mode` "+t.about)
		_ = cmd.RegisterFlagCompletionFunc(t.flag, completeWords("allow", "block", "inherit", "specific"))
	}
	cmd.Flags().StringArrayVar(&add, "allow-repository", nil, "`kind=repository` to list; kind is publish, external or internal; repeatable")
	cmd.Flags().StringArrayVar(&remove, "remove-repository", nil, "`kind=repository` to take from the list; repeatable")
	cmd.MarkFlagsOneRequired("publish", "external", "internal", "allow-repository", "remove-repository")
	return apiCommand(cmd, inDomain, func(ctx context.Context, s *session, args []string) error {
		in := &codeartifact.UpdatePackageGroupOriginConfigurationInput{
			Domain: &s.domain, DomainOwner: optional(s.owner), PackageGroup: &args[0],
		}
		var err error
		if in.Restrictions, err = parseModes(modes); err != nil {
			return err
		}
		if in.AddAllowedRepositories, err = parseAllowed(add); err != nil {
			return err
		}
		if in.RemoveAllowedRepositories, err = parseAllowed(remove); err != nil {
			return err
		}
		out, err := s.UpdatePackageGroupOriginConfiguration(ctx, in)
		if err != nil {
			return err
		}
		rows := [][]string{{"KIND", "RULE", "ADDED", "REMOVED"}}
		for _, t := range restrictionTypes {
			changed := out.AllowedRepositoryUpdates[string(t.api)]
			rows = append(rows, []string{t.flag, shownRule(out.PackageGroup.OriginConfiguration, t.api),
				strings.Join(changed[string(types.PackageGroupAllowedRepositoryUpdateTypeAdded)], ", "),
				strings.Join(changed[string(types.PackageGroupAllowedRepositoryUpdateTypeRemoved)], ", ")})
		}
		return s.list(out, rows, "")
	})
}

// parseModes reads the modes of restrictionTypes, in their order.
func parseModes(modes []string) (map[string]types.PackageGroupOriginRestrictionMode, error) {
	var all map[string]types.PackageGroupOriginRestrictionMode
	for i, t := range restrictionTypes {
		if modes[i] == "" {
			continue
		}
		mode := types.PackageGroupOriginRestrictionMode(strings.ToUpper(modes[i]))
		if mode == "SPECIFIC" {
			mode = types.PackageGroupOriginRestrictionModeAllowSpecificRepositories
		}
		if !slices.Contains(mode.Values(), mode) {
			return nil, usagef("--%s: %q is no mode; take allow, block, inherit or specific", t.flag, modes[i])
		}
		if all == nil {
			all = map[string]types.PackageGroupOriginRestrictionMode{}
		}
		all[string(t.api)] = mode
	}
	return all, nil
}

func parseAllowed(settings []string) ([]types.PackageGroupAllowedRepository, error) {
	var all []types.PackageGroupAllowedRepository
	for _, s := range settings {
		kind, repository, ok := strings.Cut(s, "=")
		found := false
		for _, t := range restrictionTypes {
			if ok && repository != "" && kind == t.flag {
				found = true
				all = append(all, types.PackageGroupAllowedRepository{OriginRestrictionType: t.api, RepositoryName: aws.String(repository)})
			}
		}
		if !found {
			return nil, usagef("%q is no KIND=REPOSITORY, such as publish=team; KIND is publish, external or internal", s)
		}
	}
	return all, nil
}
