package api

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"os"
	"strconv"

	"larder/internal/awswire"
	"larder/internal/httpx"
	"larder/registry"
)

// ofVersion are the parameters of one package version.
type ofVersion struct {
	ofPackage
	Version string `query:"version" required:"true" json:"-"`
}

func (in ofVersion) version(c *call) (registry.RepoID, registry.VersionID, error) {
	r, id, err := in.pkg(c)
	httpx.RecordOf(c.request.Context()).Version = in.Version
	return r, registry.VersionID{Package: id, Version: in.Version}, err
}

// ofThisVersion are the members by which answers say what they are of.
type ofThisVersion struct {
	Format    string `json:"format"`
	Namespace string `json:"namespace,omitempty"`
	Package   string `json:"package"`
	Version   string `json:"version"`
	Revision  string `json:"versionRevision,omitempty"`
}

func ofThis(id registry.VersionID, revision string) ofThisVersion {
	return ofThisVersion{id.Package.Format, id.Package.Namespace, id.Package.Name, id.Version, revision}
}

// versionDescription is PackageVersionDescription, which calls the package's
// name "packageName".
type versionDescription struct {
	Format      string          `json:"format"`
	Namespace   string          `json:"namespace,omitempty"`
	Package     string          `json:"packageName"`
	DisplayName string          `json:"displayName,omitempty"`
	Version     string          `json:"version"`
	Summary     string          `json:"summary,omitempty"`
	HomePage    string          `json:"homePage,omitempty"`
	SourceCode  string          `json:"sourceCodeRepository,omitempty"`
	Published   awswire.Epoch   `json:"publishedTime,omitzero"`
	Licenses    []license       `json:"licenses"`
	Revision    string          `json:"revision,omitempty"`
	Status      registry.Status `json:"status"`
	Origin      versionOrigin   `json:"origin"`
}

type license struct {
	Name string `json:"name,omitempty"`
	URL  string `json:"url,omitempty"`
}

type versionAnswer struct {
	Version versionDescription `json:"packageVersion"`
}

func describePackageVersion(ctx context.Context, c *call, in *ofVersion) (any, error) {
	r, id, err := in.version(c)
	if err != nil {
		return nil, err
	}
	d, err := c.core.DescribePackageVersion(ctx, c.actor, r, id)
	if err != nil {
		return nil, err
	}
	answer := versionDescription{
		Format: d.ID.Package.Format, Namespace: d.ID.Package.Namespace, Package: d.ID.Package.Name,
		DisplayName: d.Version.DisplayName, Version: d.ID.Version,
		Summary: d.Summary, HomePage: d.HomePage, SourceCode: d.SourceCode,
		Published: awswire.Epoch(d.Version.Published), Licenses: []license{},
		Revision: d.Version.Revision, Status: d.Version.Status, Origin: summarizeVersion(d.Version).Origin,
	}
	if answer.DisplayName == "" {
		answer.DisplayName = d.ID.Package.DisplayName()
	}
	for _, l := range d.Licenses {
		answer.Licenses = append(answer.Licenses, license(l))
	}
	return versionAnswer{answer}, nil
}

type readmeAnswer struct {
	ofThisVersion
	Readme string `json:"readme"`
}

func getPackageVersionReadme(ctx context.Context, c *call, in *ofVersion) (any, error) {
	r, id, err := in.version(c)
	if err != nil {
		return nil, err
	}
	d, err := c.core.PackageVersionReadme(ctx, c.actor, r, id)
	if err != nil {
		return nil, err
	}
	return readmeAnswer{ofThis(d.ID, d.Version.Revision), d.Readme}, nil
}

// dependency is PackageDependency.
type dependency struct {
	Namespace   string `json:"namespace,omitempty"`
	Package     string `json:"package"`
	Type        string `json:"dependencyType,omitempty"`
	Requirement string `json:"versionRequirement,omitempty"`
}

type dependenciesInput struct {
	ofVersion
	Token string `query:"next-token" json:"-"`
}

type dependenciesAnswer struct {
	ofThisVersion
	Dependencies []dependency `json:"dependencies"`
	Next         string       `json:"nextToken,omitempty"`
}

// dependenciesPage is how many dependencies an answer holds: the operation has
// no maxResults.
const dependenciesPage = 1000

