package registry

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Expired is a version that the retention rules let go. Where the rule names no
// action, one that can come again, from outside or from an upstream repository,
// is deleted, and so is a snapshot with its builds. Others are disposed of:
// their numbers stay taken.
type Expired struct {
	ID         VersionID
	Version    Version   // without manifest and assets
	Downloaded time.Time // last, in the domain; zero: never, as far as is known
	Size       int64     // bytes of its assets
	Action     string    // ActionDelete or ActionDispose
	Rule       string    // number of the rule, and its name
	Reason     string    // a sentence
}

// retainable is what is known of one package when its versions are judged.
type retainable struct {
	pkg      PackageID
	versions []Version       // all, without manifests and assets
	tagged   map[string]bool // versions that a tag names
	rules    Rules
	again    func(Origin) bool // whether what is deleted can come again
	now      time.Time

	downloads map[string]time.Time
	watched   time.Time // since when downloads are; zero: they are not
}

// unit is a version with its parts, which go with it (Parter).
type unit struct {
	Version
	parts      []Version
	unfinished bool // files are coming
	downloaded time.Time
	kept       bool // one of the newest of its rule
}

func (u *unit) any(of func(version string) bool) bool {
	return of(u.Version.Version) || slices.ContainsFunc(u.parts, func(p Version) bool { return of(p.Version) })
}

// plan gives what goes of a package, in the order in which it goes: a pure
// function. A second one after that gives nothing.
func (r *retentionRules) plan(q *retainable) []Expired {
	all := q.units()
	newest := q.newest(all)
	pinned := r.pinned(q.pkg)
	var out []Expired
	left := all
	for _, i := range r.of(q.pkg) {
		rule := &r.Rules[i]
		var selected, others []*unit
		for _, u := range left {
			if rule.selects(u, q.rules) {
				selected = append(selected, u)
			} else {
				others = append(others, u)
			}
		}
		left = others
		if rule.Action == ActionKeep {
			continue
		}
		rule.keep(selected, q.ascending)
		for _, u := range selected {
			switch {
			case u.kept, u.unfinished, u == newest && !rule.IncludeNewest:
			case u.any(func(v string) bool { return q.tagged[v] }), u.any(pinned):
			case !rule.aged(u, q):
			default:
				out = append(out, rule.expire(rule.label(i), u, q)...)
			}
		}
	}
	return out
}

// units puts parts to their wholes, in ascending order of the format. A part
// without its whole stands for itself.
func (q *retainable) units() []*unit {
	wholes := map[string]*unit{}
	var all []*unit
	whole := func(version string) string { return version }
	if p, ok := q.rules.(Parter); ok {
		whole = p.Whole
	}
	for _, v := range q.versions {
		if whole(v.Version) == v.Version {
			u := &unit{Version: v}
			if v.Status != Disposed { // which nothing goes with any more
				wholes[v.Version] = u
			}
			all = append(all, u)
		}
	}
	for _, v := range q.versions {
		name := whole(v.Version)
		if name == v.Version {
			continue
		}
		if u := wholes[name]; u != nil {
			u.parts = append(u.parts, v)
		} else {
			all = append(all, &unit{Version: v})
		}
	}
	for _, u := range all {
		u.downloaded = q.downloads[u.Version.Version]
		u.unfinished = u.Status == Unfinished
		for _, p := range u.parts {
			if at := q.downloads[p.Version]; at.After(u.downloaded) {
				u.downloaded = at
			}
			u.unfinished = u.unfinished || p.Status == Unfinished
		}
	}
	slices.SortFunc(all, q.ascending)
	return all
}

// ascending orders units as the format orders versions, and as text where it
// knows no difference.
func (q *retainable) ascending(a, b *unit) int {
	return cmp.Or(q.rules.Compare(a.Version.Version, b.Version.Version), strings.Compare(a.Version.Version, b.Version.Version))
}

// newest is what is served when no version is named: the highest published
// one that is no prerelease, else the highest published one; where nothing is
// published, the same of what is unlisted, and then of what is archived. Nil: of none.
func (q *retainable) newest(all []*unit) *unit {
	for _, status := range []Status{Published, Unlisted, Archived} {
		of := slices.DeleteFunc(slices.Clone(all), func(u *unit) bool { return u.Status != status })
		if len(of) == 0 {
			continue
		}
		releases := slices.DeleteFunc(slices.Clone(of), func(u *unit) bool { return q.rules.Prerelease(u.Version.Version) })
		if len(releases) > 0 {
			of = releases
		}
		return slices.MaxFunc(of, q.ascending)
	}
	return nil
}

