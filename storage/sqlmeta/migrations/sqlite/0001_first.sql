-- Values of the server as a whole: revision (the last one given), identities
-- and connections (counters).
CREATE TABLE server (
    name  TEXT    NOT NULL PRIMARY KEY,
    value INTEGER NOT NULL
) WITHOUT ROWID;
INSERT INTO server (name, value) VALUES ('revision', 0), ('identities', 0), ('connections', 0);

-- Counters of domains. They outlive their domain, so that a domain that is
-- made again goes on where the old one ended.
CREATE TABLE counters (
    owner    TEXT    NOT NULL,
    name     TEXT    NOT NULL,
    contents INTEGER NOT NULL,
    graph    INTEGER NOT NULL,
    PRIMARY KEY (owner, name)
) WITHOUT ROWID;

CREATE TABLE domains (
    id             INTEGER PRIMARY KEY AUTOINCREMENT,
    owner          TEXT    NOT NULL,
    name           TEXT    NOT NULL,
    created        INTEGER NOT NULL,
    encryption_key TEXT    NOT NULL,
    tags           TEXT    NOT NULL,
    asset_size     INTEGER NOT NULL DEFAULT 0, -- sum of size over its blobs
    UNIQUE (name, owner)
);
CREATE UNIQUE INDEX domains_owner ON domains (owner, name);

CREATE TABLE repositories (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    domain_id     INTEGER NOT NULL REFERENCES domains (id),
    domain_owner  TEXT    NOT NULL,
    domain_name   TEXT    NOT NULL,
    name          TEXT    NOT NULL,
    administrator TEXT    NOT NULL,
    description   TEXT    NOT NULL,
    created       INTEGER NOT NULL,
    tags          TEXT    NOT NULL,
    UNIQUE (domain_id, name),
    UNIQUE (name, domain_name, domain_owner)
);
CREATE INDEX repositories_administrator ON repositories (administrator, name, domain_name, domain_owner);

CREATE TABLE repository_upstreams (
    repository_id INTEGER NOT NULL REFERENCES repositories (id) ON DELETE CASCADE,
    position      INTEGER NOT NULL,
    upstream_id   INTEGER NOT NULL REFERENCES repositories (id) ON DELETE CASCADE,
    PRIMARY KEY (repository_id, position)
) WITHOUT ROWID;
CREATE INDEX repository_upstreams_upstream ON repository_upstreams (upstream_id);

CREATE TABLE repository_connections (
    repository_id INTEGER NOT NULL REFERENCES repositories (id) ON DELETE CASCADE,
    position      INTEGER NOT NULL,
    connection    TEXT    NOT NULL,
    PRIMARY KEY (repository_id, position)
) WITHOUT ROWID;

CREATE TABLE packages (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    repository_id INTEGER NOT NULL REFERENCES repositories (id) ON DELETE CASCADE,
    domain_id     INTEGER NOT NULL, -- the repository's: for lists over a domain
    format        TEXT    NOT NULL,
    namespace     TEXT    NOT NULL,
    name          TEXT    NOT NULL,
    publish       TEXT    NOT NULL,
    upstream      TEXT    NOT NULL,
    created       INTEGER NOT NULL,
    modified      INTEGER NOT NULL,
    revision      INTEGER NOT NULL,
    sequence      INTEGER NOT NULL,
    tags          TEXT    NOT NULL,
    UNIQUE (repository_id, format, namespace, name)
);
CREATE INDEX packages_domain ON packages (domain_id, format, namespace, name);

-- manifest is last: rows are read without it by lists.
CREATE TABLE versions (
    id                INTEGER PRIMARY KEY AUTOINCREMENT,
    package_id        INTEGER NOT NULL REFERENCES packages (id) ON DELETE CASCADE,
    version           TEXT    NOT NULL,
    display_name      TEXT    NOT NULL,
    status            TEXT    NOT NULL,
    revision          TEXT    NOT NULL,
    origin_type       TEXT    NOT NULL,
    origin_repository TEXT    NOT NULL,
    origin_connection TEXT    NOT NULL,
    published         INTEGER NOT NULL,
    released          INTEGER NOT NULL,
    manifest          BLOB,
    UNIQUE (package_id, version)
);
CREATE INDEX versions_published ON versions (package_id, published, id);
CREATE INDEX versions_status ON versions (package_id, status, version);
CREATE INDEX versions_status_published ON versions (package_id, status, published, id);

CREATE TABLE assets (
    version_id INTEGER NOT NULL REFERENCES versions (id) ON DELETE CASCADE,
    name       TEXT    NOT NULL,
    size       INTEGER NOT NULL,
    md5        BLOB    NOT NULL,
    sha1       BLOB    NOT NULL,
    sha256     BLOB    NOT NULL,
    sha512     BLOB    NOT NULL,
    PRIMARY KEY (version_id, name)
) WITHOUT ROWID;

-- One row for each digest that an asset of the domain holds, with the number
-- of those assets; kept by the transactions that change assets.
CREATE TABLE blobs (
    domain_id INTEGER NOT NULL REFERENCES domains (id) ON DELETE CASCADE,
    sha256    BLOB    NOT NULL,
    size      INTEGER NOT NULL,
    refs      INTEGER NOT NULL,
    PRIMARY KEY (domain_id, sha256)
) WITHOUT ROWID;
CREATE INDEX blobs_unused ON blobs (domain_id) WHERE refs = 0;

