package sqlmeta

import (
	"database/sql"
	"strconv"

	"larder/registry"
)

const versionColumns = `v.id, v.version, v.display_name, v.status, v.revision,
	v.origin_type, v.origin_repository, v.origin_connection, v.published, v.released`

// versionRow is a version with what identifies its row.
type versionRow struct {
	id int64
	registry.Version
}

func scanVersion(row *sql.Rows, more ...any) (versionRow, error) {
	var v versionRow
	var published, released int64
	dest := append([]any{&v.id, &v.Version.Version, &v.DisplayName, &v.Status, &v.Revision,
		&v.Origin.Type, &v.Origin.Repository, &v.Origin.Connection, &published, &released}, more...)
	if err := row.Scan(dest...); err != nil {
		return v, err
	}
	v.Published, v.Released = instant(published), instant(released)
	return v, nil
}

// scanWhole reads a version with seen and manifest as the last columns.
func scanWhole(row *sql.Rows, more ...any) (versionRow, error) {
	var seen int64
	var manifest sql.RawBytes
	v, err := scanVersion(row, append(more, &seen, &manifest)...)
	if err != nil {
		return v, err
	}
	v.Seen = instant(seen)
	v.Manifest, err = unpack(manifest)
	return v, err
}

func noVersion(r registry.RepoID, id registry.VersionID) error {
	res := r.Package(id.Package)
	res.Type, res.Version = registry.VersionResource, id.Version
	return notFound(res, "version "+id.Version+" of package "+id.Package.String()+" in repository "+r.Domain.Name+"/"+r.Name)
}

// Version implements registry.VersionRows.
func (t *Tx) Version(r registry.RepoID, id registry.VersionID) (registry.Version, error) {
	if err := t.claim(r.Domain, id.Package); err != nil {
		return registry.Version{}, err
	}
	var v versionRow
	found := false
	err := t.each("read version",
		`SELECT `+versionColumns+`, v.seen, v.manifest`+inRepository+`JOIN versions v ON v.package_id = p.id WHERE`+packageNamed+` AND v.version = ?`,
		append(packageArgs(r, id.Package), id.Version),
		func(row *sql.Rows) (err error) {
			found = true
			v, err = scanWhole(row)
			return err
		})
	if err != nil {
		return registry.Version{}, err
	}
	if !found {
		return registry.Version{}, noVersion(r, id)
	}
	v.Assets, err = t.assets(v.id)
	return v.Version, err
}

// Versions implements registry.VersionRows: two statements, however many versions.
func (t *Tx) Versions(r registry.RepoID, id registry.PackageID) ([]registry.Version, error) {
	if err := t.claim(r.Domain, id); err != nil {
		return nil, err
	}
	var all []registry.Version
	var ids []int64
	var pkg int64
	err := t.each("read versions",
		`SELECT `+versionColumns+`, p.id, v.seen, v.manifest`+inRepository+`JOIN versions v ON v.package_id = p.id WHERE`+packageNamed+` ORDER BY v.published, v.id`,
		packageArgs(r, id),
		func(row *sql.Rows) error {
			v, err := scanWhole(row, &pkg)
			all = append(all, v.Version)
			ids = append(ids, v.id)
			return err
		})
	if err != nil || len(all) == 0 {
		return nil, err
	}
	at := 0
	err = t.each("read assets", `
		SELECT a.version_id, `+assetColumns+` FROM versions v JOIN assets a ON a.version_id = v.id
		WHERE v.package_id = ? ORDER BY v.published, v.id, a.name`, []any{pkg},
		func(row *sql.Rows) error {
			var of int64
			a, err := scanAsset(row, &of)
			if err != nil {
				return err
			}
			for ids[at] != of { // both in the same order
				at++
			}
			all[at].Assets = append(all[at].Assets, a)
			return nil
		})
	if err != nil {
		return nil, err
	}
	return all, nil
}

