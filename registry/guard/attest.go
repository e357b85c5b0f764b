package guard

import (
	"cmp"
	"fmt"
	"net/url"
	"path"
	"strings"

	"larder/registry"
)

// Attest says who has to have attested each file of a version. Of several rules
// those of the most specific pattern count, and one of them has to hold.
type Attest struct {
	Package    string `json:"package"`              // of npm or PyPI packages: other formats have no attestations
	Issuer     string `json:"issuer"`               // the OpenID Connect provider that knew the signer
	Identity   string `json:"identity,omitempty"`   // of the signer's certificate; "*" at its end stands for anything
	Repository string `json:"repository,omitempty"` // URL of the source; "*" at its end stands for anything
	Workflow   string `json:"workflow,omitempty"`   // file of the build's instructions: its path, or its name alone
	Predicate  string `json:"predicate,omitempty"`  // type of the statement; empty: any
	Reason     string `json:"reason,omitempty"`
}

// KindAttest is a kind of rules that an Exemption can name.
const KindAttest = "attest"

type attest struct {
	Attest
	pattern string
}

func (r *rulings) addAttests(d *Document) error {
	for _, a := range d.Attest {
		bad := func(why string) error {
			return registry.Errorf(registry.Invalid, "the rule that %s has to be attested: %s", cmp.Or(a.Package, registry.RootPattern), why)
		}
		if !strings.HasPrefix(a.Package, "/npm/") && !strings.HasPrefix(a.Package, "/pypi/") {
			return bad("npm and PyPI packages alone have attestations; name one of the formats, as in /npm/acme/*")
		}
		switch {
		case a.Issuer == "":
			return bad("it needs an issuer: the URL of the identity provider by which the signer was known")
		case a.Identity == "" && a.Repository == "":
			return bad("it needs an identity or a repository: who signed, or which source it was built from")
		}
		for _, text := range []string{a.Issuer, a.Repository} {
			if text == "" {
				continue
			}
			if u, err := url.Parse(text); err != nil || u.Scheme == "" || u.Host == "" {
				return bad(fmt.Sprintf("%q is no URL", text))
			}
		}
		e, pattern, err := r.at(a.Package)
		if err != nil {
			return err
		}
		e.attests = append(e.attests, attest{a, pattern})
	}
	return nil
}

// Attested implements registry.Ruling.
func (r *ruling) Attested() bool { return len(r.attests) > 0 }

// unattested applies the rules about attestations; true ends the judgement.
// Where nobody has looked at an attestation yet, wait says so.
func (r *ruling) unattested(s registry.Subject, v *registry.Verdict) (wait, over bool) {
	if len(r.attests) == 0 {
		return false, false
	}
	refuse := func(fact string) (bool, bool) {
		v.Hide, v.Refuse, v.Unattested = true, true, true
		v.Reason = r.name(s) + " " + fact + "; this registry wants it attested by " + r.signers()
		for _, a := range r.attests {
			if a.Reason != "" {
				v.Reason = sentence(v.Reason, a.Reason)
				break
			}
		}
		return false, true
	}
	if !s.Trusts {
		return refuse("has to be attested, and the server trusts nobody to tell by whom it is: its administrator has to start it with --trust-root FILE")
	}
	if len(s.Provenance) == 0 {
		return refuse("has no file that could be attested")
	}
	for _, p := range s.Provenance {
		of := ""
		if len(s.Provenance) > 1 {
			of = " of file " + p.Asset
		}
		switch {
		case p.Needless:
			continue
		case !p.Offered:
			return refuse("has no attestation" + of)
		case !p.Looked:
			wait = true
			continue
		case len(p.Claims) == 0:
			v.Until = p.Until
			return refuse("has no attestation" + of + " that verifies: " + p.Problem)
		}
		if !r.claimed(p.Claims) {
			c := p.Claims[0]
			who := cmp.Or(c.Repository, c.Identity)
			if c.Repository != "" && c.Workflow != "" {
				who += " (" + c.Workflow + ")"
			}
			return refuse(fmt.Sprintf("has an attestation%s by %s, known to %s", of, who, c.Issuer))
		}
	}
	return wait, false
}

func (r *ruling) claimed(claims []registry.Claim) bool {
	for _, c := range claims {
		for i := range r.attests {
			if r.attests[i].fits(c) {
				return true
			}
		}
	}
	return false
}

func (a *attest) fits(c registry.Claim) bool {
	return a.Issuer == c.Issuer &&
		(a.Identity == "" || opens(a.Identity, c.Identity)) &&
		(a.Repository == "" || c.Repository != "" && opens(source(a.Repository), source(c.Repository))) &&
		(a.Workflow == "" || sameWorkflow(a.Workflow, c)) &&
		(a.Predicate == "" || a.Predicate == c.Predicate)
}

// opens compares a text with one that may end with "*" for whatever follows.
func opens(want, have string) bool {
	if prefix, open := strings.CutSuffix(want, "*"); open {
		return strings.HasPrefix(have, prefix)
	}
	return want == have
}

// source is a repository's URL as all spell it alike.
func source(url string) string {
	return strings.TrimSuffix(strings.TrimSuffix(url, "/"), ".git")
}

// sameWorkflow compares the path of the build's instructions within the
// source, "https://HOST/OWNER/NAME/PATH@REF", with one that was written; the
// name of the file alone stands for it in any folder.
func sameWorkflow(want string, c registry.Claim) bool {
	at, _, _ := strings.Cut(c.Workflow, "@")
	in, ok := strings.CutPrefix(at, source(c.Repository)+"/")
	if !ok || c.Repository == "" {
		return false
	}
	in = strings.TrimPrefix(in, "/") // some have "//" between the source and its file
	if !strings.Contains(want, "/") {
		return path.Base(in) == want
	}
	return in == strings.TrimPrefix(want, "/")
}

// signers are who may attest, for people.
func (r *ruling) signers() string {
	all := make([]string, len(r.attests))
	for i, a := range r.attests {
		all[i] = a.Signer()
	}
	return strings.Join(all, " or ")
}

// Signer is who has to have attested, for people.
func (a Attest) Signer() string {
	who := cmp.Or(a.Repository, a.Identity)
	var more []string
	if a.Workflow != "" {
		more = append(more, a.Workflow)
	}
	if a.Repository != "" && a.Identity != "" {
		more = append(more, "as "+a.Identity)
	}
	if len(more) > 0 {
		who += " (" + strings.Join(more, ", ") + ")"
	}
	return who
}
