package registry

import (
	"context"
	"encoding/json"
	"io"
	"iter"
	"time"
)

// Every seam of the product. Interfaces are declared here, where they are
// used, and implemented elsewhere; their comments are the contracts that
// storagetest checks. Implementations are safe for concurrent use.

// Blobs keeps immutable bytes by (domain, SHA-256). Nothing is shared between
// domains: the same bytes in two domains are two blobs.
type Blobs interface {
	// Create begins a blob of the domain. The bytes are invisible until Commit.
	Create(ctx context.Context, d DomainID) (BlobWriter, error)
	// Open gives the blob's bytes, or NotFound. The caller closes it. Where the
	// implementation has a file it returns the *os.File, so that the kernel can
	// send it.
	Open(ctx context.Context, d DomainID, digest Digest) (Blob, error)
	// Delete removes the blob; removing a missing one is no error.
	Delete(ctx context.Context, d DomainID, digest Digest) error
	// List gives every blob of the domain in no particular order.
	List(ctx context.Context, d DomainID) iter.Seq2[BlobInfo, error]
}

// BlobWriter takes a blob's bytes. Where the implementation can read back what
// was written it also implements io.ReaderAt (reads may run beside writes and
// see all bytes whose Write has returned; after Commit or Abort they fail with
// fs.ErrClosed, and the blob is there to be opened).
type BlobWriter interface {
	io.Writer
	// Commit makes the bytes durable (file and folder on disk) and visible as
	// digest, which the caller computed of exactly these bytes. A blob that is
	// there already stays as it is, but is Created now, so that who deletes old
	// blobs without references spares it. The writer cannot be used afterwards.
	Commit(ctx context.Context, digest Digest) error
	// Abort drops the bytes; after Commit or a second time it does nothing.
	Abort() error
}

// Blob is an open blob.
type Blob interface {
	io.ReadSeekCloser
	io.ReaderAt
}

// BlobProber is the optional power of Blobs to say whether a blob is in the
// store itself, whatever copies of it are elsewhere.
type BlobProber interface {
	Exists(ctx context.Context, d DomainID, digest Digest) (bool, error)
}

// BlobRoom is the optional power of Blobs of a store that has an end.
type BlobRoom interface {
	// Room gives how many bytes it has room for.
	Room(ctx context.Context) (int64, error)
}

// BlobQuarantine is the optional power of Blobs to keep bytes that are not those of
// their digest where nobody reads them, for a person to look at.
type BlobQuarantine interface {
	// SetAside takes the blob out of the store, which has none of the digest then;
	// a missing one is no error.
	SetAside(ctx context.Context, d DomainID, digest Digest) error
}

// BlobTidier is the optional power of Blobs in which writers that were cut off
// leave something behind.
type BlobTidier interface {
	// Tidy removes what writers began before the time and have neither committed
	// nor aborted.
	Tidy(ctx context.Context, before time.Time) error
}

// Redirecter is the optional power of a Blob to be read from where it is kept.
type Redirecter interface {
	// Redirect gives a URL from which anybody who has it can read the blob for some
	// minutes, as that media type and with that Content-Disposition; empty where
	// its bytes are to come from here. asked says that the request wants it.
	Redirect(ctx context.Context, asked bool, contentType, disposition string) (string, error)
}

// BlobInfo describes a stored blob.
type BlobInfo struct {
	Digest  Digest
	Size    int64
	Created time.Time
}

// Metadata keeps all rows. View gives f one consistent read; Update runs f in
// one atomic change that is durable when Update returns nil. Updates are
// serializable; f may be run again after a serialization failure, so it has no
// effects besides its transaction and calls no Update. The Tx is valid only
// within f, and for one goroutine.
//
// An error of f is returned as it is, and nothing of the transaction stays.
// Row methods return *Error: NotFound, Conflict and Invalid as documented,
// Internal with the cause for everything else; a database that fails never
// looks like "not found". One that refuses has changed nothing. Maps that are
// read are never nil.
type Metadata interface {
	View(ctx context.Context, f func(Tx) error) error
	Update(ctx context.Context, f func(Tx) error) error

	// Counters reads the domain's counters and the server's without opening a
	// transaction (embedded: atomics, no SQL). A counter that was read before a
	// View opened covers everything that View sees: if it still has that value
	// later, nothing that it stands for has changed since. An unknown domain
	// has zeros for its own.
	Counters(ctx context.Context, d DomainID) (Counters, error)
	Close() error
}

