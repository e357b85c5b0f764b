package registry

import (
	"strings"
	"time"
)

// Action is an IAM action name, with its service prefix.
type Action string

// Actions that the core asks the Authorizer about. The control plane's own
// action names are those of the Service Authorization Reference.
const (
	ReadFromRepository                    Action = "codeartifact:ReadFromRepository"
	PublishPackageVersion                 Action = "codeartifact:PublishPackageVersion"
	PutPackageMetadata                    Action = "codeartifact:PutPackageMetadata"
	DeletePackageVersions                 Action = "codeartifact:DeletePackageVersions"
	DeletePackage                         Action = "codeartifact:DeletePackage"
	UpdatePackageVersionsStatus           Action = "codeartifact:UpdatePackageVersionsStatus"
	AssociateWithDownstreamRepo           Action = "codeartifact:AssociateWithDownstreamRepository"
	GetAuthorizationToken                 Action = "codeartifact:GetAuthorizationToken"
	GetRepositoryEndpoint                 Action = "codeartifact:GetRepositoryEndpoint"
	DescribeDomain                        Action = "codeartifact:DescribeDomain"
	DescribeRepository                    Action = "codeartifact:DescribeRepository"
	ListDomains                           Action = "codeartifact:ListDomains"
	ListRepositories                      Action = "codeartifact:ListRepositories"
	ListRepositoriesInDomain              Action = "codeartifact:ListRepositoriesInDomain"
	ListPackages                          Action = "codeartifact:ListPackages"
	ListPackageVersions                   Action = "codeartifact:ListPackageVersions"
	ListPackageVersionAssets              Action = "codeartifact:ListPackageVersionAssets"
	CreateDomain                          Action = "codeartifact:CreateDomain"
	CreateRepository                      Action = "codeartifact:CreateRepository"
	UpdateRepository                      Action = "codeartifact:UpdateRepository"
	DeleteRepository                      Action = "codeartifact:DeleteRepository"
	AssociateExternalConnection           Action = "codeartifact:AssociateExternalConnection"
	DisassociateExternalConnection        Action = "codeartifact:DisassociateExternalConnection"
	GetDomainPermissionsPolicy            Action = "codeartifact:GetDomainPermissionsPolicy"
	PutDomainPermissionsPolicy            Action = "codeartifact:PutDomainPermissionsPolicy"
	DeleteDomainPermissionsPolicy         Action = "codeartifact:DeleteDomainPermissionsPolicy"
	GetRepositoryPermissionsPolicy        Action = "codeartifact:GetRepositoryPermissionsPolicy"
	PutRepositoryPermissionsPolicy        Action = "codeartifact:PutRepositoryPermissionsPolicy"
	DeleteRepositoryPermissionsPolicy     Action = "codeartifact:DeleteRepositoryPermissionsPolicy"
	DeleteDomain                          Action = "codeartifact:DeleteDomain"
	DescribePackage                       Action = "codeartifact:DescribePackage"
	PutPackageOriginConfiguration         Action = "codeartifact:PutPackageOriginConfiguration"
	DescribePackageVersion                Action = "codeartifact:DescribePackageVersion"
	ListPackageVersionDependencies        Action = "codeartifact:ListPackageVersionDependencies"
	GetPackageVersionAsset                Action = "codeartifact:GetPackageVersionAsset"
	GetPackageVersionReadme               Action = "codeartifact:GetPackageVersionReadme"
	DisposePackageVersions                Action = "codeartifact:DisposePackageVersions"
	CopyPackageVersions                   Action = "codeartifact:CopyPackageVersions"
	ListPackageGroups                     Action = "codeartifact:ListPackageGroups"
	DescribePackageGroup                  Action = "codeartifact:DescribePackageGroup"
	CreatePackageGroup                    Action = "codeartifact:CreatePackageGroup"
	UpdatePackageGroup                    Action = "codeartifact:UpdatePackageGroup"
	UpdatePackageGroupOriginConfiguration Action = "codeartifact:UpdatePackageGroupOriginConfiguration"
	DeletePackageGroup                    Action = "codeartifact:DeletePackageGroup"
	ListSubPackageGroups                  Action = "codeartifact:ListSubPackageGroups"
	ListAllowedRepositoriesForGroup       Action = "codeartifact:ListAllowedRepositoriesForGroup"
	ListAssociatedPackages                Action = "codeartifact:ListAssociatedPackages"
	GetAssociatedPackageGroup             Action = "codeartifact:GetAssociatedPackageGroup"
	TagResource                           Action = "codeartifact:TagResource"
	UntagResource                         Action = "codeartifact:UntagResource"
	ListTagsForResource                   Action = "codeartifact:ListTagsForResource"
	GetServiceBearerToken                 Action = "sts:GetServiceBearerToken"
	Subscribe                             Action = "events:Subscribe"
	SubscribeAudit                        Action = "events:SubscribeAudit"
	ListConnections                       Action = "larder:ListConnections"
	PutConnection                         Action = "larder:PutConnection"
	GetGuard                              Action = "larder:GetGuard"
	PutGuard                              Action = "larder:PutGuard"
	ExplainGuard                          Action = "larder:ExplainGuard"
	RespondGuard                          Action = "larder:RespondGuard"
	PutAdvisories                         Action = "larder:PutAdvisories"
	ListAdvisorySources                   Action = "larder:ListAdvisorySources"
	GetRetention                          Action = "larder:GetRetention"
	PutRetention                          Action = "larder:PutRetention"
	DeleteRetention                       Action = "larder:DeleteRetention"
	PreviewRetention                      Action = "larder:PreviewRetention"
	RunRetention                          Action = "larder:RunRetention"
)

