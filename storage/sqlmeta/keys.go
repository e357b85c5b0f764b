package sqlmeta

import (
	"database/sql"

	"larder/registry"
)

// Keys implements registry.KeyRows.
func (t *Tx) Keys(purpose string) ([]registry.Key, error) {
	var all []registry.Key
	err := t.each("read keys", `SELECT id, sealed, created FROM sealed_keys WHERE purpose = ? ORDER BY created, seq`, []any{purpose},
		func(row *sql.Rows) error {
			k := registry.Key{Purpose: purpose}
			var created int64
			err := row.Scan(&k.ID, &k.Sealed, &created)
			k.Created = instant(created)
			all = append(all, k)
			return err
		})
	return all, err
}

// CreateKey implements registry.KeyRows.
func (t *Tx) CreateKey(k registry.Key) error {
	if err := t.own(); err != nil {
		return err
	}
	n, err := t.exec("create key", `INSERT INTO sealed_keys (purpose, id, sealed, created) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING`,
		k.Purpose, k.ID, present(k.Sealed), millis(k.Created))
	if err == nil && n == 0 {
		err = conflict(registry.Resource{Name: k.ID}, k.Purpose+" key "+k.ID)
	}
	return err
}

// DeleteKey implements registry.KeyRows; deleting a missing key is no error.
func (t *Tx) DeleteKey(purpose, id string) error {
	if err := t.own(); err != nil {
		return err
	}
	_, err := t.exec("delete key", `DELETE FROM sealed_keys WHERE purpose = ? AND id = ?`, purpose, id)
	return err
}