// Leader is what Metadata has besides where several processes share it.
type Leader interface {
	// Lead runs f while no other process does that under the name: it waits for
	// the turn, and f's context ends when the lead is lost; then it waits again. It
	// returns what f returned by itself, or nil when ctx is over.
	Lead(ctx context.Context, name string, f func(context.Context) error) error
}

// Counters say what may have changed. They only grow, also across restarts,
// and they move with (never before) the transactions that change what they
// stand for: Update has moved them when it returns.
type Counters struct {
	Contents   int64 // the domain's packages, versions, assets, tags, cached listings
	Graph      int64 // its repositories, upstreams, connections (where they lead, too), groups, policies
	Identities int64 // all accounts, users, keys, identity policies
}

// Look is the counters of a domain, and a time not later than they were read.
type Look struct {
	Counters
	At time.Time
}

// Tx is one transaction. Its methods move the counters that they concern.
type Tx interface {
	// Now is the transaction's time: the same in all of it, UTC, whole milliseconds.
	Now() time.Time
	DomainRows
	RepositoryRows
	PackageRows
	VersionRows
	ListingRows
	OutboxRows
	ConnectionRows
	GroupRows
	PolicyRows
	IdentityRows
	KeyRows
	RuleRows
	GuardRows
	RetentionRows
	ImportRows
}

// Page asks for a part of an ordered list: up to Limit items whose order key
// is greater than After (empty: from the start). List methods return the key
// of the last item as the next After, empty at the end; without a Limit, all
// items. Invalid: an After that no such list gave. Pages survive inserts and
// deletes between them. The cost of a page does not depend on its position.
type Page struct {
	After string
	Limit int
}

// DomainRows keeps domains. Graph.
type DomainRows interface {
	TagDomain(DomainID, map[string]string) error            // NotFound; replaces the tags
	CreateDomain(Domain) error                              // Conflict
	Domain(DomainID) (Domain, error)                        // NotFound; with the derived counts
	DeleteDomain(DomainID) error                            // NotFound; Conflict while it has repositories. Takes its listings along
	Domains(owner string, p Page) ([]Domain, string, error) // by name; owner empty: every account's, by (name, owner)
}

// RepositoryRows keeps repositories with their ordered upstreams and connections. Graph.
type RepositoryRows interface {
	CreateRepository(Repository) error                                 // Conflict; NotFound for a missing domain or upstream
	Repository(RepoID) (Repository, error)                             // NotFound
	UpdateRepository(Repository) error                                 // NotFound; replaces description, upstreams, connections and tags
	DeleteRepository(RepoID) error                                     // NotFound; takes packages and versions along, and the links of others to it
	Repositories(RepositoryFilter, Page) ([]Repository, string, error) // by (name, domain, owner)
	// Graph gives every repository of the domain at once.
	Graph(DomainID) ([]Repository, error)
}

// RepositoryFilter narrows Repositories; empty members do not.
type RepositoryFilter struct {
	Domain        DomainID
	Administrator string
	Prefix        string
}

// PackageRows keeps packages of repositories. Contents. Names are canonical.
type PackageRows interface {
	Package(RepoID, PackageID) (Package, error) // NotFound
	// PutPackage makes or replaces the package's own row (restrictions, tags,
	// created, modified, sequence) and gives it a new Revision; Revision of the
	// argument is ignored. NotFound for a missing repository.
	PutPackage(RepoID, Package) error
	DeletePackage(RepoID, PackageID) error // NotFound; takes its versions along
	// EndedSequence gives the Sequence that a package had when it was deleted, with
	// its repository or alone; zero for one that never was.
	EndedSequence(RepoID, PackageID) (int64, error)
	// Packages gives packages by (format, namespace, name); with a NamePrefix and
	// no NamespacePrefix by (format, name, namespace).
	Packages(RepoID, PackageFilter, Page) ([]Package, string, error)
	// PackageRevisions gives Revision of the package in each repository of the
	// domain, zero where it is not. One query.
	PackageRevisions(DomainID, []string, PackageID) ([]int64, error)
}

