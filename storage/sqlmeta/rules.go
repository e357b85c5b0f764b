package sqlmeta

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"strconv"

	"larder/registry"
)

// ruleBody is what nothing is looked up by.
type ruleBody struct {
	Description string            `json:"description,omitempty"`
	Disabled    bool              `json:"disabled,omitempty"`
	Role        string            `json:"role,omitempty"`
	Tags        map[string]string `json:"tags,omitempty"`
}

// RulesRevision implements registry.RuleRows.
func (t *Tx) RulesRevision() (int64, error) {
	var v int64
	_, err := t.one("read revision of rules", `SELECT value FROM server WHERE name = 'rules'`, nil, &v)
	return v, err
}

// rulesMoved moves the revision of rules where the change succeeded.
func (t *Tx) rulesMoved(err error) error {
	if err != nil {
		return err
	}
	_, err = t.next("rules")
	return err
}

// PutRule implements registry.RuleRows.
func (t *Tx) PutRule(r registry.Rule) error {
	if err := t.own(); err != nil {
		return err
	}
	_, err := t.exec("put rule", `
		INSERT INTO rules (account, name, pattern, created, body) VALUES (?, ?, ?, ?, ?)
		ON CONFLICT (account, name) DO UPDATE SET pattern = excluded.pattern, body = excluded.body`,
		r.Account, r.Name, r.Pattern, millis(r.Created), text(ruleBody{r.Description, r.Disabled, r.Role, r.Tags}))
	return t.rulesMoved(err)
}

const ruleColumns = `SELECT account, name, pattern, created, body FROM rules`

func scanRule(row *sql.Rows) (registry.Rule, error) {
	var r registry.Rule
	var created int64
	var stored string
	if err := row.Scan(&r.Account, &r.Name, &r.Pattern, &created, &stored); err != nil {
		return r, err
	}
	var b ruleBody
	err := json.Unmarshal([]byte(stored), &b)
	r.Created, r.Description, r.Disabled, r.Role, r.Tags = instant(created), b.Description, b.Disabled, b.Role, notNil(b.Tags)
	return r, err
}

func noRule(name string) error { return notFound(registry.Resource{Name: name}, "rule "+name) }

// Rule implements registry.RuleRows.
func (t *Tx) Rule(account, name string) (r registry.Rule, err error) {
	found := false
	err = t.each("read rule", ruleColumns+` WHERE account = ? AND name = ?`, []any{account, name}, func(row *sql.Rows) (err error) {
		found = true
		r, err = scanRule(row)
		return err
	})
	if err == nil && !found {
		err = noRule(name)
	}
	return r, err
}

// Rules implements registry.RuleRows.
func (t *Tx) Rules(account, prefix string, p registry.Page) ([]registry.Rule, string, error) {
	from, err := after(p, 2)
	if err != nil {
		return nil, "", err
	}
	var w where
	if account != "" {
		w.and("account = ?", account)
		if p.After != "" {
			w.and("name > ?", from[1])
		}
	} else if p.After != "" {
		w.and("(account, name) > (?, ?)", from[0], from[1])
	}
	w.prefix("name", prefix)
	tail, args := w.limited(p, " ORDER BY account, name")
	var all []registry.Rule
	err = t.each("list rules", ruleColumns+tail, args, func(row *sql.Rows) error {
		r, err := scanRule(row)
		all = append(all, r)
		return err
	})
	if err != nil {
		return nil, "", err
	}
	all, next := cut(p, all, func(r registry.Rule) string { return key(r.Account, r.Name) })
	return all, next, nil
}

// CountRules implements registry.RuleRows.
func (t *Tx) CountRules(account string) (int, error) {
	var n int
	_, err := t.one("count rules", `SELECT COUNT(*) FROM rules WHERE account = ?`, []any{account}, &n)
	return n, err
}

// DeleteRule implements registry.RuleRows.
func (t *Tx) DeleteRule(account, name string) error {
	if err := t.own(); err != nil {
		return err
	}
	var n int
	if _, err := t.one("count targets", `SELECT COUNT(*) FROM targets WHERE account = ? AND rule = ?`, []any{account, name}, &n); err != nil {
		return err
	}
	if n > 0 {
		return registry.Errorf(registry.Conflict, "rule %s has targets", name).About(registry.Resource{Name: name})
	}
	gone, err := t.exec("delete rule", `DELETE FROM rules WHERE account = ? AND name = ?`, account, name)
	if err == nil && gone == 0 {
		return noRule(name)
	}
	return t.rulesMoved(err)
}

