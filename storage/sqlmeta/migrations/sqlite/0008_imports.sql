-- Versions of which a repository is to get the files that nobody has asked for.
CREATE TABLE imports (
    format        TEXT    NOT NULL,
    namespace     TEXT    NOT NULL,
    name          TEXT    NOT NULL,
    version       TEXT    NOT NULL,
    repository_id INTEGER NOT NULL REFERENCES repositories (id) ON DELETE CASCADE,
    attempts      INTEGER NOT NULL,
    due           INTEGER NOT NULL,
    PRIMARY KEY (format, namespace, name, version, repository_id)
) WITHOUT ROWID;
CREATE INDEX imports_repository ON imports (repository_id);
CREATE INDEX imports_due ON imports (due);
