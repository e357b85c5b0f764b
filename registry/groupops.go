package registry

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"
	"time"
)

// GroupView is a package group with what follows from its place among the others.
type GroupView struct {
	Group
	Domain       DomainID
	Parent       string // pattern; empty for the root
	Restrictions map[RestrictionType]GroupRestriction
}

// GroupRestriction is one origin control of a group as it counts.
type GroupRestriction struct {
	Mode              RestrictionMode
	Effective         RestrictionMode
	InheritedFrom     string // pattern of the group whose mode counts; empty where it is the group's own
	RepositoriesCount int
}

func (g *groups) view(d DomainID, group *Group) GroupView {
	v := GroupView{Group: *group, Domain: d, Restrictions: map[RestrictionType]GroupRestriction{}}
	if up := g.up[group.Pattern]; up != nil {
		v.Parent = up.Pattern
	}
	for _, t := range RestrictionTypes {
		r := GroupRestriction{Mode: cmp.Or(group.Modes[t], ModeInherit)}
		mode, from := g.effective(group, t)
		r.Effective = mode
		if from.Pattern != group.Pattern {
			r.InheritedFrom = from.Pattern
		}
		r.RepositoriesCount = len(group.Allowed[t])
		v.Restrictions[t] = r
	}
	return v
}

// groupsIn reads all groups of a domain, the root with it.
func groupsIn(tx Tx, d DomainID) (*groups, error) {
	domain, err := tx.Domain(d)
	if err != nil {
		return nil, err
	}
	all, err := tx.Groups(d)
	if err != nil {
		return nil, err
	}
	return newGroups(all, domain.Created), nil
}

func groupOf(tx Tx, d DomainID, pattern string) (Group, error) {
	g, err := groupsIn(tx, d)
	if err != nil {
		return Group{}, err
	}
	group := g.exact[pattern]
	if group == nil {
		return Group{}, noGroup(d, pattern)
	}
	return *group, nil
}

// putGroup writes a group that is there; the root gets its row at its first edit.
func putGroup(tx Tx, d DomainID, group Group) error {
	err := tx.UpdateGroup(d, group)
	if IsNotFound(err) && group.Pattern == RootPattern {
		return tx.CreateGroup(d, group)
	}
	return err
}

func groupResource(d DomainID, pattern string) Resource {
	return Resource{Type: GroupResource, Domain: d, Name: pattern}
}

func noGroup(d DomainID, pattern string) error {
	return Errorf(NotFound, "package group %s does not exist in domain %q", pattern, d.Name).About(groupResource(d, pattern))
}

// onGroup authorizes an action on a group and reads the domain's groups. The
// group is nil where it is not there.
func (s *Service) onGroup(ctx context.Context, actor Actor, action Action, d DomainID, pattern string) (*groups, *Group, error) {
	return s.onGroupWith(ctx, actor, action, d, pattern, nil)
}

// onGroupWith is onGroup with further condition keys.
func (s *Service) onGroupWith(ctx context.Context, actor Actor, action Action, d DomainID, pattern string, keys map[string]string) (*groups, *Group, error) {
	if err := s.authorizeWith(ctx, actor, action, groupResource(d, pattern), keys); err != nil {
		return nil, nil, err
	}
	if _, err := ParsePattern(pattern); err != nil {
		return nil, nil, err
	}
	g, err := s.groups(ctx, d)
	if err != nil {
		return nil, nil, err
	}
	return g, g.exact[pattern], nil
}

// groups gives the groups of a domain as they are now.
func (s *Service) groups(ctx context.Context, d DomainID) (*groups, error) {
	counters, err := s.Metadata.Counters(ctx, d)
	if err != nil {
		return nil, err
	}
	g, err := s.graph(ctx, d, counters.Graph)
	if err != nil {
		return nil, err
	}
	if g == nil {
		return nil, noDomain(d)
	}
	return g.groups, nil
}

