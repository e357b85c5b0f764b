package sqlmeta

import (
	"database/sql"

	"larder/registry"
)

// repositoryKey is a repository's row.
type repositoryKey struct{ id, domain int64 }

// repository finds the repository's row, or NotFound. What it found it keeps
// for the transaction.
func (t *Tx) repository(id registry.RepoID) (repositoryKey, error) {
	if k, ok := t.repositories[id]; ok {
		return k, nil
	}
	var k repositoryKey
	found, err := t.one("find repository",
		`SELECT id, domain_id FROM repositories WHERE name = ? AND domain_name = ? AND domain_owner = ?`,
		[]any{id.Name, id.Domain.Name, id.Domain.Owner}, &k.id, &k.domain)
	if err != nil {
		return k, err
	}
	if !found {
		return k, noRepository(id)
	}
	if t.repositories == nil {
		t.repositories = map[registry.RepoID]repositoryKey{}
	}
	t.repositories[id] = k
	return k, nil
}

func noRepository(id registry.RepoID) error {
	return notFound(id.Resource(), "repository "+id.Domain.Name+"/"+id.Name)
}

// CreateRepository implements registry.RepositoryRows.
func (t *Tx) CreateRepository(r registry.Repository) error {
	domain, err := t.domainKey(r.ID.Domain)
	if err != nil {
		return err
	}
	upstreams, err := t.upstreams(r)
	if err != nil {
		return err
	}
	var id int64
	made, err := t.one("create repository", `
		INSERT INTO repositories (domain_id, domain_owner, domain_name, name, administrator, description, created, tags)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT DO NOTHING RETURNING id`,
		[]any{domain, r.ID.Domain.Owner, r.ID.Domain.Name, r.ID.Name, r.Administrator, r.Description, millis(r.Created), mapText(r.Tags)}, &id)
	if err != nil {
		return err
	}
	if !made {
		return conflict(r.ID.Resource(), "repository "+r.ID.Domain.Name+"/"+r.ID.Name)
	}
	t.moveGraph(r.ID.Domain)
	return t.link(id, upstreams, r.Connections)
}

// UpdateRepository implements registry.RepositoryRows.
func (t *Tx) UpdateRepository(r registry.Repository) error {
	k, err := t.repository(r.ID)
	if err != nil {
		return err
	}
	upstreams, err := t.upstreams(r)
	if err != nil {
		return err
	}
	if _, err := t.exec("update repository", `UPDATE repositories SET description = ?, tags = ? WHERE id = ?`,
		r.Description, mapText(r.Tags), k.id); err != nil {
		return err
	}
	if _, err := t.exec("unlink upstreams", `DELETE FROM repository_upstreams WHERE repository_id = ?`, k.id); err != nil {
		return err
	}
	if _, err := t.exec("unlink connections", `DELETE FROM repository_connections WHERE repository_id = ?`, k.id); err != nil {
		return err
	}
	t.moveGraph(r.ID.Domain)
	return t.link(k.id, upstreams, r.Connections)
}

// upstreams finds the rows of the repository's upstreams, or NotFound.
func (t *Tx) upstreams(r registry.Repository) ([]int64, error) {
	ids := make([]int64, len(r.Upstreams))
	for i, name := range r.Upstreams {
		up, err := t.repository(registry.RepoID{Domain: r.ID.Domain, Name: name})
		if err != nil {
			return nil, err
		}
		ids[i] = up.id
	}
	return ids, nil
}

// link writes the repository's upstreams and connections.
func (t *Tx) link(id int64, upstreams []int64, connections []string) error {
	for i, up := range upstreams {
		if _, err := t.exec("link upstream", `INSERT INTO repository_upstreams (repository_id, position, upstream_id) VALUES (?, ?, ?)`,
			id, i, up); err != nil {
			return err
		}
	}
	for i, name := range connections {
		if _, err := t.exec("link connection", `INSERT INTO repository_connections (repository_id, position, connection) VALUES (?, ?, ?)`,
			id, i, name); err != nil {
			return err
		}
	}
	return nil
}

// Repository implements registry.RepositoryRows.
func (t *Tx) Repository(id registry.RepoID) (registry.Repository, error) {
	var w where
	w.and("name = ? AND domain_name = ? AND domain_owner = ?", id.Name, id.Domain.Name, id.Domain.Owner)
	all, err := t.readRepositories(w.text.String(), w.args)
	if err != nil {
		return registry.Repository{}, err
	}
	if len(all) == 0 {
		return registry.Repository{}, noRepository(id)
	}
	return all[0], nil
}