// PutTarget implements registry.RuleRows.
func (t *Tx) PutTarget(v registry.Target) error {
	if err := t.own(); err != nil {
		return err
	}
	if _, err := t.Rule(v.Account, v.Rule); err != nil {
		return err
	}
	_, err := t.exec("put target", `
		INSERT INTO targets (account, rule, target_id, address, sealed) VALUES (?, ?, ?, ?, ?)
		ON CONFLICT (account, rule, target_id) DO UPDATE SET address = excluded.address, sealed = excluded.sealed`,
		v.Account, v.Rule, v.ID, v.Address[:], present(v.Sealed))
	return t.rulesMoved(err)
}

const targetColumns = `SELECT id, account, rule, target_id, address, sealed FROM targets`

func scanTarget(row *sql.Rows) (registry.Target, error) {
	var v registry.Target
	var address []byte
	err := row.Scan(&v.Key, &v.Account, &v.Rule, &v.ID, &address, &v.Sealed)
	if err == nil && copy(v.Address[:], address) != len(v.Address) {
		err = fmt.Errorf("target %d: an address of %d bytes", v.Key, len(address))
	}
	return v, err
}

// Targets implements registry.RuleRows.
func (t *Tx) Targets(account, rule string, p registry.Page) ([]registry.Target, string, error) {
	from, err := after(p, 1)
	if err != nil {
		return nil, "", err
	}
	var w where
	order, name := " ORDER BY target_id", func(v registry.Target) string { return v.ID }
	if account != "" {
		w.and("account = ? AND rule = ?", account, rule)
		if p.After != "" {
			w.and("target_id > ?", from[0])
		}
	} else {
		order, name = " ORDER BY id", func(v registry.Target) string { return strconv.FormatInt(v.Key, 10) }
		if p.After != "" {
			n, err := strconv.ParseInt(p.After, 10, 64)
			if err != nil {
				return nil, "", registry.Errorf(registry.Invalid, "the page token is not one that this server gave")
			}
			w.and("id > ?", n)
		}
	}
	tail, args := w.limited(p, order)
	var all []registry.Target
	err = t.each("list targets", targetColumns+tail, args, func(row *sql.Rows) error {
		v, err := scanTarget(row)
		all = append(all, v)
		return err
	})
	if err != nil {
		return nil, "", err
	}
	all, next := cut(p, all, name)
	return all, next, nil
}

// Target implements registry.RuleRows.
func (t *Tx) Target(k int64) (v registry.Target, err error) {
	found := false
	err = t.each("read target", targetColumns+` WHERE id = ?`, []any{k}, func(row *sql.Rows) (err error) {
		found = true
		v, err = scanTarget(row)
		return err
	})
	if err == nil && !found {
		err = notFound(registry.Resource{}, "this target")
	}
	return v, err
}

// DeleteTarget implements registry.RuleRows.
func (t *Tx) DeleteTarget(account, rule, id string) error {
	if err := t.own(); err != nil {
		return err
	}
	var k int64
	found, err := t.one("delete target", `DELETE FROM targets WHERE account = ? AND rule = ? AND target_id = ? RETURNING id`, []any{account, rule, id}, &k)
	if err == nil && !found {
		return notFound(registry.Resource{Name: id}, "target "+id+" of rule "+rule)
	}
	if err == nil {
		err = t.DropDeliveries(k)
	}
	return t.rulesMoved(err)
}

// RulesOfTarget implements registry.RuleRows.
func (t *Tx) RulesOfTarget(account string, address registry.Digest, p registry.Page) ([]string, string, error) {
	from, err := after(p, 1)
	if err != nil {
		return nil, "", err
	}
	var w where
	w.and("account = ? AND address = ?", account, address[:])
	if p.After != "" {
		w.and("rule > ?", from[0])
	}
	tail, args := w.limited(p, " GROUP BY rule ORDER BY rule")
	var all []string
	err = t.each("list rules of a target", `SELECT rule FROM targets`+tail, args, func(row *sql.Rows) error {
		var name string
		err := row.Scan(&name)
		all = append(all, name)
		return err
	})
	if err != nil {
		return nil, "", err
	}
	all, next := cut(p, all, func(s string) string { return s })
	return all, next, nil
}
