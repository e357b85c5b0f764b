package registry

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
)

// Copy is what CopyPackageVersions does: versions of one package from one
// repository of a domain into another. Exactly one of Versions and Revisions
// is set.
type Copy struct {
	From, To     RepoID
	Package      PackageID
	Versions     []string
	Revisions    map[string]string // version to the revision that it must have in the source
	Overwrite    bool
	FromUpstream bool // also what is upstream of the source
}

// CopyPackageVersions copies versions with their assets, and the dist-tags that
// point at them, all or none (spec 3.5). A version that is there already and
// the same is neither a success nor a failure. It needs ReadFromRepository on
// the source and CopyPackageVersions on the package in the destination.
func (s *Service) CopyPackageVersions(ctx context.Context, actor Actor, q Copy) (map[string]VersionResult, error) {
	if (len(q.Versions) == 0) == (len(q.Revisions) == 0) {
		return nil, Errorf(Invalid, "give one of versions and versionRevisions, and not both")
	}
	if q.From.Domain != q.To.Domain {
		return nil, Errorf(Invalid, "source and destination are of one domain")
	}
	if q.From == q.To {
		return nil, Errorf(Invalid, "source and destination are the same repository")
	}
	b := Batch{Versions: q.Versions, Revisions: q.Revisions}
	if len(q.Revisions) > 0 {
		b.Versions = slices.Sorted(maps.Keys(q.Revisions))
	}
	id, versions, revisions, err := s.checkBatch(q.Package, b)
	if err != nil {
		return nil, err
	}
	to, _, err := s.enter(ctx, actor, CopyPackageVersions, q.To, id)
	if err != nil {
		return nil, err
	}
	from, _, err := s.enter(ctx, actor, ReadFromRepository, q.From, PackageID{})
	if err != nil {
		return nil, err
	}
	withheld := map[string]VersionResult{}
	if q.FromUpstream {
		if withheld, err = s.bringIn(ctx, actor, from, id, versions); err != nil {
			return nil, err
		}
	}
	var results map[string]VersionResult
	err = s.update(ctx, func(c *change) error {
		results = maps.Clone(withheld)
		plan, err := s.planCopy(c, q, from, to, id, versions, revisions, results)
		if err != nil || len(results) > 0 {
			return err
		}
		return c.copyAll(to, id, plan, results)
	})
	return results, err
}

// bringIn retains in the source what lies upstream of it behind external
// connections, so that there is something to copy, and gives what the guard
// keeps back. What is not found is left to the copy to tell.
func (s *Service) bringIn(ctx context.Context, actor Actor, from *node, id PackageID, versions []string) (map[string]VersionResult, error) {
	withheld := map[string]VersionResult{}
	rules, err := s.rules(id.Format)
	if err != nil {
		return nil, err
	}
	r := s.Repo(actor, from.ID)
	m, err := s.view(ctx, from, id, rules)
	if m == nil || (err != nil && len(m.hidden) == 0) {
		if IsNotFound(err) {
			err = nil
		}
		return withheld, err
	}
	view := m.view
	for _, version := range versions {
		v, ok := view.Version(version)
		if !ok {
			if err := m.withheld(from.ID, VersionID{id, version}); err != nil {
				withheld[version] = VersionResult{Code: CodeNotAllowed, Message: MessageOf(err)}
			}
			continue
		}
		for _, a := range v.Listed {
			content, err := r.Asset(ctx, VersionID{id, version}, a.Name)
			if err != nil {
				return nil, err
			}
			_, err = io.Copy(io.Discard, content.Body)
			content.Body.Close()
			if err != nil {
				return nil, err
			}
		}
	}
	return withheld, nil
}

// toCopy is one version of a copy.
type toCopy struct {
	version Version
	tags    []string
	over    *Version // what it replaces
}

