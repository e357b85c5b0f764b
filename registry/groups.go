package registry

import (
	"maps"
	"slices"
	"strings"
	"time"
)

// RestrictionType is what a package group's origin control is about.
type RestrictionType string

const (
	PublishOrigin    RestrictionType = "PUBLISH"           // direct publishing
	ExternalUpstream RestrictionType = "EXTERNAL_UPSTREAM" // ingestion through an external connection
	InternalUpstream RestrictionType = "INTERNAL_UPSTREAM" // retention from another repository of the domain
)

// RestrictionTypes are all of them, in the API's order.
var RestrictionTypes = []RestrictionType{ExternalUpstream, InternalUpstream, PublishOrigin}

// Mode values of a group's restriction (PackageGroupOriginRestrictionMode).
type RestrictionMode string

const (
	ModeAllow    RestrictionMode = "ALLOW"
	ModeSpecific RestrictionMode = "ALLOW_SPECIFIC_REPOSITORIES"
	ModeBlock    RestrictionMode = "BLOCK"
	ModeInherit  RestrictionMode = "INHERIT"
)

// Group is a package group of a domain.
type Group struct {
	Pattern     string
	Contact     string
	Description string
	Created     time.Time
	Tags        map[string]string
	Modes       map[RestrictionType]RestrictionMode // INHERIT where absent; the root's are never INHERIT
	// Allowed repositories by type, in order of name; they count while the mode
	// is ALLOW_SPECIFIC_REPOSITORIES.
	Allowed map[RestrictionType][]string
}

// groups are the package groups of a domain, looked up by pattern. They are
// immutable.
type groups struct {
	exact    map[string]*Group
	loose    map[string]*Group // by the loose spelling of the pattern
	up       map[string]*Group // the group next more general, by pattern; none of the root
	patterns []string          // in order
	children map[string][]string
}

// newGroups links the groups of a domain that was made at the time.
func newGroups(all []Group, made time.Time) *groups {
	g := &groups{exact: map[string]*Group{}, loose: map[string]*Group{}, up: map[string]*Group{}, children: map[string][]string{}}
	g.exact[RootPattern] = rootGroup(made)
	for i := range all {
		g.exact[all[i].Pattern] = &all[i]
		g.loose[loosePattern(all[i].Pattern)] = &all[i]
	}
	g.patterns = slices.Sorted(maps.Keys(g.exact))
	for _, pattern := range g.patterns {
		p, err := ParsePattern(pattern)
		if err != nil {
			continue // none that was let in
		}
		for _, q := range p.parents() {
			if up := g.exact[q]; up != nil {
				g.up[pattern] = up
				g.children[q] = append(g.children[q], pattern)
				break
			}
		}
	}
	return g
}

// rootGroup is the root as it is before anyone edits it.
func rootGroup(made time.Time) *Group {
	modes := map[RestrictionType]RestrictionMode{}
	for _, t := range RestrictionTypes {
		modes[t] = ModeAllow
	}
	return &Group{Pattern: RootPattern, Created: made, Modes: modes}
}

// loosePattern spells a pattern loosely and keeps its structure.
func loosePattern(pattern string) string {
	parts := strings.Split(pattern[:len(pattern)-1], "/")
	for i, part := range parts {
		parts[i] = loose(part)
	}
	return strings.Join(parts, "/") + pattern[len(pattern)-1:]
}

// of gives the group that the package is associated with, and whether only
// weakly: through a variant of its spelling (spec 1.7).
func (g *groups) of(id PackageID) (group *Group, weak bool) {
	if len(g.exact) == 1 {
		return g.exact[RootPattern], false
	}
	strong := covers(id)
	variants := covers(looseID(id))
	strongAt, weakAt := len(strong), len(variants)
	for i, p := range strong {
		if g.exact[p] != nil {
			strongAt = i
			break
		}
	}
	for i, p := range variants {
		if g.loose[p] != nil {
			weakAt = i
			break
		}
	}
	// Both lists end with the same general patterns; their lengths differ where
	// the loose spelling has other words, so they are compared from the end.
	group = g.exact[strong[strongAt]]
	if weakAt < len(variants) && len(variants)-weakAt > len(strong)-strongAt {
		return g.loose[variants[weakAt]], true
	}
	return group, false
}

// effective gives the mode that counts for the group, and the group that has it.
func (g *groups) effective(group *Group, t RestrictionType) (RestrictionMode, *Group) {
	for at := group; at != nil; at = g.up[at.Pattern] {
		if mode := at.Modes[t]; mode != "" && mode != ModeInherit {
			return mode, at
		}
	}
	return ModeAllow, g.exact[RootPattern]
}

// controls are the origin controls of one package: what its group lets into
// each repository.
type controls struct {
	groups *groups
	group  *Group
	weak   bool
}

func (g *groups) controls(id PackageID) controls {
	group, weak := g.of(id)
	return controls{g, group, weak}
}

// allows reports whether the repository may get versions of the package this way.
func (c controls) allows(t RestrictionType, repository string) bool {
	if c.weak {
		return false
	}
	switch mode, from := c.groups.effective(c.group, t); mode {
	case ModeBlock:
		return false
	case ModeSpecific:
		return slices.Contains(from.Allowed[t], repository)
	}
	return true
}

// open reports whether the group decides nothing: all effective modes are ALLOW.
func (c controls) open() bool {
	for _, t := range RestrictionTypes {
		if mode, _ := c.groups.effective(c.group, t); mode != ModeAllow {
			return false
		}
	}
	return !c.weak
}

// first gives the origin configuration of a package that comes into a
// repository for the first time: restrictions where the group decides nothing,
// else both ALLOW, which defers to the group (spec 1.8).
func (c controls) first(r Restrictions) Restrictions {
	if c.open() {
		return r
	}
	return Restrictions{Publish: Allow, Upstream: Allow}
}

// refusal says which rule keeps the package out.
func (c controls) refusal(t RestrictionType, id PackageID, r RepoID) error {
	res := r.Package(id)
	if c.weak {
		return Errorf(Denied, "package %q is blocked: its name is a variant of what package group %s covers; create a group for this spelling if it is meant",
			id.DisplayName(), c.group.Pattern).About(res)
	}
	mode, from := c.groups.effective(c.group, t)
	return Errorf(Denied, "package %q is blocked in repository %q: package group %s has %s=%s", id.DisplayName(), r.Name, from.Pattern, t, mode).About(res)
}
