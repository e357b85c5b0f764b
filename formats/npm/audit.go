package npm

import (
	"encoding/json"
	"net/http"

	"larder/formats"
	"larder/registry"
)

// maxAudit bounds an audit's body, decoded.
const maxAudit = 16 << 20

// postBulkAudit answers POST /-/npm/v1/security/advisories/bulk: a map of
// names to versions in, a map of names to advisories out (npm 7 and later;
// arborist: audit-report.js).
func postBulkAudit(w http.ResponseWriter, r *formats.Request) error {
	tree := map[string]json.RawMessage{}
	if err := readAudit(r, &tree); err != nil {
		return err
	}
	names := map[string]bool{}
	for name := range tree {
		names[name] = true
	}
	ours, err := internalNames(r, names)
	if err != nil {
		return err
	}
	for name := range ours {
		delete(tree, name)
	}
	return passAudit(w, r, "advisories/bulk", tree, len(tree) == 0, []byte("{}"))
}

// postAudit answers POST /-/npm/v1/security/audits and its quick form: a lock
// file's tree in, a report out (npm 6, Yarn 1, pnpm).
func postAudit(w http.ResponseWriter, r *formats.Request) error {
	tree := map[string]json.RawMessage{}
	if err := readAudit(r, &tree); err != nil {
		return err
	}
	names := map[string]bool{}
	if err := walkAudit(tree, 0, func(name string) bool { names[name] = true; return true }); err != nil {
		return err
	}
	own := unquote(tree["name"])
	names[own] = true
	ours, err := internalNames(r, names)
	if err != nil {
		return err
	}
	if err := walkAudit(tree, 0, func(name string) bool { return !ours[name] }); err != nil {
		return err
	}
	if ours[own] {
		delete(tree, "name")
	}
	kind := "audits"
	if r.Log.Op == "audit-quick" {
		kind = "audits/quick"
	}
	return passAudit(w, r, kind, tree, false, emptyReport)
}

// emptyReport finds nothing.
var emptyReport = []byte(`{"actions":[],"advisories":{},"muted":[],"metadata":{"vulnerabilities":{"info":0,"low":0,"moderate":0,"high":0,"critical":0},"dependencies":0,"devDependencies":0,"optionalDependencies":0,"totalDependencies":0}}`)

func readAudit(r *formats.Request, into any) error {
	// Who may not read the repository gets nothing passed on, and nothing read.
	if err := r.Repo.Ping(r.Context()); err != nil {
		return err
	}
	body, err := readBody(r, maxAudit)
	if err != nil {
		return err
	}
	if json.Unmarshal(body, into) != nil {
		return broken("an audit is an object")
	}
	return nil
}

// maxAuditDepth bounds how deep dependencies may be nested in one another.
const maxAuditDepth = 200

// walkAudit visits the names in a tree of "requires" and "dependencies", and
// takes out those for which keep is false.
func walkAudit(tree map[string]json.RawMessage, depth int, keep func(name string) bool) error {
	if depth > maxAuditDepth {
		return registry.Errorf(registry.Invalid, "the dependencies are nested deeper than %d", maxAuditDepth)
	}
	for _, part := range []string{"requires", "dependencies"} {
		children := map[string]json.RawMessage{}
		if json.Unmarshal(tree[part], &children) != nil {
			continue // "requires": true, or none
		}
		for name, raw := range children {
			if !keep(name) {
				delete(children, name)
				continue
			}
			child := map[string]json.RawMessage{}
			if part != "dependencies" || json.Unmarshal(raw, &child) != nil {
				continue
			}
			if err := walkAudit(child, depth+1, keep); err != nil {
				return err
			}
			raw, err := json.Marshal(child)
			if err != nil {
				return err
			}
			children[name] = raw
		}
		raw, err := json.Marshal(children)
		if err != nil {
			return err
		}
		tree[part] = raw
	}
	return nil
}

// internalNames gives those of the names that were published into a
// repository here: nobody outside has to know them (pitfall N20).
func internalNames(r *formats.Request, names map[string]bool) (map[string]bool, error) {
	ids := make([]registry.PackageID, 0, len(names))
	for name := range names {
		if p := parseName(name); badName(p) == "" {
			ids = append(ids, p)
		}
	}
	internal, err := r.Repo.Internal(r.Context(), ids)
	if err != nil {
		return nil, err
	}
	out := map[string]bool{}
	for _, p := range internal {
		out[fullName(p)] = true
	}
	return out, nil
}

// passAudit asks the external connection, or answers that nothing is known
// where there is none.
func passAudit(w http.ResponseWriter, r *formats.Request, kind string, tree any, nothing bool, empty []byte) error {
	if nothing {
		return formats.ServeBytes(w, r, http.StatusOK, fullType, empty)
	}
	body, err := json.Marshal(tree)
	if err != nil {
		return err
	}
	a, err := r.Repo.Auxiliary(r.Context(), registry.NPM, registry.AuxiliaryRequest{
		Kind: kind, Path: "-/npm/v1/security/" + kind, Body: body, ContentType: "application/json",
	})
	if registry.IsNotFound(err) {
		return formats.ServeBytes(w, r, http.StatusOK, fullType, empty)
	}
	if err != nil {
		return err
	}
	return formats.ServeBytes(w, r, http.StatusOK, a.ContentType, a.Body)
}