// PackageFilter narrows Packages; empty members do not. Search keeps packages
// of which namespace or name contain the text, letter case ignored.
type PackageFilter struct {
	Format          string
	NamespacePrefix string
	NamePrefix      string
	Publish         Restriction
	Upstream        Restriction
	Search          string
}

// VersionRows keeps versions with their assets. Contents. Changing a version
// does not move its package's Revision: callers put the package as well.
type VersionRows interface {
	Version(RepoID, VersionID) (Version, error)    // NotFound; with assets
	Versions(RepoID, PackageID) ([]Version, error) // all, with manifests and assets, in order of publishing; empty when there are none
	// PutVersion makes or replaces the version and its assets as a whole.
	// NotFound for a missing package; Invalid for two assets of one name.
	PutVersion(RepoID, PackageID, Version) error
	DeleteVersion(RepoID, VersionID) error // NotFound
	// ListVersions gives versions without Seen, manifest and assets.
	ListVersions(RepoID, PackageID, VersionFilter, Page) ([]Version, string, error)
	// BlobReferences counts the assets of the domain that hold the digest.
	BlobReferences(DomainID, Digest) (int, error)
	// UnusedBlobs gives digests that assets of the domain held once and none
	// holds now; ForgetBlobs takes them off that list, once the bytes are gone.
	// One that came into use again stays.
	UnusedBlobs(d DomainID, limit int) ([]Digest, error)
	ForgetBlobs(DomainID, ...Digest) error
	// LockUnused gives those of the digests that no asset of the domain holds, and
	// keeps every other update, of other processes too, from making an asset hold
	// one of them until this update is over: meanwhile their bytes can be deleted.
	LockUnused(DomainID, ...Digest) ([]Digest, error)
}

// VersionFilter narrows ListVersions; empty members do not.
type VersionFilter struct {
	Status Status
	Origin OriginType
	Newest bool // in order of publishing, newest first, instead of by version string
}

// ListingRows keeps what external connections offered, per domain. Contents
// move only when a listing's Body does.
type ListingRows interface {
	Listing(d DomainID, connection string, p PackageID) (StoredListing, error) // NotFound
	// PutListing keeps a listing with a new Revision. NotFound for a missing domain.
	PutListing(d DomainID, connection string, p PackageID, l StoredListing) error
	// TouchListing sets Fetched, FreshUntil, FailingSince, ETag and LastModified of a stored listing. NotFound.
	TouchListing(d DomainID, connection string, p PackageID, l StoredListing) error
	// ListingRevisions gives Revision and FreshUntil for each connection, zero
	// where nothing is stored. One query.
	ListingRevisions(d DomainID, connections []string, p PackageID) ([]ListingRevision, error)
}

// StoredListing is a Listing as the puller encoded it, with what it needs to
// ask again.
type StoredListing struct {
	Body         []byte
	ETag         string
	LastModified string
	Fetched      time.Time // when upstream last confirmed it
	FreshUntil   time.Time
	FailingSince time.Time // zero while upstream answers
	Revision     int64
}

// ListingRevision is the part of a StoredListing that cached documents depend on.
type ListingRevision struct {
	Revision     int64
	FreshUntil   time.Time
	FailingSince time.Time
	Fetched      time.Time
}

// OutboxRows keeps events until they are on the bus.
type OutboxRows interface {
	AppendEvents(...Event) error
	// UnsentEvents gives the oldest events not marked as sent, in order of append.
	UnsentEvents(limit int) ([]OutboxEvent, error)
	// EventsAfter gives events, sent or not, in order of append, after the one
	// with the id; NotFound when that one is not kept any more. An empty id gives
	// them from the first that is kept.
	EventsAfter(id string, limit int) ([]OutboxEvent, error)
	MarkSent(rows ...int64) error
	// PruneEvents drops events that were sent before the time, and routed, and
	// returns how many.
	PruneEvents(before time.Time) (int, error)
	// OutboxDepth counts unsent events.
	OutboxDepth() (int, error)
}

// OutboxEvent is a row of the outbox.
type OutboxEvent struct {
	Row   int64
	Event Event
}

