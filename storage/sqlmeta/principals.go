package sqlmeta

import (
	"database/sql"
	"encoding/json"
	"time"

	"larder/registry"
)

// Users, roles, managed policies and providers are kept alike: by account and
// name, with a body of JSON.
type entity struct{ table, what string }

var (
	userRows     = entity{"users", "user"}
	roleRows     = entity{"roles", "role"}
	policyRows   = entity{"managed_policies", "policy"}
	providerRows = entity{"providers", "OpenID Connect provider"}
)

// entityRow is a row of these tables.
type entityRow struct {
	account, name, id string
	created           time.Time
	body              string
}

func (t *Tx) createEntity(e entity, r entityRow) error {
	if _, err := t.Account(r.account); err != nil {
		return err
	}
	n, err := t.exec("create "+e.what, `INSERT INTO `+e.table+` (account, name, unique_id, created, body) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
		r.account, r.name, r.id, millis(r.created), r.body)
	if err == nil && n == 0 {
		err = conflict(registry.Resource{Name: r.name}, e.what+" "+r.name)
	}
	return t.identitiesMoved(err)
}

func (t *Tx) updateEntity(e entity, account, name, body string) error {
	n, err := t.exec("update "+e.what, `UPDATE `+e.table+` SET body = ? WHERE account = ? AND name = ?`, body, account, name)
	if err == nil && n == 0 {
		err = e.missing(name)
	}
	return t.identitiesMoved(err)
}

func (t *Tx) deleteEntity(e entity, account, name string) error {
	n, err := t.exec("delete "+e.what, `DELETE FROM `+e.table+` WHERE account = ? AND name = ?`, account, name)
	if err == nil && n == 0 {
		err = e.missing(name)
	}
	return t.identitiesMoved(err)
}

func (e entity) missing(name string) error {
	return notFound(registry.Resource{Name: name}, e.what+" "+name)
}

// readEntity reads one row; of makes the thing that it is.
func readEntity[T any](t *Tx, e entity, account, name string, of func(entityRow) (T, error)) (out T, err error) {
	found := false
	err = t.each("read "+e.what, `SELECT account, name, unique_id, created, body FROM `+e.table+` WHERE account = ? AND name = ?`, []any{account, name},
		func(row *sql.Rows) (err error) {
			found = true
			out, err = scanEntity(row, of)
			return err
		})
	if err == nil && !found {
		err = e.missing(name)
	}
	return out, err
}

func listEntities[T any](t *Tx, e entity, account string, p registry.Page, of func(entityRow) (T, error), name func(T) string) ([]T, string, error) {
	from, err := after(p, 1)
	if err != nil {
		return nil, "", err
	}
	var w where
	w.and("account = ?", account)
	if p.After != "" {
		w.and("name > ?", from[0])
	}
	tail, args := w.limited(p, " ORDER BY name")
	var all []T
	err = t.each("list "+e.table, `SELECT account, name, unique_id, created, body FROM `+e.table+tail, args, func(row *sql.Rows) error {
		one, err := scanEntity(row, of)
		all = append(all, one)
		return err
	})
	if err != nil {
		return nil, "", err
	}
	all, next := cut(p, all, name)
	return all, next, nil
}

func scanEntity[T any](row *sql.Rows, of func(entityRow) (T, error)) (T, error) {
	var r entityRow
	var created int64
	if err := row.Scan(&r.account, &r.name, &r.id, &created, &r.body); err != nil {
		var none T
		return none, err
	}
	r.created = instant(created)
	return of(r)
}

type userBody struct {
	Path string               `json:"path,omitempty"`
	Has  registry.Permissions `json:"has,omitzero"`
	Tags map[string]string    `json:"tags,omitempty"`
}

func bodyOfUser(u registry.User) string { return text(userBody{u.Path, u.Permissions, u.Tags}) }

func userOf(r entityRow) (registry.User, error) {
	var b userBody
	err := json.Unmarshal([]byte(r.body), &b)
	return registry.User{Account: r.account, Name: r.name, ID: r.id, Path: b.Path, Permissions: filled(b.Has), Tags: notNil(b.Tags), Created: r.created}, err
}

// filled gives permissions whose map is not nil.
func filled(p registry.Permissions) registry.Permissions {
	p.Inline = notNil(p.Inline)
	return p
}

func notNil(m map[string]string) map[string]string {
	if m == nil {
		return map[string]string{}
	}
	return m
}

// CreateUser implements registry.IdentityRows.
func (t *Tx) CreateUser(u registry.User) error {
	return t.createEntity(userRows, entityRow{u.Account, u.Name, u.ID, u.Created, bodyOfUser(u)})
}

// User implements registry.IdentityRows.
func (t *Tx) User(account, name string) (registry.User, error) {
	return readEntity(t, userRows, account, name, userOf)
}

// UpdateUser implements registry.IdentityRows.
func (t *Tx) UpdateUser(u registry.User) error {
	return t.updateEntity(userRows, u.Account, u.Name, bodyOfUser(u))
}

// DeleteUser implements registry.IdentityRows.
func (t *Tx) DeleteUser(account, name string) error {
	keys, err := t.AccessKeys(account, name)
	if err != nil {
		return err
	}
	if len(keys) > 0 {
		return registry.Errorf(registry.Conflict, "user %s has access keys", name).About(registry.Resource{Name: name})
	}
	return t.deleteEntity(userRows, account, name)
}

// Users implements registry.IdentityRows.
func (t *Tx) Users(account string, p registry.Page) ([]registry.User, string, error) {
	return listEntities(t, userRows, account, p, userOf, func(u registry.User) string { return u.Name })
}

type roleBody struct {
	Path        string               `json:"path,omitempty"`
	Trust       string               `json:"trust"`
	Description string               `json:"description,omitempty"`
	MaxSession  time.Duration        `json:"maxSession"`
	Has         registry.Permissions `json:"has,omitzero"`
	Tags        map[string]string    `json:"tags,omitempty"`
}

func bodyOfRole(r registry.Role) string {
	return text(roleBody{r.Path, r.Trust, r.Description, r.MaxSession, r.Permissions, r.Tags})
}

func roleOf(r entityRow) (registry.Role, error) {
	var b roleBody
	err := json.Unmarshal([]byte(r.body), &b)
	return registry.Role{
		Account: r.account, Name: r.name, ID: r.id, Path: b.Path, Trust: b.Trust, Description: b.Description,
		MaxSession: b.MaxSession, Permissions: filled(b.Has), Tags: notNil(b.Tags), Created: r.created,
	}, err
}

// CreateRole implements registry.IdentityRows.
func (t *Tx) CreateRole(r registry.Role) error {
	return t.createEntity(roleRows, entityRow{r.Account, r.Name, r.ID, r.Created, bodyOfRole(r)})
}

// Role implements registry.IdentityRows.
func (t *Tx) Role(account, name string) (registry.Role, error) {
	return readEntity(t, roleRows, account, name, roleOf)
}

// UpdateRole implements registry.IdentityRows.
func (t *Tx) UpdateRole(r registry.Role) error {
	return t.updateEntity(roleRows, r.Account, r.Name, bodyOfRole(r))
}

// DeleteRole implements registry.IdentityRows.
func (t *Tx) DeleteRole(account, name string) error { return t.deleteEntity(roleRows, account, name) }

// Roles implements registry.IdentityRows.
func (t *Tx) Roles(account string, p registry.Page) ([]registry.Role, string, error) {
	return listEntities(t, roleRows, account, p, roleOf, func(r registry.Role) string { return r.Name })
}

type policyBody struct {
	Path        string                   `json:"path,omitempty"`
	Description string                   `json:"description,omitempty"`
	Versions    []registry.PolicyVersion `json:"versions"`
	Default     string                   `json:"default"`
	Last        int                      `json:"last"`
	Tags        map[string]string        `json:"tags,omitempty"`
	Updated     int64                    `json:"updated"`
}

func bodyOfPolicy(p registry.ManagedPolicy) string {
	return text(policyBody{p.Path, p.Description, p.Versions, p.Default, p.Last, p.Tags, millis(p.Updated)})
}

func policyOf(r entityRow) (registry.ManagedPolicy, error) {
	var b policyBody
	err := json.Unmarshal([]byte(r.body), &b)
	return registry.ManagedPolicy{
		Account: r.account, Name: r.name, ID: r.id, Path: b.Path, Description: b.Description, Versions: b.Versions,
		Default: b.Default, Last: b.Last, Tags: notNil(b.Tags), Created: r.created, Updated: instant(b.Updated),
	}, err
}

// CreateManagedPolicy implements registry.IdentityRows.
func (t *Tx) CreateManagedPolicy(p registry.ManagedPolicy) error {
	return t.createEntity(policyRows, entityRow{p.Account, p.Name, p.ID, p.Created, bodyOfPolicy(p)})
}

// ManagedPolicy implements registry.IdentityRows.
func (t *Tx) ManagedPolicy(account, name string) (registry.ManagedPolicy, error) {
	return readEntity(t, policyRows, account, name, policyOf)
}

// UpdateManagedPolicy implements registry.IdentityRows.
func (t *Tx) UpdateManagedPolicy(p registry.ManagedPolicy) error {
	return t.updateEntity(policyRows, p.Account, p.Name, bodyOfPolicy(p))
}

// DeleteManagedPolicy implements registry.IdentityRows.
func (t *Tx) DeleteManagedPolicy(account, name string) error {
	return t.deleteEntity(policyRows, account, name)
}

// ManagedPolicies implements registry.IdentityRows.
func (t *Tx) ManagedPolicies(account string, p registry.Page) ([]registry.ManagedPolicy, string, error) {
	return listEntities(t, policyRows, account, p, policyOf, func(p registry.ManagedPolicy) string { return p.Name })
}

type providerBody struct {
	Clients     []string          `json:"clients,omitempty"`
	Thumbprints []string          `json:"thumbprints,omitempty"`
	Tags        map[string]string `json:"tags,omitempty"`
}

func bodyOfProvider(p registry.Provider) string {
	return text(providerBody{p.Clients, p.Thumbprints, p.Tags})
}

func providerOf(r entityRow) (registry.Provider, error) {
	var b providerBody
	err := json.Unmarshal([]byte(r.body), &b)
	return registry.Provider{
		Account: r.account, Issuer: r.name, Clients: b.Clients, Thumbprints: b.Thumbprints, Tags: notNil(b.Tags), Created: r.created,
	}, err
}

// CreateProvider implements registry.IdentityRows.
func (t *Tx) CreateProvider(p registry.Provider) error {
	return t.createEntity(providerRows, entityRow{p.Account, p.Issuer, p.ARN(), p.Created, bodyOfProvider(p)})
}

// Provider implements registry.IdentityRows.
func (t *Tx) Provider(account, issuer string) (registry.Provider, error) {
	return readEntity(t, providerRows, account, issuer, providerOf)
}

// UpdateProvider implements registry.IdentityRows.
func (t *Tx) UpdateProvider(p registry.Provider) error {
	return t.updateEntity(providerRows, p.Account, p.Issuer, bodyOfProvider(p))
}

// DeleteProvider implements registry.IdentityRows.
func (t *Tx) DeleteProvider(account, issuer string) error {
	return t.deleteEntity(providerRows, account, issuer)
}

// Providers implements registry.IdentityRows.
func (t *Tx) Providers(account string) ([]registry.Provider, error) {
	all, _, err := listEntities(t, providerRows, account, registry.Page{}, providerOf, func(p registry.Provider) string { return p.Issuer })
	return all, err
}
