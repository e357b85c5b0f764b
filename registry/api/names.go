package api

import (
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"larder/internal/awswire"
	"larder/internal/httpx"
	"larder/registry"
)

// Constraints of spec 1.2.
var (
	domainName     = regexp.MustCompile(`^[a-z][a-z0-9-]{0,48}[a-z0-9]$`)
	accountID      = regexp.MustCompile(`^[0-9]{12}$`)
	repositoryName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{1,99}$`)
)

// formats are the values of PackageFormat (spec 1.3).
var formats = []string{registry.NPM, registry.PyPI, registry.Maven, registry.NuGet, registry.Generic, registry.Ruby, registry.Swift, registry.Cargo}

// inDomain, inRepository, ofPackage are the parameters that the specification
// calls D, DR and PKG.
type inDomain struct {
	Domain string `query:"domain" required:"true" json:"-"`
	Owner  string `query:"domain-owner" json:"-"`
}

type inRepository struct {
	inDomain
	Repository string `query:"repository" required:"true" json:"-"`
}

type ofPackage struct {
	inRepository
	Format    string `query:"format" required:"true" json:"-"`
	Namespace string `query:"namespace" json:"-"`
	Package   string `query:"package" required:"true" json:"-"`
}

// domain gives the domain that is meant; its owner defaults to the caller's account.
func (in inDomain) domain(c *call) (registry.DomainID, error) {
	id := registry.DomainID{Owner: in.Owner, Name: in.Domain}
	if id.Owner == "" {
		id.Owner = c.actor.Account
	}
	if err := matching("domain", id.Name, domainName, "2 to 50 lower-case letters, digits and hyphens, beginning with a letter"); err != nil {
		return id, err
	}
	if err := matching("domain-owner", id.Owner, accountID, "an account id of 12 digits"); err != nil {
		return id, err
	}
	httpx.RecordOf(c.request.Context()).Domain = id.Name
	return id, nil
}

func (in inRepository) repository(c *call) (registry.RepoID, error) {
	d, err := in.domain(c)
	if err != nil {
		return registry.RepoID{}, err
	}
	id := registry.RepoID{Domain: d, Name: in.Repository}
	if err := matching("repository", id.Name, repositoryName, "2 to 100 letters, digits, and . _ -"); err != nil {
		return id, err
	}
	httpx.RecordOf(c.request.Context()).Repo = id.Name
	return id, nil
}

// pkg gives repository and package; names are held to their limits by the core.
func (in ofPackage) pkg(c *call) (registry.RepoID, registry.PackageID, error) {
	r, err := in.repository(c)
	if err != nil {
		return r, registry.PackageID{}, err
	}
	if err := oneOf("format", in.Format, formats...); err != nil {
		return r, registry.PackageID{}, err
	}
	id := registry.PackageID{Format: in.Format, Namespace: in.Namespace, Name: in.Package}
	record := httpx.RecordOf(c.request.Context())
	record.Format, record.Package = id.Format, id.String()
	return r, id, nil
}

func matching(name, value string, pattern *regexp.Regexp, form string) error {
	if pattern.MatchString(value) {
		return nil
	}
	return awswire.Invalid(awswire.FieldValidation, "%s is %q; it must be %s", name, clip(value), form)
}

// oneOf holds a value to an enumeration.
func oneOf(name, value string, allowed ...string) error {
	if slices.Contains(allowed, value) {
		return nil
	}
	return awswire.Invalid(awswire.FieldValidation, "%s is %q; it must be one of %q", name, clip(value), allowed)
}

// optionalOneOf is oneOf where the parameter may be absent.
func optionalOneOf(name, value string, allowed ...string) error {
	if value == "" {
		return nil
	}
	return oneOf(name, value, allowed...)
}

// prefix holds the beginning of a name to what any name may be.
func prefix(name, value string, limit int) error {
	if !utf8.ValidString(value) || utf8.RuneCountInString(value) > limit {
		return awswire.Invalid(awswire.FieldValidation, "%s must be at most %d characters of UTF-8", name, limit)
	}
	return nil
}

// Lengths of revisions, in characters (spec 1.2).
const (
	versionRevision = 50
	policyRevision  = 100
)

// revision gives the revision that a caller expects, empty for any. One that is
// there and empty is refused: it would quietly expect nothing.
func revision(name string, value *string, limit int) (string, error) {
	if value == nil {
		return "", nil
	}
	if n := utf8.RuneCountInString(*value); n < 1 || n > limit || strings.ContainsFunc(*value, unicode.IsSpace) {
		return "", awswire.Invalid(awswire.FieldValidation, "%s is %q; it must be 1 to %d characters without white space, or left out", name, clip(*value), limit)
	}
	return *value, nil
}