// planCopy finds the versions and says what stands against copying them; then
// the others are skipped.
func (s *Service) planCopy(c *change, q Copy, from, to *node, id PackageID, versions []string, revisions map[string]string, failed map[string]VersionResult) ([]toCopy, error) {
	places := []place{{node: from, held: true}}
	if q.FromUpstream {
		var err error
		if places, err = s.places(c.Tx, from, id); err != nil {
			return nil, err
		}
	}
	group := to.controls(id)
	guard, err := s.ruling(c, to, id)
	if err != nil {
		return nil, err
	}
	var plan []toCopy
	for _, version := range versions {
		if _, known := failed[version]; known {
			continue
		}
		v, at, err := c.firstHeld(places, VersionID{id, version})
		if err != nil {
			return nil, err
		}
		if at == nil {
			failed[version] = VersionResult{Code: CodeNotFound, Message: "Could not find version " + version}
			continue
		}
		if want := revisions[version]; want != "" && want != v.Revision {
			failed[version] = VersionResult{Code: CodeMismatchedRevision, Message: fmt.Sprintf("current revision: %s, expected revision: %s", v.Revision, want)}
			continue
		}
		if !v.Status.Downloadable() && v.Status != Unfinished {
			failed[version] = VersionResult{Code: CodeNotAllowed, Message: fmt.Sprintf("version %s is %s", version, v.Status)}
			continue
		}
		if verdict := guard.judge(v, nil); verdict.Refuse && !verdict.Unverified {
			failed[version] = VersionResult{Code: CodeNotAllowed, Message: verdict.Reason}
			continue
		}
		if !group.allows(InternalUpstream, to.ID.Name) {
			failed[version] = VersionResult{Code: CodeNotAllowed, Message: MessageOf(group.refusal(InternalUpstream, id, to.ID))}
			continue
		}
		item := toCopy{version: v}
		have, err := c.Version(to.ID, VersionID{id, version})
		switch {
		case IsNotFound(err):
		case err != nil:
			return nil, err
		case have.Status != Disposed && have.Revision == v.Revision && (have.Status == v.Status || !q.Overwrite):
			continue // the same assets and metadata: in neither map
		case !q.Overwrite:
			failed[version] = VersionResult{Code: CodeAlreadyExists, Message: fmt.Sprintf("Version %s already exists", version)}
			continue
		case have.Status == Disposed: // from where only deletion leads (spec 1.9)
			failed[version] = VersionResult{Code: CodeNotAllowed, Message: fmt.Sprintf("version %s is %s in repository %s; delete it first", version, Disposed, to.ID.Name)}
			continue
		default:
			item.over = &have
		}
		pkg, err := c.Package(at.ID, id)
		if err != nil {
			return nil, err
		}
		for tag, target := range pkg.Tags {
			if target == version {
				item.tags = append(item.tags, tag)
			}
		}
		plan = append(plan, item)
	}
	if len(failed) > 0 {
		for _, item := range plan {
			failed[item.version.Version] = VersionResult{Code: CodeSkipped, Message: fmt.Sprintf("Version %s was skipped", item.version.Version)}
		}
		return nil, nil
	}
	return plan, nil
}

// firstHeld gives a version from the first place that holds it.
func (c *change) firstHeld(places []place, id VersionID) (Version, *node, error) {
	for _, at := range places {
		v, err := c.Version(at.node.ID, id)
		if err == nil {
			return v, at.node, nil
		}
		if !IsNotFound(err) {
			return Version{}, nil, err
		}
	}
	return Version{}, nil, nil
}

// copyAll writes the planned versions.
func (c *change) copyAll(to *node, id PackageID, plan []toCopy, results map[string]VersionResult) error {
	for _, item := range plan {
		v := item.version
		// Copies of what was published here stay publishable; of what came from
		// upstream they follow upstream (design section 2).
		first := Restrictions{Publish: Block, Upstream: Allow}
		if v.Origin.Type == OriginInternal {
			first = Restrictions{Publish: Allow, Upstream: Block}
		}
		pkg, err := c.packageFor(to, id, first)
		if err != nil {
			return err
		}
		for _, tag := range item.tags {
			pkg.Tags[tag] = v.Version
		}
		v.Published = c.Now()
		op, ch := OpCreated, Changes{AssetsAdded: len(v.Assets), MetadataUpdated: true, StatusChanged: true}
		if old := item.over; old != nil {
			op, ch = OpUpdated, changesBetween(*old, v)
		}
		if err := c.put(to, pkg, v, op, ch); err != nil {
			return err
		}
		results[v.Version] = VersionResult{Revision: v.Revision, Status: v.Status}
	}
	return nil
}

// changesBetween counts what an overwritten version gained and lost.
func changesBetween(old, now Version) Changes {
	ch := Changes{MetadataUpdated: string(old.Manifest) != string(now.Manifest), StatusChanged: old.Status != now.Status}
	for _, a := range now.Assets {
		switch was, ok := old.Asset(a.Name); {
		case !ok:
			ch.AssetsAdded++
		case was.Hashes.SHA256 != a.Hashes.SHA256:
			ch.AssetsUpdated++
		}
	}
	for _, a := range old.Assets {
		if _, ok := now.Asset(a.Name); !ok {
			ch.AssetsRemoved++
		}
	}
	return ch
}
