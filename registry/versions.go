package registry

import (
	"context"
	"fmt"
	"io"
)

// VersionDetails is a version with the neutral fields of its manifest.
type VersionDetails struct {
	ID      VersionID
	Version Version
	Description
}

// DescribePackageVersion gives a version of the repository itself.
func (s *Service) DescribePackageVersion(ctx context.Context, actor Actor, r RepoID, id VersionID) (VersionDetails, error) {
	return s.details(ctx, actor, DescribePackageVersion, r, id)
}

// PackageVersionDependencies is DescribePackageVersion under the right to the
// dependencies.
func (s *Service) PackageVersionDependencies(ctx context.Context, actor Actor, r RepoID, id VersionID) (VersionDetails, error) {
	return s.details(ctx, actor, ListPackageVersionDependencies, r, id)
}

func (s *Service) details(ctx context.Context, actor Actor, action Action, r RepoID, id VersionID) (VersionDetails, error) {
	_, id, v, err := s.readVersion(ctx, actor, action, r, id)
	if err != nil {
		return VersionDetails{}, err
	}
	d := VersionDetails{ID: id, Version: v}
	if rules, err := s.rules(id.Package.Format); err == nil {
		d.Description = rules.Describe(v.Manifest)
	}
	return d, nil
}

// VersionAsset gives an asset's bytes as the repository itself holds them, with
// the version's revision. NotFound for a version whose bytes are not served;
// Conflict where ifRevision is not empty and the version has another one. The
// caller closes the Body.
func (s *Service) VersionAsset(ctx context.Context, actor Actor, r RepoID, id VersionID, name, ifRevision string) (*AssetContent, string, error) {
	if err := checkAssetSought(name); err != nil {
		return nil, "", err
	}
	n, id, v, err := s.readVersion(ctx, actor, GetPackageVersionAsset, r, id)
	if err != nil {
		return nil, "", err
	}
	res := n.packageResource(id.Package)
	res.Version = id.Version
	if ifRevision != "" && ifRevision != v.Revision {
		res.Type = VersionResource
		return nil, "", Errorf(Conflict, "version %s of package %q has revision %s, not %s", id.Version, id.Package.DisplayName(), v.Revision, ifRevision).About(res)
	}
	asset, ok := v.Asset(name)
	if !ok || v.Status == Archived || v.Status == Disposed {
		res.Type, res.Name = AssetResource, name
		return nil, "", Errorf(NotFound, "version %s of package %q, which is %s, has no asset %q to give", id.Version, id.Package.DisplayName(), v.Status, name).About(res)
	}
	hit := &found{n, v, asset}
	guard, err := s.rulingNow(ctx, n, id.Package)
	if err != nil {
		return nil, "", err
	}
	verdict, err := s.release(ctx, n, id, hit, guard)
	if err != nil {
		return nil, "", err
	}
	content, err := s.give(ctx, n, id, name, newLocated(hit, verdict))
	content, err = s.Repo(actor, r).handOut(id, content, err)
	return content, v.Revision, err
}

// PublishedAsset is what PublishPackageVersion made.
type PublishedAsset struct {
	ID       VersionID
	Status   Status
	Revision string
	Asset    Asset
}

// PublishPackageVersion adds one asset to a version of the generic format and,
// unless it stays unfinished, publishes the version, whose assets are then
// fixed. The body is read once; digest is what the caller promised of it.
// Conflict where the version is finished, or has the asset with other bytes.
func (s *Service) PublishPackageVersion(ctx context.Context, actor Actor, r RepoID, id VersionID, name string, digest Digest, unfinished bool, body io.Reader) (PublishedAsset, error) {
	if id.Package.Format != Generic {
		return PublishedAsset{}, Errorf(Invalid, "PublishPackageVersion is for the format generic; publish %s packages with their own client", id.Package.Format)
	}
	rules, err := s.rules(Generic)
	if err != nil {
		return PublishedAsset{}, err
	}
	if strict, ok := rules.(AssetNamer); ok {
		if err := strict.CheckAsset(name); err != nil {
			return PublishedAsset{}, err
		}
	}
	pub, err := s.Repo(actor, r).Publish(ctx, id.Package)
	if err != nil {
		return PublishedAsset{}, err
	}
	defer pub.Abort()
	staged, err := pub.Stage(ctx, name, body)
	if err != nil {
		return PublishedAsset{}, err
	}
	if staged.Hashes.SHA256 != digest {
		return PublishedAsset{}, Errorf(Invalid, "the asset's bytes have SHA-256 %s, not %s as x-amz-content-sha256 says", staged.Hashes.SHA256, digest)
	}
	draft := Draft{ID: id, Status: Published, Mode: Extend, Assets: []string{name}, open: true}
	if unfinished {
		draft.Status = Unfinished
	}
	if err := pub.Commit(ctx, draft); err != nil {
		return PublishedAsset{}, err
	}
	_, id, v, err := s.onVersion(ctx, actor, PublishPackageVersion, r, id)
	return PublishedAsset{ID: id, Status: v.Status, Revision: v.Revision, Asset: staged}, err
}

