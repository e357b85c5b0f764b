package api

import (
	"context"
	"encoding/hex"

	"larder/internal/httpx"
	"larder/registry"
)

// versionSummary is PackageVersionSummary of spec 2.9.
type versionSummary struct {
	Version  string          `json:"version"`
	Revision string          `json:"revision,omitempty"`
	Status   registry.Status `json:"status"`
	Origin   versionOrigin   `json:"origin"`
}

// versionOrigin is PackageVersionOrigin.
type versionOrigin struct {
	Entry *entryPoint         `json:"domainEntryPoint,omitempty"`
	Type  registry.OriginType `json:"originType"`
}

type entryPoint struct {
	Repository string `json:"repositoryName,omitempty"`
	Connection string `json:"externalConnectionName,omitempty"`
}

func summarizeVersion(v registry.Version) versionSummary {
	s := versionSummary{Version: v.Version, Revision: v.Revision, Status: v.Status}
	s.Origin.Type = v.Origin.Type
	if v.Origin.Repository != "" || v.Origin.Connection != "" {
		s.Origin.Entry = &entryPoint{v.Origin.Repository, v.Origin.Connection}
	}
	return s
}

// statuses and origins are the values by which versions can be listed (spec 1.3).
var (
	statuses = []string{string(registry.Published), string(registry.Unfinished), string(registry.Unlisted),
		string(registry.Archived), string(registry.Disposed), string(registry.Deleted)}
	origins = []string{string(registry.OriginInternal), string(registry.OriginExternal), string(registry.OriginUnknown)}
)

// byPublishedTime is the only value of PackageVersionSortType: newest first.
const byPublishedTime = "PUBLISHED_TIME"

type listVersionsInput struct {
	ofPackage
	paged
	Status string `query:"status" json:"-"`
	SortBy string `query:"sortBy" json:"-"`
	Origin string `query:"originType" json:"-"`
}

func (in *listVersionsInput) filter() (registry.VersionFilter, error) {
	f := registry.VersionFilter{
		Status: registry.Status(in.Status),
		Origin: registry.OriginType(in.Origin),
		Newest: in.SortBy == byPublishedTime,
	}
	for _, err := range []error{
		optionalOneOf("status", in.Status, statuses...),
		optionalOneOf("sortBy", in.SortBy, byPublishedTime),
		optionalOneOf("originType", in.Origin, origins...),
	} {
		if err != nil {
			return f, err
		}
	}
	return f, nil
}

type versionsAnswer struct {
	Default   string           `json:"defaultDisplayVersion,omitempty"`
	Format    string           `json:"format"`
	Namespace string           `json:"namespace,omitempty"`
	Package   string           `json:"package"`
	Versions  []versionSummary `json:"versions"`
	Next      string           `json:"nextToken,omitempty"`
}

func listPackageVersions(ctx context.Context, c *call, in *listVersionsInput) (any, error) {
	r, id, err := in.pkg(c)
	if err != nil {
		return nil, err
	}
	filter, err := in.filter()
	if err != nil {
		return nil, err
	}
	page, err := in.page(c, pageSize)
	if err != nil {
		return nil, err
	}
	found, err := c.core.ListPackageVersions(ctx, c.actor, r, id, filter, page)
	if err != nil {
		return nil, err
	}
	answer := versionsAnswer{
		Default:   found.DefaultDisplayVersion,
		Format:    found.Package.Format,
		Namespace: found.Package.Namespace,
		Package:   found.Package.Name,
		Versions:  []versionSummary{},
		Next:      c.next(found.Next),
	}
	for _, v := range found.Versions {
		answer.Versions = append(answer.Versions, summarizeVersion(v))
	}
	return answer, nil
}

// assetSummary is AssetSummary.
type assetSummary struct {
	Name   string            `json:"name"`
	Size   int64             `json:"size"`
	Hashes map[string]string `json:"hashes"`
}

func summarizeAsset(a registry.Asset) assetSummary {
	return assetSummary{Name: a.Name, Size: a.Size, Hashes: map[string]string{
		"MD5":     hex.EncodeToString(a.Hashes.MD5[:]),
		"SHA-1":   hex.EncodeToString(a.Hashes.SHA1[:]),
		"SHA-256": a.Hashes.SHA256.String(),
		"SHA-512": hex.EncodeToString(a.Hashes.SHA512[:]),
	}}
}

type listAssetsInput struct {
	ofPackage
	paged
	Version string `query:"version" required:"true" json:"-"`
}

type assetsAnswer struct {
	Assets    []assetSummary `json:"assets"`
	Format    string         `json:"format"`
	Namespace string         `json:"namespace,omitempty"`
	Package   string         `json:"package"`
	Version   string         `json:"version"`
	Revision  string         `json:"versionRevision,omitempty"`
	Next      string         `json:"nextToken,omitempty"`
}

func listPackageVersionAssets(ctx context.Context, c *call, in *listAssetsInput) (any, error) {
	r, id, err := in.pkg(c)
	if err != nil {
		return nil, err
	}
	httpx.RecordOf(ctx).Version = in.Version
	page, err := in.page(c, pageSize)
	if err != nil {
		return nil, err
	}
	found, err := c.core.ListPackageVersionAssets(ctx, c.actor, r, registry.VersionID{Package: id, Version: in.Version}, page)
	if err != nil {
		return nil, err
	}
	answer := assetsAnswer{
		Assets:    []assetSummary{},
		Format:    found.Version.Package.Format,
		Namespace: found.Version.Package.Namespace,
		Package:   found.Version.Package.Name,
		Version:   found.Version.Version,
		Revision:  found.Revision,
		Next:      c.next(found.Next),
	}
	for _, a := range found.Assets {
		answer.Assets = append(answer.Assets, summarizeAsset(a))
	}
	return answer, nil
}
