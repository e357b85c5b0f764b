package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codeartifact"
	"github.com/aws/aws-sdk-go-v2/service/codeartifact/types"
	"github.com/google/go-cmp/cmp"
)

func TestTablesLineUp(t *testing.T) {
	var b bytes.Buffer
	err := table(&b, [][]string{
		{"NAME", "TEXT"},
		{"plain", "a"},
		{"日本語", "b"},
		{"é", "two\nlines"},
		{"x\x1b[31m\u202e", strings.Repeat("long ", 40)},
		{"empty", ""},
	})
	want := "NAME     TEXT\n" +
		"plain    a\n" +
		"日本語   b\n" +
		"é        two lines\n" +
		"x?[31m?  " + strings.Repeat("long ", 14) + "l…\n" +
		"empty\n"
	if diff := cmp.Diff(want, b.String()); err != nil || diff != "" {
		t.Errorf("%v (-want +got)\n%s", err, diff)
	}
}

func TestFieldsLineUpAndLeaveOutWhatIsEmpty(t *testing.T) {
	var b bytes.Buffer
	err := fields(&b, []field{{"A", "1"}, {"Much longer", ""}, {"Longer", "2\n3"}, {"B", "x\x07y"}})
	if want := "A       1\nLonger  2\n        3\nB       x?y\n"; err != nil || b.String() != want {
		t.Errorf("%v: got %q, want %q", err, b.String(), want)
	}
}

func TestMembersAreTheAPIs(t *testing.T) {
	var b bytes.Buffer
	err := printMembers(&b, &codeartifact.DescribePackageVersionOutput{PackageVersion: &types.PackageVersionDescription{
		Format: types.PackageFormatNpm, PackageName: aws.String("a<b"), HomePage: aws.String("http://h/?a&b"),
		PublishedTime: aws.Time(time.Date(2026, 1, 2, 3, 4, 5, 600_000_000, time.FixedZone("", 3600))),
		Licenses:      []types.LicenseInfo{{Name: aws.String("MIT")}, {}},
		Origin:        &types.PackageVersionOrigin{OriginType: types.PackageVersionOriginTypeInternal},
	}})
	want := `{
  "packageVersion": {
    "format": "npm",
    "homePage": "http://h/?a&b",
    "licenses": [
      {
        "name": "MIT"
      },
      {}
    ],
    "origin": {
      "originType": "INTERNAL"
    },
    "packageName": "a<b",
    "publishedTime": "2026-01-02T02:04:05.6Z"
  }
}
`
	if diff := cmp.Diff(want, b.String()); err != nil || diff != "" {
		t.Errorf("%v (-want +got)\n%s", err, diff)
	}

	b.Reset()
	err = printMembers(&b, &codeartifact.CopyPackageVersionsOutput{
		SuccessfulVersions: map[string]types.SuccessfulPackageVersionInfo{"2": {Status: "Published"}, "1": {}}, FailedVersions: map[string]types.PackageVersionError{},
	})
	want = "{\n  \"failedVersions\": {},\n  \"successfulVersions\": {\n    \"1\": {},\n    \"2\": {\n      \"status\": \"Published\"\n    }\n  }\n}\n"
	if diff := cmp.Diff(want, b.String()); err != nil || diff != "" {
		t.Errorf("%v (-want +got)\n%s", err, diff)
	}

	b.Reset()
	err = printMembers(&b, &codeartifact.DescribeDomainOutput{Domain: &types.DomainDescription{}})
	if want := "{\n  \"domain\": {\n    \"assetSizeBytes\": 0,\n    \"repositoryCount\": 0\n  }\n}\n"; err != nil || b.String() != want {
		t.Errorf("%v: got %s", err, b.String())
	}
}

func TestGroupsAsATreeEndWhateverParentsAre(t *testing.T) {
	group := func(pattern, parent string) types.PackageGroupSummary {
		g := types.PackageGroupSummary{Pattern: &pattern}
		if parent != "" {
			g.Parent = &types.PackageGroupReference{Pattern: &parent}
		}
		return g
	}
	var got []string
	for _, b := range groupTree([]types.PackageGroupSummary{
		group("/npm/b", "/npm"), group("/*", ""), group("/npm", "/*"), group("/npm/a", "/npm"), group("/lost", "/gone"), group("/self", "/self"), group("", ""),
	}) {
		got = append(got, b.lines+aws.ToString(b.Pattern))
	}
	want := []string{"", "/*", "└─ /npm", "   ├─ /npm/a", "   └─ /npm/b", "/lost"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestProgressIsDrawnUpToItsEnd(t *testing.T) {
	var b bytes.Buffer
	p := &progress{w: &b, label: "x", total: 200, unit: func(n int64) string { return shownSize(n) }}
	r := &countingReader{ReadSeeker: strings.NewReader(strings.Repeat("a", 200)), progress: p}
	if _, err := r.Read(make([]byte, 100)); err != nil {
		t.Fatal(err)
	}
	if want := "\rx [============            ]  50%  100 B of 200 B\x1b[K"; b.String() != want {
		t.Errorf("got %q, want %q", b.String(), want)
	}
	if _, err := r.Seek(0, 0); err != nil || r.at != 0 {
		t.Errorf("a client that begins again is at %d, %v", r.at, err)
	}
	p.end()
	if !strings.HasSuffix(b.String(), "\r\x1b[K") {
		t.Errorf("the bar stays: %q", b.String())
	}
	var none *progress
	none.set(1)
	none.end()
}
