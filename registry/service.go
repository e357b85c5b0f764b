package registry

import (
	"context"
	"io"
	"time"
)

// Config is what a Service is made of. Metadata, Blobs, Authorizer and Rules
// are required; Guard nil allows all, Puller nil has no external connections.
type Config struct {
	Metadata   Metadata
	Blobs      Blobs
	Authorizer Authorizer
	Guard      Guard
	Puller     Puller
	Rules      map[string]Rules // by format
	Spill      Spill            // nil: documents beyond the memory limit are rendered again
	Clock      Clock            // nil: time.Now
	Region     string           // for ARNs in messages
	Limits     Limits
	// Wake is called after a transaction that wrote events. Nil: nobody waits for them.
	Wake func()
}

// Limits bound what comes from outside; zero members take the default.
type Limits struct {
	AssetSize     int64 // bytes of one asset; default 5 GB (spec 8)
	AssetsPer     int   // assets of one version; default 350
	DocumentCache int64 // bytes of rendered documents in memory; default 64 MiB
}

// ServiceSketch documents the doors of the core until they are written.
type serviceAPI interface {
	// Repo is the only door for wire formats: a handle bound to one actor and
	// one repository. It does no I/O; what is wrong with either is told by the
	// first operation.
	Repo(actor Actor, id RepoID) *Repo

	// Control plane. All authorize, then act. AutorizationToken etc. live in registry/api
	// over these.
	DescribeDomain(ctx context.Context, actor Actor, id DomainID) (Domain, error)
	DescribeRepository(ctx context.Context, actor Actor, id RepoID) (Repository, error)
	ListDomains(ctx context.Context, actor Actor, p Page) ([]Domain, string, error)
	ListRepositories(ctx context.Context, actor Actor, prefix string, p Page) ([]Repository, string, error)
	ListRepositoriesInDomain(ctx context.Context, actor Actor, f RepositoryFilter, p Page) ([]Repository, string, error)
	ListPackages(ctx context.Context, actor Actor, r RepoID, f PackageFilter, p Page) ([]Package, string, error)
	ListPackageVersions(ctx context.Context, actor Actor, r RepoID, id PackageID, f VersionFilter, p Page) (VersionPage, error)
	ListPackageVersionAssets(ctx context.Context, actor Actor, r RepoID, id VersionID, p Page) (AssetPage, error)
	// AuthorizeToken: may the actor get a token of the duration for the domain (spec 4.1).
	AuthorizeToken(ctx context.Context, actor Actor, id DomainID, d time.Duration) error
	AuthorizeEndpoint(ctx context.Context, actor Actor, r RepoID, format string) error
	Connections(ctx context.Context, actor Actor) ([]Connection, error)
	PutConnection(ctx context.Context, actor Actor, c Connection) error
}

type VersionPage struct {
	Package               PackageID
	DefaultDisplayVersion string
	Versions              []Version
	Next                  string
}

type AssetPage struct {
	Version  VersionID
	Revision string
	Assets   []Asset
	Next     string
}

// Repo is one repository as one actor sees it.
type Repo struct {
}

