package sqlmeta

import (
	"database/sql"
	"encoding/json"
	"time"

	"larder/registry"
)

const retentionColumns = `r.domain_owner, r.domain_name, r.name, t.document, t.revision, t.due, t.run`

func scanRetention(row *sql.Rows) (registry.Retention, error) {
	var x registry.Retention
	var due int64
	var run string
	err := row.Scan(&x.Repo.Domain.Owner, &x.Repo.Domain.Name, &x.Repo.Name, &x.Document, &x.Revision, &due, &run)
	if err == nil {
		x.Due = instant(due)
		err = json.Unmarshal([]byte(run), &x.Run)
	}
	return x, err
}

func noRetention(id registry.RepoID) error {
	return notFound(id.Resource(), "retention rules of repository "+id.Domain.Name+"/"+id.Name)
}

// ofRepository finds what belongs to a repository by its names.
const ofRepository = `repository_id = (SELECT id FROM repositories WHERE name = ? AND domain_name = ? AND domain_owner = ?)`

// Retention implements registry.RetentionRows.
func (t *Tx) Retention(id registry.RepoID) (registry.Retention, error) {
	var x registry.Retention
	found := false
	err := t.each("read retention rules", `
		SELECT `+retentionColumns+` FROM repositories r JOIN retentions t ON t.repository_id = r.id
		WHERE r.name = ? AND r.domain_name = ? AND r.domain_owner = ?`,
		[]any{id.Name, id.Domain.Name, id.Domain.Owner}, func(row *sql.Rows) (err error) {
			found = true
			x, err = scanRetention(row)
			return err
		})
	if err == nil && !found {
		err = noRetention(id)
	}
	return x, err
}

// PutRetention implements registry.RetentionRows.
func (t *Tx) PutRetention(x registry.Retention) error {
	if err := t.own(); err != nil {
		return err
	}
	k, err := t.repository(x.Repo)
	if err != nil {
		return err
	}
	_, err = t.exec("put retention rules", `
		INSERT INTO retentions (repository_id, document, revision, due, run) VALUES (?, ?, ?, ?, ?)
		ON CONFLICT (repository_id) DO UPDATE
		SET document = excluded.document, revision = excluded.revision, due = excluded.due, run = excluded.run`,
		k.id, x.Document, x.Revision, millis(x.Due), text(x.Run))
	return err
}

// StepRetention implements registry.RetentionRows.
func (t *Tx) StepRetention(id registry.RepoID, revision string, due time.Time, run registry.RetentionRun) error {
	n, err := t.exec("step retention", `UPDATE retentions SET due = ?, run = ? WHERE revision = ? AND `+ofRepository,
		millis(due), text(run), revision, id.Name, id.Domain.Name, id.Domain.Owner)
	if err == nil && n == 0 {
		err = noRetention(id)
	}
	return err
}

// DeleteRetention implements registry.RetentionRows.
func (t *Tx) DeleteRetention(id registry.RepoID) error {
	if err := t.own(); err != nil {
		return err
	}
	n, err := t.exec("delete retention rules", `DELETE FROM retentions WHERE `+ofRepository, id.Name, id.Domain.Name, id.Domain.Owner)
	if err == nil && n == 0 {
		err = noRetention(id)
	}
	return err
}

// DueRetentions implements registry.RetentionRows.
func (t *Tx) DueRetentions(limit int) ([]registry.Retention, error) {
	var all []registry.Retention
	err := t.each("read due retention rules", `
		SELECT `+retentionColumns+` FROM retentions t JOIN repositories r ON r.id = t.repository_id
		WHERE t.due <= ? ORDER BY t.due LIMIT ?`, []any{millis(t.now), limit}, func(row *sql.Rows) error {
		x, err := scanRetention(row)
		all = append(all, x)
		return err
	})
	return all, err
}

// noteLast notes when versions were last downloaded. The downloads are sorted by
// version: of each, one row is written.
func (t *Tx) noteLast(domain int64, sorted []registry.Download) error {
	for i := 0; i < len(sorted); {
		x := sorted[i]
		for i++; i < len(sorted) && sorted[i].Version == x.Version; i++ {
			if sorted[i].Latest.After(x.Latest) {
				x.Latest = sorted[i].Latest
			}
		}
		p := x.Version.Package
		_, err := t.exec("note last download", `
			INSERT INTO last_downloads (domain_id, format, namespace, name, version, latest) VALUES (?, ?, ?, ?, ?, ?)
			ON CONFLICT (domain_id, format, namespace, name, version) DO UPDATE SET latest = excluded.latest
			WHERE excluded.latest > last_downloads.latest`,
			domain, p.Format, p.Namespace, p.Name, x.Version.Version, millis(x.Latest))
		if err != nil {
			return err
		}
	}
	return nil
}

// LastDownloads implements registry.RetentionRows.
func (t *Tx) LastDownloads(d registry.DomainID, p registry.PackageID) (map[string]time.Time, error) {
	all := map[string]time.Time{}
	err := t.each("read last downloads", `
		SELECT version, latest FROM last_downloads
		WHERE domain_id = (SELECT id FROM domains WHERE owner = ? AND name = ?) AND format = ? AND namespace = ? AND name = ?`,
		[]any{d.Owner, d.Name, p.Format, p.Namespace, p.Name}, func(row *sql.Rows) error {
			var version string
			var latest int64
			err := row.Scan(&version, &latest)
			all[version] = instant(latest)
			return err
		})
	return all, err
}

// LastDownload implements registry.RetentionRows.
func (t *Tx) LastDownload(d registry.DomainID, id registry.VersionID) (time.Time, error) {
	p := id.Package
	args := []any{d.Owner, d.Name, p.Format, p.Namespace, p.Name, id.Version}
	const ofVersion = ` WHERE domain_id = (SELECT id FROM domains WHERE owner = ? AND name = ?) AND format = ? AND namespace = ? AND name = ? AND version = ?`
	var last time.Time
	for _, table := range []string{"last_downloads", "downloads"} {
		var latest sql.NullInt64
		if _, err := t.one("read last download", `SELECT MAX(latest) FROM `+table+ofVersion, args, &latest); err != nil {
			return last, err
		}
		if at := instant(latest.Int64); latest.Valid && at.After(last) {
			last = at
		}
	}
	return last, nil
}

// PruneLastDownloads implements registry.RetentionRows.
func (t *Tx) PruneLastDownloads(before time.Time) (int, error) {
	n, err := t.exec("prune last downloads", `DELETE FROM last_downloads WHERE latest < ?`, millis(before))
	return int(n), err
}

// WatchDownloads implements registry.RetentionRows.
func (t *Tx) WatchDownloads(away time.Duration) error {
	_, err := t.exec("watch downloads", `
		INSERT INTO download_watch (id, since, latest) VALUES (1, ?, ?)
		ON CONFLICT (id) DO UPDATE SET
			since = CASE WHEN download_watch.latest <= ? THEN excluded.since ELSE download_watch.since END,
			latest = CASE WHEN excluded.latest > download_watch.latest THEN excluded.latest ELSE download_watch.latest END`,
		millis(t.now), millis(t.now), millis(t.now.Add(-away)))
	return err
}

// DownloadsWatched implements registry.RetentionRows.
func (t *Tx) DownloadsWatched() (time.Time, error) {
	var since int64
	found, err := t.one("read since when downloads are watched", `SELECT since FROM download_watch WHERE id = 1`, nil, &since)
	if err != nil || !found {
		return time.Time{}, err
	}
	return instant(since), nil
}