// VersionResult is the outcome of a batch call for one version: a code of
// PackageVersionErrorCode with a message, or the version as it is now.
type VersionResult struct {
	Revision string
	Status   Status
	Code     string
	Message  string
}

// Codes of VersionResult (PackageVersionErrorCode).
const (
	CodeAlreadyExists      = "ALREADY_EXISTS"
	CodeMismatchedRevision = "MISMATCHED_REVISION"
	CodeMismatchedStatus   = "MISMATCHED_STATUS"
	CodeNotAllowed         = "NOT_ALLOWED"
	CodeNotFound           = "NOT_FOUND"
	CodeSkipped            = "SKIPPED"
)

// Batch names the versions of a batch call and what is expected of them.
type Batch struct {
	Versions  []string
	Revisions map[string]string // by version; empty: any. Its keys are the versions
	Expected  Status            // empty: any
}

// check holds a batch to its limits, spells its versions and gives each
// version's expected revision.
func (s *Service) checkBatch(p PackageID, b Batch) (PackageID, []string, map[string]string, error) {
	id, _, err := s.canonical(VersionID{Package: p})
	if err != nil {
		return p, nil, nil, err
	}
	if len(b.Versions) == 0 {
		return p, nil, nil, Errorf(Invalid, "versions is empty")
	}
	if len(b.Versions) > VersionsPerBatch {
		return p, nil, nil, Errorf(Invalid, "one call takes at most %d versions", VersionsPerBatch)
	}
	var versions []string
	revisions := map[string]string{}
	seen := map[string]bool{}
	for _, v := range b.Versions {
		vid, _, err := s.sought(VersionID{p, v})
		if err != nil {
			return p, nil, nil, err
		}
		if vid.Version == "" {
			return p, nil, nil, Errorf(Invalid, "a version is empty")
		}
		if revision, ok := b.Revisions[v]; ok {
			revisions[vid.Version] = revision
		} else if len(b.Revisions) > 0 {
			return p, nil, nil, Errorf(Invalid, "the keys of versionRevisions are not the versions: %s is missing", v)
		}
		if !seen[vid.Version] {
			seen[vid.Version] = true
			versions = append(versions, vid.Version)
		}
	}
	if len(b.Revisions) > len(revisions) {
		return p, nil, nil, Errorf(Invalid, "the keys of versionRevisions are not the versions")
	}
	return id.Package, versions, revisions, nil
}

// judgeBatch reads the versions and says which of them cannot be changed. When
// one cannot, none is: the others are skipped.
func (c *change) judgeBatch(n *node, p PackageID, versions []string, revisions map[string]string, expected Status, allowed func(Version) string) ([]Version, map[string]VersionResult, error) {
	failed := map[string]VersionResult{}
	var all []Version
	for _, version := range versions {
		v, err := c.Version(n.ID, VersionID{p, version})
		switch {
		case IsNotFound(err):
			failed[version] = VersionResult{Code: CodeNotFound, Message: "Could not find version " + version}
		case err != nil:
			return nil, nil, err
		case expected != "" && v.Status != expected:
			failed[version] = VersionResult{Code: CodeMismatchedStatus, Message: fmt.Sprintf("current status: %s, expected status: %s", v.Status, expected)}
		case revisions[version] != "" && v.Revision != revisions[version]:
			failed[version] = VersionResult{Code: CodeMismatchedRevision, Message: fmt.Sprintf("current revision: %s, expected revision: %s", v.Revision, revisions[version])}
		default:
			if why := allowed(v); why != "" {
				failed[version] = VersionResult{Code: CodeNotAllowed, Message: why}
			}
		}
		all = append(all, v)
	}
	if len(failed) > 0 {
		for _, version := range versions {
			if _, ok := failed[version]; !ok {
				failed[version] = VersionResult{Code: CodeSkipped, Message: fmt.Sprintf("version %s is skipped", version)}
			}
		}
	}
	return all, failed, nil
}