// RuleRows keeps the rules of accounts with their targets, and what is on its
// way to them. Moves no counter: RulesRevision stands for rules and targets.
type RuleRows interface {
	// RulesRevision moves with every change of a rule or a target.
	RulesRevision() (int64, error)
	PutRule(Rule) error                                                             // makes or replaces, all but Created
	Rule(account, name string) (Rule, error)                                        // NotFound
	Rules(account, prefix string, p Page) ([]Rule, string, error)                   // by name; account empty: every account's, by (account, name)
	CountRules(account string) (int, error)                                         // those of the account
	DeleteRule(account, name string) error                                          // NotFound; Conflict while it has targets
	PutTarget(Target) error                                                         // makes or replaces, keeping its Key; NotFound for the rule
	Targets(account, rule string, p Page) ([]Target, string, error)                 // by id; account empty: every account's, by Key
	Target(key int64) (Target, error)                                               // NotFound
	DeleteTarget(account, rule, id string) error                                    // NotFound; takes along what is on its way to it
	RulesOfTarget(account string, address Digest, p Page) ([]string, string, error) // by name

	// UnroutedEvents gives the oldest events that no rule has been asked about,
	// in order of append; MarkRouted says that rules have been, and returns which
	// of the rows were not marked before.
	UnroutedEvents(limit int) ([]OutboxEvent, error)
	MarkRouted(rows ...int64) ([]int64, error)

	AppendDeliveries(...Delivery) error // Row and Attempts are ignored; due at once where Due is zero
	// TakeDeliveries gives the deliveries to the target that are due, the longest
	// due first.
	TakeDeliveries(target int64, limit int) ([]Delivery, error)
	// NextDelivery is when the first delivery to the target is due; zero: there is none.
	NextDelivery(target int64) (time.Time, error)
	RetryDelivery(row int64, attempts int, due time.Time) error // a missing one is no error
	FinishDeliveries(rows ...int64) error                       // drops them
	DropDeliveries(target int64) error                          // drops all to the target
	HastenDeliveries(target int64) error                        // all to the target are due now
	// WaitingTargets gives the keys of targets to which something is on its way.
	WaitingTargets() ([]int64, error)
	DeliveriesWaiting() (int, error)
}

// ConnectionRows keeps where connections lead. Moves every domain's Graph.
type ConnectionRows interface {
	Connection(name string) (Connection, error) // NotFound
	Connections() ([]Connection, error)         // by name
	PutConnection(Connection) error             // makes or replaces
}

// GroupRows keeps package groups. Graph. The root group is there without a
// row until it is edited.
type GroupRows interface {
	CreateGroup(DomainID, Group) error            // Conflict; NotFound for the domain
	UpdateGroup(DomainID, Group) error            // replaces all of it; NotFound
	DeleteGroup(d DomainID, pattern string) error // NotFound
	Groups(DomainID) ([]Group, error)             // all of the domain, by pattern
	// PackagesInDomain gives the distinct packages of all repositories of the
	// domain, by (format, namespace, name).
	PackagesInDomain(DomainID, PackageFilter, Page) ([]PackageID, string, error)
}

// PolicyRows keeps the resource policies of domains (empty repository) and
// repositories. Graph. They go with what they are of.
type PolicyRows interface {
	Policy(d DomainID, repository string) (Policy, error) // NotFound where there is none
	PutPolicy(d DomainID, repository string, p Policy) error
	DeletePolicy(d DomainID, repository string) error // NotFound
}

// Policy is a resource policy document as it was put.
type Policy struct {
	Document string
	Revision string // opaque; another after each put
}

