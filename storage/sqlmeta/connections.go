package sqlmeta

import (
	"database/sql"

	"larder/registry"
)

// Connection implements registry.ConnectionRows.
func (t *Tx) Connection(name string) (registry.Connection, error) {
	c := registry.Connection{Name: name}
	found, err := t.one("read connection", `SELECT format, url, source FROM connections WHERE name = ?`, []any{name}, &c.Format, &c.URL, &c.Source)
	if err == nil && !found {
		err = notFound(registry.Resource{Type: registry.ConnectionResource, Name: name}, "connection "+name)
	}
	return c, err
}

// Connections implements registry.ConnectionRows.
func (t *Tx) Connections() ([]registry.Connection, error) {
	var all []registry.Connection
	err := t.each("list connections", `SELECT name, format, url, source FROM connections ORDER BY name`, nil, func(row *sql.Rows) error {
		var c registry.Connection
		err := row.Scan(&c.Name, &c.Format, &c.URL, &c.Source)
		all = append(all, c)
		return err
	})
	return all, err
}

// PutConnection implements registry.ConnectionRows.
func (t *Tx) PutConnection(c registry.Connection) error {
	_, err := t.exec("put connection", `
		INSERT INTO connections (name, format, url, source) VALUES (?, ?, ?, ?)
		ON CONFLICT (name) DO UPDATE SET format = excluded.format, url = excluded.url, source = excluded.source`,
		c.Name, c.Format, c.URL, c.Source)
	if err != nil {
		return err
	}
	t.moved.connections = true
	return t.own()
}