// DeleteRepository implements registry.RepositoryRows.
func (t *Tx) DeleteRepository(id registry.RepoID) error {
	if err := t.own(); err != nil {
		return err
	}
	k, err := t.repository(id)
	if err != nil {
		return err
	}
	if err := t.releaseAssets(k.domain, `JOIN packages p ON p.id = v.package_id WHERE p.repository_id = ?`, k.id); err != nil {
		return err
	}
	if _, err := t.exec("delete policy of repository", `DELETE FROM policies WHERE domain_id = ? AND repository = ?`, k.domain, id.Name); err != nil {
		return err
	}
	if err := t.keepSequences(`r.id = ?`, k.id); err != nil {
		return err
	}
	if _, err := t.exec("delete repository", `DELETE FROM repositories WHERE id = ?`, k.id); err != nil {
		return err
	}
	delete(t.repositories, id)
	t.moveGraph(id.Domain)
	t.moveContents(id.Domain)
	return nil
}

// Repositories implements registry.RepositoryRows.
func (t *Tx) Repositories(f registry.RepositoryFilter, p registry.Page) ([]registry.Repository, string, error) {
	from, err := after(p, 3)
	if err != nil {
		return nil, "", err
	}
	var w where
	if f.Domain != (registry.DomainID{}) {
		w.and("domain_id = (SELECT id FROM domains WHERE owner = ? AND name = ?)", f.Domain.Owner, f.Domain.Name)
	}
	if f.Administrator != "" {
		w.and("administrator = ?", f.Administrator)
	}
	w.prefix("name", f.Prefix)
	if p.After != "" {
		w.and("(name, domain_name, domain_owner) > (?, ?, ?)", from[0], from[1], from[2])
	}
	tail, args := w.limited(p, " ORDER BY name, domain_name, domain_owner")
	all, err := t.readRepositories(tail, args)
	if err != nil {
		return nil, "", err
	}
	all, next := cut(p, all, func(r registry.Repository) string { return key(r.ID.Name, r.ID.Domain.Name, r.ID.Domain.Owner) })
	return all, next, nil
}

// Graph implements registry.RepositoryRows. Repositories come by name.
func (t *Tx) Graph(d registry.DomainID) ([]registry.Repository, error) {
	return t.readRepositories(` WHERE domain_id = (SELECT id FROM domains WHERE owner = ? AND name = ?) ORDER BY name`, []any{d.Owner, d.Name})
}

// readRepositories gives the rows that the tail of the statement selects, with
// their links: three statements, however many they are.
func (t *Tx) readRepositories(tail string, args []any) ([]registry.Repository, error) {
	var all []registry.Repository
	var ids []int64
	at := map[int64]int{}
	err := t.each("read repositories",
		`SELECT id, domain_owner, domain_name, name, administrator, description, created, tags FROM repositories`+tail, args,
		func(row *sql.Rows) error {
			var r registry.Repository
			var id, created int64
			var tags string
			err := row.Scan(&id, &r.ID.Domain.Owner, &r.ID.Domain.Name, &r.ID.Name, &r.Administrator, &r.Description, &created, &tags)
			if err != nil {
				return err
			}
			r.Created = instant(created)
			if r.Tags, err = tagsOf(tags); err != nil {
				return err
			}
			at[id] = len(all)
			all = append(all, r)
			ids = append(ids, id)
			return nil
		})
	if err != nil || len(all) == 0 {
		return nil, err
	}
	for len(ids) > 0 {
		n := min(len(ids), linkBatch)
		if err := t.readLinks(ids[:n], all, at); err != nil {
			return nil, err
		}
		ids = ids[n:]
	}
	return all, nil
}

// linkBatch keeps IN lists under the limits of parameters.
const linkBatch = 1024

func (t *Tx) readLinks(ids []int64, all []registry.Repository, at map[int64]int) error {
	list, args := marks(len(ids)), fill(nil, ids)
	var id int64
	var name string
	err := t.each("read upstreams", `
		SELECT l.repository_id, u.name FROM repository_upstreams l JOIN repositories u ON u.id = l.upstream_id
		WHERE l.repository_id IN (`+list+`) ORDER BY l.repository_id, l.position`, args,
		func(row *sql.Rows) error {
			err := row.Scan(&id, &name)
			r := &all[at[id]]
			r.Upstreams = append(r.Upstreams, name)
			return err
		})
	if err != nil {
		return err
	}
	return t.each("read connections of repositories", `
		SELECT repository_id, connection FROM repository_connections
		WHERE repository_id IN (`+list+`) ORDER BY repository_id, position`, args,
		func(row *sql.Rows) error {
			err := row.Scan(&id, &name)
			r := &all[at[id]]
			r.Connections = append(r.Connections, name)
			return err
		})
}