// IdentityRows keeps accounts and the users, access keys, roles, managed
// policies and OpenID Connect providers in them. Identities. Names of users,
// roles and policies differ in more than letter case within an account; unique
// ids are never used again. Update methods replace all but name, unique id and
// time of creation.
type IdentityRows interface {
	CreateAccount(Account) error              // Conflict
	Account(id string) (Account, error)       // NotFound
	UpdateAccount(Account) error              // NotFound
	Accounts(Page) ([]Account, string, error) // by id

	CreateUser(User) error                                                   // Conflict; NotFound for the account
	User(account, name string) (User, error)                                 // NotFound
	UpdateUser(User) error                                                   // NotFound
	DeleteUser(account, name string) error                                   // NotFound; Conflict while it has access keys
	Users(account string, p Page) ([]User, string, error)                    // by name
	CreateAccessKey(AccessKey) error                                         // Conflict; NotFound for the user
	AccessKey(id string) (AccessKey, error)                                  // NotFound
	AccessKeys(account, user string) ([]AccessKey, error)                    // oldest first
	ActivateAccessKey(id string, active bool) error                          // NotFound
	DeleteAccessKey(id string) error                                         // NotFound
	UseAccessKey(id string, u KeyUse) error                                  // NotFound; moves no counter
	CreateRole(Role) error                                                   // Conflict; NotFound for the account
	Role(account, name string) (Role, error)                                 // NotFound
	UpdateRole(Role) error                                                   // NotFound
	DeleteRole(account, name string) error                                   // NotFound
	Roles(account string, p Page) ([]Role, string, error)                    // by name
	CreateManagedPolicy(ManagedPolicy) error                                 // Conflict; NotFound for the account
	ManagedPolicy(account, name string) (ManagedPolicy, error)               // NotFound
	UpdateManagedPolicy(ManagedPolicy) error                                 // NotFound
	DeleteManagedPolicy(account, name string) error                          // NotFound
	ManagedPolicies(account string, p Page) ([]ManagedPolicy, string, error) // by name
	CreateProvider(Provider) error                                           // Conflict; NotFound for the account
	Provider(account, issuer string) (Provider, error)                       // NotFound
	UpdateProvider(Provider) error                                           // NotFound
	DeleteProvider(account, issuer string) error                             // NotFound
	Providers(account string) ([]Provider, error)                            // by issuer
}

// Account is a 12-digit account of this server.
type Account struct {
	ID      string
	Name    string
	Email   string
	Closed  bool // its credentials are refused; what it owns stays
	Created time.Time
}

// User is an IAM user of an account.
type User struct {
	Account string
	Name    string
	Path    string // "/a/b/"; empty is "/"
	ID      string // unique id, "AIDA…"; never used again
	Permissions
	Tags    map[string]string
	Created time.Time
}

// ARN is the user's ARN.
func (u User) ARN() string { return iamARN(u.Account, "user", u.Path, u.Name) }

// Permissions are the policies of a user or role.
type Permissions struct {
	Managed  []string          // ARNs of attached managed policies
	Inline   map[string]string // documents by name
	Boundary string            // ARN of the managed policy that bounds them; empty: none
}

// AccessKey is a long-lived key pair of a user. Sealed is the secret, sealed with the master key.
type AccessKey struct {
	ID      string // "AKIA…"
	Account string
	User    string
	Sealed  []byte
	Active  bool
	Created time.Time
	Used    KeyUse
}

// KeyUse is the last use of an access key that was noted.
type KeyUse struct {
	Time            time.Time // zero: never
	Service, Region string
}

// Role is an IAM role of an account.
type Role struct {
	Account     string
	Name        string
	Path        string // "/a/b/"; empty is "/"
	ID          string // unique id, "AROA…"
	Trust       string // the document that says who may assume it
	Description string
	MaxSession  time.Duration
	Permissions
	Tags    map[string]string
	Created time.Time
}

// ARN is the role's ARN.
func (r Role) ARN() string { return iamARN(r.Account, "role", r.Path, r.Name) }

// ManagedPolicy is a policy that users and roles of its account may have attached.
type ManagedPolicy struct {
	Account     string
	Name        string
	Path        string
	ID          string // unique id, "ANPA…"
	Description string
	Versions    []PolicyVersion // oldest first
	Default     string          // id of the version that counts
	Last        int             // number of the newest version, deleted ones too
	Tags        map[string]string
	Created     time.Time
	Updated     time.Time
}

// PolicyVersion is one document of a managed policy.
type PolicyVersion struct {
	ID       string // "v1"
	Document string
	Created  time.Time
}

// ARN is the policy's ARN.
func (p ManagedPolicy) ARN() string { return iamARN(p.Account, "policy", p.Path, p.Name) }

// Document is the default version's document.
func (p ManagedPolicy) Document() string {
	for _, v := range p.Versions {
		if v.ID == p.Default {
			return v.Document
		}
	}
	return ""
}

// Provider is an OpenID Connect provider whose identities may assume roles of
// an account.
type Provider struct {
	Account     string
	Issuer      string   // its URL without "https://"
	Clients     []string // audiences
	Thumbprints []string // kept, not looked at: TLS is verified
	Tags        map[string]string
	Created     time.Time
}

// ARN is the provider's ARN.
func (p Provider) ARN() string { return iamARN(p.Account, "oidc-provider", "", p.Issuer) }

