package api

import (
	"context"

	"larder/internal/awswire"
	"larder/registry"
)

// groupDescription is PackageGroupDescription and PackageGroupSummary of spec
// 2.9, which have the same members.
type groupDescription struct {
	ARN         string          `json:"arn"`
	Pattern     string          `json:"pattern"`
	DomainName  string          `json:"domainName"`
	DomainOwner string          `json:"domainOwner"`
	Created     awswire.Epoch   `json:"createdTime,omitzero"`
	Contact     string          `json:"contactInfo,omitempty"`
	Description string          `json:"description,omitempty"`
	Origin      groupOrigin     `json:"originConfiguration"`
	Parent      *groupReference `json:"parent,omitempty"`
}

// groupOrigin is PackageGroupOriginConfiguration.
type groupOrigin struct {
	Restrictions map[registry.RestrictionType]groupRestriction `json:"restrictions"`
}

type groupRestriction struct {
	Mode          registry.RestrictionMode `json:"mode"`
	Effective     registry.RestrictionMode `json:"effectiveMode"`
	InheritedFrom *groupReference          `json:"inheritedFrom,omitempty"`
	Repositories  int                      `json:"repositoriesCount"`
}

// groupReference is PackageGroupReference.
type groupReference struct {
	ARN     string `json:"arn"`
	Pattern string `json:"pattern"`
}

func (s *server) groupARN(d registry.DomainID, pattern string) string {
	return registry.Resource{Type: registry.GroupResource, Domain: d, Name: pattern}.ARN(s.Region)
}

func (s *server) groupReference(d registry.DomainID, pattern string) *groupReference {
	if pattern == "" {
		return nil
	}
	return &groupReference{s.groupARN(d, pattern), pattern}
}

func (s *server) describeGroup(v registry.GroupView) groupDescription {
	g := groupDescription{
		ARN: s.groupARN(v.Domain, v.Pattern), Pattern: v.Pattern,
		DomainName: v.Domain.Name, DomainOwner: v.Domain.Owner,
		Created: awswire.Epoch(v.Created), Contact: v.Contact, Description: v.Description,
		Origin: groupOrigin{map[registry.RestrictionType]groupRestriction{}},
		Parent: s.groupReference(v.Domain, v.Parent),
	}
	for t, r := range v.Restrictions {
		g.Origin.Restrictions[t] = groupRestriction{r.Mode, r.Effective, s.groupReference(v.Domain, r.InheritedFrom), r.RepositoriesCount}
	}
	return g
}

type groupAnswer struct {
	Group groupDescription `json:"packageGroup"`
}

func (c *call) groupAnswer(v registry.GroupView, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	return groupAnswer{c.describeGroup(v)}, nil
}

type ofGroup struct {
	inDomain
	Group string `query:"package-group" required:"true" json:"-"`
}

type createGroupInput struct {
	inDomain
	Group       string `json:"packageGroup" required:"true"`
	Contact     string `json:"contactInfo"`
	Description string `json:"description"`
	Tags        []tag  `json:"tags"`
}

func createPackageGroup(ctx context.Context, c *call, in *createGroupInput) (any, error) {
	d, err := in.domain(c)
	if err != nil {
		return nil, err
	}
	tags, err := tagsOf(in.Tags)
	if err != nil {
		return nil, err
	}
	return c.groupAnswer(c.core.CreatePackageGroup(ctx, c.actor, d, registry.Group{
		Pattern: in.Group, Contact: in.Contact, Description: in.Description, Tags: tags,
	}))
}

func describePackageGroup(ctx context.Context, c *call, in *ofGroup) (any, error) {
	d, err := in.domain(c)
	if err != nil {
		return nil, err
	}
	return c.groupAnswer(c.core.DescribePackageGroup(ctx, c.actor, d, in.Group))
}

// updateGroupInput names the group in the body (spec 2.1).
type updateGroupInput struct {
	inDomain
	Group       string  `json:"packageGroup" required:"true"`
	Contact     *string `json:"contactInfo"`
	Description *string `json:"description"`
}

func updatePackageGroup(ctx context.Context, c *call, in *updateGroupInput) (any, error) {
	d, err := in.domain(c)
	if err != nil {
		return nil, err
	}
	return c.groupAnswer(c.core.UpdatePackageGroup(ctx, c.actor, d, in.Group, in.Contact, in.Description))
}

type updateGroupOriginInput struct {
	ofGroup
	Restrictions map[registry.RestrictionType]registry.RestrictionMode `json:"restrictions"`
	Add          []allowedRepository                                   `json:"addAllowedRepositories"`
	Remove       []allowedRepository                                   `json:"removeAllowedRepositories"`
}

// allowedRepository is PackageGroupAllowedRepository.
type allowedRepository struct {
	Repository string                   `json:"repositoryName"`
	Type       registry.RestrictionType `json:"originRestrictionType"`
}

type groupOriginAnswer struct {
	Group   groupDescription                                 `json:"packageGroup"`
	Updates map[registry.RestrictionType]map[string][]string `json:"allowedRepositoryUpdates"`
}

