package api_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codeartifact"
	"github.com/aws/aws-sdk-go-v2/service/codeartifact/types"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"larder/registry"
)

// ignoring what the SDK adds to every answer.
var answers = cmp.Options{
	cmp.FilterPath(func(p cmp.Path) bool { return p.Last().String() == ".ResultMetadata" }, cmp.Ignore()),
	cmpopts.IgnoreUnexported(
		codeartifact.DescribeDomainOutput{}, codeartifact.DescribeRepositoryOutput{}, codeartifact.ListPackageVersionsOutput{}, codeartifact.ListPackageVersionAssetsOutput{},
		types.DomainDescription{}, types.RepositoryDescription{}, types.UpstreamRepositoryInfo{}, types.RepositoryExternalConnectionInfo{},
		types.PackageVersionSummary{}, types.PackageVersionOrigin{}, types.DomainEntryPoint{}, types.AssetSummary{}),
}

func TestSDKReadsAnswers(t *testing.T) {
	w := newWorld(t)
	c, ctx := w.sdk(w.admin), t.Context()

	domain, err := c.DescribeDomain(ctx, &codeartifact.DescribeDomainInput{Domain: aws.String("local")})
	check(t, err)
	if got := domain.Domain; aws.ToString(got.Name) != "local" || !aws.ToTime(got.CreatedTime).Equal(created) || got.Status != types.DomainStatusActive || got.RepositoryCount != 122 {
		t.Errorf("DescribeDomain: got %+v", got)
	}
	repository, err := c.DescribeRepository(ctx, &codeartifact.DescribeRepositoryInput{Domain: aws.String("local"), DomainOwner: aws.String(local.Owner), Repository: aws.String("store")})
	check(t, err)
	if diff := cmp.Diff(&types.RepositoryDescription{
		Name: aws.String("store"), AdministratorAccount: aws.String(local.Owner), DomainName: aws.String("local"), DomainOwner: aws.String(local.Owner),
		Arn: aws.String("arn:aws:codeartifact:eu-west-1:000000000000:repository/local/store"), CreatedTime: aws.Time(created),
		Upstreams: []types.UpstreamRepositoryInfo{},
		ExternalConnections: []types.RepositoryExternalConnectionInfo{
			{ExternalConnectionName: aws.String("public:npmjs"), PackageFormat: types.PackageFormatNpm, Status: "AVAILABLE"},
			{ExternalConnectionName: aws.String("corp:npm"), PackageFormat: types.PackageFormatNpm, Status: "AVAILABLE"},
		},
	}, repository.Repository, answers); diff != "" {
		t.Errorf("DescribeRepository (-want +got)\n%s", diff)
	}
	versions, err := c.ListPackageVersions(ctx, &codeartifact.ListPackageVersionsInput{Domain: aws.String("local"), Repository: aws.String("main"),
		Format: types.PackageFormatNpm, Namespace: aws.String("scope"), Package: aws.String("ui"), OriginType: types.PackageVersionOriginTypeInternal})
	check(t, err)
	if diff := cmp.Diff(&codeartifact.ListPackageVersionsOutput{
		DefaultDisplayVersion: aws.String("1.1.0"), Format: types.PackageFormatNpm, Namespace: aws.String("scope"), Package: aws.String("ui"),
		Versions: []types.PackageVersionSummary{{Version: aws.String("1.0.0"), Revision: aws.String("rev+1/="), Status: types.PackageVersionStatusPublished,
			Origin: &types.PackageVersionOrigin{OriginType: types.PackageVersionOriginTypeInternal, DomainEntryPoint: &types.DomainEntryPoint{RepositoryName: aws.String("main")}}}},
	}, versions, answers); diff != "" {
		t.Errorf("ListPackageVersions (-want +got)\n%s", diff)
	}
	assets, err := c.ListPackageVersionAssets(ctx, &codeartifact.ListPackageVersionAssetsInput{Domain: aws.String("local"), Repository: aws.String("main"),
		Format: types.PackageFormatNpm, Namespace: aws.String("scope"), Package: aws.String("ui"), PackageVersion: aws.String("1.0.0")})
	check(t, err)
	if len(assets.Assets) != 1 || aws.ToInt64(assets.Assets[0].Size) != 13 || assets.Assets[0].Hashes["SHA-256"] != asset().Hashes.SHA256.String() || aws.ToString(assets.VersionRevision) != "rev+1/=" {
		t.Errorf("ListPackageVersionAssets: got %+v", assets)
	}
	endpoint, err := c.GetRepositoryEndpoint(ctx, &codeartifact.GetRepositoryEndpointInput{Domain: aws.String("local"), Repository: aws.String("main"), Format: types.PackageFormatNpm})
	check(t, err)
	if got, want := aws.ToString(endpoint.RepositoryEndpoint), w.url+"/npm/d/local-000000000000/main/"; got != want {
		t.Errorf("GetRepositoryEndpoint: got %s, want %s", got, want)
	}
}