func iamARN(account, kind, path, name string) string {
	if path == "" {
		path = "/"
	}
	return "arn:aws:iam::" + account + ":" + kind + path + name
}

// KeyRows keeps sealed key material, shared by all processes of a server.
type KeyRows interface {
	// Keys gives all keys of a purpose, oldest first.
	Keys(purpose string) ([]Key, error)
	CreateKey(Key) error                // Conflict
	DeleteKey(purpose, id string) error // deleting a missing one is no error
}

// Key is one sealed key, such as a signing key of tokens.
type Key struct {
	Purpose string
	ID      string
	Sealed  []byte
	Created time.Time
}

// BlobKeys is the purpose of the keys that seal a domain's bytes at rest.
func BlobKeys(d DomainID) string { return "blobs of " + d.Owner + "/" + d.Name }

// Authorizer decides. Nil means allowed; a refusal is an *Error with code
// Denied whose message names action and resource and never policy text.
type Authorizer interface {
	Authorize(ctx context.Context, a Access) error
	// Possible asks, before a body is read, whether the action could be allowed
	// for any package of the repository that a.Resource names.
	Possible(ctx context.Context, a Access) error
}

// Bus hands events on, in order, at least once.
type Bus interface {
	// Publish hands over the events in order and returns how many of them, from
	// the first on, are durably on the bus; with an error when not all.
	Publish(ctx context.Context, events []Event) (int, error)
	// Last gives the id of the newest event on the bus, empty when there is none.
	Last(ctx context.Context) (string, error)
}

// Rules are what the core must know about a format. Pure functions.
type Rules interface {
	// Canonical gives the one spelling by which package and version (which may
	// be empty) are known, or Invalid for a name that the format forbids.
	Canonical(VersionID) (VersionID, error)
	// Compare orders two canonical versions: -1, 0, 1.
	Compare(a, b string) int
	// Prerelease reports whether the version is one that "newest" passes over.
	Prerelease(version string) bool
	// Describe digs the neutral fields out of a manifest; zero fields for what
	// it does not say or for a manifest that cannot be read.
	Describe(manifest json.RawMessage) Description
}

// AssetNamer is the optional power of Rules to hold asset names to more than
// what is true of all formats.
type AssetNamer interface {
	CheckAsset(name string) error // Invalid
}

// ReadmeHolder is the optional power of Rules of a format whose packages carry
// their readme as a file within an asset. Both are pure.
type ReadmeHolder interface {
	// ReadmeIn names the asset of the version.
	ReadmeIn(VersionID) string
	// Readme digs the text out of the asset's bytes; NotFound where it is not in them.
	Readme(r io.ReaderAt, size int64) ([]byte, error)
}

// Keyer is the optional power of Rules of a format of which a version can be
// written in several ways that are one to its clients, whatever Compare says of
// them (NuGet: 1.0-Beta is 1.0.0-beta; PyPI: 1.0rc1 is 1.0.0rc1).
type Keyer interface {
	// VersionKey gives the same text for all of them; what is no version as it is.
	VersionKey(version string) string
}

// Unlister is the optional power of Rules of a format whose index documents
// show Unlisted versions too, marked as such (PyPI: yanked; NuGet: not listed).
type Unlister interface {
	ShowsUnlisted()
}

// Parter is the optional power of Rules of a format of which some versions are
// parts of others and not listed by themselves (Maven: the builds of a snapshot).
// Prereleases of such a format are published again and again.
type Parter interface {
	// Whole gives the version that this one is a part of; itself where it is none.
	Whole(version string) string
}

// Encloser is the optional power of Rules of a format where what is asked of a
// package may be about a whole namespace (Maven: the metadata of org:acme lies
// where that of the group org.acme does).
type Encloser interface {
	// Encloses gives the namespace; empty: none.
	Encloses(PackageID) string
}

// Refresher is the optional power of Rules of a format whose versions go on
// changing where they came from: what a connection lists of a version that is
// held flows down to it (spec 7.2, 7.3).
type Refresher interface {
	// Refresh gives the manifest and the status of a held version now that a
	// newer one of the same origin is known: listed by its connection, or held by
	// a repository upstream. Files that only the held one knows stay in it.
	Refresh(held, newer Version) (json.RawMessage, Status)
}

