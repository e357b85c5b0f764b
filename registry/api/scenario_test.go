package api_test

import (
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"larder/policy/identity"
	"larder/registry"
)

// wellFormed has a call of each operation that could succeed in newWorld's world.
var wellFormed = func() map[string]string {
	const d, r = `{"domain":"local"`, `{"domain":"local","repository":"main"`
	const p = r + `,"format":"npm","namespace":"scope","package":"ui"`
	const v = p + `,"packageVersion":"1.0.0"`
	const g = d + `,"packageGroup":"/npm/*"`
	const arn = `{"resourceArn":"arn:aws:codeartifact:eu-west-1:000000000000:repository/local/main"`
	return map[string]string{
		"CreateDomain": d + `}`, "DescribeDomain": d + `}`, "DeleteDomain": d + `}`, "ListDomains": `{}`,
		"GetDomainPermissionsPolicy": d + `}`, "PutDomainPermissionsPolicy": d + `,"policyDocument":"{}"}`, "DeleteDomainPermissionsPolicy": d + `}`,

		"CreateRepository": r + `}`, "DescribeRepository": r + `}`, "UpdateRepository": r + `}`, "DeleteRepository": r + `}`,
		"ListRepositories": `{}`, "ListRepositoriesInDomain": d + `}`, "GetRepositoryEndpoint": r + `,"format":"npm"}`,
		"AssociateExternalConnection": r + `,"externalConnection":"public:npmjs"}`, "DisassociateExternalConnection": r + `,"externalConnection":"public:npmjs"}`,
		"GetRepositoryPermissionsPolicy": r + `}`, "PutRepositoryPermissionsPolicy": r + `,"policyDocument":"{}"}`, "DeleteRepositoryPermissionsPolicy": r + `}`,

		"ListPackages": r + `}`, "DescribePackage": p + `}`, "DeletePackage": p + `}`,
		"PutPackageOriginConfiguration": p + `,"restrictions":{"publish":"ALLOW","upstream":"BLOCK"}}`,

		"ListPackageVersions": p + `}`, "DescribePackageVersion": v + `}`, "ListPackageVersionAssets": v + `}`, "ListPackageVersionDependencies": v + `}`,
		"GetPackageVersionAsset": v + `,"asset":"package.tgz"}`, "GetPackageVersionReadme": v + `}`,
		"PublishPackageVersion":       r + `,"format":"generic","namespace":"ns","package":"tool","packageVersion":"1","assetName":"a","assetContent":"x"}`,
		"CopyPackageVersions":         d + `,"sourceRepository":"main","destinationRepository":"store","format":"npm","namespace":"scope","package":"ui","versions":["1.0.0"]}`,
		"UpdatePackageVersionsStatus": p + `,"versions":["1.0.0"],"targetStatus":"Archived"}`, "DisposePackageVersions": p + `,"versions":["1.0.0"]}`,
		"DeletePackageVersions": p + `,"versions":["1.0.0"]}`,

		"CreatePackageGroup": g + `}`, "DescribePackageGroup": g + `}`, "UpdatePackageGroup": g + `}`, "UpdatePackageGroupOriginConfiguration": g + `}`,
		"DeletePackageGroup": g + `}`, "ListPackageGroups": d + `}`, "ListSubPackageGroups": g + `}`,
		"ListAllowedRepositoriesForGroup": g + `,"originRestrictionType":"PUBLISH"}`, "ListAssociatedPackages": g + `}`,
		"GetAssociatedPackageGroup": d + `,"format":"npm","package":"left-pad"}`,

		"GetAuthorizationToken": d + `}`, "ListTagsForResource": arn + `}`, "TagResource": arn + `,"tags":[]}`, "UntagResource": arn + `,"tagKeys":[]}`,
	}
}()

// neverRefused are declared exceptions that the scenario cannot provoke, with
// the reason. TestEveryDeclaredError shows how they would look.
var neverRefused = map[string]string{
	"CreateDomain ResourceNotFoundException":                              "would be about a KMS key, which is not looked up here",
	"PutDomainPermissionsPolicy ServiceQuotaExceededException":            "a policy that is too long is invalid by the model",
	"PutRepositoryPermissionsPolicy ServiceQuotaExceededException":        "likewise",
	"UpdateRepository ConflictException":                                  "the last one to write wins",
	"DeleteRepository ConflictException":                                  "a repository goes whatever refers to it",
	"DisassociateExternalConnection ConflictException":                    "nothing stands against it",
	"DisassociateExternalConnection ServiceQuotaExceededException":        "it uses none",
	"DeletePackage ConflictException":                                     "nothing stands against it",
	"DescribePackageVersion ConflictException":                            "it takes no revision",
	"CopyPackageVersions ConflictException":                               "told version by version",
	"CopyPackageVersions ServiceQuotaExceededException":                   "there is none for versions",
	"UpdatePackageVersionsStatus ConflictException":                       "told version by version",
	"DisposePackageVersions ConflictException":                            "told version by version",
	"DeletePackageVersions ConflictException":                             "told version by version",
	"UpdatePackageGroup ServiceQuotaExceededException":                    "it uses none",
	"UpdatePackageGroupOriginConfiguration ServiceQuotaExceededException": "there is none for lists",
	"DeletePackageGroup ConflictException":                                "a group goes whatever is below it",
	"DeletePackageGroup ServiceQuotaExceededException":                    "it uses none",
	"ListAllowedRepositoriesForGroup ServiceQuotaExceededException":       "it uses none",
}

// scenarioConfig has quotas that a scenario can use up.
func scenarioConfig(c *registry.Config) {
	c.Quotas = registry.Quotas{DomainsPerAccount: 3, RepositoriesPerDomain: 6, ConnectionsPerRepository: 2, GroupsPerDomain: 5, TagsPerResource: 4}
	c.Limits.AssetSize = 1 << 20
}

// npmPublish is what npm sends.
func npmPublish(name, version string, manifest string) func(*testing.T, *world) {
	return func(t *testing.T, w *world) {
		t.Helper()
		content := "content of " + name + "@" + version
		body := fmt.Sprintf(`{"_id":%[1]q,"name":%[1]q,"dist-tags":{"latest":%[2]q},
			"versions":{%[2]q:{"name":%[1]q,"version":%[2]q%[3]s,"dist":{"tarball":"http://x.test/x.tgz"}}},
			"_attachments":{%[6]q:{"content_type":"application/octet-stream","length":%[4]d,"data":%[5]q}}}`,
			name, version, manifest, len(content), base64.StdEncoding.EncodeToString([]byte(content)), name+"-"+version+".tgz")
		r, err := http.NewRequest("PUT", w.url+"/npm/d/conf-000000000000/main/"+strings.Replace(name, "/", "%2f", 1), strings.NewReader(body))
		check(t, err)
		conf := registry.DomainID{Owner: identity.FirstAccount, Name: "conf"}
		token, _, err := w.auth.IssueToken(t.Context(), registry.Actor{Account: identity.FirstAccount,
			Principal: "arn:aws:iam::000000000000:user/admin", AccessKey: w.admin.ID}, conf, time.Hour)
		check(t, err)
		r.Header.Set("Authorization", "Bearer "+token)
		r.Header.Set("Content-Type", "application/json")
		answer, err := http.DefaultClient.Do(r)
		check(t, err)
		defer answer.Body.Close()
		if said, _ := io.ReadAll(answer.Body); answer.StatusCode/100 != 2 {
			t.Fatalf("publish %s@%s: %s %s", name, version, answer.Status, said)
		}
	}
}

