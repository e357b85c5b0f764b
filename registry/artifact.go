package registry

import (
	"encoding/hex"
	"encoding/json"
	"maps"
	"net/netip"
	"strings"
	"time"
)

// Package formats, as the API spells them (PackageFormat).
const (
	NPM     = "npm"
	PyPI    = "pypi"
	Maven   = "maven"
	NuGet   = "nuget"
	Generic = "generic"
	Ruby    = "ruby"
	Swift   = "swift"
	Cargo   = "cargo"
)

// DomainID names a domain: unique by (owning account, name).
type DomainID struct {
	Owner string // 12-digit account id
	Name  string
}

// RepoID names a repository of a domain.
type RepoID struct {
	Domain DomainID
	Name   string
}

// PackageID names a package within a repository. Namespace is the npm scope
// without "@", the Maven groupId, or empty for formats without one.
type PackageID struct {
	Format    string
	Namespace string
	Name      string
}

// VersionID names a version of a package.
type VersionID struct {
	Package PackageID
	Version string
}

// String gives "format/namespace/name" with an empty middle where there is no namespace.
func (p PackageID) String() string { return p.Format + "/" + p.Namespace + "/" + p.Name }

// Domain is the unit that owns bytes: an asset is stored once per domain.
type Domain struct {
	ID            DomainID
	Created       time.Time
	EncryptionKey string // KMS ARN as given to CreateDomain, or empty
	Tags          map[string]string

	RepositoryCount int   // derived, filled on reads
	AssetSize       int64 // derived: bytes stored, each distinct digest once
}

// Repository is an ordered place for packages of every format.
type Repository struct {
	ID            RepoID
	Administrator string // account that created it; may differ from the domain's owner
	Description   string
	Upstreams     []string // names of repositories of the same domain, in priority order
	Connections   []string // names of external connections, in the order of association
	Created       time.Time
	Tags          map[string]string
}

// Connection says where an external connection leads. Connections are global
// to the server; what they fetched is kept per domain and connection name.
type Connection struct {
	Name   string // "public:npmjs" or a custom name
	Format string
	URL    string // may carry user and password; empty: it leads nowhere
	Source string // why it leads there: flag, environment, config, set, "npm config", ...
}

// Status is the state of a package version (PackageVersionStatus).
type Status string

const (
	Published  Status = "Published"  // listed and downloadable
	Unfinished Status = "Unfinished" // more assets may come; not listed, not downloadable
	Unlisted   Status = "Unlisted"   // not listed, downloadable
	Archived   Status = "Archived"   // not listed, not downloadable; reversible
	Disposed   Status = "Disposed"   // bytes destroyed, record kept
	Deleted    Status = "Deleted"    // only in answers and events
)

// Downloadable reports whether assets of a version with this status are served.
func (s Status) Downloadable() bool { return s == Published || s == Unlisted }

// OriginType says how a version first came into its domain.
type OriginType string

const (
	OriginInternal OriginType = "INTERNAL" // published into some repository of the domain
	OriginExternal OriginType = "EXTERNAL" // ingested through an external connection
	OriginUnknown  OriginType = "UNKNOWN"
)

// Origin is fixed at a version's first entry into the domain. Exactly one of
// Repository and Connection is set, unless Type is OriginUnknown.
type Origin struct {
	Type       OriginType
	Repository string
	Connection string
}

// Restriction is one side of a package's origin configuration.
type Restriction string

const (
	Allow Restriction = "ALLOW"
	Block Restriction = "BLOCK"
)

// Restrictions is a package's origin configuration: whether versions may be
// published directly, and whether they may come from upstream repositories
// and external connections.
type Restrictions struct {
	Publish  Restriction
	Upstream Restriction
}

// Package is a package of one repository. It may have no versions.
type Package struct {
	ID           PackageID
	Restrictions Restrictions
	Tags         map[string]string // dist-tags: tag to version
	Created      time.Time
	Modified     time.Time // last change of the package or one of its versions

	// Revision moves with every change of the package, its versions, assets
	// or tags in this repository. It never repeats, not even after the
	// package is deleted and made again. Zero: no such package.
	Revision int64
	// Sequence is the sequenceNumber of the package's last event.
	Sequence int64
}

// Version is a package version as one repository holds it.
type Version struct {
	Version     string // canonical spelling
	DisplayName string // the package's name as published, where it differs from the canonical one
	Status      Status
	Revision    string // opaque; moves with assets and manifest, not with status
	Origin      Origin
	Published   time.Time // when this repository got it, or last changed it
	Released    time.Time // when its publisher published it: upstream's time, else the time of the publish here
	// Seen is when this server first saw a version that came from elsewhere, where
	// that counts: one that was new in a later listing of its package, or whose
	// time nobody tells. Zero: it goes by Released.
	Seen     time.Time
	Manifest json.RawMessage // opaque to the core: stored and handed back
	Assets   []Asset         // in order of name
}