// Enricher is the optional power of Rules to learn from the bytes of an asset
// that came in through a connection what no listing says.
type Enricher interface {
	// Enrich gives the manifest with what was learnt, or as it is.
	Enrich(manifest json.RawMessage, a Asset, bytes io.ReaderAt) json.RawMessage
}

// Description holds the format-neutral fields of a version.
type Description struct {
	Summary      string
	HomePage     string
	SourceCode   string
	Readme       string
	Licenses     []License
	Dependencies []Dependency
}

// License is one licence of a version.
type License struct{ Name, URL string }

// Dependency is a direct dependency, as the API gives it.
type Dependency struct{ Namespace, Package, Type, Requirement string }

// Puller reaches external registries. Every call is for one domain: nothing
// that was fetched for one domain is used for another.
type Puller interface {
	// Listing gives what the connection offers of a package: the kept listing at
	// once when there is one (a stale one is revalidated in the background), else
	// it is fetched; it is waited for, too, where the connection led to another
	// registry when the listing was kept. With since, a kept listing that upstream has not confirmed
	// since then is revalidated before it is returned; when upstream fails, the
	// stale one is returned. NotFound: upstream answered that
	// there is none. UpstreamFailed: it failed and nothing is kept.
	Listing(ctx context.Context, d DomainID, connection string, p PackageID, since time.Time) (*Listing, error)
	// Known is Listing without asking upstream at all: NotFound when nothing is kept.
	Known(ctx context.Context, d DomainID, connection string, p PackageID) (*Listing, error)
	// Pull brings one asset's bytes into the domain's blobs and gives a reader
	// that follows while they arrive. Equal requests share one download. UpstreamFailed
	// as well for a URL that only a registry has given to which the connection led before.
	Pull(ctx context.Context, r PullRequest) (*Pulled, error)
	// Fetch passes one auxiliary request on and returns the whole answer, within
	// limits. Equal requests without a body share one.
	Fetch(ctx context.Context, connection string, r AuxiliaryRequest) (AuxiliaryAnswer, error)
	// Locate says where an asset that no listing names would be, by the format's
	// own layout; NotFound when the format has no such layout.
	Locate(connection string, v VersionID, asset string) (ListedAsset, error)
}

// PullRequest names one asset to bring in. It is the same download for all
// requests of equal (Domain, Connection, Version, Asset.Name).
type PullRequest struct {
	Domain     DomainID
	Connection string
	Version    VersionID
	Asset      ListedAsset
	// Guessed says that no listing names the asset (Locate): that it is not there
	// is then believed for a while, as of a package.
	Guessed bool
	// Admit is asked before a byte of an asset that is still coming is given to
	// this asker; its error is the answer. Nil: nothing is asked. modified is what
	// upstream says of the file's age; zero: nothing.
	Admit func(modified time.Time) error
	// Finish records the asset once its bytes are committed and verified, before
	// the last block is released to readers. It runs once per distinct Repo of
	// the askers, with a context that outlives them. An error fails the pull.
	Repo   string
	Finish func(ctx context.Context, a Asset, modified time.Time) error
	// Behind says that no client waits for it: with Pull's context, which is to end,
	// a download ends that nobody else has asked for.
	Behind bool
}

// Pulled is an asset on its way in.
type Pulled struct {
	// Size in bytes; -1 never: where upstream did not say, Pull waited for the end.
	Size int64
	// Body follows the download; it may be sought in, reading blocks until the
	// bytes are here, the last block until their digest is verified and Finish
	// has returned. The caller closes it; that does not stop the download.
	Body io.ReadSeekCloser
	// Wait gives the asset once it is here, and what upstream says of its age
	// (zero: nothing).
	Wait func(ctx context.Context) (a Asset, modified time.Time, err error)
}

// Listing is what an external registry offers of one package.
type Listing struct {
	Versions []ListedVersion
	Tags     map[string]string // npm dist-tags
	Metadata json.RawMessage   // package-level fields that the format wants to keep; opaque to the core
	Modified time.Time

	// Set by the puller.
	Revision     int64
	First        time.Time // no version of the package's first listing is younger
	Fetched      time.Time
	FreshUntil   time.Time
	FailingSince time.Time // zero while upstream answers
}

