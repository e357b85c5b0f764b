package main

import (
	"context"
	"io"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codeartifact"
	"github.com/aws/aws-sdk-go-v2/service/codeartifact/types"
	"github.com/spf13/cobra"
)

func newGroupCommand() *cobra.Command {
	return nounCommand("group", "Set rules for groups of packages",
		`A package group sets, for the packages that its pattern covers, where versions
may come from, in every repository of the domain. A package belongs to the group
whose pattern is the most specific. Patterns, in quotes because of the shell:

  '/npm/*'                 every npm package
  '/npm/acme/*'            those of the scope @acme
  '/npm/acme/ui~'          @acme/ui, @acme/ui-kit, … (a word begins so)
  '/maven/org.x/lib$'      this package alone
  '/pypi//requests$'       formats without a namespace leave it empty`,
		append([]*cobra.Command{
			newGroupCreateCommand(), newGroupListCommand(), newGroupShowCommand(), newGroupUpdateCommand(), newGroupDeleteCommand(),
			newGroupOriginCommand(), newGroupPackagesCommand(), newGroupOfCommand(),
		}, tagged{
			noun: "group", name: "PATTERN", example: "'/npm/*'", traits: inDomain, words: completeGroup,
			arn: func(ctx context.Context, s *session, name string) (*string, error) {
				g, err := s.describeGroup(ctx, name)
				if err != nil {
					return nil, err
				}
				return g.PackageGroup.Arn, nil
			},
		}.commands()...)...)
}

func newGroupCreateCommand() *cobra.Command {
	var (
		description, contact string
		tags                 []string
	)
	cmd := &cobra.Command{
		Use:               "create PATTERN",
		Short:             "Make a package group",
		Long:              "Make a package group. Its rules are those of the group above it until they are\nset with: larder group origin set",
		Example:           "  larder group create '/npm/acme/*' --description 'our own packages' --contact team@example.com",
		Args:              exactly("PATTERN", "such as '/npm/acme/*'"),
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	cmd.Flags().StringVar(&description, "description", "", "what it is for")
	cmd.Flags().StringVar(&contact, "contact", "", "`whom` to ask")
	addTags(cmd, &tags)
	return apiCommand(cmd, inDomain, func(ctx context.Context, s *session, args []string) error {
		t, err := parseTags(tags)
		if err != nil {
			return err
		}
		out, err := s.CreatePackageGroup(ctx, &codeartifact.CreatePackageGroupInput{
			Domain: &s.domain, DomainOwner: optional(s.owner), PackageGroup: &args[0],
			Description: optional(description), ContactInfo: optional(contact), Tags: t,
		})
		if err != nil {
			return err
		}
		return s.done(out, "made the package group %s\nnext: larder group origin set %s --publish MODE%s", args[0], shellWord(args[0]), s.again(false))
	})
}

func newGroupListCommand() *cobra.Command {
	var prefix string
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List package groups as a tree, with their rules",
		Long: `List package groups as a tree, with the rules that hold: where versions of their
packages may come from. A rule in brackets is the one of a group above.`,
		Example: "  larder group list\n  larder group list --prefix /npm/",
		Args:    cobra.NoArgs,
	}
	cmd.Flags().StringVar(&prefix, "prefix", "", "only patterns that begin so")
	return apiCommand(cmd, inDomain|long, func(ctx context.Context, s *session, _ []string) error {
		out, err := collect(ctx, codeartifact.NewListPackageGroupsPaginator(s.client, &codeartifact.ListPackageGroupsInput{
			Domain: &s.domain, DomainOwner: optional(s.owner), Prefix: optional(prefix), MaxResults: aws.Int32(1000),
		}), func(o *codeartifact.ListPackageGroupsOutput) *[]types.PackageGroupSummary { return &o.PackageGroups })
		if err != nil {
			return err
		}
		rows := [][]string{{"PATTERN", "PUBLISH", "EXTERNAL", "INTERNAL", "DESCRIPTION"}}
		for _, g := range groupTree(out.PackageGroups) {
			rows = append(rows, []string{
				g.lines + aws.ToString(g.Pattern),
				shownRule(g.OriginConfiguration, types.PackageGroupOriginRestrictionTypePublish),
				shownRule(g.OriginConfiguration, types.PackageGroupOriginRestrictionTypeExternalUpstream),
				shownRule(g.OriginConfiguration, types.PackageGroupOriginRestrictionTypeInternalUpstream),
				aws.ToString(g.Description),
			})
		}
		return s.list(out, rows, "the domain "+s.domain+" has no package groups that begin so")
	})
}

// branch is a group with the lines that lead to it in a tree.
type branch struct {
	types.PackageGroupSummary
	lines string
}