type repoAPI interface {
	ID() RepoID
	Actor() Actor

	// --- reading: all need ReadFromRepository on this repository ---

	// Ping authorizes reading and reports whether the repository is there.
	Ping(ctx context.Context) error
	// Document gives a rendered index document of one package, or NotFound.
	// render is a pure function of the merged view.
	Document(ctx context.Context, q DocumentQuery, render func(*PackageView) ([]byte, error)) (*Document, error)
	// Package gives the merged view itself (not cached): version manifests, tag lists, ...
	Package(ctx context.Context, id PackageID) (*PackageView, error)
	// Held gives the package as this repository alone holds it (for edits of
	// whole documents, npm's ?write=true); NotFound when it does not.
	Held(ctx context.Context, id PackageID) (*PackageView, error)
	// Asset finds an asset in this repository, its upstreams or their connections, and retains it.
	Asset(ctx context.Context, id VersionID, name string) (*AssetContent, error)
	Search(ctx context.Context, q SearchQuery) (SearchResult, error)
	// Auxiliary passes a request to the first reachable external connection of
	// the format; NotFound when there is none.
	Auxiliary(ctx context.Context, format string, r AuxiliaryRequest) (AuxiliaryAnswer, error)

	// --- writing ---

	// Publish checks the right PublishPackageVersion before a byte is read: for
	// exactly the package, or, where id.Name is empty, whether any package
	// could be allowed. The caller defers Abort.
	Publish(ctx context.Context, id PackageID) (*Publication, error)
	// SetTag and RemoveTag need PutPackageMetadata. The version must exist in the merged view.
	SetTag(ctx context.Context, id PackageID, tag, version string) error
	RemoveTag(ctx context.Context, id PackageID, tag string) error
	// Amend replaces manifests of versions that this repository holds
	// (PutPackageMetadata); equal ones are left alone; NotFound when one is not held.
	Amend(ctx context.Context, id PackageID, manifests map[string][]byte) error
	// DeleteVersions and DeletePackage need the rights of the same name. ifRevision zero: whatever it is;
	// else Conflict when the package has changed since.
	DeleteVersions(ctx context.Context, id PackageID, versions []string, ifRevision int64) error
	DeletePackage(ctx context.Context, id PackageID, ifRevision int64) error
}

// DocumentQuery names a document. Base is the repository's URL where links in
// it are absolute, else empty.
type DocumentQuery struct {
	Package PackageID
	Kind    string
	Base    string
}

// Document is finished bytes, shared by all readers: not to be changed.
type Document struct {
	Plain     []byte
	PlainETag string // strong, quoted
	Modified  time.Time
	StaleFrom time.Time // zero: fresh; else upstream fails since then and this may be old
}

// Gzip gives the compressed form and its own ETag; compressed once, at the first call.
func (d *Document) Gzip() ([]byte, string) { return nil, "" }

// PackageView is a package merged over the chain of repositories and connections.
type PackageView struct {
	ID       PackageID
	Versions []VersionView     // visible ones (Published, not hidden), ascending by Rules.Compare
	Tags     map[string]string // each points at a visible version; "latest" always set when Versions is not empty (npm)
	Modified time.Time
	Created  time.Time
	Revision int64  // of the package in the asked repository alone; zero: not held there
	Metadata []byte // of the nearest listing that has any
}

// VersionView is a version in a PackageView.
type VersionView struct {
	Version
	Held   bool          // by the asked repository or an upstream repository; else only listed by a connection, Assets empty
	Listed []ListedAsset // for one that is only listed
}

// AssetContent is an asset being served. The caller closes Body.
type AssetContent struct {
	Name     string
	Size     int64
	Digest   Digest // zero while it is still arriving and no SHA-256 was promised
	ETag     string // quoted; empty while nothing is known to make it of
	Modified time.Time
	Body     io.ReadSeekCloser
}

// SearchQuery asks for packages that the repository itself holds.
type SearchQuery struct {
	Format     string
	Text       string
	From, Size int
}

type SearchResult struct {
	Total int
	Hits  []*PackageView
}

// Publication collects the files of one publish.
type Publication struct{}

type publicationAPI interface {
	// Stage reads one file to its end, hashing it and keeping its bytes aside:
	// TooLarge over the limit; an error of r is returned as it is.
	Stage(ctx context.Context, name string, r io.Reader) (Asset, error)
	// Commit makes all drafts visible or none. Their assets must have been staged.
	Commit(ctx context.Context, drafts ...Draft) error
	// Abort drops what was staged and not committed.
	Abort()
}

// Mode is how a draft may meet an existing version.
type Mode int

const (
	Seal    Mode = iota // the version must not exist
	Extend              // new assets are added, same bytes are a no-op, other bytes Conflict
	Replace             // the version becomes this draft
)

// Draft is one version to be committed.
type Draft struct {
	ID          VersionID
	DisplayName string
	Status      Status // Published or Unfinished (Maven, generic); Unlisted for builds of a snapshot
	Mode        Mode
	Manifest    []byte
	Assets      []string  // names of staged files that belong to it
	Tags        []string  // dist-tags to point at it
	Released    time.Time // zero: now
}
