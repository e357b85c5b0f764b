package sqlmeta

import (
	"database/sql"
	"encoding/json"

	"larder/registry"
)

// CreateAccount implements registry.IdentityRows.
func (t *Tx) CreateAccount(a registry.Account) error {
	n, err := t.exec("create account", `INSERT INTO accounts (id, name, created) VALUES (?, ?, ?) ON CONFLICT DO NOTHING`,
		a.ID, a.Name, millis(a.Created))
	if err != nil {
		return err
	}
	if n == 0 {
		return conflict(registry.Resource{Name: a.ID}, "account "+a.ID)
	}
	t.moved.identities = true
	return nil
}

// Account implements registry.IdentityRows.
func (t *Tx) Account(id string) (registry.Account, error) {
	a := registry.Account{ID: id}
	var created int64
	found, err := t.one("read account", `SELECT name, created FROM accounts WHERE id = ?`, []any{id}, &a.Name, &created)
	if err == nil && !found {
		err = notFound(registry.Resource{Name: id}, "account "+id)
	}
	a.Created = instant(created)
	return a, err
}

// Accounts implements registry.IdentityRows.
func (t *Tx) Accounts(p registry.Page) ([]registry.Account, string, error) {
	from, err := after(p, 1)
	if err != nil {
		return nil, "", err
	}
	var w where
	if p.After != "" {
		w.and("id > ?", from[0])
	}
	tail, args := w.limited(p, " ORDER BY id")
	var all []registry.Account
	err = t.each("list accounts", `SELECT id, name, created FROM accounts`+tail, args, func(row *sql.Rows) error {
		var a registry.Account
		var created int64
		err := row.Scan(&a.ID, &a.Name, &created)
		a.Created = instant(created)
		all = append(all, a)
		return err
	})
	if err != nil {
		return nil, "", err
	}
	all, next := cut(p, all, func(a registry.Account) string { return a.ID })
	return all, next, nil
}

// CreateUser implements registry.IdentityRows.
func (t *Tx) CreateUser(u registry.User) error {
	if _, err := t.Account(u.Account); err != nil {
		return err
	}
	managed := "[]"
	if len(u.Managed) > 0 {
		managed = text(u.Managed)
	}
	n, err := t.exec("create user", `INSERT INTO users (account, name, unique_id, managed, created) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
		u.Account, u.Name, u.ID, managed, millis(u.Created))
	if err != nil {
		return err
	}
	if n == 0 {
		return conflict(registry.Resource{Name: u.Name}, "user "+u.Name)
	}
	t.moved.identities = true
	return nil
}

// User implements registry.IdentityRows.
func (t *Tx) User(account, name string) (registry.User, error) {
	u := registry.User{Account: account, Name: name}
	found := false
	err := t.each("read user", `SELECT unique_id, managed, created FROM users WHERE account = ? AND name = ?`, []any{account, name},
		func(row *sql.Rows) error {
			found = true
			var managed string
			var created int64
			if err := row.Scan(&u.ID, &managed, &created); err != nil {
				return err
			}
			u.Created = instant(created)
			if managed == "[]" {
				return nil
			}
			return json.Unmarshal([]byte(managed), &u.Managed)
		})
	if err == nil && !found {
		err = notFound(registry.Resource{Name: name}, "user "+name)
	}
	return u, err
}

// CreateAccessKey implements registry.IdentityRows.
func (t *Tx) CreateAccessKey(k registry.AccessKey) error {
	if _, err := t.User(k.Account, k.User); err != nil {
		return err
	}
	n, err := t.exec("create access key", `INSERT INTO access_keys (id, account, user_name, sealed, active, created) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
		k.ID, k.Account, k.User, present(k.Sealed), bit(k.Active), millis(k.Created))
	if err != nil {
		return err
	}
	if n == 0 {
		return conflict(registry.Resource{Name: k.ID}, "access key "+k.ID)
	}
	t.moved.identities = true
	return nil
}

// AccessKey implements registry.IdentityRows.
func (t *Tx) AccessKey(id string) (registry.AccessKey, error) {
	k := registry.AccessKey{ID: id}
	var active, created int64
	found, err := t.one("read access key", `SELECT account, user_name, sealed, active, created FROM access_keys WHERE id = ?`, []any{id},
		&k.Account, &k.User, &k.Sealed, &active, &created)
	if err == nil && !found {
		err = notFound(registry.Resource{Name: id}, "access key "+id)
	}
	k.Active, k.Created = active != 0, instant(created)
	return k, err
}

// present gives bytes that are not NULL.
func present(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}