// groupTree orders groups below their parents. One whose parent is not among
// them stands at the top.
func groupTree(groups []types.PackageGroupSummary) []branch {
	there := map[string]bool{}
	for _, g := range groups {
		there[aws.ToString(g.Pattern)] = true
	}
	below := map[string][]types.PackageGroupSummary{}
	for _, g := range groups {
		parent := ""
		if g.Parent != nil && there[aws.ToString(g.Parent.Pattern)] {
			parent = aws.ToString(g.Parent.Pattern)
		}
		below[parent] = append(below[parent], g)
	}
	for _, all := range below {
		slices.SortFunc(all, func(x, y types.PackageGroupSummary) int {
			return strings.Compare(aws.ToString(x.Pattern), aws.ToString(y.Pattern))
		})
	}
	var tree []branch
	var grow func(parent, indent string)
	grow = func(parent, indent string) {
		children := below[parent]
		delete(below, parent) // whatever a server answers, this ends
		for i, g := range children {
			here, next := indent+"├─ ", indent+"│  "
			if i == len(children)-1 {
				here, next = indent+"└─ ", indent+"   "
			}
			if parent == "" {
				here, next = "", ""
			}
			tree = append(tree, branch{g, here})
			if p := aws.ToString(g.Pattern); p != "" {
				grow(p, next)
			}
		}
	}
	grow("", "")
	return tree
}

// shownRule is the mode that holds, in brackets where a group above decides.
func shownRule(o *types.PackageGroupOriginConfiguration, t types.PackageGroupOriginRestrictionType) string {
	if o == nil {
		return ""
	}
	r := o.Restrictions[string(t)]
	if r.Mode == types.PackageGroupOriginRestrictionModeInherit {
		return "(" + shownMode(r.EffectiveMode) + ")"
	}
	return shownMode(firstMode(r.EffectiveMode, r.Mode))
}

func firstMode(all ...types.PackageGroupOriginRestrictionMode) types.PackageGroupOriginRestrictionMode {
	for _, m := range all {
		if m != "" {
			return m
		}
	}
	return ""
}

// shownMode spells a mode as the flags of origin set take it.
func shownMode(m types.PackageGroupOriginRestrictionMode) string {
	if m == types.PackageGroupOriginRestrictionModeAllowSpecificRepositories {
		return "specific"
	}
	return strings.ToLower(string(m))
}

func newGroupShowCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:               "show PATTERN",
		Short:             "Show a package group with its rules",
		Example:           "  larder group show '/npm/acme/*'",
		Args:              exactly("PATTERN", "such as '/npm/acme/*'"),
		ValidArgsFunction: first(completeGroup),
	}
	return apiCommand(cmd, inDomain, func(ctx context.Context, s *session, args []string) error {
		out, err := s.describeGroup(ctx, args[0])
		if err != nil {
			return err
		}
		return s.answer(out, func(w io.Writer) error { return s.showGroup(ctx, w, out.PackageGroup) })
	})
}

// showGroup shows a group, after other fields.
func (s *session) showGroup(ctx context.Context, w io.Writer, g *types.PackageGroupDescription, all ...field) error {
	tags, err := s.tags(ctx, g.Arn)
	if err != nil {
		return err
	}
	parent := ""
	if g.Parent != nil {
		parent = aws.ToString(g.Parent.Pattern)
	}
	all = append(all, []field{
		{"Pattern", aws.ToString(g.Pattern)},
		{"Domain", aws.ToString(g.DomainName) + " of " + aws.ToString(g.DomainOwner)},
		{"ARN", aws.ToString(g.Arn)},
		{"Below", parent},
		{"Description", aws.ToString(g.Description)},
		{"Contact", aws.ToString(g.ContactInfo)},
		{"Created", shownTime(g.CreatedTime)},
		{"Tags", tags},
	}...)
	for _, t := range restrictionTypes {
		text, err := s.ruleText(ctx, g, t.api)
		if err != nil {
			return err
		}
		all = append(all, field{t.title, text})
	}
	return fields(w, all)
}

// ruleText spells one rule of a group, with the repositories that it lists.
func (s *session) ruleText(ctx context.Context, g *types.PackageGroupDescription, t types.PackageGroupOriginRestrictionType) (string, error) {
	if g.OriginConfiguration == nil {
		return "", nil
	}
	r, ok := g.OriginConfiguration.Restrictions[string(t)]
	if !ok {
		return "", nil
	}
	text := shownMode(firstMode(r.EffectiveMode, r.Mode))
	if r.InheritedFrom != nil {
		text += ", as " + aws.ToString(r.InheritedFrom.Pattern) + " says"
	}
	if r.Mode != types.PackageGroupOriginRestrictionModeAllowSpecificRepositories {
		return text, nil
	}
	out, err := collect(ctx, codeartifact.NewListAllowedRepositoriesForGroupPaginator(s.client, &codeartifact.ListAllowedRepositoriesForGroupInput{
		Domain: &s.domain, DomainOwner: optional(s.owner), PackageGroup: g.Pattern, OriginRestrictionType: t,
	}), func(o *codeartifact.ListAllowedRepositoriesForGroupOutput) *[]string { return &o.AllowedRepositories })
	if err != nil {
		return "", err
	}
	return text + ": " + firstOf(strings.Join(out.AllowedRepositories, ", "), "no repository"), nil
}

func (s *session) describeGroup(ctx context.Context, pattern string) (*codeartifact.DescribePackageGroupOutput, error) {
	return s.DescribePackageGroup(ctx, &codeartifact.DescribePackageGroupInput{Domain: &s.domain, DomainOwner: optional(s.owner), PackageGroup: &pattern})
}

