package api

import (
	"context"
	"net/http"

	"larder/internal/awswire"
)

// operation is one row of the table: what is asked how, and who answers.
type operation struct {
	name   string // of the API, and of its action
	method string
	path   string
	serve  handler // nil: known by name, not offered here
}

// handler answers one decoded call with what is written as JSON.
type handler func(ctx context.Context, c *call) (any, error)

// on decodes the request into an In and hands it to f.
func on[In any](f func(ctx context.Context, c *call, in *In) (any, error)) handler {
	decoder := awswire.NewDecoder[In]()
	return func(ctx context.Context, c *call) (any, error) {
		in, err := decoder.Decode(c.request)
		if err != nil {
			return nil, err
		}
		return f(ctx, c, in)
	}
}

const (
	get    = http.MethodGet
	post   = http.MethodPost
	put    = http.MethodPut
	remove = http.MethodDelete
)

// operations are those of CodeArtifact (spec 2.3 to 2.8, in that order) and
// Larder's own.
var operations = []operation{
	{"CreateDomain", post, "/v1/domain", nil},
	{"DescribeDomain", get, "/v1/domain", on(describeDomain)},
	{"DeleteDomain", remove, "/v1/domain", nil},
	{"ListDomains", post, "/v1/domains", on(listDomains)},
	{"GetDomainPermissionsPolicy", get, "/v1/domain/permissions/policy", nil},
	{"PutDomainPermissionsPolicy", put, "/v1/domain/permissions/policy", nil},
	{"DeleteDomainPermissionsPolicy", remove, "/v1/domain/permissions/policy", nil},

	{"CreateRepository", post, "/v1/repository", nil},
	{"DescribeRepository", get, "/v1/repository", on(describeRepository)},
	{"UpdateRepository", put, "/v1/repository", nil},
	{"DeleteRepository", remove, "/v1/repository", nil},
	{"ListRepositories", post, "/v1/repositories", on(listRepositories)},
	{"ListRepositoriesInDomain", post, "/v1/domain/repositories", on(listRepositoriesInDomain)},
	{"GetRepositoryEndpoint", get, "/v1/repository/endpoint", on(getRepositoryEndpoint)},
	{"AssociateExternalConnection", post, "/v1/repository/external-connection", nil},
	{"DisassociateExternalConnection", remove, "/v1/repository/external-connection", nil},
	{"GetRepositoryPermissionsPolicy", get, "/v1/repository/permissions/policy", nil},
	{"PutRepositoryPermissionsPolicy", put, "/v1/repository/permissions/policy", nil},
	{"DeleteRepositoryPermissionsPolicy", remove, "/v1/repository/permissions/policies", nil},

	{"ListPackages", post, "/v1/packages", on(listPackages)},
	{"DescribePackage", get, "/v1/package", nil},
	{"DeletePackage", remove, "/v1/package", nil},
	{"PutPackageOriginConfiguration", post, "/v1/package", nil},

	{"ListPackageVersions", post, "/v1/package/versions", on(listPackageVersions)},
	{"DescribePackageVersion", get, "/v1/package/version", nil},
	{"ListPackageVersionAssets", post, "/v1/package/version/assets", on(listPackageVersionAssets)},
	{"ListPackageVersionDependencies", post, "/v1/package/version/dependencies", nil},
	{"GetPackageVersionAsset", get, "/v1/package/version/asset", nil},
	{"GetPackageVersionReadme", get, "/v1/package/version/readme", nil},
	{"PublishPackageVersion", post, "/v1/package/version/publish", nil},
	{"CopyPackageVersions", post, "/v1/package/versions/copy", nil},
	{"UpdatePackageVersionsStatus", post, "/v1/package/versions/update_status", nil},
	{"DisposePackageVersions", post, "/v1/package/versions/dispose", nil},
	{"DeletePackageVersions", post, "/v1/package/versions/delete", nil},

	{"CreatePackageGroup", post, "/v1/package-group", nil},
	{"DescribePackageGroup", get, "/v1/package-group", nil},
	{"UpdatePackageGroup", put, "/v1/package-group", nil},
	{"UpdatePackageGroupOriginConfiguration", put, "/v1/package-group-origin-configuration", nil},
	{"DeletePackageGroup", remove, "/v1/package-group", nil},
	{"ListPackageGroups", post, "/v1/package-groups", nil},
	{"ListSubPackageGroups", post, "/v1/package-groups/sub-groups", nil},
	{"ListAllowedRepositoriesForGroup", get, "/v1/package-group-allowed-repositories", nil},
	{"ListAssociatedPackages", get, "/v1/list-associated-packages", nil},
	{"GetAssociatedPackageGroup", get, "/v1/get-associated-package-group", nil},

	{"GetAuthorizationToken", post, "/v1/authorization-token", on(getAuthorizationToken)},
	{"ListTagsForResource", post, "/v1/tags", nil},
	{"TagResource", post, "/v1/tag", nil},
	{"UntagResource", post, "/v1/untag", nil},

	{"ListConnections", get, "/v1/larder/connections", on(listConnections)},
	{"PutConnection", put, "/v1/larder/connection", on(putConnection)},
}