// theGroup is onGroup for a group that has to be there.
func (s *Service) theGroup(ctx context.Context, actor Actor, action Action, d DomainID, pattern string) (*groups, *Group, error) {
	g, group, err := s.onGroup(ctx, actor, action, d, pattern)
	if err == nil && group == nil {
		err = noGroup(d, pattern)
	}
	return g, group, err
}

// CreatePackageGroup makes a group whose restrictions are INHERIT. Conflict
// where it is there; Invalid for a pattern that cannot be.
func (s *Service) CreatePackageGroup(ctx context.Context, actor Actor, d DomainID, group Group) (GroupView, error) {
	if _, _, err := s.onGroupWith(ctx, actor, CreatePackageGroup, d, group.Pattern, settingTags(group.Tags)); err != nil {
		return GroupView{}, err
	}
	if err := s.checkSpelling(group.Pattern); err != nil {
		return GroupView{}, err
	}
	if err := s.checkGroup(d, group); err != nil {
		return GroupView{}, err
	}
	group.Modes, group.Allowed = map[RestrictionType]RestrictionMode{}, map[RestrictionType][]string{}
	for _, t := range RestrictionTypes {
		group.Modes[t] = ModeInherit
	}
	var v GroupView
	err := s.Metadata.Update(ctx, func(tx Tx) error {
		group.Created = tx.Now()
		g, err := groupsIn(tx, d)
		if err != nil {
			return err
		}
		res := groupResource(d, group.Pattern)
		switch {
		case g.exact[group.Pattern] != nil:
			return Errorf(Conflict, "package group %s exists already", group.Pattern).About(res)
		case len(g.exact) > s.Quotas.GroupsPerDomain:
			return overQuota(res, "package groups of a domain", s.Quotas.GroupsPerDomain)
		}
		if err := tx.CreateGroup(d, group); err != nil {
			return err
		}
		if g, err = groupsIn(tx, d); err != nil {
			return err
		}
		v = g.view(d, g.exact[group.Pattern])
		return nil
	})
	return v, err
}

func (s *Service) checkGroup(d DomainID, g Group) error {
	if len([]rune(g.Description)) > maxDescription || len([]rune(g.Contact)) > maxDescription {
		return Errorf(Invalid, "description and contact information have at most %d characters", maxDescription)
	}
	if err := checkText("the description", g.Description); err != nil {
		return err
	}
	if err := checkText("the contact information", g.Contact); err != nil {
		return err
	}
	return s.checkTags(groupResource(d, g.Pattern), g.Tags)
}

// checkSpelling refuses a pattern whose names are not spelled as their format
// has them: it would match no package, and all of them as variants, which
// blocks them.
func (s *Service) checkSpelling(pattern string) error {
	p, err := ParsePattern(pattern)
	if err != nil || p.depth < namespacePrefix {
		return err
	}
	id := PackageID{p.format, p.ns, cmp.Or(p.name, "x")}
	own, _, err := s.canonical(VersionID{Package: id})
	if err == nil && own.Package != id {
		return Errorf(Invalid, "%q spells its names in a way that packages of the format %s do not have; write %q", pattern, p.format, strings.TrimSuffix(own.Package.String(), "/x"))
	}
	return nil // what is no whole name may be the beginning of one
}

// DescribePackageGroup gives a group.
func (s *Service) DescribePackageGroup(ctx context.Context, actor Actor, d DomainID, pattern string) (GroupView, error) {
	g, group, err := s.theGroup(ctx, actor, DescribePackageGroup, d, pattern)
	if err != nil {
		return GroupView{}, err
	}
	return g.view(d, group), nil
}

// UpdatePackageGroup changes contact and description; nil stays.
func (s *Service) UpdatePackageGroup(ctx context.Context, actor Actor, d DomainID, pattern string, contact, description *string) (GroupView, error) {
	return s.changeGroup(ctx, actor, UpdatePackageGroup, d, pattern, func(_ Tx, g *Group) error {
		if contact != nil {
			g.Contact = *contact
		}
		if description != nil {
			g.Description = *description
		}
		return s.checkGroup(d, *g)
	})
}