// ResourceType names the kind of a Resource, as errors of the API spell it.
type ResourceType string

const (
	NoResource         ResourceType = ""
	DomainResource     ResourceType = "domain"
	RepositoryResource ResourceType = "repository"
	PackageResource    ResourceType = "package"
	VersionResource    ResourceType = "package-version"
	AssetResource      ResourceType = "asset"
	GroupResource      ResourceType = "package-group"
	ConnectionResource ResourceType = "external-connection"
)

// Resource is what an action is done to. Fields beyond the type's own identity
// are empty. A version or asset is authorized as its package.
type Resource struct {
	Type          ResourceType
	Domain        DomainID
	Repository    string
	Administrator string // of the repository, where it exists
	Package       PackageID
	Version       string
	Name          string // of an asset, a connection, or a package group's pattern
}

// ARN gives the resource's ARN in region (spec 1.4); "*" for no resource.
// Versions and assets have none of their own: theirs is the package's.
func (r Resource) ARN(region string) string {
	p := "arn:aws:codeartifact:" + region + ":" + r.Domain.Owner + ":"
	switch r.Type {
	case DomainResource:
		return p + "domain/" + r.Domain.Name
	case RepositoryResource:
		return p + "repository/" + r.Domain.Name + "/" + r.Repository
	case PackageResource, VersionResource, AssetResource:
		return p + "package/" + r.Domain.Name + "/" + r.Repository + "/" + r.Package.String()
	case GroupResource:
		return p + "package-group/" + r.Domain.Name + groupEncoder.Replace(r.Name)
	}
	return "*"
}

var groupEncoder = strings.NewReplacer("%", "%25", "*", "%2a", "$", "%24")

// ID is the resource's name as errors of the API give it (resourceId).
func (r Resource) ID() string {
	switch r.Type {
	case DomainResource:
		return r.Domain.Name
	case RepositoryResource:
		return r.Domain.Name + "/" + r.Repository
	case PackageResource:
		return r.Package.String()
	case VersionResource:
		return r.Package.String() + "/" + r.Version
	case AssetResource:
		return r.Package.String() + "/" + r.Version + "/" + r.Name
	}
	return r.Name
}

// Resource is the domain as a resource.
func (d DomainID) Resource() Resource { return Resource{Type: DomainResource, Domain: d} }

// Resource is the repository as a resource, administrator not filled.
func (r RepoID) Resource() Resource {
	return Resource{Type: RepositoryResource, Domain: r.Domain, Repository: r.Name}
}

// Package is a package of the repository as a resource, administrator not filled.
func (r RepoID) Package(p PackageID) Resource {
	return Resource{Type: PackageResource, Domain: r.Domain, Repository: r.Name, Package: p}
}

// Access is one question to the Authorizer: may Actor do Action to Resource now.
type Access struct {
	Actor    Actor
	Action   Action
	Resource Resource
	Time     time.Time
	// Context holds further condition keys, such as sts:DurationSeconds. Nil
	// mostly. Tags that the request sets are aws:RequestTag/KEY; those that it
	// removes are aws:TagKeys, separated by line feeds.
	Context map[string]string
	// Counters are those of the resource's domain that the caller has just read
	// for this request; zero: the Authorizer reads them.
	Counters Counters
}

// settingTags are the condition keys of tags that a request sets; nil for none.
func settingTags(tags map[string]string) map[string]string {
	if len(tags) == 0 {
		return nil
	}
	keys := make(map[string]string, len(tags))
	for k, v := range tags {
		keys["aws:RequestTag/"+k] = v
	}
	return keys
}
