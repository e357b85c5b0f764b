-- routed says when rules were asked about an event; null: not yet. Events from
-- before there were rules go nowhere.
ALTER TABLE outbox ADD COLUMN routed INTEGER;
UPDATE outbox SET routed = 0;
CREATE INDEX outbox_unrouted ON outbox (seq) WHERE routed IS NULL;

INSERT INTO server (name, value) VALUES ('rules', 0);

CREATE TABLE rules (
    account TEXT    NOT NULL,
    name    TEXT    NOT NULL,
    pattern TEXT    NOT NULL,
    created INTEGER NOT NULL,
    body    TEXT    NOT NULL, -- JSON of what nothing is looked up by
    PRIMARY KEY (account, name)
) WITHOUT ROWID;

CREATE TABLE targets (
    id        INTEGER PRIMARY KEY AUTOINCREMENT,
    account   TEXT    NOT NULL,
    rule      TEXT    NOT NULL,
    target_id TEXT    NOT NULL,
    address   BLOB    NOT NULL, -- SHA-256 of its Arn
    sealed    BLOB    NOT NULL,
    UNIQUE (account, rule, target_id),
    FOREIGN KEY (account, rule) REFERENCES rules (account, name)
);
CREATE INDEX targets_address ON targets (account, address, rule);

-- Events on their way to targets. Rows whose target is gone are dropped when
-- they are looked at.
CREATE TABLE deliveries (
    seq      INTEGER PRIMARY KEY AUTOINCREMENT,
    target   INTEGER NOT NULL,
    event_id TEXT    NOT NULL,
    body     BLOB    NOT NULL,
    created  INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    due      INTEGER NOT NULL
);
CREATE INDEX deliveries_due ON deliveries (target, due, seq);