// changeGroup reads, changes and writes a group in one transaction.
func (s *Service) changeGroup(ctx context.Context, actor Actor, action Action, d DomainID, pattern string, change func(Tx, *Group) error) (GroupView, error) {
	if _, _, err := s.theGroup(ctx, actor, action, d, pattern); err != nil {
		return GroupView{}, err
	}
	var v GroupView
	err := s.Metadata.Update(ctx, func(tx Tx) error {
		g, err := groupsIn(tx, d)
		if err != nil {
			return err
		}
		group := g.exact[pattern]
		if group == nil {
			return noGroup(d, pattern)
		}
		if err := change(tx, group); err != nil {
			return err
		}
		if err := putGroup(tx, d, *group); err != nil {
			return err
		}
		v = g.view(d, group)
		return nil
	})
	return v, err
}

// GroupOriginUpdate is what UpdatePackageGroupOriginConfiguration changes.
type GroupOriginUpdate struct {
	Modes       map[RestrictionType]RestrictionMode
	Add, Remove []AllowedRepository
}

// AllowedRepository is a repository that one restriction of a group lets in.
type AllowedRepository struct {
	Repository string
	Type       RestrictionType
}

// AllowedUpdates are the repositories that a call added and removed, by type.
type AllowedUpdates struct {
	Added, Removed map[RestrictionType][]string
}

// UpdatePackageGroupOriginConfiguration changes modes and allowed repositories
// of a group in one step; a list goes when its mode does. NotFound for a
// repository that is not there; Invalid for a list of a type whose mode is not
// ALLOW_SPECIFIC_REPOSITORIES.
func (s *Service) UpdatePackageGroupOriginConfiguration(ctx context.Context, actor Actor, d DomainID, pattern string, u GroupOriginUpdate) (GroupView, AllowedUpdates, error) {
	var done AllowedUpdates
	v, err := s.changeGroup(ctx, actor, UpdatePackageGroupOriginConfiguration, d, pattern, func(tx Tx, g *Group) error {
		done = AllowedUpdates{map[RestrictionType][]string{}, map[RestrictionType][]string{}}
		dropped := map[RestrictionType]bool{}
		g.Modes, g.Allowed = maps.Clone(g.Modes), maps.Clone(g.Allowed)
		if g.Allowed == nil {
			g.Allowed = map[RestrictionType][]string{}
		}
		for t, mode := range u.Modes {
			if !slices.Contains(RestrictionTypes, t) {
				return Errorf(Invalid, "%q is no origin restriction type", t)
			}
			switch mode {
			case ModeAllow, ModeBlock, ModeSpecific:
			case ModeInherit:
				if pattern == RootPattern {
					return Errorf(Invalid, "the root group has nothing to inherit from")
				}
			default:
				return Errorf(Invalid, "%q is no origin restriction mode", mode)
			}
			if mode != ModeSpecific && g.Modes[t] == ModeSpecific {
				dropped[t] = true
				if names := g.Allowed[t]; len(names) > 0 {
					done.Removed[t] = names
				}
				delete(g.Allowed, t)
			}
			g.Modes[t] = mode
		}
		for _, a := range u.Add {
			if err := allowsLists(g, a.Type); err != nil {
				return err
			}
			if _, err := tx.Repository(RepoID{d, a.Repository}); err != nil {
				if IsNotFound(err) {
					return noRepository(RepoID{d, a.Repository})
				}
				return err
			}
			if !slices.Contains(g.Allowed[a.Type], a.Repository) {
				g.Allowed[a.Type] = append(slices.Clone(g.Allowed[a.Type]), a.Repository)
				slices.Sort(g.Allowed[a.Type])
				done.Added[a.Type] = append(done.Added[a.Type], a.Repository)
			}
		}
		for _, a := range u.Remove {
			if dropped[a.Type] {
				continue // the whole list has gone with its mode
			}
			if err := allowsLists(g, a.Type); err != nil {
				return err
			}
			if i := slices.Index(g.Allowed[a.Type], a.Repository); i >= 0 {
				g.Allowed[a.Type] = slices.Delete(slices.Clone(g.Allowed[a.Type]), i, i+1)
				done.Removed[a.Type] = append(done.Removed[a.Type], a.Repository)
			}
		}
		return nil
	})
	return v, done, err
}