// Asset returns the asset of that name.
func (v *Version) Asset(name string) (Asset, bool) {
	for _, a := range v.Assets {
		if a.Name == name {
			return a, true
		}
	}
	return Asset{}, false
}

// Asset is one file of a package version.
type Asset struct {
	Name   string
	Size   int64 // bytes
	Hashes Hashes
}

// Digest is a SHA-256 digest: with the domain, the key of a blob.
type Digest [32]byte

// String is lower-case hex.
func (d Digest) String() string { return hex.EncodeToString(d[:]) }

// ParseDigest reads 64 lower-case hex characters.
func ParseDigest(s string) (Digest, error) {
	var d Digest
	if len(s) != 64 || strings.ToLower(s) != s {
		return d, Errorf(Invalid, "%q is not a SHA-256 digest in lower-case hex", s)
	}
	if _, err := hex.Decode(d[:], []byte(s)); err != nil {
		return d, Errorf(Invalid, "%q is not a SHA-256 digest in lower-case hex", s)
	}
	return d, nil
}

// Hashes are the four digests that are computed of every asset.
type Hashes struct {
	MD5    [16]byte
	SHA1   [20]byte
	SHA256 Digest
	SHA512 [64]byte
}

// Actor is who asks. It is made once per request by the authenticator and
// carried unchanged; the zero Actor is anonymous and from nowhere.
type Actor struct {
	Account   string // 12-digit account id; empty: anonymous
	Principal string // ARN of the user, role session or root
	User      string // name shown to people (npm whoami)
	AccessKey string // access key id that signed, or that obtained the token; for logs
	// Domain is the one domain the credential is bound to; zero: not bound.
	Domain DomainID
	// CredentialExpires is when the caller's own temporary credential ends; zero: never.
	CredentialExpires time.Time
	// Session is what a temporary credential adds; nil for a long-term one.
	Session *Session

	Source netip.Addr // the client's address, after trusted proxies
	Secure bool       // over TLS, after trusted proxies

	// Looked is what was read of Domain when this actor was made for its
	// request, for the first look at that domain to go by; zero: nothing.
	Looked Look `json:"-"`
}

// Session is what is known of a temporary credential. It is immutable.
type Session struct {
	ID       string // the temporary access key id, "ASIA…"; one for each session
	Role     string // ARN of the role that was assumed; empty: a user's own session
	RoleID   string // the role's unique id at that time
	Name     string // of the role session
	Issued   time.Time
	Policies []string // documents that narrow what the session may do
	Managed  []string // ARNs of managed policies that do
	// SourceIdentity and Tags are what the one who assumed the role said.
	SourceIdentity string
	Tags           map[string]string
	Provider       string // ARN of the OpenID Connect provider, where a web identity assumed the role
	Subject        string // the web identity's subject
}

// Anonymous reports whether no credential was presented.
func (a Actor) Anonymous() bool { return a.Account == "" }

// Operation is what happened to a package version, as events spell it.
type Operation string

const (
	OpCreated Operation = "Created"
	OpUpdated Operation = "Updated"
	OpDeleted Operation = "Deleted"
)

// Changes counts what an event stands for.
type Changes struct {
	AssetsAdded     int  `json:"assetsAdded"`
	AssetsRemoved   int  `json:"assetsRemoved"`
	AssetsUpdated   int  `json:"assetsUpdated"`
	MetadataUpdated bool `json:"metadataUpdated"`
	StatusChanged   bool `json:"statusChanged"`
}

// Event is one change of one package version in one repository, addressed to
// one account, or, with Own, what an account tells itself. It is written in the
// transaction that makes the change.
type Event struct {
	ID              string    // UUID; also the message id on the bus
	DeduplicationID string    // equal on every delivery and for every receiver
	Account         string    // the receiver: domain owner or repository administrator
	Time            time.Time // UTC
	Repo            RepoID
	Administrator   string // of the repository
	Version         VersionID
	State           Status
	Revision        string // after the change
	Operation       Operation
	Changes         Changes
	Sequence        int64 // per package of a repository, strictly increasing

	// Own is what an account has put on its bus by itself, or what retention rules
	// tell it (RetentionSource); nil for a change of a package version. With it, only ID, Account and Time above count.
	Own *OwnEvent
}

func cloneTags(t map[string]string) map[string]string {
	if t == nil {
		return map[string]string{}
	}
	return maps.Clone(t)
}
