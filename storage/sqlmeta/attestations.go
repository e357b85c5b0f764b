package sqlmeta

import (
	"database/sql"
	"encoding/json"
	"fmt"

	"larder/registry"
)

// Attestations implements registry.GuardRows.
func (t *Tx) Attestations(d registry.DomainID, p registry.PackageID) ([]registry.Attestation, error) {
	var all []registry.Attestation
	err := t.each("read attestations", `
		SELECT version, asset, sha256, sha512, trust, checked, claims, problem FROM attestations
		WHERE domain_id = (SELECT id FROM domains WHERE owner = ? AND name = ?)
			AND format = ? AND namespace = ? AND name = ? ORDER BY version, asset`,
		[]any{d.Owner, d.Name, p.Format, p.Namespace, p.Name}, func(row *sql.Rows) error {
			var a registry.Attestation
			var sha256, sha512, trust, claims sql.RawBytes
			var checked int64
			if err := row.Scan(&a.Version, &a.Asset, &sha256, &sha512, &trust, &checked, &claims, &a.Problem); err != nil {
				return err
			}
			for _, h := range [...]struct{ to, from []byte }{{a.SHA256[:], sha256}, {a.SHA512[:], sha512}, {a.Trust[:], trust}} {
				if copy(h.to, h.from) != len(h.to) {
					return fmt.Errorf("attestation of %s: a digest of %d bytes where %d belong", a.Asset, len(h.from), len(h.to))
				}
			}
			a.Checked = instant(checked)
			err := json.Unmarshal(claims, &a.Claims)
			all = append(all, a)
			return err
		})
	return all, err
}

// PutAttestation implements registry.GuardRows.
func (t *Tx) PutAttestation(d registry.DomainID, p registry.PackageID, a registry.Attestation) error {
	domain, err := t.domainKey(d)
	if err != nil {
		return err
	}
	if err := t.claim(d, p); err != nil {
		return err
	}
	_, err = t.exec("put attestation", `
		INSERT INTO attestations (domain_id, format, namespace, name, version, asset, sha256, sha512, trust, checked, claims, problem)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (domain_id, format, namespace, name, version, asset) DO UPDATE SET
			sha256 = excluded.sha256, sha512 = excluded.sha512, trust = excluded.trust,
			checked = excluded.checked, claims = excluded.claims, problem = excluded.problem`,
		domain, p.Format, p.Namespace, p.Name, a.Version, a.Asset, a.SHA256[:], a.SHA512[:], a.Trust[:],
		millis(a.Checked), text(a.Claims), a.Problem)
	return err
}
