package sqlmeta

import (
	"database/sql"
	"strings"

	"larder/registry"
)

const packageColumns = `p.format, p.namespace, p.name, p.publish, p.upstream, p.created, p.modified, p.revision, p.sequence, p.tags`

func scanPackage(row *sql.Rows) (registry.Package, error) {
	var p registry.Package
	var created, modified int64
	var tags string
	err := row.Scan(&p.ID.Format, &p.ID.Namespace, &p.ID.Name, &p.Restrictions.Publish, &p.Restrictions.Upstream,
		&created, &modified, &p.Revision, &p.Sequence, &tags)
	if err != nil {
		return p, err
	}
	p.Created, p.Modified = instant(created), instant(modified)
	p.Tags, err = tagsOf(tags)
	return p, err
}

// inRepository finds a package by the names of its repository and its own.
const inRepository = ` FROM repositories r JOIN packages p ON p.repository_id = r.id `
const packageNamed = ` r.name = ? AND r.domain_name = ? AND r.domain_owner = ? AND p.format = ? AND p.namespace = ? AND p.name = ?`

func packageArgs(r registry.RepoID, p registry.PackageID) []any {
	return []any{r.Name, r.Domain.Name, r.Domain.Owner, p.Format, p.Namespace, p.Name}
}

func noPackage(r registry.RepoID, p registry.PackageID) error {
	return notFound(r.Package(p), "package "+p.String()+" in repository "+r.Domain.Name+"/"+r.Name)
}

// Package implements registry.PackageRows.
func (t *Tx) Package(r registry.RepoID, id registry.PackageID) (registry.Package, error) {
	var p registry.Package
	if err := t.claim(r.Domain, id); err != nil {
		return p, err
	}
	found := false
	err := t.each("read package", `SELECT `+packageColumns+inRepository+`WHERE`+packageNamed, packageArgs(r, id),
		func(row *sql.Rows) (err error) {
			found = true
			p, err = scanPackage(row)
			return err
		})
	if err == nil && !found {
		err = noPackage(r, id)
	}
	return p, err
}

// packageKey is the rows of the package and its domain, or NotFound.
func (t *Tx) packageKey(r registry.RepoID, id registry.PackageID) (pkg, domain int64, err error) {
	if err := t.claim(r.Domain, id); err != nil {
		return 0, 0, err
	}
	found, err := t.one("find package", `SELECT p.id, r.domain_id`+inRepository+`WHERE`+packageNamed, packageArgs(r, id), &pkg, &domain)
	if err == nil && !found {
		err = noPackage(r, id)
	}
	return pkg, domain, err
}

// PutPackage implements registry.PackageRows.
func (t *Tx) PutPackage(r registry.RepoID, p registry.Package) error {
	k, err := t.repository(r)
	if err == nil {
		err = t.claim(r.Domain, p.ID)
	}
	if err != nil {
		return err
	}
	revision, err := t.revision()
	if err != nil {
		return err
	}
	_, err = t.exec("put package", `
		INSERT INTO packages (repository_id, domain_id, format, namespace, name, publish, upstream, created, modified, revision, sequence, tags)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (repository_id, format, namespace, name) DO UPDATE
		SET publish = excluded.publish, upstream = excluded.upstream, created = excluded.created, modified = excluded.modified,
			revision = excluded.revision, sequence = excluded.sequence, tags = excluded.tags`,
		k.id, k.domain, p.ID.Format, p.ID.Namespace, p.ID.Name, string(p.Restrictions.Publish), string(p.Restrictions.Upstream),
		millis(p.Created), millis(p.Modified), revision, p.Sequence, mapText(p.Tags))
	if err != nil {
		return err
	}
	t.moveContents(r.Domain)
	return nil
}

