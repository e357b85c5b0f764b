package api

import (
	"context"
	"net/http"
	"reflect"

	"larder/internal/awswire"
)

// operation is one row of the table: what is asked how, and who answers.
type operation struct {
	name   string // of the API, and of its action
	method string
	path   string
	handler
}

// handler answers one call.
type handler struct {
	input reflect.Type // whose tags say what is read of a request, and where it stands
	serve func(ctx context.Context, c *call) (any, error)
}

// on decodes the request into an In and hands it to f, whose answer is written
// as JSON.
func on[In any](f func(ctx context.Context, c *call, in *In) (any, error)) handler {
	decoder := awswire.NewDecoder[In]()
	return handler{reflect.TypeFor[In](), func(ctx context.Context, c *call) (any, error) {
		in, err := decoder.Decode(c.request)
		if err != nil {
			return nil, err
		}
		return f(ctx, c, in)
	}}
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
	{"CreateDomain", post, "/v1/domain", on(createDomain)},
	{"DescribeDomain", get, "/v1/domain", on(describeDomain)},
	{"DeleteDomain", remove, "/v1/domain", on(deleteDomain)},
	{"ListDomains", post, "/v1/domains", on(listDomains)},
	{"GetDomainPermissionsPolicy", get, "/v1/domain/permissions/policy", on(getDomainPermissionsPolicy)},
	{"PutDomainPermissionsPolicy", put, "/v1/domain/permissions/policy", on(putDomainPermissionsPolicy)},
	{"DeleteDomainPermissionsPolicy", remove, "/v1/domain/permissions/policy", on(deleteDomainPermissionsPolicy)},

	{"CreateRepository", post, "/v1/repository", on(createRepository)},
	{"DescribeRepository", get, "/v1/repository", on(describeRepository)},
	{"UpdateRepository", put, "/v1/repository", on(updateRepository)},
	{"DeleteRepository", remove, "/v1/repository", on(deleteRepository)},
	{"ListRepositories", post, "/v1/repositories", on(listRepositories)},
	{"ListRepositoriesInDomain", post, "/v1/domain/repositories", on(listRepositoriesInDomain)},
	{"GetRepositoryEndpoint", get, "/v1/repository/endpoint", on(getRepositoryEndpoint)},
	{"AssociateExternalConnection", post, "/v1/repository/external-connection", on(associateExternalConnection)},
	{"DisassociateExternalConnection", remove, "/v1/repository/external-connection", on(disassociateExternalConnection)},
	{"GetRepositoryPermissionsPolicy", get, "/v1/repository/permissions/policy", on(getRepositoryPermissionsPolicy)},
	{"PutRepositoryPermissionsPolicy", put, "/v1/repository/permissions/policy", on(putRepositoryPermissionsPolicy)},
	{"DeleteRepositoryPermissionsPolicy", remove, "/v1/repository/permissions/policies", on(deleteRepositoryPermissionsPolicy)},

	{"ListPackages", post, "/v1/packages", on(listPackages)},
	{"DescribePackage", get, "/v1/package", on(describePackage)},
	{"DeletePackage", remove, "/v1/package", on(deletePackage)},
	{"PutPackageOriginConfiguration", post, "/v1/package", on(putPackageOriginConfiguration)},

	{"ListPackageVersions", post, "/v1/package/versions", on(listPackageVersions)},
	{"DescribePackageVersion", get, "/v1/package/version", on(describePackageVersion)},
	{"ListPackageVersionAssets", post, "/v1/package/version/assets", on(listPackageVersionAssets)},
	{"ListPackageVersionDependencies", post, "/v1/package/version/dependencies", on(listPackageVersionDependencies)},
	{"GetPackageVersionAsset", get, "/v1/package/version/asset", on(getPackageVersionAsset)},
	{"GetPackageVersionReadme", get, "/v1/package/version/readme", on(getPackageVersionReadme)},
	{"PublishPackageVersion", post, "/v1/package/version/publish", on(publishPackageVersion)},
	{"CopyPackageVersions", post, "/v1/package/versions/copy", on(copyPackageVersions)},
	{"UpdatePackageVersionsStatus", post, "/v1/package/versions/update_status", on(updatePackageVersionsStatus)},
	{"DisposePackageVersions", post, "/v1/package/versions/dispose", on(disposePackageVersions)},
	{"DeletePackageVersions", post, "/v1/package/versions/delete", on(deletePackageVersions)},

	{"CreatePackageGroup", post, "/v1/package-group", on(createPackageGroup)},
	{"DescribePackageGroup", get, "/v1/package-group", on(describePackageGroup)},
	{"UpdatePackageGroup", put, "/v1/package-group", on(updatePackageGroup)},
	{"UpdatePackageGroupOriginConfiguration", put, "/v1/package-group-origin-configuration", on(updatePackageGroupOriginConfiguration)},
	{"DeletePackageGroup", remove, "/v1/package-group", on(deletePackageGroup)},
	{"ListPackageGroups", post, "/v1/package-groups", on(listPackageGroups)},
	{"ListSubPackageGroups", post, "/v1/package-groups/sub-groups", on(listSubPackageGroups)},
	{"ListAllowedRepositoriesForGroup", get, "/v1/package-group-allowed-repositories", on(listAllowedRepositoriesForGroup)},
	{"ListAssociatedPackages", get, "/v1/list-associated-packages", on(listAssociatedPackages)},
	{"GetAssociatedPackageGroup", get, "/v1/get-associated-package-group", on(getAssociatedPackageGroup)},

	{"GetAuthorizationToken", post, "/v1/authorization-token", on(getAuthorizationToken)},
	{"ListTagsForResource", post, "/v1/tags", on(listTagsForResource)},
	{"TagResource", post, "/v1/tag", on(tagResource)},
	{"UntagResource", post, "/v1/untag", on(untagResource)},

	{"ListConnections", get, "/v1/larder/connections", on(listConnections)},
	{"PutConnection", put, "/v1/larder/connection", on(putConnection)},
	{"GetGuard", get, "/v1/larder/guard", on(getGuard)},
	{"PutGuard", put, "/v1/larder/guard", on(putGuard)},
	{"ExplainGuard", get, "/v1/larder/guard/explain", on(explainGuard)},
	{"RespondGuard", post, "/v1/larder/guard/respond", on(respondGuard)},
	{"PutAdvisories", post, "/v1/larder/advisories", on(putAdvisories)},
	{"SettleAdvisories", post, "/v1/larder/advisories/settle", on(settleAdvisories)},
	{"ListAdvisorySources", get, "/v1/larder/advisories", on(listAdvisorySources)},
	{"GetRetention", get, "/v1/larder/retention", on(getRetention)},
	{"PutRetention", put, "/v1/larder/retention", on(putRetention)},
	{"DeleteRetention", remove, "/v1/larder/retention", on(deleteRetention)},
	{"PreviewRetention", post, "/v1/larder/retention/preview", on(previewRetention)},
	{"RunRetention", post, "/v1/larder/retention/run", on(runRetention)},
}
