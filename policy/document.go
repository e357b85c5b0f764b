package policy

import (
	"fmt"
	"regexp"
	"unicode/utf8"

	"larder/registry"
)

// Kind says what a document is attached to, and with it which elements its
// statements have.
type Kind int

const (
	// Identity policies belong to a user or role: Action and Resource, no Principal.
	Identity Kind = iota
	// Resource policies belong to a domain or repository: Principal, Action and Resource.
	Resource
	// Trust policies belong to a role: Principal and Action, no Resource.
	Trust
)

// MaxDocument is how many characters a document may have.
const MaxDocument = 7168

const (
	maxStatements = 500
	interpolating = "2012-10-17" // the Version in which policy variables mean something
)

// Policy is a compiled policy document. It is immutable.
type Policy struct {
	statements []*statement
	keys       map[string]bool // condition keys and variables
}

// Parse reads a document strictly and compiles it. Invalid for one that cannot
// mean what it says, with the statement and the reason: bad JSON or grammar
// (IAM User Guide, "Grammar of the IAM JSON policy language"), more than
// MaxDocument characters, an unknown action or condition operator, a malformed
// principal, and ReadFromRepository on packages: reading is granted for a
// repository or not at all.
func Parse(of Kind, document string) (*Policy, error) {
	p, err := parse(of, document)
	if err != nil {
		return nil, registry.Errorf(registry.Invalid, "the policy document is refused: %v", err)
	}
	return p, nil
}

// Check is Parse for who keeps the document only.
func Check(of Kind, document string) error {
	_, err := Parse(of, document)
	return err
}

// CheckPolicy checks the document of a domain's or repository's policy, as the
// core asks before it keeps one.
func CheckPolicy(_ registry.Resource, document string) error { return Check(Resource, document) }

func parse(of Kind, document string) (*Policy, error) {
	if n := utf8.RuneCountInString(document); n > MaxDocument {
		return nil, fmt.Errorf("it has %d characters; it may have %d", n, MaxDocument)
	}
	v, err := parseJSON(document)
	if err != nil {
		return nil, err
	}
	if v.kind != jsonObject {
		return nil, fmt.Errorf("it is %s; it must be an object", v.kind)
	}
	p := &Policy{keys: map[string]bool{}}
	version := ""
	var statements []value
	for _, m := range v.members {
		switch m.name {
		case "Version":
			if version = m.text; m.kind != jsonString || version != interpolating && version != "2008-10-17" {
				return nil, fmt.Errorf("the Version must be %q (or \"2008-10-17\")", interpolating)
			}
		case "Id":
			if m.kind != jsonString {
				return nil, fmt.Errorf("the Id is %s; it must be a string", m.kind)
			}
		case "Statement":
			switch m.kind {
			case jsonObject:
				statements = []value{m.value}
			case jsonList:
				statements = m.items
			default:
				return nil, fmt.Errorf("the Statement is %s; it must be an object or a list of objects", m.kind)
			}
			if len(statements) == 0 {
				return nil, fmt.Errorf("the Statement is an empty list")
			}
		default:
			return nil, fmt.Errorf("it has the element %s; it may have Version, Id and Statement", show(m.name))
		}
	}
	if len(statements) == 0 {
		return nil, fmt.Errorf("it has no Statement")
	}
	if len(statements) > maxStatements {
		return nil, fmt.Errorf("it has %d statements; it may have %d", len(statements), maxStatements)
	}
	sids := map[string]bool{}
	for i, v := range statements {
		s, err := parseStatement(of, v, version == interpolating)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", nameStatement(v, i), err)
		}
		if s.sid != "" && sids[s.sid] {
			return nil, fmt.Errorf("%s: another statement has this Sid", nameStatement(v, i))
		}
		sids[s.sid] = true
		s.policy, s.index = p, i
		s.eachKey(func(key string) { p.keys[key] = true })
		p.statements = append(p.statements, s)
	}
	return p, nil
}

// nameStatement says which statement a refusal is about: by its place, from 1,
// and its Sid.
func nameStatement(v value, i int) string {
	for _, m := range v.members {
		if m.name == "Sid" && m.kind == jsonString && m.text != "" {
			return fmt.Sprintf("statement %d (Sid %s)", i+1, show(m.text))
		}
	}
	return fmt.Sprintf("statement %d", i+1)
}

