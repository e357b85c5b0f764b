package sqlmeta

import (
	"database/sql"

	"larder/registry"
)

// PutImport implements registry.ImportRows.
func (t *Tx) PutImport(i registry.Import) error {
	if err := t.claim(i.Repo.Domain, i.Version.Package); err != nil {
		return err
	}
	k, err := t.repository(i.Repo)
	if err != nil {
		return err
	}
	p := i.Version.Package
	_, err = t.exec("put import", `
		INSERT INTO imports (format, namespace, name, version, repository_id, attempts, due) VALUES (?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT DO NOTHING`,
		p.Format, p.Namespace, p.Name, i.Version.Version, k.id, i.Attempts, millis(i.Due))
	return err
}

// Imports implements registry.ImportRows.
func (t *Tx) Imports(limit int) ([]registry.Import, error) {
	var all []registry.Import
	err := t.each("read imports", `
		SELECT r.domain_owner, r.domain_name, r.name, i.format, i.namespace, i.name, i.version, i.attempts, i.due
		FROM imports i JOIN repositories r ON r.id = i.repository_id ORDER BY i.due LIMIT ?`, []any{limit}, func(row *sql.Rows) error {
		var i registry.Import
		var due int64
		p := &i.Version.Package
		err := row.Scan(&i.Repo.Domain.Owner, &i.Repo.Domain.Name, &i.Repo.Name, &p.Format, &p.Namespace, &p.Name, &i.Version.Version, &i.Attempts, &due)
		i.Due = instant(due)
		all = append(all, i)
		return err
	})
	return all, err
}

// Importing implements registry.ImportRows.
func (t *Tx) Importing(d registry.DomainID, id registry.VersionID) (bool, error) {
	if err := t.claim(d, id.Package); err != nil {
		return false, err
	}
	p := id.Package
	var one int
	return t.one("look for an import", `
		SELECT 1 FROM imports i JOIN repositories r ON r.id = i.repository_id
		WHERE i.format = ? AND i.namespace = ? AND i.name = ? AND i.version = ? AND r.domain_name = ? AND r.domain_owner = ? LIMIT 1`,
		[]any{p.Format, p.Namespace, p.Name, id.Version, d.Name, d.Owner}, &one)
}

const ofImport = ` WHERE format = ? AND namespace = ? AND name = ? AND version = ? AND ` + ofRepository

func importArgs(r registry.RepoID, id registry.VersionID) []any {
	p := id.Package
	return []any{p.Format, p.Namespace, p.Name, id.Version, r.Name, r.Domain.Name, r.Domain.Owner}
}

// RetryImport implements registry.ImportRows.
func (t *Tx) RetryImport(i registry.Import) error {
	_, err := t.exec("put import off", `UPDATE imports SET attempts = ?, due = ?`+ofImport,
		append([]any{i.Attempts, millis(i.Due)}, importArgs(i.Repo, i.Version)...)...)
	return err
}

// FinishImport implements registry.ImportRows.
func (t *Tx) FinishImport(r registry.RepoID, id registry.VersionID) error {
	_, err := t.exec("finish import", `DELETE FROM imports`+ofImport, importArgs(r, id)...)
	return err
}

// ImportsWaiting implements registry.ImportRows.
func (t *Tx) ImportsWaiting() (int, error) {
	var n int
	_, err := t.one("count imports", `SELECT COUNT(*) FROM imports`, nil, &n)
	return n, err
}
