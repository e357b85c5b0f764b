package sqlmeta

import (
	"database/sql"

	"larder/registry"
)

const domainColumns = `d.owner, d.name, d.created, d.encryption_key, d.tags, d.asset_size,
	(SELECT COUNT(*) FROM repositories r WHERE r.domain_id = d.id)`

func scanDomain(row *sql.Rows) (registry.Domain, error) {
	var d registry.Domain
	var created int64
	var tags string
	err := row.Scan(&d.ID.Owner, &d.ID.Name, &created, &d.EncryptionKey, &tags, &d.AssetSize, &d.RepositoryCount)
	if err != nil {
		return d, err
	}
	d.Created = instant(created)
	d.Tags, err = tagsOf(tags)
	return d, err
}

// CreateDomain implements registry.DomainRows.
func (t *Tx) CreateDomain(d registry.Domain) error {
	n, err := t.exec("create domain", `
		INSERT INTO domains (owner, name, created, encryption_key, tags) VALUES (?, ?, ?, ?, ?)
		ON CONFLICT DO NOTHING`,
		d.ID.Owner, d.ID.Name, millis(d.Created), d.EncryptionKey, mapText(d.Tags))
	if err != nil {
		return err
	}
	if n == 0 {
		return conflict(d.ID.Resource(), "domain "+d.ID.Name)
	}
	t.moveGraph(d.ID)
	return nil
}

// Domain implements registry.DomainRows.
func (t *Tx) Domain(id registry.DomainID) (registry.Domain, error) {
	var d registry.Domain
	if err := t.size(); err != nil {
		return d, err
	}
	found := false
	err := t.each("read domain", `SELECT `+domainColumns+` FROM domains d WHERE d.owner = ? AND d.name = ?`,
		[]any{id.Owner, id.Name}, func(row *sql.Rows) (err error) {
			found = true
			d, err = scanDomain(row)
			return err
		})
	if err == nil && !found {
		err = notFound(id.Resource(), "domain "+id.Name)
	}
	return d, err
}

// domainKey is the domain's row, or NotFound.
func (t *Tx) domainKey(id registry.DomainID) (int64, error) {
	var k int64
	found, err := t.one("find domain", `SELECT id FROM domains WHERE owner = ? AND name = ?`, []any{id.Owner, id.Name}, &k)
	if err == nil && !found {
		err = notFound(id.Resource(), "domain "+id.Name)
	}
	return k, err
}

// TagDomain implements registry.DomainRows.
func (t *Tx) TagDomain(id registry.DomainID, tags map[string]string) error {
	n, err := t.exec("tag domain", `UPDATE domains SET tags = ? WHERE owner = ? AND name = ?`, mapText(tags), id.Owner, id.Name)
	if err != nil {
		return err
	}
	if n == 0 {
		return notFound(id.Resource(), "domain "+id.Name)
	}
	t.moveGraph(id)
	return nil
}

// DeleteDomain implements registry.DomainRows.
func (t *Tx) DeleteDomain(id registry.DomainID) error {
	if err := t.own(); err != nil {
		return err
	}
	d, err := t.Domain(id)
	if err != nil {
		return err
	}
	if d.RepositoryCount > 0 {
		return registry.Errorf(registry.Conflict, "domain %s still has repositories (%d): delete them first", id.Name, d.RepositoryCount).About(id.Resource())
	}
	if _, err := t.exec("delete domain", `DELETE FROM domains WHERE owner = ? AND name = ?`, id.Owner, id.Name); err != nil {
		return err
	}
	t.moveGraph(id)
	t.moveContents(id)
	return nil
}

// Domains implements registry.DomainRows.
func (t *Tx) Domains(owner string, p registry.Page) ([]registry.Domain, string, error) {
	if err := t.size(); err != nil {
		return nil, "", err
	}
	var w where
	order := " ORDER BY d.name, d.owner"
	keyOf := func(d registry.Domain) string { return key(d.ID.Name, d.ID.Owner) }
	if owner != "" {
		order = " ORDER BY d.name"
		keyOf = func(d registry.Domain) string { return d.ID.Name }
		w.and("d.owner = ?", owner)
	}
	switch from, err := after(p, 2); {
	case err != nil:
		return nil, "", err
	case p.After == "":
	case owner != "":
		w.and("d.name > ?", from[0])
	default:
		w.and("(d.name, d.owner) > (?, ?)", from[0], from[1])
	}
	tail, args := w.limited(p, order)
	var all []registry.Domain
	err := t.each("list domains", `SELECT `+domainColumns+` FROM domains d`+tail, args, func(row *sql.Rows) error {
		d, err := scanDomain(row)
		all = append(all, d)
		return err
	})
	if err != nil {
		return nil, "", err
	}
	all, next := cut(p, all, keyOf)
	return all, next, nil
}