var sidForm = map[Kind]*regexp.Regexp{
	Identity: regexp.MustCompile(`^[A-Za-z0-9]*$`),
	Trust:    regexp.MustCompile(`^[A-Za-z0-9]*$`),
	Resource: regexp.MustCompile(`^[A-Za-z0-9 ._:/-]*$`), // resource policies have been written more freely
}

func parseStatement(of Kind, v value, variables bool) (*statement, error) {
	if v.kind != jsonObject {
		return nil, fmt.Errorf("it is %s; it must be an object", v.kind)
	}
	s := &statement{}
	seen := map[string]bool{}
	for _, m := range v.members {
		seen[m.name] = true
		var err error
		switch m.name {
		case "Sid":
			if s.sid = m.text; m.kind != jsonString || !sidForm[of].MatchString(s.sid) {
				err = fmt.Errorf("the Sid must be a string of letters and digits")
			}
		case "Effect":
			if s.deny = m.text == "Deny"; m.kind != jsonString || m.text != "Allow" && m.text != "Deny" {
				err = fmt.Errorf("the Effect must be \"Allow\" or \"Deny\"")
			}
		case "Principal", "NotPrincipal":
			s.principals.given, s.principals.not = true, m.name == "NotPrincipal"
			s.principals.list, err = parsePrincipals(m.value, m.name, of)
		case "Action", "NotAction":
			s.notAction = m.name == "NotAction"
			err = s.parseActions(m)
		case "Resource", "NotResource":
			s.notResource = m.name == "NotResource"
			err = s.parseResources(m, variables)
		case "Condition":
			s.conditions, err = parseConditions(m.value, variables)
		default:
			err = fmt.Errorf("it has the element %s, which no statement has", show(m.name))
		}
		if err != nil {
			return nil, err
		}
	}
	if err := checkElements(of, seen); err != nil {
		return nil, err
	}
	return s, s.check()
}

// checkElements holds a statement to the elements that its kind of policy has.
func checkElements(of Kind, seen map[string]bool) error {
	either := func(name string) (bool, error) {
		if seen[name] && seen["Not"+name] {
			return true, fmt.Errorf("it has %s and Not%s; it may have one of them", name, name)
		}
		return seen[name] || seen["Not"+name], nil
	}
	if !seen["Effect"] {
		return fmt.Errorf("it has no Effect")
	}
	for _, element := range []struct {
		name           string
		needed, mayNot bool
	}{
		{"Principal", of != Identity, of == Identity},
		{"Action", true, false},
		{"Resource", of != Trust, of == Trust},
	} {
		has, err := either(element.name)
		switch {
		case err != nil:
			return err
		case has && element.mayNot:
			return fmt.Errorf("it has %s, which %s do not have", element.name, kindNames[of])
		case !has && element.needed:
			return fmt.Errorf("it has no %s", element.name)
		}
	}
	if of == Trust && seen["NotPrincipal"] {
		return fmt.Errorf("it has NotPrincipal, which trust policies do not have")
	}
	return nil
}

var kindNames = map[Kind]string{Identity: "policies of users and roles", Resource: "policies of domains and repositories", Trust: "trust policies"}

func (s *statement) parseActions(m member) error {
	values, err := m.strings(m.name)
	if err != nil {
		return err
	}
	for _, text := range values {
		a, err := parseActionPattern(text)
		if err != nil {
			return fmt.Errorf("%s %w", m.name, err)
		}
		s.actions = append(s.actions, a)
	}
	return nil
}

func (s *statement) parseResources(m member, variables bool) error {
	values, err := m.strings(m.name)
	if err != nil {
		return err
	}
	for _, text := range values {
		r, err := parseARNPattern(text, variables)
		if err != nil {
			return fmt.Errorf("%s %w", m.name, err)
		}
		s.resources = append(s.resources, r)
	}
	return nil
}

// check refuses what the elements cannot mean together. Denying to read a
// package would be as empty as granting it, and look like protection.
func (s *statement) check() error {
	if s.notAction || s.notResource {
		return nil
	}
	for _, a := range s.actions {
		for _, r := range s.resources {
			if a.readOnly && r.onPackages() {
				return fmt.Errorf("the action %s cannot be granted or denied on the packages %s: reading is for a whole repository or not at all; name the repository's ARN", show(a.text), show(r.text))
			}
		}
	}
	return nil
}
