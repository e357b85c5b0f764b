-- The last sequence number of packages that are gone, with their repository or
-- alone: the numbers of their events go on where they ended.
CREATE TABLE ended_packages (
    domain_owner TEXT    NOT NULL,
    domain_name  TEXT    NOT NULL,
    repository   TEXT    NOT NULL,
    format       TEXT    NOT NULL,
    namespace    TEXT    NOT NULL,
    name         TEXT    NOT NULL,
    sequence     INTEGER NOT NULL,
    PRIMARY KEY (repository, domain_name, domain_owner, format, namespace, name)
) WITHOUT ROWID;