// ListedVersion is one version that an external registry offers.
type ListedVersion struct {
	Version  string          // canonical
	Manifest json.RawMessage // as the format stores it with a version
	Status   Status          // Published, or Unlisted (unlisted, yanked)
	Released time.Time       // zero: unknown
	// Followed says of a version without a time that it is not the newest one: its
	// age is asked of its files.
	Followed bool
	// Seen is when the puller first saw it in the package's listing; zero: it was
	// in the first one. Set by the puller.
	Seen   time.Time
	Assets []ListedAsset
}

// ListedAsset is one file that an external registry offers.
type ListedAsset struct {
	Name string // as the asset will be named here
	URL  string // absolute, or relative to the connection's URL
	Size int64  // zero: unknown
	// What upstream promised, checked before the last block leaves. Any may be empty.
	MD5, SHA1, SHA256, SHA512 []byte
}

// Upstream is a format's way to read another registry of its kind. Its only
// I/O is the Getter. Implementations keep no state.
type Upstream interface {
	// Listing reads all that the registry offers of a package. ErrNotModified
	// when the getter said so.
	Listing(ctx context.Context, g Getter, p PackageID) (*Listing, error)
	// Locate gives where an asset that no listing names would be, by the
	// format's layout; NotFound when there is no such layout.
	Locate(v VersionID, asset string) (ListedAsset, error)
}

// Auxiliary is the optional power of an Upstream to pass requests on: audit,
// keys, attestations, search, ...
type Auxiliary interface {
	Auxiliary(ctx context.Context, g Getter, r AuxiliaryRequest) (AuxiliaryAnswer, error)
}

// Promiser is the optional power of an Upstream of a format whose registries
// say what an asset's bytes are beside the asset and not in the listing.
type Promiser interface {
	// Promise gives the asset with the digests that the registry promises of it,
	// or as it is where it promises none. It runs beside the download, whose last
	// block waits for it; its error fails the download.
	Promise(ctx context.Context, g Getter, a ListedAsset) (ListedAsset, error)
}

// Stater is the optional power of an Upstream of a format whose registries also
// say in the header of an asset's answer what its bytes are.
type Stater interface {
	// State gives the digests that the header names; what it names wrongly is left
	// out. They are checked besides those that a listing or Promise gives.
	State(header func(name string) string) ListedAsset
}

// AuxiliaryRequest is one request to be passed on. Kind is the format's own word.
type AuxiliaryRequest struct {
	Kind        string
	Path        string // relative to the registry root, escaped
	Query       string
	Body        []byte // nil: a GET; else a POST
	ContentType string
}

// AuxiliaryAnswer is a whole answer from upstream.
type AuxiliaryAnswer struct {
	Status      int
	ContentType string
	Body        []byte
}

// Getter asks an external registry. It adds credentials (for the connection's
// own host only), the Via mark, conditions, limits and the address guard.
type Getter interface {
	// Get asks for a URL, absolute or relative to the connection's URL. Statuses:
	// 404 and 410 are NotFound, 304 ErrNotModified, other than 2xx UpstreamFailed.
	// The caller closes Body, which ends with UpstreamFailed when it is cut short
	// or over the limit.
	Get(ctx context.Context, r GetRequest) (*GetAnswer, error)
}

// Rooted is the optional power of a Getter to name the connection's URL, without
// credentials: some say by it what they are.
type Rooted interface {
	Root() string
}

// GetRequest is one request to an external registry.
type GetRequest struct {
	URL         string
	Accept      string
	Body        []byte // non-nil: a POST
	ContentType string
	Limit       int64 // bytes of the decoded body; zero: the getter's limit for documents
	Conditional bool  // the listing's primary document: send the validators kept with it
}

// GetAnswer is the answer. A compressed body has been decoded.
type GetAnswer struct {
	Status      int
	URL         string // final, after redirects: what relative links in the body refer to
	ContentType string
	Header      func(name string) string
	Size        int64 // Content-Length of an undecoded body; -1: unknown
	Body        io.ReadCloser
}

// Sealer encrypts what must not lie open in storage. What was sealed for one
// purpose and id opens for these only.
type Sealer interface {
	Seal(purpose, id string, plain []byte) []byte
	Open(purpose, id string, sealed []byte) ([]byte, error)
}

// Spill keeps rendered documents beyond what fits into memory. Losing its
// contents costs time only.
type Spill interface {
	Get(key string) ([]byte, bool)
	Put(key string, b []byte)
}

// Clock tells the time; tests fix it.
type Clock func() time.Time