func listPackageVersionDependencies(ctx context.Context, c *call, in *dependenciesInput) (any, error) {
	r, id, err := in.version(c)
	if err != nil {
		return nil, err
	}
	cursor, err := c.pages().Cursor(in.Token)
	if err != nil {
		return nil, err
	}
	d, err := c.core.PackageVersionDependencies(ctx, c.actor, r, id)
	if err != nil {
		return nil, err
	}
	from, _ := strconv.Atoi(cursor)
	from = min(max(from, 0), len(d.Dependencies))
	to := min(from+dependenciesPage, len(d.Dependencies))
	answer := dependenciesAnswer{ofThisVersion: ofThis(d.ID, d.Version.Revision), Dependencies: []dependency{}}
	for _, dep := range d.Dependencies[from:to] {
		answer.Dependencies = append(answer.Dependencies, dependency(dep))
	}
	if to < len(d.Dependencies) {
		answer.Next = c.next(strconv.Itoa(to))
	}
	return answer, nil
}

type getAssetInput struct {
	ofVersion
	Asset    string  `query:"asset" required:"true" json:"-"`
	Revision *string `query:"revision" json:"-"`
}

// assetStream is an answer that is bytes instead of JSON.
type assetStream struct {
	id       registry.VersionID
	revision string
	content  *registry.AssetContent
}

// serve sends the bytes with the headers that the API binds (spec 2.1). A name
// beyond ASCII is percent-encoded, as a header cannot hold it.
func (a assetStream) serve(w http.ResponseWriter, r *http.Request) {
	defer a.content.Body.Close()
	h := w.Header()
	h.Set("X-AssetName", headerText(a.content.Name))
	h.Set("X-PackageVersion", headerText(a.id.Version))
	h.Set("X-PackageVersionRevision", a.revision)
	h.Set("Content-Type", "application/octet-stream")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("ETag", a.content.ETag)
	var body io.ReadSeeker = a.content.Body
	if _, file := body.(*os.File); !file { // the kernel sends a file
		body = watched{body, httpx.RecordOf(r.Context())}
	}
	http.ServeContent(w, r, "", a.content.Modified, body)
}

// watched notes for the log why a body ended early. The client sees the
// connection cut before the promised length.
type watched struct {
	io.ReadSeeker
	log *httpx.Record
}

func (b watched) Read(p []byte) (int, error) {
	n, err := b.ReadSeeker.Read(p)
	if err != nil && err != io.EOF {
		b.log.Err, b.log.Code = err, awswire.ExceptionOf(err).Name
	}
	return n, err
}

func headerText(s string) string {
	for _, c := range []byte(s) {
		if c < ' ' || c > '~' {
			return url.PathEscape(s)
		}
	}
	return s
}

func getPackageVersionAsset(ctx context.Context, c *call, in *getAssetInput) (any, error) {
	r, id, err := in.version(c)
	if err != nil {
		return nil, err
	}
	expected, err := revision("revision", in.Revision, versionRevision)
	if err != nil {
		return nil, err
	}
	content, revision, err := c.core.VersionAsset(ctx, c.actor, r, id, in.Asset, expected)
	if err != nil {
		return nil, err
	}
	return assetStream{id, revision, content}, nil
}

type publishInput struct {
	ofVersion
	Asset      string `query:"asset" required:"true" json:"-"`
	Unfinished bool   `query:"unfinished" json:"-"`
	SHA256     string `header:"X-Amz-Content-Sha256" required:"true" json:"-"`
}

type publishAnswer struct {
	ofThisVersion
	Status registry.Status `json:"status"`
	Asset  assetSummary    `json:"asset"`
}

func publishPackageVersion(ctx context.Context, c *call, in *publishInput) (any, error) {
	r, id, err := in.version(c)
	if err != nil {
		return nil, err
	}
	digest, err := registry.ParseDigest(in.SHA256)
	if err != nil {
		return nil, awswire.Invalid(awswire.FieldValidation, "x-amz-content-sha256 must be the SHA-256 of the asset in lower-case hex")
	}
	p, err := c.core.PublishPackageVersion(ctx, c.actor, r, id, in.Asset, digest, in.Unfinished, c.request.Body)
	if err != nil {
		return nil, err
	}
	return publishAnswer{ofThis(p.ID, p.Revision), p.Status, summarizeAsset(p.Asset)}, nil
}