// PutVersion implements registry.VersionRows.
func (t *Tx) PutVersion(r registry.RepoID, id registry.PackageID, v registry.Version) error {
	if err := distinct(v.Assets); err != nil {
		return err
	}
	pkg, domain, err := t.packageKey(r, id)
	if err != nil {
		return err
	}
	var row int64
	_, err = t.one("put version", `
		INSERT INTO versions (package_id, version, display_name, status, revision, origin_type, origin_repository, origin_connection, published, released, seen, manifest)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (package_id, version) DO UPDATE
		SET display_name = excluded.display_name, status = excluded.status, revision = excluded.revision,
			origin_type = excluded.origin_type, origin_repository = excluded.origin_repository, origin_connection = excluded.origin_connection,
			published = excluded.published, released = excluded.released, seen = excluded.seen, manifest = excluded.manifest
		RETURNING id`,
		[]any{pkg, v.Version, v.DisplayName, string(v.Status), v.Revision, string(v.Origin.Type), v.Origin.Repository, v.Origin.Connection,
			millis(v.Published), millis(v.Released), millis(v.Seen), pack(v.Manifest)}, &row)
	if err != nil {
		return err
	}
	if err := t.putAssets(domain, row, v.Assets); err != nil {
		return err
	}
	t.moveContents(r.Domain)
	return nil
}

// DeleteVersion implements registry.VersionRows.
func (t *Tx) DeleteVersion(r registry.RepoID, id registry.VersionID) error {
	if err := t.claim(r.Domain, id.Package); err != nil {
		return err
	}
	var row, domain int64
	found, err := t.one("find version",
		`SELECT v.id, r.domain_id`+inRepository+`JOIN versions v ON v.package_id = p.id WHERE`+packageNamed+` AND v.version = ?`,
		append(packageArgs(r, id.Package), id.Version), &row, &domain)
	if err != nil {
		return err
	}
	if !found {
		return noVersion(r, id)
	}
	if err := t.releaseAssets(domain, `WHERE v.id = ?`, row); err != nil {
		return err
	}
	if _, err := t.exec("delete version", `DELETE FROM versions WHERE id = ?`, row); err != nil {
		return err
	}
	t.moveContents(r.Domain)
	return nil
}

// ListVersions implements registry.VersionRows.
func (t *Tx) ListVersions(r registry.RepoID, id registry.PackageID, f registry.VersionFilter, p registry.Page) ([]registry.Version, string, error) {
	from, err := after(p, 2)
	if err == nil {
		err = t.claim(r.Domain, id)
	}
	if err != nil {
		return nil, "", err
	}
	var w where
	w.and("v.package_id = (SELECT p.id"+inRepository+"WHERE"+packageNamed+")", packageArgs(r, id)...)
	if f.Status != "" {
		w.and("v.status = ?", string(f.Status))
	}
	if f.Origin != "" {
		w.and("v.origin_type = ?", string(f.Origin))
	}
	order := " ORDER BY v.version"
	keyOf := func(v versionRow) string { return v.Version.Version }
	if f.Newest {
		order = " ORDER BY v.published DESC, v.id DESC"
		keyOf = func(v versionRow) string {
			return key(strconv.FormatInt(millis(v.Published), 10), strconv.FormatInt(v.id, 10))
		}
	}
	switch {
	case p.After == "":
	case f.Newest:
		published, err1 := strconv.ParseInt(from[0], 10, 64)
		row, err2 := strconv.ParseInt(from[1], 10, 64)
		if err1 != nil || err2 != nil {
			return nil, "", registry.Errorf(registry.Invalid, "the page token is not one that this server gave for this order")
		}
		w.and("(v.published, v.id) < (?, ?)", published, row)
	default:
		w.and("v.version > ?", from[0])
	}
	tail, args := w.limited(p, order)
	var rows []versionRow
	err = t.each("list versions", `SELECT `+versionColumns+` FROM versions v`+tail, args, func(row *sql.Rows) error {
		v, err := scanVersion(row)
		rows = append(rows, v)
		return err
	})
	if err != nil {
		return nil, "", err
	}
	rows, next := cut(p, rows, keyOf)
	all := make([]registry.Version, len(rows))
	for i, v := range rows {
		all[i] = v.Version
	}
	return all, next, nil
}
