-- seen is when a version was first seen here, where that counts; that of a
-- version of unknown date is when it came in. It stands behind the manifest:
-- lists do without it.
ALTER TABLE versions ADD COLUMN seen INTEGER NOT NULL DEFAULT -62135596800000;
UPDATE versions SET seen = published WHERE released = -62135596800000;

CREATE TABLE guards (
    domain_id INTEGER NOT NULL PRIMARY KEY REFERENCES domains (id) ON DELETE CASCADE,
    document  TEXT    NOT NULL,
    revision  TEXT    NOT NULL
);

-- What is known to be wrong with packages. stamp is the import that had it last.
CREATE TABLE advisories (
    format    TEXT    NOT NULL,
    namespace TEXT    NOT NULL,
    name      TEXT    NOT NULL,
    source    TEXT    NOT NULL,
    advisory  TEXT    NOT NULL,
    body      TEXT    NOT NULL, -- JSON
    stamp     INTEGER NOT NULL,
    PRIMARY KEY (format, namespace, name, source, advisory)
) WITHOUT ROWID;
CREATE INDEX advisories_source ON advisories (source, stamp);

CREATE TABLE advisory_sources (
    name     TEXT    NOT NULL PRIMARY KEY,
    imported INTEGER NOT NULL,
    entries  INTEGER NOT NULL
) WITHOUT ROWID;

-- Who got bytes of a version: one row for all times.
CREATE TABLE downloads (
    domain_id INTEGER NOT NULL REFERENCES domains (id) ON DELETE CASCADE,
    format    TEXT    NOT NULL,
    namespace TEXT    NOT NULL,
    name      TEXT    NOT NULL,
    version   TEXT    NOT NULL,
    actor     TEXT    NOT NULL,
    since     INTEGER NOT NULL,
    latest    INTEGER NOT NULL,
    times     INTEGER NOT NULL,
    PRIMARY KEY (domain_id, format, namespace, name, version, actor)
) WITHOUT ROWID;
CREATE INDEX downloads_latest ON downloads (latest);
