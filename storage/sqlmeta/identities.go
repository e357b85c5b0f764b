package sqlmeta

import (
	"database/sql"

	"larder/registry"
)

// CreateAccount implements registry.IdentityRows.
func (t *Tx) CreateAccount(a registry.Account) error {
	n, err := t.exec("create account", `INSERT INTO accounts (id, name, email, closed, created) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
		a.ID, a.Name, a.Email, bit(a.Closed), millis(a.Created))
	if err == nil && n == 0 {
		err = conflict(registry.Resource{Name: a.ID}, "account "+a.ID)
	}
	return t.identitiesMoved(err)
}

// UpdateAccount implements registry.IdentityRows.
func (t *Tx) UpdateAccount(a registry.Account) error {
	n, err := t.exec("update account", `UPDATE accounts SET name = ?, email = ?, closed = ? WHERE id = ?`,
		a.Name, a.Email, bit(a.Closed), a.ID)
	if err == nil && n == 0 {
		err = notFound(registry.Resource{Name: a.ID}, "account "+a.ID)
	}
	return t.identitiesMoved(err)
}

// Account implements registry.IdentityRows.
func (t *Tx) Account(id string) (registry.Account, error) {
	a := registry.Account{ID: id}
	var closed, created int64
	found, err := t.one("read account", `SELECT name, email, closed, created FROM accounts WHERE id = ?`, []any{id},
		&a.Name, &a.Email, &closed, &created)
	if err == nil && !found {
		err = notFound(registry.Resource{Name: id}, "account "+id)
	}
	a.Closed, a.Created = closed != 0, instant(created)
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
	err = t.each("list accounts", `SELECT id, name, email, closed, created FROM accounts`+tail, args, func(row *sql.Rows) error {
		var a registry.Account
		var closed, created int64
		err := row.Scan(&a.ID, &a.Name, &a.Email, &closed, &created)
		a.Closed, a.Created = closed != 0, instant(created)
		all = append(all, a)
		return err
	})
	if err != nil {
		return nil, "", err
	}
	all, next := cut(p, all, func(a registry.Account) string { return a.ID })
	return all, next, nil
}

// identitiesMoved notes a change of identities that succeeded.
func (t *Tx) identitiesMoved(err error) error {
	if err == nil {
		t.moved.identities = true
		err = t.own()
	}
	return err
}

// present gives bytes that are not NULL.
func present(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}
