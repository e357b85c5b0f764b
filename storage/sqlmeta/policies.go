package sqlmeta

import (
	"larder/registry"
)

func policyResource(d registry.DomainID, repository string) registry.Resource {
	if repository == "" {
		return d.Resource()
	}
	return registry.RepoID{Domain: d, Name: repository}.Resource()
}

// Policy implements registry.PolicyRows.
func (t *Tx) Policy(d registry.DomainID, repository string) (registry.Policy, error) {
	var p registry.Policy
	found, err := t.one("read policy", `
		SELECT document, revision FROM policies
		WHERE domain_id = (SELECT id FROM domains WHERE owner = ? AND name = ?) AND repository = ?`,
		[]any{d.Owner, d.Name, repository}, &p.Document, &p.Revision)
	if err == nil && !found {
		err = notFound(policyResource(d, repository), "a permissions policy")
	}
	return p, err
}

// PutPolicy implements registry.PolicyRows.
func (t *Tx) PutPolicy(d registry.DomainID, repository string, p registry.Policy) error {
	domain, err := t.domainKey(d)
	if err != nil {
		return err
	}
	if repository != "" {
		if _, err := t.repository(registry.RepoID{Domain: d, Name: repository}); err != nil {
			return err
		}
	}
	_, err = t.exec("put policy", `
		INSERT INTO policies (domain_id, repository, document, revision) VALUES (?, ?, ?, ?)
		ON CONFLICT (domain_id, repository) DO UPDATE SET document = excluded.document, revision = excluded.revision`,
		domain, repository, p.Document, p.Revision)
	if err == nil {
		t.moveGraph(d)
	}
	return err
}

// DeletePolicy implements registry.PolicyRows.
func (t *Tx) DeletePolicy(d registry.DomainID, repository string) error {
	n, err := t.exec("delete policy", `
		DELETE FROM policies
		WHERE domain_id = (SELECT id FROM domains WHERE owner = ? AND name = ?) AND repository = ?`, d.Owner, d.Name, repository)
	if err != nil {
		return err
	}
	if n == 0 {
		return notFound(policyResource(d, repository), "a permissions policy")
	}
	t.moveGraph(d)
	return nil
}