func newGroupUpdateCommand() *cobra.Command {
	var description, contact string
	cmd := &cobra.Command{
		Use:               "update PATTERN",
		Short:             "Change a package group's description or contact",
		Example:           "  larder group update '/npm/acme/*' --contact web@example.com",
		Args:              exactly("PATTERN", "such as '/npm/acme/*'"),
		ValidArgsFunction: first(completeGroup),
	}
	cmd.Flags().StringVar(&description, "description", "", "what it is for")
	cmd.Flags().StringVar(&contact, "contact", "", "`whom` to ask")
	cmd.MarkFlagsOneRequired("description", "contact")
	return apiCommand(cmd, inDomain, func(ctx context.Context, s *session, args []string) error {
		in := &codeartifact.UpdatePackageGroupInput{Domain: &s.domain, DomainOwner: optional(s.owner), PackageGroup: &args[0]}
		if cmd.Flags().Changed("description") {
			in.Description = &description
		}
		if cmd.Flags().Changed("contact") {
			in.ContactInfo = &contact
		}
		out, err := s.UpdatePackageGroup(ctx, in)
		if err != nil {
			return err
		}
		return s.done(out, "changed the package group %s", args[0])
	})
}

func newGroupDeleteCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:               "delete PATTERN",
		Short:             "Delete a package group; its packages stay",
		Example:           "  larder group delete '/npm/acme/*'",
		Args:              exactly("PATTERN", "such as '/npm/acme/*'"),
		ValidArgsFunction: first(completeGroup),
	}
	return apiCommand(cmd, inDomain|destroys, func(ctx context.Context, s *session, args []string) error {
		if err := s.confirm("deletes the package group %s; its packages then have the rules of the group above it", args[0]); err != nil {
			return err
		}
		out, err := s.DeletePackageGroup(ctx, &codeartifact.DeletePackageGroupInput{Domain: &s.domain, DomainOwner: optional(s.owner), PackageGroup: &args[0]})
		if err != nil {
			return err
		}
		return s.done(out, "deleted the package group %s", args[0])
	})
}

func newGroupPackagesCommand() *cobra.Command {
	var preview bool
	cmd := &cobra.Command{
		Use:   "packages PATTERN",
		Short: "List the packages that belong to a group",
		Example: `  larder group packages '/npm/acme/*'
  larder group packages '/npm/acme/ui~' --preview`,
		Args:              exactly("PATTERN", "such as '/npm/acme/*'"),
		ValidArgsFunction: first(completeGroup),
	}
	cmd.Flags().BoolVar(&preview, "preview", false, "of a group that is yet to be made")
	return apiCommand(cmd, inDomain|long, func(ctx context.Context, s *session, args []string) error {
		out, err := collect(ctx, codeartifact.NewListAssociatedPackagesPaginator(s.client, &codeartifact.ListAssociatedPackagesInput{
			Domain: &s.domain, DomainOwner: optional(s.owner), PackageGroup: &args[0], Preview: &preview, MaxResults: aws.Int32(1000),
		}), func(o *codeartifact.ListAssociatedPackagesOutput) *[]types.AssociatedPackage { return &o.Packages })
		if err != nil {
			return s.instead(err, "ResourceNotFoundException", "to see what it would cover, add --preview")
		}
		rows := [][]string{{"PACKAGE", "MATCH"}}
		for _, p := range out.Packages {
			a := address{format: p.Format, namespace: aws.ToString(p.Namespace), name: aws.ToString(p.Package)}
			rows = append(rows, []string{a.String(), shownMatch(p.AssociationType)})
		}
		return s.list(out, rows, "no package of the domain "+s.domain+" belongs to it")
	})
}

// shownMatch says what a weak match means.
func shownMatch(t types.PackageGroupAssociationType) string {
	if t == types.PackageGroupAssociationTypeWeak {
		return "weak: blocked, it is spelled like another"
	}
	return strings.ToLower(string(t))
}

func newGroupOfCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:               "of ADDRESS",
		Short:             "Show the group that a package belongs to, there yet or not",
		Example:           "  larder group of npm/@acme/ui\n  larder group of pypi/requests",
		Args:              exactly("ADDRESS", "such as npm/@acme/ui"),
		ValidArgsFunction: first(completePackage),
	}
	return apiCommand(cmd, inDomain, func(ctx context.Context, s *session, args []string) error {
		a, err := parsePackage(args[0])
		if err != nil {
			return err
		}
		out, err := s.GetAssociatedPackageGroup(ctx, &codeartifact.GetAssociatedPackageGroupInput{
			Domain: &s.domain, DomainOwner: optional(s.owner), Format: a.format, Namespace: optional(a.namespace), Package: &a.name,
		})
		if err != nil {
			return err
		}
		return s.answer(out, func(w io.Writer) error {
			return s.showGroup(ctx, w, out.PackageGroup, field{"Package", a.String()}, field{"Match", shownMatch(out.AssociationType)})
		})
	})
}
