-- Revisions of packages and listings: a sequence instead of the row of server,
-- which a change would hold until it commits.
CREATE SEQUENCE revisions;

-- Rows that change again and again get room for their next version beside them.
ALTER TABLE counters SET (fillfactor = 50);
ALTER TABLE domains SET (fillfactor = 50);
ALTER TABLE server SET (fillfactor = 50);