// DeletePackage implements registry.PackageRows.
func (t *Tx) DeletePackage(r registry.RepoID, id registry.PackageID) error {
	pkg, domain, err := t.packageKey(r, id)
	if err != nil {
		return err
	}
	if err := t.releaseAssets(domain, `WHERE v.package_id = ?`, pkg); err != nil {
		return err
	}
	if err := t.keepSequences(`p.id = ?`, pkg); err != nil {
		return err
	}
	if _, err := t.exec("delete package", `DELETE FROM packages WHERE id = ?`, pkg); err != nil {
		return err
	}
	t.moveContents(r.Domain)
	return nil
}

// keepSequences notes the sequence numbers of packages that are about to go.
func (t *Tx) keepSequences(which string, arg any) error {
	_, err := t.exec("keep sequence numbers", `
		INSERT INTO ended_packages (domain_owner, domain_name, repository, format, namespace, name, sequence)
		SELECT r.domain_owner, r.domain_name, r.name, p.format, p.namespace, p.name, p.sequence
		FROM repositories r JOIN packages p ON p.repository_id = r.id WHERE p.sequence > 0 AND `+which+`
		ON CONFLICT (repository, domain_name, domain_owner, format, namespace, name) DO UPDATE SET sequence = excluded.sequence`, arg)
	return err
}

// EndedSequence implements registry.PackageRows.
func (t *Tx) EndedSequence(r registry.RepoID, id registry.PackageID) (int64, error) {
	var n int64
	_, err := t.one("read sequence number", `
		SELECT sequence FROM ended_packages
		WHERE repository = ? AND domain_name = ? AND domain_owner = ? AND format = ? AND namespace = ? AND name = ?`, packageArgs(r, id), &n)
	return n, err
}

// Packages implements registry.PackageRows.
func (t *Tx) Packages(r registry.RepoID, f registry.PackageFilter, p registry.Page) ([]registry.Package, string, error) {
	from, err := after(p, 3)
	if err == nil {
		err = t.own()
	}
	if err != nil {
		return nil, "", err
	}
	if f.NamePrefix != "" && f.NamespacePrefix == "" {
		return t.packagesByName(r, f, p, from)
	}
	w := packagesIn(r)
	if p.After != "" {
		w.afterPackage(&f, from)
	}
	w.filter(f)
	all, err := t.packages(w, p, " ORDER BY p.format, p.namespace, p.name")
	if err != nil {
		return nil, "", err
	}
	all, next := cut(p, all, func(v registry.Package) string { return key(v.ID.Format, v.ID.Namespace, v.ID.Name) })
	return all, next, nil
}

// packagesByName gives packages by the beginning of their name: an index is
// entered at the place only within one format, so formats are gone through.
func (t *Tx) packagesByName(r registry.RepoID, f registry.PackageFilter, p registry.Page, from []string) ([]registry.Package, string, error) {
	var all []registry.Package
	formats := []string{f.Format}
	if f.Format == "" {
		var err error
		if formats, err = t.formats(r, from[0]); err != nil {
			return nil, "", err
		}
	}
	for _, f.Format = range formats {
		w, f := packagesIn(r), f
		if p.After != "" && f.Format == from[0] {
			w.after("p.name, p.namespace", &f.NamePrefix, from[1], from[2])
		}
		w.filter(f)
		some, err := t.packages(w, p, " ORDER BY p.name, p.namespace")
		if err != nil {
			return nil, "", err
		}
		if all = append(all, some...); p.Limit > 0 && len(all) > p.Limit {
			break
		}
	}
	all, next := cut(p, all, func(v registry.Package) string { return key(v.ID.Format, v.ID.Name, v.ID.Namespace) })
	return all, next, nil
}

// formats gives those of which the repository has packages, from the one given on.
func (t *Tx) formats(r registry.RepoID, from string) ([]string, error) {
	var all []string
	for how := ">="; ; how = ">" {
		w := packagesIn(r)
		w.and("p.format "+how+" ?", from)
		found, err := t.one("list formats", `SELECT p.format FROM packages p`+w.text.String()+` ORDER BY p.format LIMIT 1`, w.args, &from)
		if err != nil || !found {
			return all, err
		}
		all = append(all, from)
	}
}

