package policy

import (
	"fmt"
	"strings"
	"sync"

	"larder/registry"
)

// actionNames are the actions of this server by service: those of the Service
// Authorization Reference for CodeArtifact (spec 5.1), those of the IAM, STS
// and Organizations calls that are answered, and Larder's own. A policy may
// name no others.
var actionNames = map[string]string{
	"codeartifact": `AssociateExternalConnection AssociateWithDownstreamRepository CopyPackageVersions
		CreateDomain CreatePackageGroup CreateRepository DeleteDomain DeleteDomainPermissionsPolicy DeletePackage
		DeletePackageGroup DeletePackageVersions DeleteRepository DeleteRepositoryPermissionsPolicy DescribeDomain
		DescribePackage DescribePackageGroup DescribePackageVersion DescribeRepository DisassociateExternalConnection
		DisposePackageVersions GetAssociatedPackageGroup GetAuthorizationToken GetDomainPermissionsPolicy
		GetPackageVersionAsset GetPackageVersionReadme GetRepositoryEndpoint GetRepositoryPermissionsPolicy
		ListAllowedRepositoriesForGroup ListAssociatedPackages ListDomains ListPackageGroups ListPackageVersionAssets
		ListPackageVersionDependencies ListPackageVersions ListPackages ListRepositories ListRepositoriesInDomain
		ListSubPackageGroups ListTagsForResource PublishPackageVersion PutDomainPermissionsPolicy PutPackageMetadata
		PutPackageOriginConfiguration PutRepositoryPermissionsPolicy ReadFromRepository TagResource UntagResource
		UpdatePackageGroup UpdatePackageGroupOriginConfiguration UpdatePackageVersionsStatus UpdateRepository`,
	"sts": `AssumeRole AssumeRoleWithWebIdentity AssumeRoot GetCallerIdentity GetServiceBearerToken GetSessionToken
		SetSourceIdentity TagSession`,
	"iam": `AddClientIDToOpenIDConnectProvider AttachRolePolicy AttachUserPolicy CreateAccessKey
		CreateOpenIDConnectProvider CreatePolicy CreatePolicyVersion CreateRole CreateUser DeleteAccessKey
		DeleteOpenIDConnectProvider DeletePolicy DeletePolicyVersion DeleteRole DeleteRolePermissionsBoundary
		DeleteRolePolicy DeleteUser DeleteUserPermissionsBoundary DeleteUserPolicy DetachRolePolicy DetachUserPolicy
		GetAccessKeyLastUsed GetOpenIDConnectProvider GetPolicy GetPolicyVersion GetRole GetRolePolicy GetUser
		GetUserPolicy ListAccessKeys ListAttachedRolePolicies ListAttachedUserPolicies ListEntitiesForPolicy
		ListGroupsForUser ListInstanceProfilesForRole ListOpenIDConnectProviderTags ListOpenIDConnectProviders
		ListPolicies ListPolicyTags ListPolicyVersions ListRolePolicies ListRoleTags ListRoles ListUserPolicies
		ListUserTags ListUsers PassRole PutRolePermissionsBoundary PutRolePolicy PutUserPermissionsBoundary
		PutUserPolicy RemoveClientIDFromOpenIDConnectProvider SetDefaultPolicyVersion SimulateCustomPolicy
		SimulatePrincipalPolicy TagOpenIDConnectProvider TagPolicy TagRole TagUser UntagOpenIDConnectProvider
		UntagPolicy UntagRole UntagUser UpdateAccessKey UpdateAssumeRolePolicy
		UpdateOpenIDConnectProviderThumbprint UpdateRole UpdateRoleDescription`,
	"organizations": `CloseAccount CreateAccount DescribeAccount DescribeCreateAccountStatus DescribeOrganization
		ListAccounts`,
	"events": `DeleteRule DescribeEventBus DescribeRule DisableRule EnableRule GetTargetSecret ListEventBuses
		ListRuleNamesByTarget ListRules ListTagsForResource ListTargetsByRule PutEvents PutRule PutTargets
		RemoveTargets RotateTargetSecret StartReplay Subscribe SubscribeAudit TagResource TestEventPattern
		UntagResource`,
	"larder": `DeleteRetention ExplainGuard GetGuard GetRetention ListAdvisorySources ListConnections PreviewRetention
		PutAdvisories PutConnection PutGuard PutRetention RespondGuard RunRetention`,
}

// onPackage are the actions whose resource is a package (spec 5.1).
var onPackage = setOf(`CopyPackageVersions DescribePackage DeletePackage PutPackageOriginConfiguration ListPackageVersions
	DescribePackageVersion ListPackageVersionAssets ListPackageVersionDependencies GetPackageVersionAsset
	GetPackageVersionReadme PublishPackageVersion PutPackageMetadata UpdatePackageVersionsStatus
	DisposePackageVersions DeletePackageVersions`, "codeartifact:")

// knownActions has each action in lower case and as it is spelled.
var knownActions = sync.OnceValue(func() map[string]string {
	all := map[string]string{}
	for service, names := range actionNames {
		for _, name := range strings.Fields(names) {
			all[strings.ToLower(service+":"+name)] = service + ":" + name
		}
	}
	return all
})

func setOf(names, prefix string) map[string]bool {
	m := map[string]bool{}
	for _, n := range strings.Fields(names) {
		m[strings.ToLower(prefix+n)] = true
	}
	return m
}

// KnownAction gives an action as it is spelled; letter case does not count.
func KnownAction(name string) (registry.Action, bool) {
	a, ok := knownActions()[strings.ToLower(name)]
	return registry.Action(a), ok
}

var readAction = strings.ToLower(string(registry.ReadFromRepository))

// actionPattern is one entry of Action or NotAction.
type actionPattern struct {
	text string
	glob *glob // lower case
	// readOnly says that it names ReadFromRepository and nothing that can be
	// done to a package.
	readOnly bool
}

func parseActionPattern(text string) (actionPattern, error) {
	lower := strings.ToLower(text)
	a := actionPattern{text: text, glob: globOf(lower)}
	if lower == "*" {
		return a, nil
	}
	service, name, found := strings.Cut(lower, ":")
	if !found || service == "" || name == "" || !isASCII(lower) {
		return a, fmt.Errorf("%s is no action: it must be * or SERVICE:NAME", show(text))
	}
	if actionNames[service] == "" {
		return a, fmt.Errorf("%s names no action of this server, which has those of codeartifact, sts, iam, organizations, events and larder", show(text))
	}
	matched, onPackages := false, false
	if !strings.ContainsAny(lower, "*?") {
		_, matched = knownActions()[lower]
		onPackages = onPackage[lower]
	} else {
		for known := range knownActions() {
			if a.glob.match(known) {
				matched = true
				onPackages = onPackages || onPackage[known]
			}
		}
	}
	if !matched {
		return a, fmt.Errorf("%s names no action", show(text))
	}
	a.readOnly = a.glob.match(readAction) && !onPackages
	return a, nil
}
