package sqlmeta

import (
	"bytes"
	"database/sql"
	"fmt"
	"maps"
	"slices"

	"larder/registry"
)

// references is by how much the number of assets that hold a digest changes.
type references map[registry.Digest]reference

type reference struct{ size, delta int64 }

func (r references) add(a registry.Asset, delta int64) {
	d := r[a.Hashes.SHA256]
	d.size = a.Size
	d.delta += delta
	r[a.Hashes.SHA256] = d
}

// refer changes the reference counts of the domain's blobs, and the size of
// the domain where a digest comes first or goes last. A row without references
// stays until ForgetBlobs: it says that there are bytes to delete.
func (t *Tx) refer(domain int64, refs references) error {
	var grown int64
	// In one order: changes that refer to several wait for each other's rows.
	for _, digest := range slices.SortedFunc(maps.Keys(refs), compareDigests) {
		r := refs[digest]
		if r.delta == 0 {
			continue
		}
		var left, size int64
		_, err := t.one("refer to blob", `
			INSERT INTO blobs (domain_id, sha256, size, refs) VALUES (?, ?, ?, ?)
			ON CONFLICT (domain_id, sha256) DO UPDATE SET refs = blobs.refs + excluded.refs
			RETURNING refs, size`,
			[]any{domain, digest[:], r.size, r.delta}, &left, &size)
		if err != nil {
			return err
		}
		switch {
		case left == 0:
			grown -= size
		case left == r.delta:
			grown += size
		}
	}
	t.grow(domain, grown)
	return nil
}

func compareDigests(a, b registry.Digest) int { return bytes.Compare(a[:], b[:]) }

// releaseAssets takes the references of assets away whose versions v the rest
// of the statement selects. The assets themselves go with their versions.
func (t *Tx) releaseAssets(domain int64, rest string, arg any) error {
	var dropped int64
	err := t.each("release blobs", `
		UPDATE blobs SET refs = blobs.refs - gone.n
		FROM (SELECT a.sha256 AS digest, COUNT(*) AS n FROM versions v JOIN assets a ON a.version_id = v.id `+rest+` GROUP BY a.sha256) AS gone
		WHERE blobs.domain_id = ? AND blobs.sha256 = gone.digest
		RETURNING refs, size`, []any{arg, domain},
		func(row *sql.Rows) error {
			var left, size int64
			err := row.Scan(&left, &size)
			if left == 0 {
				dropped += size
			}
			return err
		})
	if err != nil {
		return err
	}
	t.grow(domain, -dropped)
	return nil
}

// UnusedBlobs implements registry.VersionRows.
func (t *Tx) UnusedBlobs(d registry.DomainID, limit int) ([]registry.Digest, error) {
	var all []registry.Digest
	err := t.each("list unused blobs", `
		SELECT b.sha256 FROM domains d JOIN blobs b ON b.domain_id = d.id WHERE d.owner = ? AND d.name = ? AND b.refs = 0 LIMIT ?`,
		[]any{d.Owner, d.Name, limit}, func(row *sql.Rows) error {
			var b sql.RawBytes
			if err := row.Scan(&b); err != nil {
				return err
			}
			if len(b) != len(registry.Digest{}) {
				return fmt.Errorf("a digest of %d bytes", len(b))
			}
			all = append(all, registry.Digest(b))
			return nil
		})
	return all, err
}

// LockUnused implements registry.VersionRows. The row of a digest is what
// changes that refer to it wait for; where there is none, one is made.
func (t *Tx) LockUnused(d registry.DomainID, digests ...registry.Digest) ([]registry.Digest, error) {
	var unused []registry.Digest
	for _, digest := range slices.SortedFunc(slices.Values(digests), compareDigests) {
		refs := 0
		_, err := t.one("lock blob", `
			INSERT INTO blobs (domain_id, sha256, size, refs) SELECT id, ?, 0, 0 FROM domains WHERE owner = ? AND name = ?
			ON CONFLICT (domain_id, sha256) DO UPDATE SET refs = blobs.refs RETURNING refs`,
			[]any{digest[:], d.Owner, d.Name}, &refs)
		if err != nil {
			return nil, err
		}
		if refs == 0 {
			unused = append(unused, digest)
		}
	}
	return unused, nil
}

// ForgetBlobs implements registry.VersionRows.
func (t *Tx) ForgetBlobs(d registry.DomainID, digests ...registry.Digest) error {
	for _, digest := range digests {
		if _, err := t.exec("forget blob", `
			DELETE FROM blobs WHERE domain_id = (SELECT id FROM domains WHERE owner = ? AND name = ?) AND sha256 = ? AND refs = 0`,
			d.Owner, d.Name, digest[:]); err != nil {
			return err
		}
	}
	return nil
}

// grow notes by how much the domain's size changes.
func (t *Tx) grow(domain, bytes int64) {
	if bytes == 0 {
		return
	}
	if t.grown == nil {
		t.grown = map[int64]int64{}
	}
	t.grown[domain] += bytes
}

// size brings the sizes of domains up to what was noted.
func (t *Tx) size() error {
	for _, domain := range slices.Sorted(maps.Keys(t.grown)) {
		if _, err := t.exec("size domain", `UPDATE domains SET asset_size = asset_size + ? WHERE id = ?`, t.grown[domain], domain); err != nil {
			return err
		}
	}
	t.grown = nil
	return nil
}

// BlobReferences implements registry.VersionRows.
func (t *Tx) BlobReferences(d registry.DomainID, digest registry.Digest) (int, error) {
	var n int
	_, err := t.one("count references", `
		SELECT b.refs FROM domains d JOIN blobs b ON b.domain_id = d.id WHERE d.owner = ? AND d.name = ? AND b.sha256 = ?`,
		[]any{d.Owner, d.Name, digest[:]}, &n)
	return n, err
}
