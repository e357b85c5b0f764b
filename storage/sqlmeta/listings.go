package sqlmeta

import (
	"bytes"
	"crypto/sha256"
	"database/sql"

	"larder/registry"
)

const listingNamed = ` d.owner = ? AND d.name = ? AND l.format = ? AND l.namespace = ? AND l.name = ? AND l.connection `

func listingArgs(d registry.DomainID, p registry.PackageID) []any {
	return []any{d.Owner, d.Name, p.Format, p.Namespace, p.Name}
}

func noListing(connection string, p registry.PackageID) error {
	return registry.Errorf(registry.NotFound, "nothing is kept of package %s from connection %s", p, connection)
}

// Listing implements registry.ListingRows.
func (t *Tx) Listing(d registry.DomainID, connection string, p registry.PackageID) (registry.StoredListing, error) {
	var l registry.StoredListing
	if err := t.claim(d, p); err != nil {
		return l, err
	}
	found := false
	err := t.each("read listing", `
		SELECT l.etag, l.last_modified, l.fetched, l.fresh_until, l.failing_since, l.revision, b.body
		FROM domains d JOIN listings l ON l.domain_id = d.id JOIN listing_bodies b ON b.listing_id = l.id
		WHERE`+listingNamed+`= ?`, append(listingArgs(d, p), connection),
		func(row *sql.Rows) error {
			found = true
			var fetched, fresh, failing int64
			var body sql.RawBytes
			err := row.Scan(&l.ETag, &l.LastModified, &fetched, &fresh, &failing, &l.Revision, &body)
			if err != nil {
				return err
			}
			l.Fetched, l.FreshUntil, l.FailingSince = instant(fetched), instant(fresh), instant(failing)
			l.Body, err = unpack(body)
			return err
		})
	if err == nil && !found {
		err = noListing(connection, p)
	}
	return l, err
}

// PutListing implements registry.ListingRows; NotFound for a missing domain.
func (t *Tx) PutListing(d registry.DomainID, connection string, p registry.PackageID, l registry.StoredListing) error {
	domain, err := t.domainKey(d)
	if err == nil {
		err = t.claim(d, p)
	}
	if err != nil {
		return err
	}
	digest := sha256.Sum256(l.Body)
	var row int64
	var had []byte
	found, err := t.one("find listing",
		`SELECT id, digest FROM listings WHERE domain_id = ? AND format = ? AND namespace = ? AND name = ? AND connection = ?`,
		[]any{domain, p.Format, p.Namespace, p.Name, connection}, &row, &had)
	if err != nil {
		return err
	}
	revision, err := t.revision()
	if err != nil {
		return err
	}
	if !found {
		_, err = t.one("put listing", `
			INSERT INTO listings (domain_id, format, namespace, name, connection, etag, last_modified, fetched, fresh_until, failing_since, revision, digest)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id`,
			[]any{domain, p.Format, p.Namespace, p.Name, connection, l.ETag, l.LastModified,
				millis(l.Fetched), millis(l.FreshUntil), millis(l.FailingSince), revision, digest[:]}, &row)
	} else {
		_, err = t.exec("put listing", `
			UPDATE listings SET etag = ?, last_modified = ?, fetched = ?, fresh_until = ?, failing_since = ?, revision = ?, digest = ? WHERE id = ?`,
			l.ETag, l.LastModified, millis(l.Fetched), millis(l.FreshUntil), millis(l.FailingSince), revision, digest[:], row)
	}
	if err != nil || found && bytes.Equal(had, digest[:]) {
		return err
	}
	_, err = t.exec("put listing body", `
		INSERT INTO listing_bodies (listing_id, body) VALUES (?, ?)
		ON CONFLICT (listing_id) DO UPDATE SET body = excluded.body`, row, pack(l.Body))
	if err != nil {
		return err
	}
	t.moveContents(d)
	return nil
}

// TouchListing implements registry.ListingRows.
func (t *Tx) TouchListing(d registry.DomainID, connection string, p registry.PackageID, l registry.StoredListing) error {
	if err := t.claim(d, p); err != nil {
		return err
	}
	n, err := t.exec("touch listing", `
		UPDATE listings SET etag = ?, last_modified = ?, fetched = ?, fresh_until = ?, failing_since = ?
		WHERE domain_id = (SELECT id FROM domains WHERE owner = ? AND name = ?) AND format = ? AND namespace = ? AND name = ? AND connection = ?`,
		append(append([]any{l.ETag, l.LastModified, millis(l.Fetched), millis(l.FreshUntil), millis(l.FailingSince)}, listingArgs(d, p)...), connection)...)
	if err == nil && n == 0 {
		err = noListing(connection, p)
	}
	return err
}

// ListingRevisions implements registry.ListingRows.
func (t *Tx) ListingRevisions(d registry.DomainID, connections []string, p registry.PackageID) ([]registry.ListingRevision, error) {
	if len(connections) == 0 {
		return nil, nil
	}
	if err := t.claim(d, p); err != nil {
		return nil, err
	}
	all := make([]registry.ListingRevision, len(connections))
	err := t.each("read listing revisions", `
		SELECT l.connection, l.fetched, l.fresh_until, l.failing_since, l.revision
		FROM domains d JOIN listings l ON l.domain_id = d.id
		WHERE`+listingNamed+`IN (`+marks(len(connections))+`)`, fill(listingArgs(d, p), connections),
		func(row *sql.Rows) error {
			var name string
			var fetched, fresh, failing, revision int64
			err := row.Scan(&name, &fetched, &fresh, &failing, &revision)
			for i, want := range connections {
				if want == name {
					all[i] = registry.ListingRevision{Revision: revision, FreshUntil: instant(fresh), FailingSince: instant(failing), Fetched: instant(fetched)}
				}
			}
			return err
		})
	if err != nil {
		return nil, err
	}
	return all, nil
}
