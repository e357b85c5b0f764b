package sqlmeta

import (
	"cmp"
	"database/sql"
	"encoding/json"
	"slices"
	"time"

	"larder/registry"
)

// Guard implements registry.GuardRows.
func (t *Tx) Guard(d registry.DomainID) (registry.Policy, error) {
	var p registry.Policy
	found, err := t.one("read guard rules", `
		SELECT document, revision FROM guards WHERE domain_id = (SELECT id FROM domains WHERE owner = ? AND name = ?)`,
		[]any{d.Owner, d.Name}, &p.Document, &p.Revision)
	if err == nil && !found {
		err = notFound(d.Resource(), "guard rules")
	}
	return p, err
}

// PutGuard implements registry.GuardRows.
func (t *Tx) PutGuard(d registry.DomainID, p registry.Policy) error {
	domain, err := t.domainKey(d)
	if err != nil {
		return err
	}
	_, err = t.exec("put guard rules", `
		INSERT INTO guards (domain_id, document, revision) VALUES (?, ?, ?)
		ON CONFLICT (domain_id) DO UPDATE SET document = excluded.document, revision = excluded.revision`,
		domain, p.Document, p.Revision)
	if err == nil {
		t.moveGraph(d)
	}
	return err
}

// Advisories implements registry.GuardRows.
func (t *Tx) Advisories(p registry.PackageID) ([]registry.Advisory, error) {
	var all []registry.Advisory
	err := t.each("read advisories", `
		SELECT source, advisory, body FROM advisories WHERE format = ? AND namespace = ? AND name = ? ORDER BY source, advisory`,
		[]any{p.Format, p.Namespace, p.Name}, func(row *sql.Rows) error {
			var source, id string
			var body sql.RawBytes
			if err := row.Scan(&source, &id, &body); err != nil {
				return err
			}
			a := registry.Advisory{Source: source, ID: id, Package: p}
			err := json.Unmarshal(body, &a.AdvisoryBody)
			all = append(all, a)
			return err
		})
	return all, err
}

// PutAdvisories implements registry.GuardRows.
func (t *Tx) PutAdvisories(stamp int64, all ...registry.Advisory) error {
	if err := t.own(); err != nil {
		return err
	}
	for _, a := range all {
		p := a.Package
		_, err := t.exec("put advisory", `
			INSERT INTO advisories (format, namespace, name, source, advisory, body, stamp) VALUES (?, ?, ?, ?, ?, ?, ?)
			ON CONFLICT (format, namespace, name, source, advisory) DO UPDATE SET body = excluded.body, stamp = excluded.stamp`,
			p.Format, p.Namespace, p.Name, a.Source, a.ID, text(a.AdvisoryBody), stamp)
		if err != nil {
			return err
		}
	}
	return nil
}

// SettleAdvisories implements registry.GuardRows.
func (t *Tx) SettleAdvisories(source string, stamp int64) (registry.AdvisorySource, error) {
	out := registry.AdvisorySource{Name: source, Imported: t.now}
	if err := t.own(); err != nil {
		return out, err
	}
	gone, err := t.exec("drop advisories", `DELETE FROM advisories WHERE source = ? AND stamp < ?`, source, stamp)
	if err != nil {
		return out, err
	}
	out.Dropped = int(gone)
	if _, err := t.one("count advisories", `SELECT COUNT(*) FROM advisories WHERE source = ?`, []any{source}, &out.Entries); err != nil {
		return out, err
	}
	_, err = t.exec("put advisory source", `
		INSERT INTO advisory_sources (name, imported, entries) VALUES (?, ?, ?)
		ON CONFLICT (name) DO UPDATE SET imported = excluded.imported, entries = excluded.entries`,
		source, millis(t.now), out.Entries)
	t.moved.connections = true // which stands for what concerns every domain
	return out, err
}

// AdvisorySources implements registry.GuardRows.
func (t *Tx) AdvisorySources() ([]registry.AdvisorySource, error) {
	var all []registry.AdvisorySource
	err := t.each("list advisory sources", `SELECT name, imported, entries FROM advisory_sources ORDER BY name`, nil, func(row *sql.Rows) error {
		var s registry.AdvisorySource
		var imported int64
		err := row.Scan(&s.Name, &imported, &s.Entries)
		s.Imported = instant(imported)
		all = append(all, s)
		return err
	})
	return all, err
}

// AddDownloads implements registry.GuardRows.
func (t *Tx) AddDownloads(d registry.DomainID, all ...registry.Download) error {
	domain, err := t.domainKey(d)
	if err != nil {
		return err
	}
	// In one order: processes that write side by side wait for each other's rows.
	sorted := slices.SortedFunc(slices.Values(all), compareDownloads)
	for _, x := range sorted {
		p := x.Version.Package
		_, err := t.exec("add download", `
			INSERT INTO downloads (domain_id, format, namespace, name, version, actor, since, latest, times)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
			ON CONFLICT (domain_id, format, namespace, name, version, actor) DO UPDATE SET
				since = CASE WHEN excluded.since < downloads.since THEN excluded.since ELSE downloads.since END,
				latest = CASE WHEN excluded.latest > downloads.latest THEN excluded.latest ELSE downloads.latest END,
				times = downloads.times + excluded.times`,
			domain, p.Format, p.Namespace, p.Name, x.Version.Version, x.Actor, millis(x.Since), millis(x.Latest), x.Times)
		if err != nil {
			return err
		}
	}
	return t.noteLast(domain, sorted)
}

func compareDownloads(a, b registry.Download) int {
	return cmp.Or(
		cmp.Compare(a.Version.Package.Format, b.Version.Package.Format),
		cmp.Compare(a.Version.Package.Namespace, b.Version.Package.Namespace),
		cmp.Compare(a.Version.Package.Name, b.Version.Package.Name),
		cmp.Compare(a.Version.Version, b.Version.Version),
		cmp.Compare(a.Actor, b.Actor))
}

// Downloads implements registry.GuardRows.
func (t *Tx) Downloads(d registry.DomainID, id registry.VersionID) ([]registry.Download, error) {
	var all []registry.Download
	p := id.Package
	err := t.each("read downloads", `
		SELECT actor, since, latest, times FROM downloads
		WHERE domain_id = (SELECT id FROM domains WHERE owner = ? AND name = ?)
			AND format = ? AND namespace = ? AND name = ? AND version = ? ORDER BY actor`,
		[]any{d.Owner, d.Name, p.Format, p.Namespace, p.Name, id.Version}, func(row *sql.Rows) error {
			x := registry.Download{Version: id}
			var since, latest int64
			err := row.Scan(&x.Actor, &since, &latest, &x.Times)
			x.Since, x.Latest = instant(since), instant(latest)
			all = append(all, x)
			return err
		})
	return all, err
}

// PruneDownloads implements registry.GuardRows.
func (t *Tx) PruneDownloads(before time.Time) (int, error) {
	n, err := t.exec("prune downloads", `DELETE FROM downloads WHERE latest < ?`, millis(before))
	return int(n), err
}