func allowsLists(g *Group, t RestrictionType) error {
	if !slices.Contains(RestrictionTypes, t) {
		return Errorf(Invalid, "%q is no origin restriction type", t)
	}
	if g.Modes[t] != ModeSpecific {
		return Errorf(Invalid, "%s of package group %s is %s: repositories are listed only while it is %s", t, g.Pattern, cmp.Or(g.Modes[t], ModeInherit), ModeSpecific)
	}
	return nil
}

// DeletePackageGroup removes a group and gives it as it was: its packages and
// subgroups move to its parent. Invalid for the root.
func (s *Service) DeletePackageGroup(ctx context.Context, actor Actor, d DomainID, pattern string) (GroupView, error) {
	g, group, err := s.theGroup(ctx, actor, DeletePackageGroup, d, pattern)
	if err != nil {
		return GroupView{}, err
	}
	if pattern == RootPattern {
		return GroupView{}, Errorf(Invalid, "the root group cannot be deleted")
	}
	return g.view(d, group), s.Metadata.Update(ctx, func(tx Tx) error { return tx.DeleteGroup(d, pattern) })
}

// ListPackageGroups gives the domain's groups by pattern.
func (s *Service) ListPackageGroups(ctx context.Context, actor Actor, d DomainID, prefix string, p Page) ([]GroupView, string, error) {
	if _, err := s.enterDomain(ctx, actor, ListPackageGroups, d); err != nil {
		return nil, "", err
	}
	g, err := s.groups(ctx, d)
	if err != nil {
		return nil, "", err
	}
	patterns := g.patterns
	from, _ := slices.BinarySearch(patterns, prefix)
	patterns = patterns[from:]
	for i, pattern := range patterns {
		if !strings.HasPrefix(pattern, prefix) {
			patterns = patterns[:i]
			break
		}
	}
	out, next := g.page(d, patterns, p)
	return out, next, nil
}

// ListSubPackageGroups gives the direct children of a group by pattern.
func (s *Service) ListSubPackageGroups(ctx context.Context, actor Actor, d DomainID, pattern string, p Page) ([]GroupView, string, error) {
	g, _, err := s.theGroup(ctx, actor, ListSubPackageGroups, d, pattern)
	if err != nil {
		return nil, "", err
	}
	out, next := g.page(d, g.children[pattern], p)
	return out, next, nil
}

// page gives a part of the groups with the patterns, which are in order.
func (g *groups) page(d DomainID, patterns []string, p Page) ([]GroupView, string) {
	patterns, next := pageOf(patterns, p)
	var out []GroupView
	for _, pattern := range patterns {
		out = append(out, g.view(d, g.exact[pattern]))
	}
	return out, next
}

// pageOf gives a part of names, which are in order.
func pageOf(names []string, p Page) ([]string, string) {
	from, found := slices.BinarySearch(names, p.After)
	if found {
		from++
	}
	names = names[from:]
	if p.Limit <= 0 || len(names) <= p.Limit {
		return names, ""
	}
	return names[:p.Limit], names[p.Limit-1]
}

// ListAllowedRepositoriesForGroup gives the repositories that a restriction of
// the group names, by name.
func (s *Service) ListAllowedRepositoriesForGroup(ctx context.Context, actor Actor, d DomainID, pattern string, t RestrictionType, p Page) ([]string, string, error) {
	_, group, err := s.theGroup(ctx, actor, ListAllowedRepositoriesForGroup, d, pattern)
	if err != nil {
		return nil, "", err
	}
	if !slices.Contains(RestrictionTypes, t) {
		return nil, "", Errorf(Invalid, "%q is no origin restriction type", t)
	}
	out, next := pageOf(group.Allowed[t], p)
	return out, next, nil
}

