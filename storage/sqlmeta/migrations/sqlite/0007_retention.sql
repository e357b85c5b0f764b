-- Retention rules of repositories. due is when they are applied next, run how
-- far that is (JSON).
CREATE TABLE retentions (
    repository_id INTEGER NOT NULL PRIMARY KEY REFERENCES repositories (id) ON DELETE CASCADE,
    document      TEXT    NOT NULL,
    revision      TEXT    NOT NULL,
    due           INTEGER NOT NULL,
    run           TEXT    NOT NULL
);
CREATE INDEX retentions_due ON retentions (due);

-- When a version was last downloaded, whoever did: it is known for longer than
-- who did, and found without looking at each of them.
CREATE TABLE last_downloads (
    domain_id INTEGER NOT NULL REFERENCES domains (id) ON DELETE CASCADE,
    format    TEXT    NOT NULL,
    namespace TEXT    NOT NULL,
    name      TEXT    NOT NULL,
    version   TEXT    NOT NULL,
    latest    INTEGER NOT NULL,
    PRIMARY KEY (domain_id, format, namespace, name, version)
) WITHOUT ROWID;
CREATE INDEX last_downloads_latest ON last_downloads (latest);
INSERT INTO last_downloads (domain_id, format, namespace, name, version, latest)
SELECT domain_id, format, namespace, name, version, MAX(latest) FROM downloads GROUP BY domain_id, format, namespace, name, version;

-- One row: since when downloads are noted, and when that was last known.
CREATE TABLE download_watch (
    id     INTEGER NOT NULL PRIMARY KEY,
    since  INTEGER NOT NULL,
    latest INTEGER NOT NULL
);