// packagesIn keeps packages of the repository.
func packagesIn(r registry.RepoID) *where {
	w := &where{}
	w.and("p.repository_id = (SELECT id FROM repositories WHERE name = ? AND domain_name = ? AND domain_owner = ?)",
		r.Name, r.Domain.Name, r.Domain.Owner)
	return w
}

// filter keeps packages that the filter wants.
func (w *where) filter(f registry.PackageFilter) {
	if f.Format != "" {
		w.and("p.format = ?", f.Format)
	}
	w.prefix("p.namespace", f.NamespacePrefix)
	w.prefix("p.name", f.NamePrefix)
	if f.Publish != "" {
		w.and("p.publish = ?", string(f.Publish))
	}
	if f.Upstream != "" {
		w.and("p.upstream = ?", string(f.Upstream))
	}
	if f.Search != "" {
		pattern := "%" + likeEscaper.Replace(strings.ToLower(f.Search)) + "%"
		w.and(`(lower(p.namespace) LIKE ? ESCAPE '\' OR lower(p.name) LIKE ? ESCAPE '\')`, pattern, pattern)
	}
}

// packages reads a page and one more.
func (t *Tx) packages(w *where, p registry.Page, order string) ([]registry.Package, error) {
	tail, args := w.limited(p, order)
	var all []registry.Package
	err := t.each("list packages", `SELECT `+packageColumns+` FROM packages p`+tail, args, func(row *sql.Rows) error {
		v, err := scanPackage(row)
		all = append(all, v)
		return err
	})
	return all, err
}

// afterPackage keeps packages that come after one. With the format given, an
// index is entered at the place only when the comparison is without it.
func (w *where) afterPackage(f *registry.PackageFilter, from []string) {
	if f.Format == from[0] {
		w.after("p.namespace, p.name", &f.NamespacePrefix, from[1], from[2])
		return
	}
	w.and("(p.format, p.namespace, p.name) > (?, ?, ?)", from[0], from[1], from[2])
}

// after keeps what comes after the place in the order of two columns, of which
// the first begins with the prefix. That is then part of the condition, and
// taken from the filter: of two lower bounds an index is entered at the wrong one.
func (w *where) after(columns string, prefix *string, first, second string) {
	if first < *prefix {
		return // no place in this list: it is given from its start
	}
	w.and("("+columns+") > (?, ?)", first, second)
	if *prefix != "" {
		column, _, _ := strings.Cut(columns, ",")
		w.and(column+" < ?", *prefix+lastRune)
		*prefix = ""
	}
}

var likeEscaper = strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`)

// PackageRevisions implements registry.PackageRows.
func (t *Tx) PackageRevisions(d registry.DomainID, repositories []string, id registry.PackageID) ([]int64, error) {
	if len(repositories) == 0 {
		return nil, nil
	}
	if err := t.claim(d, id); err != nil {
		return nil, err
	}
	revisions := make([]int64, len(repositories))
	args := fill([]any{id.Format, id.Namespace, id.Name, d.Name, d.Owner}, repositories)
	var name string
	var revision int64
	err := t.each("read package revisions", `
		SELECT r.name, p.revision FROM repositories r
		JOIN packages p ON p.repository_id = r.id AND p.format = ? AND p.namespace = ? AND p.name = ?
		WHERE r.domain_name = ? AND r.domain_owner = ? AND r.name IN (`+marks(len(repositories))+`)`, args,
		func(row *sql.Rows) error {
			err := row.Scan(&name, &revision)
			for i, want := range repositories {
				if want == name {
					revisions[i] = revision
				}
			}
			return err
		})
	if err != nil {
		return nil, err
	}
	return revisions, nil
}