// AssociatedPackage is a package of a group and how it came there.
type AssociatedPackage struct {
	ID   PackageID
	Weak bool
}

// ListAssociatedPackages gives the packages of the domain that are associated
// with the group; a page may be short, or empty, and not be the last. With
// preview the group need not exist: it answers what the group would cover.
func (s *Service) ListAssociatedPackages(ctx context.Context, actor Actor, d DomainID, pattern string, preview bool, p Page) ([]AssociatedPackage, string, error) {
	g, group, err := s.onGroup(ctx, actor, ListAssociatedPackages, d, pattern)
	if err != nil {
		return nil, "", err
	}
	if group == nil && !preview {
		return nil, "", noGroup(d, pattern)
	}
	if group == nil {
		with := []Group{{Pattern: pattern}}
		for _, have := range g.exact {
			with = append(with, *have)
		}
		g = newGroups(with, time.Time{})
	}
	parsed, err := ParsePattern(pattern)
	if err != nil {
		return nil, "", err
	}
	var ids []PackageID
	var next string
	loosely := parsed.loosely()
	err = s.Metadata.View(ctx, func(tx Tx) error {
		ids, next, err = scan(p, func(p Page) ([]PackageID, string, error) {
			return tx.PackagesInDomain(d, PackageFilter{Format: parsed.format}, p)
		}, func(id PackageID) bool {
			if !parsed.Matches(id) && !loosely.Matches(looseID(id)) {
				return false
			}
			at, _ := g.of(id)
			return at.Pattern == pattern
		})
		return err
	})
	var out []AssociatedPackage
	for _, id := range ids {
		_, weak := g.of(id)
		out = append(out, AssociatedPackage{id, weak})
	}
	return out, next, err
}

// GetAssociatedPackageGroup gives the group of a package, which need not exist.
// It needs the right on that group.
func (s *Service) GetAssociatedPackageGroup(ctx context.Context, actor Actor, d DomainID, p PackageID) (view GroupView, weak bool, err error) {
	if _, err := s.rules(p.Format); err == nil {
		id, _, err := s.canonical(VersionID{Package: p})
		if err != nil {
			return GroupView{}, false, err
		}
		p = id.Package
	} else if err := checkNames(VersionID{Package: p}); err != nil || !knownFormat(p.Format) {
		return GroupView{}, false, Errorf(Invalid, "%q is no package of a known format", p.String())
	}
	g, err := s.groups(ctx, d)
	if err != nil && !IsNotFound(err) {
		return GroupView{}, false, err
	}
	if g == nil {
		if err := s.authorize(ctx, actor, GetAssociatedPackageGroup, groupResource(d, RootPattern)); err != nil {
			return GroupView{}, false, err
		}
		return GroupView{}, false, noDomain(d)
	}
	group, weak := g.of(p)
	if err := s.authorizeAssociated(ctx, actor, d, group.Pattern); err != nil {
		return GroupView{}, false, err
	}
	return g.view(d, group), weak, nil
}

// authorizeAssociated asks for the right to learn that a package belongs to the
// group. The refusal names the group only to who may learn of some: which
// groups there are is nothing for strangers.
func (s *Service) authorizeAssociated(ctx context.Context, actor Actor, d DomainID, pattern string) error {
	err := s.authorize(ctx, actor, GetAssociatedPackageGroup, groupResource(d, pattern))
	if CodeOf(err) != Denied || pattern == RootPattern {
		return err
	}
	if onRoot := s.authorize(ctx, actor, GetAssociatedPackageGroup, groupResource(d, RootPattern)); onRoot != nil {
		return onRoot
	}
	return err
}