func updatePackageGroupOriginConfiguration(ctx context.Context, c *call, in *updateGroupOriginInput) (any, error) {
	d, err := in.domain(c)
	if err != nil {
		return nil, err
	}
	u := registry.GroupOriginUpdate{Modes: in.Restrictions}
	for _, a := range in.Add {
		u.Add = append(u.Add, registry.AllowedRepository(a))
	}
	for _, a := range in.Remove {
		u.Remove = append(u.Remove, registry.AllowedRepository(a))
	}
	v, done, err := c.core.UpdatePackageGroupOriginConfiguration(ctx, c.actor, d, in.Group, u)
	if err != nil {
		return nil, err
	}
	answer := groupOriginAnswer{c.describeGroup(v), map[registry.RestrictionType]map[string][]string{}}
	for kind, changed := range map[string]map[registry.RestrictionType][]string{"ADDED": done.Added, "REMOVED": done.Removed} {
		for t, names := range changed {
			if answer.Updates[t] == nil {
				answer.Updates[t] = map[string][]string{}
			}
			answer.Updates[t][kind] = names
		}
	}
	return answer, nil
}

func deletePackageGroup(ctx context.Context, c *call, in *ofGroup) (any, error) {
	d, err := in.domain(c)
	if err != nil {
		return nil, err
	}
	return c.groupAnswer(c.core.DeletePackageGroup(ctx, c.actor, d, in.Group))
}

type groupsAnswer struct {
	Groups []groupDescription `json:"packageGroups"`
	Next   string             `json:"nextToken,omitempty"`
}

func (c *call) groupsAnswer(groups []registry.GroupView, next string, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	answer := groupsAnswer{[]groupDescription{}, c.next(next)}
	for _, g := range groups {
		answer.Groups = append(answer.Groups, c.describeGroup(g))
	}
	return answer, nil
}

type listGroupsInput struct {
	inDomain
	paged
	Prefix string `query:"prefix" json:"-"`
}

func listPackageGroups(ctx context.Context, c *call, in *listGroupsInput) (any, error) {
	d, err := in.domain(c)
	if err != nil {
		return nil, err
	}
	page, err := in.page(c, pageSize)
	if err != nil {
		return nil, err
	}
	if err := prefix("prefix", in.Prefix, 520); err != nil {
		return nil, err
	}
	groups, next, err := c.core.ListPackageGroups(ctx, c.actor, d, in.Prefix, page)
	return c.groupsAnswer(groups, next, err)
}

type pagedGroup struct {
	ofGroup
	paged
}

func listSubPackageGroups(ctx context.Context, c *call, in *pagedGroup) (any, error) {
	d, err := in.domain(c)
	if err != nil {
		return nil, err
	}
	page, err := in.page(c, pageSize)
	if err != nil {
		return nil, err
	}
	groups, next, err := c.core.ListSubPackageGroups(ctx, c.actor, d, in.Group, page)
	return c.groupsAnswer(groups, next, err)
}

type allowedInput struct {
	pagedGroup
	Type string `query:"originRestrictionType" required:"true" json:"-"`
}

type allowedAnswer struct {
	Repositories []string `json:"allowedRepositories"`
	Next         string   `json:"nextToken,omitempty"`
}

func listAllowedRepositoriesForGroup(ctx context.Context, c *call, in *allowedInput) (any, error) {
	d, err := in.domain(c)
	if err != nil {
		return nil, err
	}
	page, err := in.page(c, pageSize)
	if err != nil {
		return nil, err
	}
	names, next, err := c.core.ListAllowedRepositoriesForGroup(ctx, c.actor, d, in.Group, registry.RestrictionType(in.Type), page)
	if err != nil {
		return nil, err
	}
	return allowedAnswer{append([]string{}, names...), c.next(next)}, nil
}

type associatedInput struct {
	pagedGroup
	Preview bool `query:"preview" json:"-"`
}

// associatedPackage is AssociatedPackage.
type associatedPackage struct {
	Format      string `json:"format"`
	Namespace   string `json:"namespace,omitempty"`
	Package     string `json:"package"`
	Association string `json:"associationType"`
}

type associatedAnswer struct {
	Packages []associatedPackage `json:"packages"`
	Next     string              `json:"nextToken,omitempty"`
}

func association(weak bool) string {
	if weak {
		return "WEAK"
	}
	return "STRONG"
}

func listAssociatedPackages(ctx context.Context, c *call, in *associatedInput) (any, error) {
	d, err := in.domain(c)
	if err != nil {
		return nil, err
	}
	page, err := in.page(c, pageSize)
	if err != nil {
		return nil, err
	}
	packages, next, err := c.core.ListAssociatedPackages(ctx, c.actor, d, in.Group, in.Preview, page)
	if err != nil {
		return nil, err
	}
	answer := associatedAnswer{[]associatedPackage{}, c.next(next)}
	for _, p := range packages {
		answer.Packages = append(answer.Packages, associatedPackage{p.ID.Format, p.ID.Namespace, p.ID.Name, association(p.Weak)})
	}
	return answer, nil
}

type associatedGroupInput struct {
	inDomain
	Format    string `query:"format" required:"true" json:"-"`
	Namespace string `query:"namespace" json:"-"`
	Package   string `query:"package" required:"true" json:"-"`
}

type associatedGroupAnswer struct {
	Group       groupDescription `json:"packageGroup"`
	Association string           `json:"associationType"`
}

func getAssociatedPackageGroup(ctx context.Context, c *call, in *associatedGroupInput) (any, error) {
	d, err := in.domain(c)
	if err != nil {
		return nil, err
	}
	if err := oneOf("format", in.Format, formats...); err != nil {
		return nil, err
	}
	v, weak, err := c.core.GetAssociatedPackageGroup(ctx, c.actor, d, registry.PackageID{Format: in.Format, Namespace: in.Namespace, Name: in.Package})
	if err != nil {
		return nil, err
	}
	return associatedGroupAnswer{c.describeGroup(v), association(weak)}, nil
}
