package sqlmeta

import (
	"database/sql"
	"encoding/json"

	"larder/registry"
)

func groupResource(d registry.DomainID, pattern string) registry.Resource {
	return registry.Resource{Type: registry.GroupResource, Domain: d, Name: pattern}
}

// CreateGroup implements registry.GroupRows.
func (t *Tx) CreateGroup(d registry.DomainID, g registry.Group) error {
	domain, err := t.domainKey(d)
	if err != nil {
		return err
	}
	n, err := t.exec("create package group", `
		INSERT INTO package_groups (domain_id, pattern, contact, description, created, tags, modes, allowed)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
		domain, g.Pattern, g.Contact, g.Description, millis(g.Created), mapText(g.Tags), mapText(g.Modes), mapText(g.Allowed))
	if err != nil {
		return err
	}
	if n == 0 {
		return conflict(groupResource(d, g.Pattern), "package group "+g.Pattern)
	}
	t.moveGraph(d)
	return nil
}

// UpdateGroup implements registry.GroupRows.
func (t *Tx) UpdateGroup(d registry.DomainID, g registry.Group) error {
	n, err := t.exec("update package group", `
		UPDATE package_groups SET contact = ?, description = ?, tags = ?, modes = ?, allowed = ?
		WHERE domain_id = (SELECT id FROM domains WHERE owner = ? AND name = ?) AND pattern = ?`,
		g.Contact, g.Description, mapText(g.Tags), mapText(g.Modes), mapText(g.Allowed), d.Owner, d.Name, g.Pattern)
	return t.groupMoved(d, g.Pattern, n, err)
}

// DeleteGroup implements registry.GroupRows.
func (t *Tx) DeleteGroup(d registry.DomainID, pattern string) error {
	n, err := t.exec("delete package group", `
		DELETE FROM package_groups
		WHERE domain_id = (SELECT id FROM domains WHERE owner = ? AND name = ?) AND pattern = ?`, d.Owner, d.Name, pattern)
	return t.groupMoved(d, pattern, n, err)
}

func (t *Tx) groupMoved(d registry.DomainID, pattern string, n int64, err error) error {
	if err != nil {
		return err
	}
	if n == 0 {
		return notFound(groupResource(d, pattern), "package group "+pattern)
	}
	t.moveGraph(d)
	return nil
}

// Groups implements registry.GroupRows.
func (t *Tx) Groups(d registry.DomainID) ([]registry.Group, error) {
	var all []registry.Group
	err := t.each("list package groups", `
		SELECT pattern, contact, description, created, tags, modes, allowed FROM package_groups
		WHERE domain_id = (SELECT id FROM domains WHERE owner = ? AND name = ?) ORDER BY pattern`,
		[]any{d.Owner, d.Name}, func(row *sql.Rows) error {
			var g registry.Group
			var created int64
			var tags, modes, allowed string
			err := row.Scan(&g.Pattern, &g.Contact, &g.Description, &created, &tags, &modes, &allowed)
			if err != nil {
				return err
			}
			g.Created = instant(created)
			if g.Tags, err = tagsOf(tags); err != nil {
				return err
			}
			if err := json.Unmarshal([]byte(modes), &g.Modes); err != nil {
				return err
			}
			all = append(all, g)
			return json.Unmarshal([]byte(allowed), &all[len(all)-1].Allowed)
		})
	return all, err
}

// PackagesInDomain implements registry.GroupRows.
func (t *Tx) PackagesInDomain(d registry.DomainID, f registry.PackageFilter, p registry.Page) ([]registry.PackageID, string, error) {
	from, err := after(p, 3)
	if err == nil {
		err = t.own()
	}
	if err != nil {
		return nil, "", err
	}
	var w where
	w.and("p.domain_id = (SELECT id FROM domains WHERE owner = ? AND name = ?)", d.Owner, d.Name)
	if p.After != "" {
		w.afterPackage(&f, from)
	}
	w.filter(f)
	tail, args := w.limited(p, " ORDER BY p.format, p.namespace, p.name")
	var all []registry.PackageID
	err = t.each("list packages of domain", `SELECT DISTINCT p.format, p.namespace, p.name FROM packages p`+tail, args, func(row *sql.Rows) error {
		var id registry.PackageID
		err := row.Scan(&id.Format, &id.Namespace, &id.Name)
		all = append(all, id)
		return err
	})
	if err != nil {
		return nil, "", err
	}
	all, next := cut(p, all, func(id registry.PackageID) string { return key(id.Format, id.Namespace, id.Name) })
	return all, next, nil
}
