package policy

import (
	"testing"

	"larder/registry"
)

// TestPossible asks before a body is read, when only the repository is known.
func TestPossible(t *testing.T) {
	const everyPackage = "package/acme/main/*"
	for _, c := range []struct {
		name           string
		who            string
		identity, repo string
		format         string
		want           bool
	}{
		{"no policy", "A/u", ``, ``, "", false},
		{"everything", "A/u", `S: allow * *`, ``, "", true},
		{"one package", "A/u", `S: allow Publish* react`, ``, "", true},
		{"one package of another repository", "A/u", `S: allow Publish* package/acme/team/npm//react`, ``, "", false},
		{"packages of every repository", "A/u", `S: allow Publish* package/acme/*/npm/*`, ``, "", true},
		{"packages of a repository whose name begins so", "A/u", `S: allow Publish* package/acme/mai*`, ``, "", true},
		{"packages of a repository that ends so", "A/u", `S: allow Publish* package/acme/?ain/npm//react`, ``, "", true},
		{"the repository itself", "A/u", `S: allow Publish* repo`, ``, "", false},
		{"another action", "A/u", `S: allow DeletePackage *`, ``, "", false},
		{"all but one package", "A/u", `S: allow Publish* !react`, ``, "", true},
		{"all but all packages", "A/u", `S: allow Publish* !` + everyPackage, ``, "", false},
		{"a denial of one package", "A/u", "Y: allow * *\nN: deny Publish* react", ``, "", true},
		{"a denial of all packages", "A/u", "Y: allow * *\nN: deny Publish* " + everyPackage, ``, "", false},
		{"a denial of everything", "A/u", "Y: allow * *\nN: deny * *", ``, "", false},
		{"a denial of all but one package", "A/u", "Y: allow * *\nN: deny Publish* !react", ``, "", true},
		{"a denial of all but another repository", "A/u", "Y: allow * *\nN: deny Publish* !package/acme/team/*", ``, "", false},
		{"a package of the format", "A/u", `S: allow Publish* react`, ``, registry.NPM, true},
		{"a package of another format", "A/u", `S: allow Publish* react`, ``, registry.PyPI, false},
		{"one's own namespace", "A/u", `S: allow Publish* package/acme/main/npm/${aws:username}/*`, ``, "", true},
		{"an own namespace that one has not", "A/role.ci/job", `S: allow Publish* package/acme/main/npm/${aws:username}/*`, ``, "", false},
		{"another account, both sides", "B/u", `S: allow Publish* *`, `R: allow B Publish* react`, "", true},
		{"another account, one side", "B/u", `S: allow Publish* *`, ``, "", false},
		{"another account, sides that do not meet", "B/u", `S: allow Publish* core`, `R: allow B Publish* react`, "", true}, // known once the package is
		{"a condition that does not hold", "A/u", `S: allow Publish* * if {"Bool":{"aws:SecureTransport":"true"}}`, ``, "", false},
		{"anonymous", "anonymous", ``, `R: allow * Publish* *`, "", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := newRows()
			actor := actorOf(c.who)
			m.identity(actor, c.identity, "")
			if c.repo != "" {
				m.putPolicy(acme, "main", document(Resource, c.repo))
			}
			a := newTestAuthorizer(m)
			r := things["repo"]
			r.Package.Format = c.format
			for range 2 {
				if err := a.Possible(t.Context(), ask(actor, registry.PublishPackageVersion, r)); (err == nil) != c.want {
					t.Errorf("got %v", err)
				}
			}
		})
	}
}