func TestSDKObtainsATokenThatIsACredential(t *testing.T) {
	w := newWorld(t)
	for name, c := range map[string]struct {
		seconds *int64
		want    time.Duration
	}{
		"absent": {nil, 12 * time.Hour}, "zero": {aws.Int64(0), 12 * time.Hour}, "an hour": {aws.Int64(3600), time.Hour},
	} {
		before := time.Now()
		out, err := w.sdk(w.admin).GetAuthorizationToken(t.Context(), &codeartifact.GetAuthorizationTokenInput{Domain: aws.String("local"), DurationSeconds: c.seconds})
		check(t, err)
		if got := aws.ToTime(out.Expiration).Sub(before); got < c.want-time.Second || got > c.want+time.Minute {
			t.Errorf("%s: it lives %v, want %v", name, got, c.want)
		}
		r := newRequest(t, w.url)
		r.SetBasicAuth("aws", aws.ToString(out.AuthorizationToken))
		actor, err := w.auth.Client(r)
		if err != nil || actor.Account != local.Owner || actor.Domain != local || actor.AccessKey != w.admin.ID {
			t.Errorf("%s: the token is taken for %+v, %v", name, actor, err)
		}
	}
}

func TestSDKPagesToTheEnd(t *testing.T) {
	w := newWorld(t)
	c, ctx := w.sdk(w.admin), t.Context()
	var names []string
	repositories := codeartifact.NewListRepositoriesInDomainPaginator(c, &codeartifact.ListRepositoriesInDomainInput{Domain: aws.String("local"), MaxResults: aws.Int32(33)})
	for repositories.HasMorePages() {
		page, err := repositories.NextPage(ctx)
		check(t, err)
		for _, r := range page.Repositories {
			names = append(names, aws.ToString(r.Name))
		}
		if len(names) == 33 { // what is made between two pages appears at its place
			check(t, w.metadata.Update(ctx, func(tx registry.Tx) error { return tx.CreateRepository(repository("zebra")) }))
		}
	}
	if len(names) != 123 || !slices.IsSorted(names) || len(slices.Compact(slices.Clone(names))) != 123 {
		t.Errorf("%d repositories: %q", len(names), names)
	}
	listed := 0
	all := codeartifact.NewListRepositoriesPaginator(c, &codeartifact.ListRepositoriesInput{})
	for pages := 0; all.HasMorePages(); pages++ {
		page, err := all.NextPage(ctx)
		check(t, err)
		if listed += len(page.Repositories); pages == 0 && listed != 50 {
			t.Errorf("a page has %d repositories unless it is said, want 50", listed)
		}
	}
	if listed != 123 {
		t.Errorf("ListRepositories gives %d", listed)
	}
	var versions []string
	vs := codeartifact.NewListPackageVersionsPaginator(c, &codeartifact.ListPackageVersionsInput{Domain: aws.String("local"), Repository: aws.String("main"),
		Format: types.PackageFormatNpm, Namespace: aws.String("scope"), Package: aws.String("ui"), SortBy: types.PackageVersionSortTypePublishedTime, MaxResults: aws.Int32(1)})
	for vs.HasMorePages() {
		page, err := vs.NextPage(ctx)
		check(t, err)
		for _, v := range page.Versions {
			versions = append(versions, aws.ToString(v.Version))
		}
	}
	if !slices.Equal(versions, []string{"2.0.0", "1.1.0", "1.0.0"}) {
		t.Errorf("newest versions first: %q", versions)
	}
	domains := 0
	ds := codeartifact.NewListDomainsPaginator(c, &codeartifact.ListDomainsInput{MaxResults: aws.Int32(1)})
	for ds.HasMorePages() {
		page, err := ds.NextPage(ctx)
		check(t, err)
		domains += len(page.Domains)
	}
	if domains != 1 {
		t.Errorf("ListDomains gives %d", domains)
	}
}

func TestSDKKnowsTheErrors(t *testing.T) {
	w := newWorld(t)
	_, err := w.sdk(w.admin).DescribeDomain(t.Context(), &codeartifact.DescribeDomainInput{Domain: aws.String("nope")})
	var missing *types.ResourceNotFoundException
	if !errors.As(err, &missing) || aws.ToString(missing.ResourceId) != "nope" || missing.ResourceType != types.ResourceTypeDomain {
		t.Errorf("got %v, want ResourceNotFoundException", err)
	}
	_, err = w.sdk(w.stranger).DescribeDomain(t.Context(), &codeartifact.DescribeDomainInput{Domain: aws.String("local"), DomainOwner: aws.String(local.Owner)})
	var denied *types.AccessDeniedException
	if !errors.As(err, &denied) {
		t.Errorf("got %v, want AccessDeniedException", err)
	}
	_, err = w.sdk(w.admin).GetAuthorizationToken(t.Context(), &codeartifact.GetAuthorizationTokenInput{Domain: aws.String("local"), DurationSeconds: aws.Int64(1)})
	var invalid *types.ValidationException
	if !errors.As(err, &invalid) || invalid.Reason != types.ValidationExceptionReasonFieldValidationFailed {
		t.Errorf("got %v, want ValidationException", err)
	}
}
