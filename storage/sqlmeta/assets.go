package sqlmeta

import (
	"database/sql"
	"fmt"

	"larder/registry"
)

const assetColumns = `a.name, a.size, a.md5, a.sha1, a.sha256, a.sha512`

func scanAsset(row *sql.Rows, more ...any) (registry.Asset, error) {
	var a registry.Asset
	var md5, sha1, sha256, sha512 sql.RawBytes
	if err := row.Scan(append(more, &a.Name, &a.Size, &md5, &sha1, &sha256, &sha512)...); err != nil {
		return a, err
	}
	for _, h := range [...]struct{ to, from []byte }{
		{a.Hashes.MD5[:], md5}, {a.Hashes.SHA1[:], sha1}, {a.Hashes.SHA256[:], sha256}, {a.Hashes.SHA512[:], sha512},
	} {
		if copy(h.to, h.from) != len(h.to) {
			return a, fmt.Errorf("asset %q: a digest of %d bytes where %d belong", a.Name, len(h.from), len(h.to))
		}
	}
	return a, nil
}

func (t *Tx) assets(version int64) ([]registry.Asset, error) {
	var all []registry.Asset
	err := t.each("read assets", `SELECT `+assetColumns+` FROM assets a WHERE a.version_id = ? ORDER BY a.name`, []any{version},
		func(row *sql.Rows) error {
			a, err := scanAsset(row)
			all = append(all, a)
			return err
		})
	return all, err
}

// putAssets makes the version's assets those. Assets that stay as they are
// cost no write: a version may grow file by file.
func (t *Tx) putAssets(domain, version int64, assets []registry.Asset) error {
	have, err := t.assets(version)
	if err != nil {
		return err
	}
	old := make(map[string]registry.Asset, len(have))
	for _, a := range have {
		old[a.Name] = a
	}
	refs := references{}
	for _, a := range assets {
		was, exists := old[a.Name]
		delete(old, a.Name)
		if exists {
			if was == a {
				continue
			}
			refs.add(was, -1)
		}
		refs.add(a, 1)
		h := a.Hashes
		if _, err := t.exec("put asset", `
			INSERT INTO assets (version_id, name, size, md5, sha1, sha256, sha512) VALUES (?, ?, ?, ?, ?, ?, ?)
			ON CONFLICT (version_id, name) DO UPDATE
			SET size = excluded.size, md5 = excluded.md5, sha1 = excluded.sha1, sha256 = excluded.sha256, sha512 = excluded.sha512`,
			version, a.Name, a.Size, h.MD5[:], h.SHA1[:], h.SHA256[:], h.SHA512[:]); err != nil {
			return err
		}
	}
	for name, a := range old {
		refs.add(a, -1)
		if _, err := t.exec("remove asset", `DELETE FROM assets WHERE version_id = ? AND name = ?`, version, name); err != nil {
			return err
		}
	}
	return t.refer(domain, refs)
}

// distinct refuses two assets of one name.
func distinct(assets []registry.Asset) error {
	seen := make(map[string]bool, len(assets))
	for _, a := range assets {
		if seen[a.Name] {
			return registry.Errorf(registry.Invalid, "asset %q is there twice", a.Name)
		}
		seen[a.Name] = true
	}
	return nil
}
