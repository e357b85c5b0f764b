package sqlmeta

import (
	"database/sql"

	"larder/registry"
)

// CreateAccessKey implements registry.IdentityRows.
func (t *Tx) CreateAccessKey(k registry.AccessKey) error {
	if _, err := t.User(k.Account, k.User); err != nil {
		return err
	}
	n, err := t.exec("create access key", `INSERT INTO access_keys (id, account, user_name, sealed, active, created) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
		k.ID, k.Account, k.User, present(k.Sealed), bit(k.Active), millis(k.Created))
	if err == nil && n == 0 {
		err = conflict(registry.Resource{Name: k.ID}, "access key "+k.ID)
	}
	return t.identitiesMoved(err)
}

const accessKeyColumns = `SELECT id, account, user_name, sealed, active, created, used, used_service, used_region FROM access_keys`

func scanAccessKey(row *sql.Rows) (registry.AccessKey, error) {
	var k registry.AccessKey
	var active, created int64
	var used sql.NullInt64
	err := row.Scan(&k.ID, &k.Account, &k.User, &k.Sealed, &active, &created, &used, &k.Used.Service, &k.Used.Region)
	k.Active, k.Created = active != 0, instant(created)
	if used.Valid {
		k.Used.Time = instant(used.Int64)
	}
	return k, err
}

// AccessKey implements registry.IdentityRows.
func (t *Tx) AccessKey(id string) (k registry.AccessKey, err error) {
	found := false
	err = t.each("read access key", accessKeyColumns+` WHERE id = ?`, []any{id}, func(row *sql.Rows) (err error) {
		found = true
		k, err = scanAccessKey(row)
		return err
	})
	if err == nil && !found {
		err = notFound(registry.Resource{Name: id}, "access key "+id)
	}
	return k, err
}

// AccessKeys implements registry.IdentityRows.
func (t *Tx) AccessKeys(account, user string) (all []registry.AccessKey, err error) {
	err = t.each("list access keys", accessKeyColumns+` WHERE account = ? AND user_name = ? ORDER BY created, id`, []any{account, user},
		func(row *sql.Rows) error {
			k, err := scanAccessKey(row)
			all = append(all, k)
			return err
		})
	return all, err
}

// ActivateAccessKey implements registry.IdentityRows.
func (t *Tx) ActivateAccessKey(id string, active bool) error {
	return t.identitiesMoved(t.changeAccessKey("activate access key", id, `UPDATE access_keys SET active = ? WHERE id = ?`, bit(active), id))
}

// DeleteAccessKey implements registry.IdentityRows.
func (t *Tx) DeleteAccessKey(id string) error {
	return t.identitiesMoved(t.changeAccessKey("delete access key", id, `DELETE FROM access_keys WHERE id = ?`, id))
}

// UseAccessKey implements registry.IdentityRows.
func (t *Tx) UseAccessKey(id string, u registry.KeyUse) error {
	return t.changeAccessKey("note use of access key", id, `UPDATE access_keys SET used = ?, used_service = ?, used_region = ? WHERE id = ?`,
		millis(u.Time), u.Service, u.Region, id)
}

func (t *Tx) changeAccessKey(doing, id, text string, args ...any) error {
	n, err := t.exec(doing, text, args...)
	if err == nil && n == 0 {
		err = notFound(registry.Resource{Name: id}, "access key "+id)
	}
	return err
}