// changeVersions is what the batch calls share: authorize, judge, change all or none.
func (s *Service) changeVersions(ctx context.Context, actor Actor, action Action, r RepoID, p PackageID, b Batch, allowed func(Version) string, apply func(*change, *node, *Package, Version) (Version, error)) (map[string]VersionResult, error) {
	id, versions, revisions, err := s.checkBatch(p, b)
	if err != nil {
		return nil, err
	}
	n, _, err := s.enter(ctx, actor, action, r, id)
	if err != nil {
		return nil, err
	}
	var results map[string]VersionResult
	err = s.update(ctx, func(c *change) error {
		pkg, err := c.heldPackage(n, id, 0)
		if IsNotFound(err) {
			return notHeld(n.ID, VersionID{Package: id})
		}
		if err != nil {
			return err
		}
		all, failed, err := c.judgeBatch(n, id, versions, revisions, b.Expected, allowed)
		if results = failed; err != nil || len(failed) > 0 {
			return err
		}
		for _, v := range all {
			after, err := apply(c, n, pkg, v)
			if err != nil {
				return err
			}
			results[v.Version] = VersionResult{Revision: after.Revision, Status: after.Status}
		}
		return nil
	})
	return results, err
}

// UpdatePackageVersionsStatus moves versions to Published, Unlisted or
// Archived, all or none; one that is there already counts as done. Disposed
// versions are not allowed to move (spec 1.9).
func (s *Service) UpdatePackageVersionsStatus(ctx context.Context, actor Actor, r RepoID, p PackageID, b Batch, target Status) (map[string]VersionResult, error) {
	switch target {
	case Published, Unlisted, Archived:
	default:
		return nil, Errorf(Invalid, "the target status is Published, Unlisted or Archived")
	}
	return s.changeVersions(ctx, actor, UpdatePackageVersionsStatus, r, p, b,
		func(v Version) string {
			if v.Status == Disposed {
				return "a disposed version can only be deleted"
			}
			return ""
		},
		func(c *change, n *node, pkg *Package, v Version) (Version, error) {
			if v.Status == target {
				return v, nil
			}
			v.Status, v.Published = target, c.Now()
			return v, c.put(n, pkg, v, OpUpdated, Changes{StatusChanged: true})
		})
}

// DisposePackageVersions destroys the bytes of versions and keeps their
// records, all or none.
func (s *Service) DisposePackageVersions(ctx context.Context, actor Actor, r RepoID, p PackageID, b Batch) (map[string]VersionResult, error) {
	results, err := s.changeVersions(ctx, actor, DisposePackageVersions, r, p, b,
		func(Version) string { return "" },
		func(c *change, n *node, pkg *Package, v Version) (Version, error) {
			if v.Status == Disposed {
				return v, nil
			}
			return c.dispose(n, pkg, v)
		})
	if err == nil {
		s.sweep(ctx, r.Domain)
	}
	return results, err
}

// DeletePackageVersions removes versions one by one: those that cannot be
// removed do not keep the others (design: version by version).
func (s *Service) DeletePackageVersions(ctx context.Context, actor Actor, r RepoID, p PackageID, b Batch) (map[string]VersionResult, error) {
	id, versions, _, err := s.checkBatch(p, b)
	if err != nil {
		return nil, err
	}
	n, _, err := s.enter(ctx, actor, DeletePackageVersions, r, id)
	if err != nil {
		return nil, err
	}
	rules, err := s.rules(id.Format)
	if err != nil {
		return nil, err
	}
	results := map[string]VersionResult{}
	err = s.update(ctx, func(c *change) error {
		clear(results)
		pkg, err := c.heldPackage(n, id, 0)
		if IsNotFound(err) {
			return notHeld(n.ID, VersionID{Package: id})
		}
		if err != nil {
			return err
		}
		for _, version := range versions {
			all, failed, err := c.judgeBatch(n, id, []string{version}, nil, b.Expected, func(Version) string { return "" })
			if err != nil {
				return err
			}
			if why, ok := failed[version]; ok {
				results[version] = why
				continue
			}
			if err := c.remove(n, pkg, VersionID{id, version}); err != nil {
				return err
			}
			results[version] = VersionResult{Revision: all[0].Revision, Status: Deleted}
		}
		return c.retarget(n, pkg, rules)
	})
	if err == nil {
		s.sweep(ctx, n.ID.Domain)
	}
	return results, err
}