func (r *RetentionRule) selects(u *unit, rules Rules) bool {
	statuses := r.Statuses
	if len(statuses) == 0 {
		statuses = []Status{Published, Unlisted}
	}
	return slices.Contains(statuses, u.Status) &&
		(r.Origin == "" || r.Origin == u.Origin.Type) &&
		(r.Prerelease == nil || *r.Prerelease == rules.Prerelease(u.Version.Version))
}

// keep marks the newest ones.
func (r *RetentionRule) keep(selected []*unit, ascending func(a, b *unit) int) {
	order := ascending
	if r.Order == OrderPublished {
		order = func(a, b *unit) int { return cmp.Or(a.Published.Compare(b.Published), ascending(a, b)) }
	}
	sorted := slices.SortedFunc(slices.Values(selected), func(a, b *unit) int { return order(b, a) })
	for _, u := range sorted[:min(r.KeepNewest, len(sorted))] {
		u.kept = true
	}
}

// aged reports whether a version is old enough to go, and unused for long
// enough. Who has not watched for that long does not know.
func (r *RetentionRule) aged(u *unit, q *retainable) bool {
	if q.now.Sub(u.Published) < r.least() {
		return false
	}
	if r.NotDownloadedFor == 0 {
		return true
	}
	if q.watched.IsZero() {
		return false
	}
	used := q.watched
	for _, at := range []time.Time{u.downloaded, u.Published} {
		if at.After(used) {
			used = at
		}
	}
	return q.now.Sub(used) >= time.Duration(r.NotDownloadedFor)
}

// expire gives the version behind its parts.
func (r *RetentionRule) expire(label string, u *unit, q *retainable) []Expired {
	action := r.Action
	switch {
	case action != "":
	case q.goesOn(u.Version.Version), q.again(u.Origin):
		action = ActionDelete
	default:
		action = ActionDispose
	}
	reason := r.reason(u)
	var out []Expired
	for _, p := range u.parts {
		if p.Status == Disposed {
			continue
		}
		out = append(out, Expired{
			ID: VersionID{q.pkg, p.Version}, Version: p, Downloaded: q.downloads[p.Version],
			Action: action, Rule: label, Reason: "goes with " + u.Version.Version,
		})
	}
	return append(out, Expired{
		ID: VersionID{q.pkg, u.Version.Version}, Version: u.Version, Downloaded: u.downloaded,
		Action: action, Rule: label, Reason: reason,
	})
}

// goesOn reports whether a version is published again and again: in a format
// with parts, prereleases are.
func (q *retainable) goesOn(version string) bool {
	_, ok := q.rules.(Parter)
	return ok && q.rules.Prerelease(version)
}

func (r *RetentionRule) reason(u *unit) string {
	var why []string
	if r.KeepNewest > 0 {
		why = append(why, fmt.Sprintf("not among the newest %d", r.KeepNewest))
	}
	if r.OlderThan != nil && *r.OlderThan > 0 {
		why = append(why, "older than "+r.OlderThan.String())
	}
	if r.NotDownloadedFor > 0 {
		why = append(why, "not downloaded for "+r.NotDownloadedFor.String())
	}
	return strings.Join(why, ", ")
}

// needsDownloads reports whether one of the rules goes by downloads.
func (r *retentionRules) needsDownloads(which []int) bool {
	return slices.ContainsFunc(which, func(i int) bool { return r.Rules[i].NotDownloadedFor > 0 })
}

// tagsOf gives the versions of a package that a tag names: of the repository,
// or of another one whose clients get the package from it.
func tagsOf(tx Tx, n *node, p PackageID) (map[string]bool, error) {
	var names []string
	for _, name := range slices.Sorted(maps.Keys(n.graph.repos)) {
		if slices.Contains(n.graph.repos[name].chain, n.ID.Name) {
			names = append(names, name)
		}
	}
	revisions, err := tx.PackageRevisions(n.ID.Domain, names, p)
	if err != nil {
		return nil, err
	}
	tagged := map[string]bool{}
	for i, name := range names {
		if revisions[i] == 0 {
			continue
		}
		pkg, err := tx.Package(RepoID{n.ID.Domain, name}, p)
		if err != nil {
			return nil, err
		}
		for _, version := range pkg.Tags {
			tagged[version] = true
		}
	}
	return tagged, nil
}
