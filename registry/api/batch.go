package api

import (
	"context"

	"larder/registry"
)

// batchAnswer is what the operations on several versions answer: 200, with the
// failures in it (spec 3.5).
type batchAnswer struct {
	Successful map[string]successfulVersion `json:"successfulVersions"`
	Failed     map[string]versionError      `json:"failedVersions"`
}

// successfulVersion is SuccessfulPackageVersionInfo, versionError PackageVersionError.
type successfulVersion struct {
	Revision string          `json:"revision,omitempty"`
	Status   registry.Status `json:"status"`
}

type versionError struct {
	Code    string `json:"errorCode"`
	Message string `json:"errorMessage"`
}

func batchOf(results map[string]registry.VersionResult, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	answer := batchAnswer{map[string]successfulVersion{}, map[string]versionError{}}
	for version, r := range results {
		if r.Code != "" {
			answer.Failed[version] = versionError{r.Code, r.Message}
		} else {
			answer.Successful[version] = successfulVersion{r.Revision, r.Status}
		}
	}
	return answer, nil
}

// versionsInput are the members that name versions and what is expected of them.
type versionsInput struct {
	ofPackage
	Versions []string `json:"versions" required:"true"`
	Expected string   `json:"expectedStatus"`
}

func (in versionsInput) batch() (registry.Batch, error) {
	b := registry.Batch{Versions: in.Versions, Expected: registry.Status(in.Expected)}
	return b, optionalOneOf("expectedStatus", in.Expected, statuses...)
}

// revisionsInput names revisions, too.
type revisionsInput struct {
	versionsInput
	Revisions map[string]string `json:"versionRevisions"`
}

func (in revisionsInput) batch() (registry.Batch, error) {
	b, err := in.versionsInput.batch()
	if err != nil {
		return b, err
	}
	b.Revisions = in.Revisions
	return b, checkRevisions(in.Revisions)
}

// checkRevisions holds the values of versionRevisions to their limits.
func checkRevisions(revisions map[string]string) error {
	for version, expected := range revisions {
		if _, err := revision("versionRevisions of "+clip(version), &expected, versionRevision); err != nil {
			return err
		}
	}
	return nil
}

type updateStatusInput struct {
	revisionsInput
	Target string `json:"targetStatus" required:"true"`
}

func updatePackageVersionsStatus(ctx context.Context, c *call, in *updateStatusInput) (any, error) {
	r, id, err := in.pkg(c)
	if err != nil {
		return nil, err
	}
	if err := oneOf("targetStatus", in.Target, statuses...); err != nil {
		return nil, err
	}
	b, err := in.batch()
	if err != nil {
		return nil, err
	}
	return batchOf(c.core.UpdatePackageVersionsStatus(ctx, c.actor, r, id, b, registry.Status(in.Target)))
}

func disposePackageVersions(ctx context.Context, c *call, in *revisionsInput) (any, error) {
	r, id, err := in.pkg(c)
	if err != nil {
		return nil, err
	}
	b, err := in.batch()
	if err != nil {
		return nil, err
	}
	return batchOf(c.core.DisposePackageVersions(ctx, c.actor, r, id, b))
}

func deletePackageVersions(ctx context.Context, c *call, in *versionsInput) (any, error) {
	r, id, err := in.pkg(c)
	if err != nil {
		return nil, err
	}
	b, err := in.batch()
	if err != nil {
		return nil, err
	}
	return batchOf(c.core.DeletePackageVersions(ctx, c.actor, r, id, b))
}

type copyInput struct {
	inDomain
	Source       string            `query:"source-repository" required:"true" json:"-"`
	Destination  string            `query:"destination-repository" required:"true" json:"-"`
	Format       string            `query:"format" required:"true" json:"-"`
	Namespace    string            `query:"namespace" json:"-"`
	Package      string            `query:"package" required:"true" json:"-"`
	Versions     []string          `json:"versions"`
	Revisions    map[string]string `json:"versionRevisions"`
	Overwrite    bool              `json:"allowOverwrite"`
	FromUpstream bool              `json:"includeFromUpstream"`
}

func copyPackageVersions(ctx context.Context, c *call, in *copyInput) (any, error) {
	from, err := inRepository{in.inDomain, in.Source}.repository(c)
	if err != nil {
		return nil, err
	}
	to, id, err := ofPackage{inRepository{in.inDomain, in.Destination}, in.Format, in.Namespace, in.Package}.pkg(c)
	if err != nil {
		return nil, err
	}
	if err := checkRevisions(in.Revisions); err != nil {
		return nil, err
	}
	return batchOf(c.core.CopyPackageVersions(ctx, c.actor, registry.Copy{
		From: from, To: to, Package: id, Versions: in.Versions, Revisions: in.Revisions,
		Overwrite: in.Overwrite, FromUpstream: in.FromUpstream,
	}))
}