CREATE TABLE listings (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    domain_id     INTEGER NOT NULL REFERENCES domains (id) ON DELETE CASCADE,
    format        TEXT    NOT NULL,
    namespace     TEXT    NOT NULL,
    name          TEXT    NOT NULL,
    connection    TEXT    NOT NULL,
    etag          TEXT    NOT NULL,
    last_modified TEXT    NOT NULL,
    fetched       INTEGER NOT NULL,
    fresh_until   INTEGER NOT NULL,
    failing_since INTEGER NOT NULL,
    revision      INTEGER NOT NULL,
    digest        BLOB    NOT NULL, -- SHA-256 of the body
    UNIQUE (domain_id, format, namespace, name, connection)
);

-- Apart from listings, so that a listing that is confirmed is a small write.
CREATE TABLE listing_bodies (
    listing_id INTEGER PRIMARY KEY REFERENCES listings (id) ON DELETE CASCADE,
    body       BLOB
);

CREATE TABLE outbox (
    seq      INTEGER PRIMARY KEY AUTOINCREMENT,
    event_id TEXT    NOT NULL UNIQUE,
    event    TEXT    NOT NULL,
    sent     INTEGER -- null: not yet
);
CREATE INDEX outbox_unsent ON outbox (seq) WHERE sent IS NULL;
CREATE INDEX outbox_sent ON outbox (sent) WHERE sent IS NOT NULL;

CREATE TABLE connections (
    name   TEXT NOT NULL PRIMARY KEY,
    format TEXT NOT NULL,
    url    TEXT NOT NULL,
    source TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE accounts (
    id      TEXT    NOT NULL PRIMARY KEY,
    name    TEXT    NOT NULL,
    email   TEXT    NOT NULL,
    closed  INTEGER NOT NULL,
    created INTEGER NOT NULL
) WITHOUT ROWID;

-- What is in an account. body is JSON of what nothing is looked up by. Names
-- differ in more than letter case.
CREATE TABLE users (
    account   TEXT    NOT NULL REFERENCES accounts (id),
    name      TEXT    NOT NULL,
    unique_id TEXT    NOT NULL UNIQUE,
    created   INTEGER NOT NULL,
    body      TEXT    NOT NULL,
    PRIMARY KEY (account, name)
) WITHOUT ROWID;
CREATE UNIQUE INDEX users_name ON users (account, lower(name));

CREATE TABLE access_keys (
    id           TEXT    NOT NULL PRIMARY KEY,
    account      TEXT    NOT NULL,
    user_name    TEXT    NOT NULL,
    sealed       BLOB    NOT NULL,
    active       INTEGER NOT NULL,
    created      INTEGER NOT NULL,
    used         INTEGER, -- null: never
    used_service TEXT    NOT NULL DEFAULT '',
    used_region  TEXT    NOT NULL DEFAULT '',
    FOREIGN KEY (account, user_name) REFERENCES users (account, name)
) WITHOUT ROWID;
CREATE INDEX access_keys_user ON access_keys (account, user_name);

CREATE TABLE roles (
    account   TEXT    NOT NULL REFERENCES accounts (id),
    name      TEXT    NOT NULL,
    unique_id TEXT    NOT NULL UNIQUE,
    created   INTEGER NOT NULL,
    body      TEXT    NOT NULL,
    PRIMARY KEY (account, name)
) WITHOUT ROWID;
CREATE UNIQUE INDEX roles_name ON roles (account, lower(name));

CREATE TABLE managed_policies (
    account   TEXT    NOT NULL REFERENCES accounts (id),
    name      TEXT    NOT NULL,
    unique_id TEXT    NOT NULL UNIQUE,
    created   INTEGER NOT NULL,
    body      TEXT    NOT NULL,
    PRIMARY KEY (account, name)
) WITHOUT ROWID;
CREATE UNIQUE INDEX managed_policies_name ON managed_policies (account, lower(name));

-- name is the issuer, unique_id the provider's ARN.
CREATE TABLE providers (
    account   TEXT    NOT NULL REFERENCES accounts (id),
    name      TEXT    NOT NULL,
    unique_id TEXT    NOT NULL UNIQUE,
    created   INTEGER NOT NULL,
    body      TEXT    NOT NULL,
    PRIMARY KEY (account, name)
) WITHOUT ROWID;
CREATE UNIQUE INDEX providers_name ON providers (account, lower(name));

CREATE TABLE sealed_keys (
    seq     INTEGER PRIMARY KEY AUTOINCREMENT,
    purpose TEXT    NOT NULL,
    id      TEXT    NOT NULL,
    sealed  BLOB    NOT NULL,
    created INTEGER NOT NULL,
    UNIQUE (purpose, id)
);

CREATE TABLE package_groups (
    domain_id   INTEGER NOT NULL REFERENCES domains (id) ON DELETE CASCADE,
    pattern     TEXT    NOT NULL,
    contact     TEXT    NOT NULL,
    description TEXT    NOT NULL,
    created     INTEGER NOT NULL,
    tags        TEXT    NOT NULL,
    modes       TEXT    NOT NULL,
    allowed     TEXT    NOT NULL,
    PRIMARY KEY (domain_id, pattern)
) WITHOUT ROWID;

-- repository is empty for the policy of the domain itself.
CREATE TABLE policies (
    domain_id  INTEGER NOT NULL REFERENCES domains (id) ON DELETE CASCADE,
    repository TEXT    NOT NULL,
    document   TEXT    NOT NULL,
    revision   TEXT    NOT NULL,
    PRIMARY KEY (domain_id, repository)
) WITHOUT ROWID;
