-- What was found when attestations were looked at: one row for each file of a
-- version of the domain, whatever repository has it.
CREATE TABLE attestations (
    domain_id INTEGER NOT NULL REFERENCES domains (id) ON DELETE CASCADE,
    format    TEXT    NOT NULL,
    namespace TEXT    NOT NULL,
    name      TEXT    NOT NULL,
    version   TEXT    NOT NULL,
    asset     TEXT    NOT NULL,
    sha256    BLOB    NOT NULL, -- of the bytes that it is about
    sha512    BLOB    NOT NULL,
    trust     BLOB    NOT NULL,
    checked   INTEGER NOT NULL,
    claims    TEXT    NOT NULL, -- JSON
    problem   TEXT    NOT NULL,
    PRIMARY KEY (domain_id, format, namespace, name, version, asset)
) WITHOUT ROWID;