// scenario is the life of a domain. Later steps stand on earlier ones.
func scenario() []step {
	const (
		r   = `"domain":"conf","repository":"main"`
		ui  = r + `,"format":"npm","namespace":"scope","package":"ui"`
		cli = r + `,"format":"generic","namespace":"tools","package":"cli"`
		arn = `"resourceArn":"arn:aws:codeartifact:eu-west-1:000000000000:`
	)
	// Policies, as they stand within JSON.
	one := `{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Principal\":{\"AWS\":\"000000000000\"},\"Action\":\"codeartifact:ReadFromRepository\",\"Resource\":\"*\"}]}`
	two := strings.Replace(one, "ReadFromRepository", "Describe*", 1)
	manyTags := `[` + strings.TrimSuffix(strings.Repeat(`{"key":"k","value":"v"},`, 201), ",") + `]`
	manyVersions := `["0"` + strings.Repeat(`,"1"`, 100) + `]`
	return []step{
		// Domains.
		{op: "CreateDomain", in: `{"domain":"conf","encryptionKey":"arn:aws:kms:eu-west-1:000000000000:key/k1","tags":[{"key":"team","value":"a"},{"key":"empty","value":""}]}`,
			want: `{"domain":{"name":"conf","owner":"000000000000","arn":"arn:aws:codeartifact:eu-west-1:000000000000:domain/conf","status":"Active","createdTime":"*","encryptionKey":"arn:aws:kms:eu-west-1:000000000000:key/k1","repositoryCount":0,"assetSizeBytes":0}}`},
		{op: "CreateDomain", in: `{"domain":"conf"}`, want: `!ConflictException exists already`},
		{op: "CreateDomain", in: `{"domain":"no_underscores"}`, want: `!ValidationException domain is "no_underscores"`},
		{op: "CreateDomain", in: `{"domain":"ends-"}`, want: `!ValidationException domain`},
		{op: "CreateDomain", in: `{"domain":"other","encryptionKey":"two words"}`, want: `!ValidationException encryptionKey`},
		{op: "CreateDomain", in: `{"domain":"other","tags":[{"key":"a","value":"1"},{"key":"a","value":"2"}]}`, want: `!ValidationException twice`},
		{op: "CreateDomain", in: `{"domain":"other","tags":[{"key":"aws:x","value":"1"}]}`, want: `!ValidationException aws:`},
		{op: "CreateDomain", in: `{"domain":"other","tags":` + manyTags + `}`, want: `!ValidationException 200`},
		{op: "CreateDomain", in: `{"domain":"other","tags":[{"key":"` + strings.Repeat("k", 129) + `","value":"v"}]}`, want: `!ValidationException 128`},
		{op: "CreateDomain", in: `{"domain":"other","tags":[{"key":"k","value":"` + strings.Repeat("v", 257) + `"}]}`, want: `!ValidationException 256`},
		{op: "CreateDomain", in: `{"domain":"second"}`, want: `{"domain":{"name":"second"}}`},
		{op: "CreateDomain", in: `{"domain":"third"}`, want: `{"domain":{"name":"third"}}`},
		{op: "CreateDomain", in: `{"domain":"fourth"}`, want: `!ServiceQuotaExceededException 3 domains`},
		{op: "CreateDomain", in: `{"domain":"conf"}`, as: "stranger", want: `{"domain":{"owner":"444455556666"}}`},
		denied("CreateDomain", `{"domain":"mine"}`), allowed(),
		{op: "DescribeDomain", in: `{"domain":"conf","domainOwner":"000000000000"}`, want: `{"domain":{"name":"conf","owner":"000000000000","repositoryCount":0}}`},
		{op: "DescribeDomain", in: `{"domain":"conf","domainOwner":"000000000000"}`, as: "stranger", want: `!AccessDeniedException codeartifact:DescribeDomain`},
		{op: "DescribeDomain", in: `{"domain":"nowhere"}`, want: `!ResourceNotFoundException nowhere`},
		{op: "DescribeDomain", in: `{"domain":"No"}`, want: `!ValidationException domain`},
		{op: "ListDomains", in: `{}`, want: `{"domains":[{"name":"conf","encryptionKey":"arn:aws:kms:eu-west-1:000000000000:key/k1"},{"name":"second"},{"name":"third"}]}`},
		{op: "ListDomains", in: `{"maxResults":2}`, want: `{"domains":[{"name":"conf"},{"name":"second"}],"nextToken":"*"}`, keep: "token=nextToken"},
		{op: "ListDomains", in: `{"maxResults":1,"nextToken":"$token"}`, want: `{"domains":[{"name":"third"}]}`},
		{op: "ListDomains", in: `{}`, as: "stranger", want: `{"domains":[{"name":"conf","owner":"444455556666"}]}`},
		{op: "ListDomains", in: `{"maxResults":1001}`, want: `!ValidationException maxResults is 1001`},
		{op: "ListDomains", in: `{"nextToken":"no-token"}`, want: `!ValidationException nextToken`},
		denied("ListDomains", `{}`), allowed(),
		{op: "DeleteDomain", in: `{"domain":"third"}`, want: `{"domain":{"name":"third","status":"Deleted","repositoryCount":0}}`},
		{op: "DeleteDomain", in: `{"domain":"third"}`, want: `!ResourceNotFoundException third`},
		{op: "DeleteDomain", in: `{"domain":"third!"}`, want: `!ValidationException domain`},
		{op: "DeleteDomain", in: `{"domain":"conf","domainOwner":"000000000000"}`, as: "stranger", want: `!AccessDeniedException DeleteDomain`},

		{op: "GetDomainPermissionsPolicy", in: `{"domain":"conf"}`, want: `!ResourceNotFoundException policy`},
		{op: "PutDomainPermissionsPolicy", in: `{"domain":"conf","policyDocument":"` + one + `"}`,
			want: `{"policy":{"resourceArn":"arn:aws:codeartifact:eu-west-1:000000000000:domain/conf","revision":"*","document":"` + one + `"}}`, keep: "policy=policy/revision"},
		{op: "PutDomainPermissionsPolicy", in: `{"domain":"conf","domainOwner":"000000000000","policyRevision":"$policy","policyDocument":"` + two + `"}`, want: `{"policy":{"document":"` + two + `"}}`, keep: "newer=policy/revision"},
		{op: "PutDomainPermissionsPolicy", in: `{"domain":"conf","policyRevision":"$policy","policyDocument":"` + one + `"}`, want: `!ConflictException revision`},
		{op: "PutDomainPermissionsPolicy", in: `{"domain":"conf","policyDocument":"no JSON"}`, want: `!ValidationException JSON`},
		{op: "PutDomainPermissionsPolicy", in: `{"domain":"conf","policyDocument":"[]"}`, want: `!ValidationException JSON`},
		{op: "PutDomainPermissionsPolicy", in: `{"domain":"conf","policyDocument":"{\"Id\":\"` + strings.Repeat("x", 7169) + `\"}"}`, want: `!ValidationException 7168`},
		{op: "PutDomainPermissionsPolicy", in: `{"domain":"conf","policyDocument":"{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Perhaps\"}]}"}`, want: `!ValidationException Effect`},
		{op: "PutDomainPermissionsPolicy", in: `{"domain":"nowhere","policyDocument":"` + one + `"}`, want: `!ResourceNotFoundException nowhere`},
		{op: "PutDomainPermissionsPolicy", in: `{"domain":"conf","domainOwner":"000000000000","policyDocument":"{}"}`, as: "stranger", want: `!AccessDeniedException PutDomainPermissionsPolicy`},
		{op: "GetDomainPermissionsPolicy", in: `{"domain":"conf"}`, want: `{"policy":{"revision":"$newer","document":"` + two + `"}}`},
		{op: "GetDomainPermissionsPolicy", in: `{"domain":"c_"}`, want: `!ValidationException domain`},
		{op: "GetDomainPermissionsPolicy", in: `{"domain":"conf","domainOwner":"000000000000"}`, as: "stranger", want: `!AccessDeniedException GetDomainPermissionsPolicy`},
		{op: "DeleteDomainPermissionsPolicy", in: `{"domain":"conf","policyRevision":"$policy"}`, want: `!ConflictException revision`},
		{op: "DeleteDomainPermissionsPolicy", in: `{"domain":"conf","domainOwner":"000000000000"}`, as: "stranger", want: `!AccessDeniedException DeleteDomainPermissionsPolicy`},
		{op: "DeleteDomainPermissionsPolicy", in: `{"domain":"conf","domainOwner":"00000000000x"}`, want: `!ValidationException domain-owner`},
		{op: "DeleteDomainPermissionsPolicy", in: `{"domain":"conf","policyRevision":"$newer"}`, want: `{"policy":{"revision":"$newer","document":"` + two + `"}}`},
		{op: "DeleteDomainPermissionsPolicy", in: `{"domain":"conf"}`, want: `!ResourceNotFoundException policy`},

		// Repositories.
		{op: "CreateRepository", in: `{"domain":"conf","repository":"store","tags":[{"key":"team","value":"a"}]}`,
			want: `{"repository":{"name":"store","administratorAccount":"000000000000","domainName":"conf","domainOwner":"000000000000","arn":"arn:aws:codeartifact:eu-west-1:000000000000:repository/conf/store","upstreams":[],"externalConnections":[],"createdTime":"*"}}`},
		{op: "CreateRepository", in: `{"domain":"conf","repository":"main","description":"für alle & <jeden>","upstreams":[{"repositoryName":"store"}]}`,
			want: `{"repository":{"name":"main","description":"für alle & <jeden>","upstreams":[{"repositoryName":"store"}]}}`},
		{op: "CreateRepository", in: `{"domain":"conf","repository":"main"}`, want: `!ConflictException exists already`},
		{op: "CreateRepository", in: `{"domain":"conf","repository":"x/"}`, want: `!ValidationException repository is "x/"`},
		{op: "CreateRepository", in: `{"domain":"conf","repository":"new","upstreams":[{"repositoryName":"new"}]}`, want: `!ValidationException its own upstream`},
		{op: "CreateRepository", in: `{"domain":"conf","repository":"new","description":"` + strings.Repeat("d", 1001) + `"}`, want: `!ValidationException 1000`},
		{op: "CreateRepository", in: `{"domain":"conf","repository":"new","upstreams":[{"repositoryName":"nowhere"}]}`, want: `!ResourceNotFoundException nowhere`},
		{op: "CreateRepository", in: `{"domain":"nowhere","repository":"new"}`, want: `!ResourceNotFoundException nowhere`},
		{op: "CreateRepository", in: `{"domain":"conf","domainOwner":"000000000000","repository":"new"}`, as: "stranger", want: `!AccessDeniedException CreateRepository`},
		{op: "CreateRepository", in: `{"domain":"conf","repository":"prod"}`, want: `{"repository":{"name":"prod"}}`},
		{op: "CreateRepository", in: `{"domain":"conf","repository":"aside"}`, want: `{"repository":{"name":"aside"}}`},
		{op: "CreateRepository", in: `{"domain":"conf","repository":"five"}`, want: `{"repository":{"name":"five"}}`},
		{op: "CreateRepository", in: `{"domain":"conf","repository":"six"}`, want: `{"repository":{"name":"six"}}`},
		{op: "CreateRepository", in: `{"domain":"conf","repository":"seven"}`, want: `!ServiceQuotaExceededException 6 repositories`},
		{op: "DescribeRepository", in: `{` + r + `}`, want: `{"repository":{"name":"main","upstreams":[{"repositoryName":"store"}],"externalConnections":[]}}`},
		{op: "DescribeRepository", in: `{"domain":"conf","repository":"nowhere"}`, want: `!ResourceNotFoundException nowhere`},
		{op: "DescribeRepository", in: `{"domain":"conf","repository":"../up"}`, want: `!ValidationException repository`},
		{op: "DescribeRepository", in: `{"domainOwner":"000000000000",` + r + `}`, as: "stranger", want: `!AccessDeniedException DescribeRepository`},
		{op: "UpdateRepository", in: `{"domain":"conf","repository":"five","upstreams":[{"repositoryName":"store"},{"repositoryName":"six"}]}`, want: `{"repository":{"upstreams":[{"repositoryName":"store"},{"repositoryName":"six"}]}}`},
		{op: "UpdateRepository", in: `{"domain":"conf","repository":"five","description":"five"}`, want: `{"repository":{"description":"five","upstreams":[{"repositoryName":"store"},{"repositoryName":"six"}]}}`},
		{op: "UpdateRepository", in: `{"domain":"conf","repository":"five","upstreams":[]}`, want: `{"repository":{"description":"five","upstreams":[]}}`},
		{op: "UpdateRepository", in: `{"domain":"conf","repository":"store","upstreams":[{"repositoryName":"main"}]}`, want: `!ValidationException upstream of itself`},
		{op: "UpdateRepository", in: `{"domain":"conf","repository":"five","upstreams":[{"repositoryName":"six"},{"repositoryName":"six"}]}`, want: `!ValidationException twice`},
		{op: "UpdateRepository", in: `{"domain":"conf","repository":"five","upstreams":[` + strings.Repeat(`{"repositoryName":"six"},`, 10) + `{"repositoryName":"six"}]}`, want: `!ServiceQuotaExceededException 10 direct upstreams`},
		{op: "UpdateRepository", in: `{"domain":"conf","repository":"nowhere"}`, want: `!ResourceNotFoundException nowhere`},
		{op: "UpdateRepository", in: `{"domain":"conf","repository":"five","upstreams":[{"repositoryName":"nowhere"}]}`, want: `!ResourceNotFoundException nowhere`},
		{op: "UpdateRepository", in: `{"domainOwner":"000000000000",` + r + `}`, as: "stranger", want: `!AccessDeniedException UpdateRepository`},
		{op: "ListRepositories", in: `{"repositoryPrefix":"st"}`, want: `{"repositories":[{"name":"store"}]}`},
		{op: "ListRepositories", in: `{"maxResults":5}`, want: `{"nextToken":"*","repositories":[{"name":"aside"},{"name":"five"},{"name":"main"},{"name":"prod"},{"name":"six"}]}`, keep: "token=nextToken"},
		{op: "ListRepositories", in: `{"maxResults":5,"nextToken":"$token"}`, want: `{"repositories":[{"name":"store"}]}`},
		{op: "ListRepositories", in: `{"repositoryPrefix":"st","nextToken":"$token"}`, want: `!ValidationException nextToken`},
		{op: "ListRepositories", in: `{}`, as: "stranger", want: `{"repositories":[]}`},
		denied("ListRepositories", `{}`), allowed(),
		{op: "ListRepositoriesInDomain", in: `{"domain":"conf","administratorAccount":"000000000000","repositoryPrefix":"pr"}`, want: `{"repositories":[{"name":"prod","administratorAccount":"000000000000","domainName":"conf"}]}`},
		{op: "ListRepositoriesInDomain", in: `{"domain":"conf","administratorAccount":"444455556666"}`, want: `{"repositories":[]}`},
		{op: "ListRepositoriesInDomain", in: `{"domain":"conf","administratorAccount":"xxxxxxxxxxxx"}`, want: `!ValidationException administrator-account`},
		{op: "ListRepositoriesInDomain", in: `{"domain":"nowhere"}`, want: `!ResourceNotFoundException nowhere`},
		{op: "ListRepositoriesInDomain", in: `{"domain":"conf","domainOwner":"000000000000"}`, as: "stranger", want: `!AccessDeniedException ListRepositoriesInDomain`},
		{op: "GetRepositoryEndpoint", in: `{` + r + `,"format":"swift","endpointType":"dualstack"}`, want: `{"repositoryEndpoint":"$url/swift/d/conf-000000000000/main/"}`},
		{op: "GetRepositoryEndpoint", in: `{` + r + `,"format":"deb"}`, want: `!ValidationException format`},
		{op: "GetRepositoryEndpoint", in: `{"domain":"conf","repository":"nowhere","format":"npm"}`, want: `!ResourceNotFoundException nowhere`},
		{op: "GetRepositoryEndpoint", in: `{"domainOwner":"000000000000",` + r + `,"format":"npm"}`, as: "stranger", want: `!AccessDeniedException GetRepositoryEndpoint`},
		{op: "AssociateExternalConnection", in: `{"domain":"conf","repository":"store","externalConnection":"public:npmjs"}`, want: `{"repository":{"externalConnections":[{"externalConnectionName":"public:npmjs","packageFormat":"npm","status":"AVAILABLE"}]}}`},
		{op: "AssociateExternalConnection", in: `{"domain":"conf","repository":"store","externalConnection":"public:npmjs"}`, want: `!ConflictException already`},
		{op: "AssociateExternalConnection", in: `{"domain":"conf","repository":"store","externalConnection":"public:pypi"}`, want: `{"repository":{"externalConnections":[{"externalConnectionName":"public:npmjs"},{"externalConnectionName":"public:pypi","packageFormat":"pypi"}]}}`},
		{op: "AssociateExternalConnection", in: `{"domain":"conf","repository":"store","externalConnection":"public:crates-io"}`, want: `!ServiceQuotaExceededException 2 external connections`},
		{op: "AssociateExternalConnection", in: `{"domain":"conf","repository":"prod","externalConnection":"public:unheard-of"}`, want: `!ResourceNotFoundException public:unheard-of`},
		{op: "AssociateExternalConnection", in: `{"domain":"conf","repository":"prod","externalConnection":"not a name"}`, want: `!ValidationException external-connection`},
		{op: "AssociateExternalConnection", in: `{"domain":"conf","domainOwner":"000000000000","repository":"prod","externalConnection":"public:npmjs"}`, as: "stranger", want: `!AccessDeniedException AssociateExternalConnection`},
		{op: "DisassociateExternalConnection", in: `{"domain":"conf","repository":"store","externalConnection":"public:npmjs"}`, want: `{"repository":{"externalConnections":[{"externalConnectionName":"public:pypi"}]}}`},
		{op: "DisassociateExternalConnection", in: `{"domain":"conf","repository":"store","externalConnection":"public:npmjs"}`, want: `!ResourceNotFoundException public:npmjs`},
		{op: "DisassociateExternalConnection", in: `{"domain":"conf","repository":"store","externalConnection":"??"}`, want: `!ValidationException external-connection`},
		{op: "DisassociateExternalConnection", in: `{"domain":"conf","domainOwner":"000000000000","repository":"store","externalConnection":"public:pypi"}`, as: "stranger", want: `!AccessDeniedException DisassociateExternalConnection`},

		{op: "GetRepositoryPermissionsPolicy", in: `{` + r + `}`, want: `!ResourceNotFoundException policy`},
		{op: "PutRepositoryPermissionsPolicy", in: `{` + r + `,"policyDocument":"` + two + `"}`, want: `{"policy":{"resourceArn":"arn:aws:codeartifact:eu-west-1:000000000000:repository/conf/main","revision":"*","document":"` + two + `"}}`, keep: "policy=policy/revision"},
		{op: "PutRepositoryPermissionsPolicy", in: `{` + r + `,"policyRevision":"stale","policyDocument":"` + one + `"}`, want: `!ConflictException revision`},
		{op: "PutRepositoryPermissionsPolicy", in: `{` + r + `,"policyDocument":"\"text\""}`, want: `!ValidationException JSON`},
		{op: "PutRepositoryPermissionsPolicy", in: `{"domain":"conf","repository":"nowhere","policyDocument":"` + one + `"}`, want: `!ResourceNotFoundException nowhere`},
		{op: "PutRepositoryPermissionsPolicy", in: `{"domainOwner":"000000000000",` + r + `,"policyDocument":"{}"}`, as: "stranger", want: `!AccessDeniedException PutRepositoryPermissionsPolicy`},
		{op: "GetRepositoryPermissionsPolicy", in: `{` + r + `}`, want: `{"policy":{"revision":"$policy"}}`},
		{op: "GetRepositoryPermissionsPolicy", in: `{"domain":"conf","repository":"-x"}`, want: `!ValidationException repository`},
		{op: "GetRepositoryPermissionsPolicy", in: `{"domainOwner":"000000000000",` + r + `}`, as: "stranger", want: `!AccessDeniedException GetRepositoryPermissionsPolicy`},
		{op: "DeleteRepositoryPermissionsPolicy", in: `{` + r + `,"policyRevision":"stale"}`, want: `!ConflictException revision`},
		{op: "DeleteRepositoryPermissionsPolicy", in: `{"domain":"conf","repository":"-x"}`, want: `!ValidationException repository`},
		{op: "DeleteRepositoryPermissionsPolicy", in: `{"domainOwner":"000000000000",` + r + `}`, as: "stranger", want: `!AccessDeniedException DeleteRepositoryPermissionsPolicy`},
		{op: "DeleteRepositoryPermissionsPolicy", in: `{` + r + `,"policyRevision":"$policy"}`, want: `{"policy":{"revision":"$policy"}}`},
		{op: "DeleteRepositoryPermissionsPolicy", in: `{` + r + `}`, want: `!ResourceNotFoundException policy`},

		// Packages and versions of npm.
		{with: npmPublish("@scope/ui", "1.0.0", `,"description":"buttons","homepage":"https://ui.test/","repository":{"type":"git","url":"https://code.test/ui.git"},"license":"MIT","readme":"# UI","dependencies":{"@scope/base":"^1","left-pad":"~2"},"devDependencies":{"tape":"5"},"peerDependencies":{"peer":"*"},"optionalDependencies":{"opt":"1"}`)},
		{with: npmPublish("@scope/ui", "1.1.0", ``)},
		{with: npmPublish("plain", "1.0.0", ``)},
		{op: "ListPackages", in: `{` + r + `}`, want: `{"packages":[{"format":"npm","package":"plain","originConfiguration":{"restrictions":{"publish":"ALLOW","upstream":"BLOCK"}}},{"format":"npm","namespace":"scope","package":"ui"}]}`},
		{op: "ListPackages", in: `{` + r + `,"format":"npm","namespace":"sc","packagePrefix":"u","publish":"ALLOW","upstream":"BLOCK"}`, want: `{"packages":[{"package":"ui"}]}`},
		{op: "ListPackages", in: `{` + r + `,"format":"pypi"}`, want: `{"packages":[]}`},
		{op: "ListPackages", in: `{` + r + `,"upstream":"ALLOW"}`, want: `{"packages":[]}`},
		{op: "ListPackages", in: `{` + r + `,"namespace":"scope"}`, want: `!ValidationException namespace needs format`},
		{op: "ListPackages", in: `{` + r + `,"publish":"MAYBE"}`, want: `!ValidationException publish`},
		{op: "ListPackages", in: `{"domain":"conf","repository":"nowhere"}`, want: `!ResourceNotFoundException nowhere`},
		{op: "ListPackages", in: `{"domainOwner":"000000000000",` + r + `}`, as: "stranger", want: `!AccessDeniedException ListPackages`},
		{op: "DescribePackage", in: `{` + ui + `}`, want: `{"package":{"format":"npm","namespace":"scope","name":"ui","originConfiguration":{"restrictions":{"publish":"ALLOW","upstream":"BLOCK"}}}}`},
		{op: "DescribePackage", in: `{` + r + `,"format":"npm","package":"absent"}`, want: `!ResourceNotFoundException absent`},
		{op: "DescribePackage", in: `{` + r + `,"format":"npm","package":"a/b"}`, want: `!ValidationException not allowed`},
		{op: "DescribePackage", in: `{"domainOwner":"000000000000",` + ui + `}`, as: "stranger", want: `!AccessDeniedException package/conf/main/npm/scope/ui`},
		{op: "PutPackageOriginConfiguration", in: `{` + r + `,"format":"npm","package":"reserved","restrictions":{"publish":"BLOCK","upstream":"BLOCK"}}`, want: `{"originConfiguration":{"restrictions":{"publish":"BLOCK","upstream":"BLOCK"}}}`},
		{op: "PutPackageOriginConfiguration", in: `{` + ui + `,"restrictions":{"publish":"BLOCK","upstream":"NO"}}`, want: `!ValidationException ALLOW or BLOCK`},
		{op: "PutPackageOriginConfiguration", in: `{"domain":"conf","repository":"nowhere","format":"npm","package":"x","restrictions":{"publish":"BLOCK","upstream":"BLOCK"}}`, want: `!ResourceNotFoundException nowhere`},
		{op: "PutPackageOriginConfiguration", in: `{"domainOwner":"000000000000",` + ui + `,"restrictions":{"publish":"BLOCK","upstream":"BLOCK"}}`, as: "stranger", want: `!AccessDeniedException PutPackageOriginConfiguration`},
		{op: "DescribePackage", in: `{` + r + `,"format":"npm","package":"reserved"}`, want: `{"package":{"name":"reserved","originConfiguration":{"restrictions":{"publish":"BLOCK","upstream":"BLOCK"}}}}`},
		{op: "ListPackageVersions", in: `{` + r + `,"format":"npm","package":"reserved"}`, want: `{"format":"npm","package":"reserved","versions":[]}`},
		{op: "ListPackageVersions", in: `{` + ui + `}`, want: `{"defaultDisplayVersion":"1.1.0","format":"npm","namespace":"scope","package":"ui","versions":[{"version":"1.0.0","revision":"*","status":"Published","origin":{"originType":"INTERNAL","domainEntryPoint":{"repositoryName":"main"}}},{"version":"1.1.0"}]}`},
		{op: "ListPackageVersions", in: `{` + ui + `,"sortBy":"PUBLISHED_TIME","status":"Published","originType":"INTERNAL","maxResults":1}`, want: `{"nextToken":"*","versions":[{"version":"1.1.0"}]}`, keep: "token=nextToken"},
		{op: "ListPackageVersions", in: `{` + ui + `,"sortBy":"PUBLISHED_TIME","status":"Published","originType":"INTERNAL","maxResults":1,"nextToken":"$token"}`, want: `{"versions":[{"version":"1.0.0"}]}`},
		{op: "ListPackageVersions", in: `{` + ui + `,"originType":"EXTERNAL"}`, want: `{"versions":[]}`},
		{op: "ListPackageVersions", in: `{` + ui + `,"status":"Gone"}`, want: `!ValidationException status`},
		{op: "ListPackageVersions", in: `{` + r + `,"format":"npm","package":"absent"}`, want: `!ResourceNotFoundException absent`},
		{op: "ListPackageVersions", in: `{"domainOwner":"000000000000",` + ui + `}`, as: "stranger", want: `!AccessDeniedException ListPackageVersions`},
		{op: "DescribePackageVersion", in: `{` + ui + `,"packageVersion":"1.0.0"}`, keep: "revision=packageVersion/revision",
			want: `{"packageVersion":{"format":"npm","namespace":"scope","packageName":"ui","displayName":"@scope/ui","version":"1.0.0","summary":"buttons","homePage":"https://ui.test/","sourceCodeRepository":"https://code.test/ui.git","publishedTime":"*","licenses":[{"name":"MIT"}],"revision":"*","status":"Published","origin":{"originType":"INTERNAL","domainEntryPoint":{"repositoryName":"main"}}}}`},
		{op: "DescribePackageVersion", in: `{` + ui + `,"packageVersion":"1.1.0"}`, want: `{"packageVersion":{"licenses":[]}}`, keep: "second=packageVersion/revision"},
		{op: "DescribePackageVersion", in: `{` + ui + `,"packageVersion":"9.0.0"}`, want: `!ResourceNotFoundException 9.0.0`},
		{op: "DescribePackageVersion", in: `{` + ui + `,"packageVersion":"a b"}`, want: `!ValidationException version`},
		{op: "DescribePackageVersion", in: `{"domainOwner":"000000000000",` + ui + `,"packageVersion":"1.0.0"}`, as: "stranger", want: `!AccessDeniedException DescribePackageVersion`},
		{op: "ListPackageVersionDependencies", in: `{` + ui + `,"packageVersion":"1.0.0"}`,
			want: `{"format":"npm","namespace":"scope","package":"ui","version":"1.0.0","versionRevision":"$revision","dependencies":[{"namespace":"scope","package":"base","dependencyType":"regular","versionRequirement":"^1"},{"package":"left-pad","dependencyType":"regular","versionRequirement":"~2"},{"package":"tape","dependencyType":"dev"},{"package":"peer","dependencyType":"peer"},{"package":"opt","dependencyType":"optional"}]}`},
		{op: "ListPackageVersionDependencies", in: `{` + ui + `,"packageVersion":"1.1.0"}`, want: `{"dependencies":[]}`},
		{op: "ListPackageVersionDependencies", in: `{` + ui + `,"packageVersion":"9.0.0"}`, want: `!ResourceNotFoundException 9.0.0`},
		{op: "ListPackageVersionDependencies", in: `{` + ui + `,"packageVersion":"1.0.0","nextToken":"x"}`, want: `!ValidationException nextToken`},
		{op: "ListPackageVersionDependencies", in: `{"domainOwner":"000000000000",` + ui + `,"packageVersion":"1.0.0"}`, as: "stranger", want: `!AccessDeniedException ListPackageVersionDependencies`},
		{op: "GetPackageVersionReadme", in: `{` + ui + `,"packageVersion":"1.0.0"}`, want: `{"format":"npm","namespace":"scope","package":"ui","version":"1.0.0","versionRevision":"$revision","readme":"# UI"}`},
		{op: "GetPackageVersionReadme", in: `{` + ui + `,"packageVersion":"1.1.0"}`, want: `!ResourceNotFoundException readme`},
		{op: "GetPackageVersionReadme", in: `{` + r + `,"format":"npm","package":"#","packageVersion":"1.1.0"}`, want: `!ValidationException not allowed`},
		{op: "GetPackageVersionReadme", in: `{"domainOwner":"000000000000",` + ui + `,"packageVersion":"1.0.0"}`, as: "stranger", want: `!AccessDeniedException GetPackageVersionReadme`},
		{op: "ListPackageVersionAssets", in: `{` + ui + `,"packageVersion":"1.0.0"}`,
			want: `{"format":"npm","namespace":"scope","package":"ui","version":"1.0.0","versionRevision":"$revision","assets":[{"name":"package.tgz","size":26,"hashes":{"MD5":"*","SHA-1":"*","SHA-256":"*","SHA-512":"*"}}]}`},
		{op: "ListPackageVersionAssets", in: `{` + ui + `,"packageVersion":"9.0.0"}`, want: `!ResourceNotFoundException 9.0.0`},
		{op: "ListPackageVersionAssets", in: `{` + ui + `,"packageVersion":"1.0.0","maxResults":1001}`, want: `!ValidationException maxResults`},
		{op: "ListPackageVersionAssets", in: `{"domainOwner":"000000000000",` + ui + `,"packageVersion":"1.0.0"}`, as: "stranger", want: `!AccessDeniedException ListPackageVersionAssets`},
		{op: "GetPackageVersionAsset", in: `{` + ui + `,"packageVersion":"1.0.0","asset":"package.tgz","packageVersionRevision":"$revision"}`, want: `{"asset":"content of @scope/ui@1.0.0","assetName":"package.tgz","packageVersion":"1.0.0","packageVersionRevision":"$revision"}`},
		{op: "GetPackageVersionAsset", in: `{` + ui + `,"packageVersion":"1.0.0","asset":"package.tgz","packageVersionRevision":"$second"}`, want: `!ConflictException revision`},
		{op: "GetPackageVersionAsset", in: `{` + ui + `,"packageVersion":"1.0.0","asset":"absent.tgz"}`, want: `!ResourceNotFoundException absent.tgz`},
		{op: "GetPackageVersionAsset", in: `{` + ui + `,"packageVersion":"1.0.0","asset":"` + strings.Repeat("a", 256) + `"}`, want: `!ValidationException asset`},
		{op: "GetPackageVersionAsset", in: `{"domainOwner":"000000000000",` + ui + `,"packageVersion":"1.0.0","asset":"package.tgz"}`, as: "stranger", want: `!AccessDeniedException GetPackageVersionAsset`},

		// Publishing generic packages.
		{op: "PublishPackageVersion", in: `{` + cli + `,"packageVersion":"1.0","assetName":"a b+c~(1).txt","assetContent":"first","unfinished":true}`, keep: "open=versionRevision",
			want: `{"format":"generic","namespace":"tools","package":"cli","version":"1.0","versionRevision":"*","status":"Unfinished","asset":{"name":"a b+c~(1).txt","size":5,"hashes":{"MD5":"8b04d5e3775d298e78455efc5ca404d5","SHA-1":"*","SHA-256":"a7937b64b8caa58f03721bb6bacf5c78cb235febe0e70b1b84cd99541461a08e","SHA-512":"*"}}}`},
		{op: "PublishPackageVersion", in: `{` + cli + `,"packageVersion":"1.0","assetName":"a b+c~(1).txt","assetContent":"first","unfinished":true}`, want: `{"status":"Unfinished","versionRevision":"$open"}`},
		{op: "PublishPackageVersion", in: `{` + cli + `,"packageVersion":"1.0","assetName":"a b+c~(1).txt","assetContent":"other","unfinished":true}`, want: `!ConflictException other bytes`},
		{op: "PublishPackageVersion", in: `{` + cli + `,"packageVersion":"1.0","assetName":"größe.bin","assetContent":""}`, want: `{"status":"Published","asset":{"name":"größe.bin","size":0}}`, keep: "done=versionRevision"},
		{op: "PublishPackageVersion", in: `{` + cli + `,"packageVersion":"1.0","assetName":"größe.bin","assetContent":""}`, want: `{"status":"Published","versionRevision":"$done"}`},
		{op: "PublishPackageVersion", in: `{` + cli + `,"packageVersion":"1.0","assetName":"c.txt","assetContent":"c"}`, want: `!ConflictException Published`},
		{op: "PublishPackageVersion", in: `{` + cli + `,"packageVersion":"1.0","assetName":"größe.bin","assetContent":"c"}`, want: `!ConflictException`},
		{op: "PublishPackageVersion", in: `{` + cli + `,"packageVersion":"2.0","assetName":" leading","assetContent":"c"}`, want: `!ValidationException asset`},
		{op: "PublishPackageVersion", in: `{` + cli + `,"packageVersion":"2.0","assetName":"a#b","assetContent":"c"}`, want: `!ValidationException asset`},
		{op: "PublishPackageVersion", in: `{` + r + `,"format":"generic","package":"cli","packageVersion":"2.0","assetName":"a","assetContent":"c"}`, want: `!ValidationException namespace`},
		{op: "PublishPackageVersion", in: `{` + ui + `,"packageVersion":"2.0","assetName":"a","assetContent":"c"}`, want: `!ValidationException generic`},
		{op: "PublishPackageVersion", in: `{` + cli + `,"packageVersion":"2.0","assetName":"a","assetContent":"` + strings.Repeat("x", 1<<20+1) + `"}`, want: `!ServiceQuotaExceededException larger than 1048576`},
		{op: "PublishPackageVersion", in: `{"domain":"conf","repository":"nowhere","format":"generic","namespace":"n","package":"p","packageVersion":"1","assetName":"a","assetContent":"c"}`, want: `!ResourceNotFoundException nowhere`},
		{op: "PublishPackageVersion", in: `{"domainOwner":"000000000000",` + cli + `,"packageVersion":"2.0","assetName":"a","assetContent":"c"}`, as: "stranger", want: `!AccessDeniedException PublishPackageVersion`},
		{op: "PublishPackageVersion", in: `{"domain":"conf","repository":"store","format":"generic","namespace":"tools","package":"shared","packageVersion":"1.0","assetName":"a","assetContent":"upstream"}`, want: `{"status":"Published"}`},
		{op: "PublishPackageVersion", in: `{` + r + `,"format":"generic","namespace":"tools","package":"shared","packageVersion":"1.0","assetName":"a","assetContent":"here"}`, want: `{"status":"Published"}`},
		{op: "UpdatePackageVersionsStatus", in: `{` + r + `,"format":"generic","namespace":"tools","package":"shared","versions":["1.0"],"targetStatus":"Archived"}`, want: `{}`},
		{op: "PublishPackageVersion", in: `{` + r + `,"format":"generic","namespace":"tools","package":"shared","packageVersion":"1.0","assetName":"a","assetContent":"here"}`, want: `!ConflictException Archived`},
		{op: "DisposePackageVersions", in: `{` + r + `,"format":"generic","namespace":"tools","package":"shared","versions":["1.0"]}`, want: `{}`},
		{op: "PublishPackageVersion", in: `{` + r + `,"format":"generic","namespace":"tools","package":"shared","packageVersion":"1.0","assetName":"a","assetContent":"here"}`, want: `!ConflictException Disposed`},
		{op: "DeletePackageVersions", in: `{` + r + `,"format":"generic","namespace":"tools","package":"shared","versions":["1.0"]}`, want: `{}`},
		{op: "PublishPackageVersion", in: `{` + r + `,"format":"generic","namespace":"tools","package":"shared","packageVersion":"1.0","assetName":"a","assetContent":"again","unfinished":true}`, want: `{"status":"Unfinished"}`},
		{op: "UpdatePackageVersionsStatus", in: `{` + r + `,"format":"generic","namespace":"tools","package":"shared","versions":["1.0"],"expectedStatus":"Unfinished","targetStatus":"Published"}`, want: `{"successfulVersions":{"1.0":{"status":"Published"}}}`},
		{op: "PutPackageOriginConfiguration", in: `{` + r + `,"format":"generic","namespace":"tools","package":"shared","restrictions":{"publish":"BLOCK","upstream":"ALLOW"}}`, want: `{}`},
		{op: "PublishPackageVersion", in: `{` + r + `,"format":"generic","namespace":"tools","package":"shared","packageVersion":"2.0","assetName":"a","assetContent":"a"}`, want: `!AccessDeniedException publish=BLOCK`},
		{op: "DeletePackage", in: `{` + r + `,"format":"generic","namespace":"tools","package":"shared"}`, want: `{"deletedPackage":{"package":"shared","originConfiguration":{"restrictions":{"publish":"BLOCK","upstream":"ALLOW"}}}}`},
		{op: "GetPackageVersionAsset", in: `{` + cli + `,"packageVersion":"1.0","asset":"a b+c~(1).txt"}`, want: `{"asset":"first","assetName":"a b+c~(1).txt","packageVersionRevision":"$done"}`},
		{op: "GetPackageVersionAsset", in: `{` + cli + `,"packageVersion":"1.0","asset":"größe.bin"}`, want: `{"asset":"","assetName":"gr%C3%B6%C3%9Fe.bin"}`},
		{op: "ListPackageVersions", in: `{` + cli + `}`, want: `{"defaultDisplayVersion":"1.0","versions":[{"version":"1.0","status":"Published"}]}`},
		{op: "GetPackageVersionReadme", in: `{` + cli + `,"packageVersion":"1.0"}`, want: `!ResourceNotFoundException readme`},

		// Copy.
		{op: "CopyPackageVersions", in: `{"domain":"conf","sourceRepository":"main","destinationRepository":"prod","format":"npm","namespace":"scope","package":"ui","versions":["1.0.0","7.0.0"]}`,
			want: `{"successfulVersions":{},"failedVersions":{"1.0.0":{"errorCode":"SKIPPED","errorMessage":"Version 1.0.0 was skipped"},"7.0.0":{"errorCode":"NOT_FOUND","errorMessage":"Could not find version 7.0.0"}}}`},
		{op: "CopyPackageVersions", in: `{"domain":"conf","sourceRepository":"main","destinationRepository":"prod","format":"npm","namespace":"scope","package":"ui","versionRevisions":{"1.0.0":"$second"}}`,
			want: `{"successfulVersions":{},"failedVersions":{"1.0.0":{"errorCode":"MISMATCHED_REVISION","errorMessage":"current revision: $revision, expected revision: $second"}}}`},
		{op: "CopyPackageVersions", in: `{"domain":"conf","sourceRepository":"main","destinationRepository":"prod","format":"npm","namespace":"scope","package":"ui","versionRevisions":{"1.0.0":"$revision"}}`,
			want: `{"successfulVersions":{"1.0.0":{"revision":"$revision","status":"Published"}},"failedVersions":{}}`},
		{op: "CopyPackageVersions", in: `{"domain":"conf","sourceRepository":"main","destinationRepository":"prod","format":"npm","namespace":"scope","package":"ui","versions":["1.0.0","1.1.0"]}`,
			want: `{"successfulVersions":{"1.1.0":{"revision":"$second","status":"Published"}},"failedVersions":{}}`},
		{op: "CopyPackageVersions", in: `{"domain":"conf","sourceRepository":"main","destinationRepository":"prod","format":"npm","namespace":"scope","package":"ui"}`, want: `!ValidationException one of versions and versionRevisions`},
		{op: "CopyPackageVersions", in: `{"domain":"conf","sourceRepository":"main","destinationRepository":"prod","format":"npm","namespace":"scope","package":"ui","versions":["1.0.0"],"versionRevisions":{"1.0.0":"$revision"}}`, want: `!ValidationException one of versions and versionRevisions`},
		{op: "CopyPackageVersions", in: `{"domain":"conf","sourceRepository":"main","destinationRepository":"prod","format":"npm","namespace":"scope","package":"ui","versions":` + manyVersions + `}`, want: `!ValidationException 100`},
		{op: "CopyPackageVersions", in: `{"domain":"conf","sourceRepository":"nowhere","destinationRepository":"prod","format":"npm","package":"plain","versions":["1.0.0"]}`, want: `!ResourceNotFoundException nowhere`},
		{op: "CopyPackageVersions", in: `{"domain":"conf","sourceRepository":"main","destinationRepository":"nowhere","format":"npm","package":"plain","versions":["1.0.0"]}`, want: `!ResourceNotFoundException nowhere`},
		{op: "CopyPackageVersions", in: `{"domain":"conf","domainOwner":"000000000000","sourceRepository":"main","destinationRepository":"prod","format":"npm","package":"plain","versions":["1.0.0"]}`, as: "stranger", want: `!AccessDeniedException CopyPackageVersions`},
		{op: "CopyPackageVersions", in: `{"domain":"conf","sourceRepository":"aside","destinationRepository":"prod","format":"npm","package":"plain","versions":["1.0.0"],"includeFromUpstream":true}`, want: `{"failedVersions":{"1.0.0":{"errorCode":"NOT_FOUND"}}}`},
		{op: "UpdateRepository", in: `{"domain":"conf","repository":"aside","upstreams":[{"repositoryName":"main"}]}`, want: `{}`},
		{op: "CopyPackageVersions", in: `{"domain":"conf","sourceRepository":"aside","destinationRepository":"prod","format":"npm","package":"plain","versions":["1.0.0"]}`, want: `{"failedVersions":{"1.0.0":{"errorCode":"NOT_FOUND"}}}`},
		{op: "CopyPackageVersions", in: `{"domain":"conf","sourceRepository":"aside","destinationRepository":"prod","format":"npm","package":"plain","versions":["1.0.0"],"includeFromUpstream":true,"allowOverwrite":false}`, want: `{"successfulVersions":{"1.0.0":{"status":"Published"}}}`},
		{op: "DescribePackage", in: `{"domain":"conf","repository":"aside","format":"npm","package":"plain"}`, want: `!ResourceNotFoundException plain`},
		{op: "CopyPackageVersions", in: `{"domain":"conf","sourceRepository":"main","destinationRepository":"prod","format":"generic","namespace":"tools","package":"cli","versions":["1.0"]}`, want: `{"successfulVersions":{"1.0":{"revision":"$done","status":"Published"}},"failedVersions":{}}`},

		// Status.
		{op: "UpdatePackageVersionsStatus", in: `{` + ui + `,"versions":["1.0.0","1.1.0"],"versionRevisions":{"1.0.0":"$revision","1.1.0":"$revision"},"targetStatus":"Archived"}`,
			want: `{"successfulVersions":{},"failedVersions":{"1.0.0":{"errorCode":"SKIPPED","errorMessage":"version 1.0.0 is skipped"},"1.1.0":{"errorCode":"MISMATCHED_REVISION","errorMessage":"current revision: $second, expected revision: $revision"}}}`},
		{op: "UpdatePackageVersionsStatus", in: `{` + ui + `,"versions":["1.0.0"],"expectedStatus":"Unlisted","targetStatus":"Archived"}`, want: `{"failedVersions":{"1.0.0":{"errorCode":"MISMATCHED_STATUS","errorMessage":"current status: Published, expected status: Unlisted"}}}`},
		{op: "UpdatePackageVersionsStatus", in: `{` + ui + `,"versions":["1.0.0"],"versionRevisions":{"1.0.0":"$revision"},"expectedStatus":"Published","targetStatus":"Unlisted"}`, want: `{"successfulVersions":{"1.0.0":{"revision":"$revision","status":"Unlisted"}},"failedVersions":{}}`},
		{op: "UpdatePackageVersionsStatus", in: `{` + ui + `,"versions":["1.0.0"],"versionRevisions":{"1.1.0":"$second"},"targetStatus":"Unlisted"}`, want: `!ValidationException versionRevisions`},
		{op: "UpdatePackageVersionsStatus", in: `{` + ui + `,"versions":["1.0.0"],"targetStatus":"Unfinished"}`, want: `!ValidationException target status`},
		{op: "UpdatePackageVersionsStatus", in: `{` + ui + `,"versions":["1.0.0"],"targetStatus":"Gone"}`, want: `!ValidationException targetStatus`},
		{op: "UpdatePackageVersionsStatus", in: `{` + ui + `,"versions":` + manyVersions + `,"targetStatus":"Unlisted"}`, want: `!ValidationException 100`},
		{op: "UpdatePackageVersionsStatus", in: `{` + r + `,"format":"npm","package":"absent","versions":["1"],"targetStatus":"Unlisted"}`, want: `!ResourceNotFoundException absent`},
		{op: "UpdatePackageVersionsStatus", in: `{"domainOwner":"000000000000",` + ui + `,"versions":["1.0.0"],"targetStatus":"Archived"}`, as: "stranger", want: `!AccessDeniedException UpdatePackageVersionsStatus`},
		{op: "UpdatePackageVersionsStatus", in: `{` + ui + `,"versions":["1.1.0"],"targetStatus":"Archived"}`, want: `{"successfulVersions":{"1.1.0":{"status":"Archived"}}}`},
		{op: "GetPackageVersionAsset", in: `{` + ui + `,"packageVersion":"1.1.0","asset":"package.tgz"}`, want: `!ResourceNotFoundException Archived`},
		{op: "GetPackageVersionAsset", in: `{` + ui + `,"packageVersion":"1.0.0","asset":"package.tgz"}`, want: `{"asset":"content of @scope/ui@1.0.0"}`},
		{op: "ListPackageVersions", in: `{` + ui + `,"status":"Archived"}`, want: `{"versions":[{"version":"1.1.0","status":"Archived","revision":"$second"}]}`},
		{op: "DisposePackageVersions", in: `{` + ui + `,"versions":["1.0.0"],"expectedStatus":"Published"}`, want: `{"failedVersions":{"1.0.0":{"errorCode":"MISMATCHED_STATUS","errorMessage":"current status: Unlisted, expected status: Published"}}}`},
		{op: "DisposePackageVersions", in: `{` + ui + `,"versions":["1.0.0"],"versionRevisions":{"1.0.0":"$revision"},"expectedStatus":"Unlisted"}`, want: `{"successfulVersions":{"1.0.0":{"revision":"$revision","status":"Disposed"}},"failedVersions":{}}`},
		{op: "DisposePackageVersions", in: `{` + ui + `,"versions":[]}`, want: `!ValidationException versions`},
		{op: "DisposePackageVersions", in: `{` + r + `,"format":"npm","package":"absent","versions":["1"]}`, want: `!ResourceNotFoundException absent`},
		{op: "DisposePackageVersions", in: `{"domainOwner":"000000000000",` + ui + `,"versions":["1.0.0"]}`, as: "stranger", want: `!AccessDeniedException DisposePackageVersions`},
		{op: "UpdatePackageVersionsStatus", in: `{` + ui + `,"versions":["1.0.0"],"targetStatus":"Published"}`, want: `{"failedVersions":{"1.0.0":{"errorCode":"NOT_ALLOWED"}}}`},
		{op: "CopyPackageVersions", in: `{"domain":"conf","sourceRepository":"prod","destinationRepository":"main","format":"npm","namespace":"scope","package":"ui","versions":["1.0.0"]}`, want: `{"failedVersions":{"1.0.0":{"errorCode":"ALREADY_EXISTS","errorMessage":"Version 1.0.0 already exists"}}}`},
		{op: "CopyPackageVersions", in: `{"domain":"conf","sourceRepository":"prod","destinationRepository":"main","format":"npm","namespace":"scope","package":"ui","versions":["1.0.0"],"allowOverwrite":true}`, want: `{"failedVersions":{"1.0.0":{"errorCode":"NOT_ALLOWED"}}}`},
		{op: "CopyPackageVersions", in: `{"domain":"conf","sourceRepository":"prod","destinationRepository":"main","format":"npm","namespace":"scope","package":"ui","versions":["1.1.0"]}`, want: `{"successfulVersions":{},"failedVersions":{}}`},
		{op: "ListPackageVersionAssets", in: `{` + ui + `,"packageVersion":"1.0.0"}`, want: `{"assets":[]}`},
		{op: "DeletePackageVersions", in: `{` + ui + `,"versions":["1.0.0","1.1.0","7.0.0"],"expectedStatus":"Disposed"}`,
			want: `{"successfulVersions":{"1.0.0":{"revision":"$revision","status":"Deleted"}},"failedVersions":{"1.1.0":{"errorCode":"MISMATCHED_STATUS"},"7.0.0":{"errorCode":"NOT_FOUND","errorMessage":"Could not find version 7.0.0"}}}`},
		{op: "DeletePackageVersions", in: `{` + ui + `,"versions":["1.1.0"],"expectedStatus":"Wrong"}`, want: `!ValidationException expectedStatus`},
		{op: "DeletePackageVersions", in: `{` + r + `,"format":"npm","package":"absent","versions":["1"]}`, want: `!ResourceNotFoundException absent`},
		{op: "DeletePackageVersions", in: `{"domainOwner":"000000000000",` + ui + `,"versions":["1.1.0"]}`, as: "stranger", want: `!AccessDeniedException DeletePackageVersions`},
		{op: "DeletePackageVersions", in: `{` + ui + `,"versions":["1.1.0"]}`, want: `{"successfulVersions":{"1.1.0":{"status":"Deleted"}},"failedVersions":{}}`},
		{op: "DescribePackage", in: `{` + ui + `}`, want: `{"package":{"originConfiguration":{"restrictions":{"publish":"ALLOW","upstream":"BLOCK"}}}}`},
		{op: "DeletePackage", in: `{` + ui + `}`, want: `{"deletedPackage":{"format":"npm","namespace":"scope","package":"ui","originConfiguration":{"restrictions":{"publish":"ALLOW","upstream":"BLOCK"}}}}`},
		{op: "DeletePackage", in: `{` + ui + `}`, want: `!ResourceNotFoundException ui`},
		{op: "DeletePackage", in: `{` + r + `,"format":"npm","package":"a b"}`, want: `!ValidationException not allowed`},
		{op: "DeletePackage", in: `{"domainOwner":"000000000000",` + ui + `}`, as: "stranger", want: `!AccessDeniedException DeletePackage`},

		// Package groups.
		{op: "CreatePackageGroup", in: `{"domain":"conf","packageGroup":"/npm/*","contactInfo":"team@a.test","description":"all of npm","tags":[{"key":"team","value":"a"}]}`,
			want: `{"packageGroup":{"arn":"arn:aws:codeartifact:eu-west-1:000000000000:package-group/conf/npm/%2a","pattern":"/npm/*","domainName":"conf","domainOwner":"000000000000","createdTime":"*","contactInfo":"team@a.test","description":"all of npm","parent":{"arn":"arn:aws:codeartifact:eu-west-1:000000000000:package-group/conf/%2a","pattern":"/*"},` +
				`"originConfiguration":{"restrictions":{"PUBLISH":{"mode":"INHERIT","effectiveMode":"ALLOW","inheritedFrom":{"pattern":"/*","arn":"*"},"repositoriesCount":0},"EXTERNAL_UPSTREAM":{"mode":"INHERIT"},"INTERNAL_UPSTREAM":{"mode":"INHERIT"}}}}}`},
		{op: "CreatePackageGroup", in: `{"domain":"conf","packageGroup":"/npm/*"}`, want: `!ConflictException exists already`},
		{op: "CreatePackageGroup", in: `{"domain":"conf","packageGroup":"/*"}`, want: `!ConflictException exists already`},
		{op: "CreatePackageGroup", in: `{"domain":"conf","packageGroup":"/npm/x"}`, want: `!ValidationException no package group pattern`},
		{op: "CreatePackageGroup", in: `{"domain":"nowhere","packageGroup":"/npm/*"}`, want: `!ResourceNotFoundException nowhere`},
		{op: "CreatePackageGroup", in: `{"domain":"conf","domainOwner":"000000000000","packageGroup":"/npm/x/*"}`, as: "stranger", want: `!AccessDeniedException package-group/conf/npm/x/%2a`},
		{op: "CreatePackageGroup", in: `{"domain":"conf","packageGroup":"/npm/scope/*"}`, want: `{"packageGroup":{"parent":{"pattern":"/npm/*"}}}`},
		{op: "CreatePackageGroup", in: `{"domain":"conf","packageGroup":"/npm//plain$"}`, want: `{"packageGroup":{"arn":"arn:aws:codeartifact:eu-west-1:000000000000:package-group/conf/npm//plain%24"}}`},
		{op: "CreatePackageGroup", in: `{"domain":"conf","packageGroup":"/generic/*"}`, want: `{}`},
		{op: "CreatePackageGroup", in: `{"domain":"conf","packageGroup":"/pypi/*"}`, want: `{}`},
		{op: "CreatePackageGroup", in: `{"domain":"conf","packageGroup":"/maven/*"}`, want: `!ServiceQuotaExceededException 5 package groups`},
		{op: "DescribePackageGroup", in: `{"domain":"conf","packageGroup":"/*"}`, want: `{"packageGroup":{"pattern":"/*","arn":"arn:aws:codeartifact:eu-west-1:000000000000:package-group/conf/%2a","createdTime":"*","originConfiguration":{"restrictions":{"PUBLISH":{"mode":"ALLOW","effectiveMode":"ALLOW","repositoriesCount":0}}}}}`},
		{op: "DescribePackageGroup", in: `{"domain":"conf","packageGroup":"/npm//none$"}`, want: `!ResourceNotFoundException /npm//none$`},
		{op: "DescribePackageGroup", in: `{"domain":"conf","packageGroup":"npm"}`, want: `!ValidationException pattern`},
		{op: "DescribePackageGroup", in: `{"domain":"conf","domainOwner":"000000000000","packageGroup":"/*"}`, as: "stranger", want: `!AccessDeniedException DescribePackageGroup`},
		{op: "UpdatePackageGroup", in: `{"domain":"conf","packageGroup":"/npm/*","description":"npm, all"}`, want: `{"packageGroup":{"contactInfo":"team@a.test","description":"npm, all"}}`},
		{op: "UpdatePackageGroup", in: `{"domain":"conf","packageGroup":"/npm/*","contactInfo":""}`, want: `{"packageGroup":{"description":"npm, all"}}`},
		{op: "UpdatePackageGroup", in: `{"domain":"conf","packageGroup":"/*","description":"everything"}`, want: `{"packageGroup":{"description":"everything"}}`},
		{op: "UpdatePackageGroup", in: `{"domain":"conf","packageGroup":"/npm/*","contactInfo":"` + strings.Repeat("c", 1001) + `"}`, want: `!ValidationException 1000`},
		{op: "UpdatePackageGroup", in: `{"domain":"conf","packageGroup":"/npm//none$"}`, want: `!ResourceNotFoundException /npm//none$`},
		{op: "UpdatePackageGroup", in: `{"domain":"conf","domainOwner":"000000000000","packageGroup":"/npm/*"}`, as: "stranger", want: `!AccessDeniedException UpdatePackageGroup`},
		{op: "UpdatePackageGroupOriginConfiguration", in: `{"domain":"conf","packageGroup":"/npm/*","restrictions":{"PUBLISH":"ALLOW_SPECIFIC_REPOSITORIES","EXTERNAL_UPSTREAM":"BLOCK"},"addAllowedRepositories":[{"repositoryName":"main","originRestrictionType":"PUBLISH"},{"repositoryName":"prod","originRestrictionType":"PUBLISH"}]}`,
			want: `{"packageGroup":{"originConfiguration":{"restrictions":{"PUBLISH":{"mode":"ALLOW_SPECIFIC_REPOSITORIES","effectiveMode":"ALLOW_SPECIFIC_REPOSITORIES","repositoriesCount":2},"EXTERNAL_UPSTREAM":{"mode":"BLOCK","effectiveMode":"BLOCK"},"INTERNAL_UPSTREAM":{"mode":"INHERIT"}}}},"allowedRepositoryUpdates":{"PUBLISH":{"ADDED":["main","prod"]}}}`},
		{op: "UpdatePackageGroupOriginConfiguration", in: `{"domain":"conf","packageGroup":"/npm/*","addAllowedRepositories":[{"repositoryName":"aside","originRestrictionType":"PUBLISH"}],"removeAllowedRepositories":[{"repositoryName":"prod","originRestrictionType":"PUBLISH"}]}`,
			want: `{"allowedRepositoryUpdates":{"PUBLISH":{"ADDED":["aside"],"REMOVED":["prod"]}}}`},
		{op: "UpdatePackageGroupOriginConfiguration", in: `{"domain":"conf","packageGroup":"/npm/*","addAllowedRepositories":[{"repositoryName":"main","originRestrictionType":"EXTERNAL_UPSTREAM"}]}`, want: `!ValidationException ALLOW_SPECIFIC_REPOSITORIES`},
		{op: "UpdatePackageGroupOriginConfiguration", in: `{"domain":"conf","packageGroup":"/npm/*","restrictions":{"PUBLISH":"SOMETIMES"}}`, want: `!ValidationException SOMETIMES`},
		{op: "UpdatePackageGroupOriginConfiguration", in: `{"domain":"conf","packageGroup":"/*","restrictions":{"PUBLISH":"INHERIT"}}`, want: `!ValidationException inherit`},
		{op: "UpdatePackageGroupOriginConfiguration", in: `{"domain":"conf","packageGroup":"/npm/*","addAllowedRepositories":[{"repositoryName":"nowhere","originRestrictionType":"PUBLISH"}]}`, want: `!ResourceNotFoundException nowhere`},
		{op: "UpdatePackageGroupOriginConfiguration", in: `{"domain":"conf","packageGroup":"/npm//none$"}`, want: `!ResourceNotFoundException none`},
		{op: "UpdatePackageGroupOriginConfiguration", in: `{"domain":"conf","domainOwner":"000000000000","packageGroup":"/npm/*"}`, as: "stranger", want: `!AccessDeniedException UpdatePackageGroupOriginConfiguration`},
		{op: "DescribePackageGroup", in: `{"domain":"conf","packageGroup":"/npm/scope/*"}`, want: `{"packageGroup":{"originConfiguration":{"restrictions":{"PUBLISH":{"mode":"INHERIT","effectiveMode":"ALLOW_SPECIFIC_REPOSITORIES","inheritedFrom":{"pattern":"/npm/*"}},"EXTERNAL_UPSTREAM":{"mode":"INHERIT","effectiveMode":"BLOCK"}}}}}`},
		{op: "ListAllowedRepositoriesForGroup", in: `{"domain":"conf","packageGroup":"/npm/*","originRestrictionType":"PUBLISH"}`, want: `{"allowedRepositories":["aside","main"]}`},
		{op: "ListAllowedRepositoriesForGroup", in: `{"domain":"conf","packageGroup":"/npm/*","originRestrictionType":"INTERNAL_UPSTREAM"}`, want: `{"allowedRepositories":[]}`},
		{op: "UpdatePackageGroupOriginConfiguration", in: `{"domain":"conf","packageGroup":"/pypi/*","restrictions":{"PUBLISH":"ALLOW_SPECIFIC_REPOSITORIES"},"addAllowedRepositories":[{"repositoryName":"main","originRestrictionType":"PUBLISH"},{"repositoryName":"prod","originRestrictionType":"PUBLISH"}]}`, want: `{}`},
		{op: "UpdatePackageGroupOriginConfiguration", in: `{"domain":"conf","packageGroup":"/pypi/*","restrictions":{"PUBLISH":"INHERIT"},"removeAllowedRepositories":[{"repositoryName":"main","originRestrictionType":"PUBLISH"}]}`,
			want: `{"packageGroup":{"originConfiguration":{"restrictions":{"PUBLISH":{"mode":"INHERIT","repositoriesCount":0}}}},"allowedRepositoryUpdates":{"PUBLISH":{"REMOVED":["main","prod"]}}}`},
		{op: "UpdatePackageGroupOriginConfiguration", in: `{"domain":"conf","packageGroup":"/pypi/*","restrictions":{"PUBLISH":"INHERIT"},"removeAllowedRepositories":[{"repositoryName":"main","originRestrictionType":"PUBLISH"}]}`, want: `!ValidationException ALLOW_SPECIFIC_REPOSITORIES`},
		{op: "ListAllowedRepositoriesForGroup", in: `{"domain":"conf","packageGroup":"/npm/*","originRestrictionType":"ANY"}`, want: `!ValidationException ANY`},
		{op: "ListAllowedRepositoriesForGroup", in: `{"domain":"conf","packageGroup":"/npm//none$","originRestrictionType":"PUBLISH"}`, want: `!ResourceNotFoundException none`},
		{op: "ListAllowedRepositoriesForGroup", in: `{"domain":"conf","domainOwner":"000000000000","packageGroup":"/npm/*","originRestrictionType":"PUBLISH"}`, as: "stranger", want: `!AccessDeniedException ListAllowedRepositoriesForGroup`},
		{op: "PublishPackageVersion", in: `{"domain":"conf","repository":"prod","format":"generic","namespace":"tools","package":"cli","packageVersion":"3.0","assetName":"a","assetContent":"a"}`, want: `{"status":"Published"}`},
		{op: "UpdatePackageGroupOriginConfiguration", in: `{"domain":"conf","packageGroup":"/generic/*","restrictions":{"PUBLISH":"BLOCK"}}`, want: `{}`},
		{op: "PublishPackageVersion", in: `{"domain":"conf","repository":"prod","format":"generic","namespace":"tools","package":"cli","packageVersion":"4.0","assetName":"a","assetContent":"a"}`, want: `!AccessDeniedException package group /generic/* has PUBLISH=BLOCK`},
		{op: "ListPackageGroups", in: `{"domain":"conf"}`, want: `{"packageGroups":[{"pattern":"/*","description":"everything"},{"pattern":"/generic/*"},{"pattern":"/npm/*"},{"pattern":"/npm//plain$"},{"pattern":"/npm/scope/*"},{"pattern":"/pypi/*"}]}`},
		{op: "ListPackageGroups", in: `{"domain":"conf","prefix":"/npm/","maxResults":2}`, want: `{"nextToken":"*","packageGroups":[{"pattern":"/npm/*"},{"pattern":"/npm//plain$"}]}`},
		{op: "ListPackageGroups", in: `{"domain":"conf","maxResults":1001}`, want: `!ValidationException maxResults`},
		{op: "ListPackageGroups", in: `{"domain":"nowhere"}`, want: `!ResourceNotFoundException nowhere`},
		{op: "ListPackageGroups", in: `{"domain":"conf","domainOwner":"000000000000"}`, as: "stranger", want: `!AccessDeniedException ListPackageGroups`},
		{op: "ListSubPackageGroups", in: `{"domain":"conf","packageGroup":"/*"}`, want: `{"packageGroups":[{"pattern":"/generic/*"},{"pattern":"/npm/*"},{"pattern":"/pypi/*"}]}`},
		{op: "ListSubPackageGroups", in: `{"domain":"conf","packageGroup":"/npm/*"}`, want: `{"packageGroups":[{"pattern":"/npm//plain$","parent":{"pattern":"/npm/*"}},{"pattern":"/npm/scope/*"}]}`},
		{op: "ListSubPackageGroups", in: `{"domain":"conf","packageGroup":"/npm/scope/*","maxResults":1001}`, want: `!ValidationException maxResults`},
		{op: "ListSubPackageGroups", in: `{"domain":"conf","packageGroup":"/npm//none$"}`, want: `!ResourceNotFoundException none`},
		{op: "ListSubPackageGroups", in: `{"domain":"conf","domainOwner":"000000000000","packageGroup":"/*"}`, as: "stranger", want: `!AccessDeniedException ListSubPackageGroups`},
		{op: "ListAssociatedPackages", in: `{"domain":"conf","packageGroup":"/npm//plain$"}`, want: `{"packages":[{"format":"npm","package":"plain","associationType":"STRONG"}]}`},
		{op: "ListAssociatedPackages", in: `{"domain":"conf","packageGroup":"/npm//res~","preview":true}`, want: `{"packages":[]}`},
		{op: "ListAssociatedPackages", in: `{"domain":"conf","packageGroup":"/npm//reserved~","preview":true}`, want: `{"packages":[{"package":"reserved"}]}`},
		{op: "ListAssociatedPackages", in: `{"domain":"conf","packageGroup":"/npm//reserved~"}`, want: `!ResourceNotFoundException reserved`},
		{op: "ListAssociatedPackages", in: `{"domain":"conf","packageGroup":"~~"}`, want: `!ValidationException pattern`},
		{op: "ListAssociatedPackages", in: `{"domain":"conf","domainOwner":"000000000000","packageGroup":"/*"}`, as: "stranger", want: `!AccessDeniedException ListAssociatedPackages`},
		{op: "GetAssociatedPackageGroup", in: `{"domain":"conf","format":"npm","namespace":"scope","package":"not-there"}`, want: `{"packageGroup":{"pattern":"/npm/scope/*"},"associationType":"STRONG"}`},
		{op: "GetAssociatedPackageGroup", in: `{"domain":"conf","format":"npm","package":"Plain"}`, want: `{"packageGroup":{"pattern":"/npm//plain$"},"associationType":"WEAK"}`},
		{op: "GetAssociatedPackageGroup", in: `{"domain":"conf","format":"cargo","package":"serde"}`, want: `{"packageGroup":{"pattern":"/*"},"associationType":"STRONG"}`},
		{op: "GetAssociatedPackageGroup", in: `{"domain":"conf","format":"npm","package":"a b"}`, want: `!ValidationException not allowed`},
		{op: "GetAssociatedPackageGroup", in: `{"domain":"nowhere","format":"npm","package":"a"}`, want: `!ResourceNotFoundException nowhere`},
		{op: "GetAssociatedPackageGroup", in: `{"domain":"conf","domainOwner":"000000000000","format":"npm","package":"a"}`, as: "stranger", want: `!AccessDeniedException GetAssociatedPackageGroup`},
		{op: "DeletePackageGroup", in: `{"domain":"conf","packageGroup":"/npm/*"}`, want: `{"packageGroup":{"pattern":"/npm/*"}}`},
		{op: "DescribePackageGroup", in: `{"domain":"conf","packageGroup":"/npm/scope/*"}`, want: `{"packageGroup":{"parent":{"pattern":"/*"},"originConfiguration":{"restrictions":{"PUBLISH":{"effectiveMode":"ALLOW"}}}}}`},
		{op: "DeletePackageGroup", in: `{"domain":"conf","packageGroup":"/npm/*"}`, want: `!ResourceNotFoundException /npm/*`},
		{op: "DeletePackageGroup", in: `{"domain":"conf","packageGroup":"/*"}`, want: `!ValidationException root group`},
		{op: "DeletePackageGroup", in: `{"domain":"conf","domainOwner":"000000000000","packageGroup":"/pypi/*"}`, as: "stranger", want: `!AccessDeniedException DeletePackageGroup`},

		// Tags and tokens.
		{op: "ListTagsForResource", in: `{` + arn + `domain/conf"}`, want: `{"tags":[{"key":"empty","value":""},{"key":"team","value":"a"}]}`},
		{op: "TagResource", in: `{` + arn + `domain/conf","tags":[{"key":"team","value":"b"},{"key":"Team","value":"c"}]}`, want: `{}`},
		{op: "UntagResource", in: `{` + arn + `domain/conf","tagKeys":["empty","absent"]}`, want: `{}`},
		{op: "ListTagsForResource", in: `{` + arn + `domain/conf"}`, want: `{"tags":[{"key":"Team","value":"c"},{"key":"team","value":"b"}]}`},
		{op: "TagResource", in: `{` + arn + `domain/conf","tags":[{"key":"a","value":""},{"key":"b","value":""},{"key":"c","value":""}]}`, want: `!ServiceQuotaExceededException 4 tags`},
		{op: "TagResource", in: `{` + arn + `domain/conf","tags":[{"key":"aws:k","value":"x"}]}`, want: `!ValidationException aws:`},
		{op: "TagResource", in: `{` + arn + `domain/conf","tags":` + manyTags + `}`, want: `!ValidationException 200`},
		{op: "TagResource", in: `{` + arn + `repository/conf/nowhere","tags":[]}`, want: `!ResourceNotFoundException nowhere`},
		{op: "TagResource", in: `{` + arn + `domain/conf","tags":[]}`, as: "stranger", want: `!AccessDeniedException TagResource`},
		{op: "TagResource", in: `{` + arn + `package-group/conf/npm//plain%24","tags":[{"key":"x","value":"y"}]}`, want: `{}`},
		{op: "ListTagsForResource", in: `{` + arn + `package-group/conf/npm//plain%24"}`, want: `{"tags":[{"key":"x","value":"y"}]}`},
		{op: "ListTagsForResource", in: `{` + arn + `package-group/conf/npm//plain$"}`, want: `!ValidationException resourceArn`},
		{op: "ListTagsForResource", in: `{` + arn + `package-group/conf/%2A"}`, want: `!ValidationException resourceArn`},
		{op: "ListTagsForResource", in: `{` + arn + `package-group/conf/pypi/%2a"}`, want: `{"tags":[]}`},
		{op: "ListTagsForResource", in: `{` + arn + `repository/conf/store"}`, want: `{"tags":[{"key":"team","value":"a"}]}`},
		{op: "ListTagsForResource", in: `{` + arn + `package/conf/main/npm//plain"}`, want: `!ValidationException resourceArn`},
		{op: "ListTagsForResource", in: `{` + arn + `domain:conf"}`, want: `!ValidationException resourceArn`},
		{op: "ListTagsForResource", in: `{` + arn + `domain/nowhere"}`, want: `!ResourceNotFoundException nowhere`},
		{op: "ListTagsForResource", in: `{` + arn + `domain/conf"}`, as: "stranger", want: `!AccessDeniedException ListTagsForResource`},
		{op: "UntagResource", in: `{` + arn + `domain/nowhere","tagKeys":[]}`, want: `!ResourceNotFoundException nowhere`},
		{op: "UntagResource", in: `{"resourceArn":"arn:aws:s3:::bucket","tagKeys":[]}`, want: `!ValidationException resourceArn`},
		{op: "UntagResource", in: `{` + arn + `domain/conf","tagKeys":["team"]}`, as: "stranger", want: `!AccessDeniedException UntagResource`},
		{op: "GetAuthorizationToken", in: `{"domain":"conf","durationSeconds":900}`, want: `{"authorizationToken":"*","expiration":"*"}`},
		{op: "GetAuthorizationToken", in: `{"domain":"conf"}`, want: `{"authorizationToken":"*"}`},
		{op: "GetAuthorizationToken", in: `{"domain":"conf","durationSeconds":0}`, want: `{"authorizationToken":"*"}`},
		{op: "GetAuthorizationToken", in: `{"domain":"conf","durationSeconds":899}`, want: `!ValidationException duration is 899`},
		{op: "GetAuthorizationToken", in: `{"domain":"conf","durationSeconds":43201}`, want: `!ValidationException duration is 43201`},
		{op: "GetAuthorizationToken", in: `{"domain":"nowhere"}`, want: `!ResourceNotFoundException nowhere`},
		{op: "GetAuthorizationToken", in: `{"domain":"conf","domainOwner":"000000000000"}`, as: "stranger", want: `!AccessDeniedException GetAuthorizationToken`},

		// The end.
		{op: "DeleteDomain", in: `{"domain":"conf"}`, want: `!ConflictException repositories`},
		{op: "DeleteRepository", in: `{` + r + `}`, want: `{"repository":{"name":"main","upstreams":[{"repositoryName":"store"}]}}`},
		{op: "DescribeRepository", in: `{"domain":"conf","repository":"aside"}`, want: `{"repository":{"upstreams":[]}}`},
		{op: "GetPackageVersionAsset", in: `{"domain":"conf","repository":"prod","format":"npm","package":"plain","packageVersion":"1.0.0","asset":"package.tgz"}`, want: `{"asset":"content of plain@1.0.0"}`},
		{op: "DeleteRepository", in: `{` + r + `}`, want: `!ResourceNotFoundException main`},
		{op: "DeleteRepository", in: `{"domain":"conf","repository":"!!"}`, want: `!ValidationException repository`},
		{op: "DeleteRepository", in: `{"domain":"conf","domainOwner":"000000000000","repository":"prod"}`, as: "stranger", want: `!AccessDeniedException DeleteRepository`},
	}
}

// denied is a step in which nobody may do what everybody may do in their own account.
func denied(op, in string) step {
	return step{op: op, in: in, want: "!AccessDeniedException " + op,
		with: func(_ *testing.T, w *world) { w.denied.action = registry.Action("codeartifact:" + op) }}
}

// allowed ends what denied began.
func allowed() step {
	return step{with: func(_ *testing.T, w *world) { w.denied.action = "" }}
}
