package policy

import (
	"context"
	"strconv"

	"larder/registry"
)

// Decision says how a request is decided and why. It is for those who may
// read the policies: it names statements.
type Decision struct {
	Allowed bool
	// Explicit says that a statement denies; else what is not allowed is not
	// mentioned by any.
	Explicit bool
	// Statements decided: the one that denies, or one for each side that had to
	// allow. Empty where nothing allows.
	Statements []StatementID
	// Missing names the policies that should have allowed, where nothing did.
	Missing string
	// Reason is a sentence for people.
	Reason string
}

// StatementID names a statement of a policy.
type StatementID struct {
	Side   string // identity, domain, repository, trust, session, boundary
	Policy string // ARN, or the name of an inline policy
	Sid    string
	Index  int // in the document, from 1
}

// Explain decides an access as Authorize does, and says why. Whether the
// actor's token is for the domain is not looked at.
func (a *Authorizer) Explain(ctx context.Context, access registry.Access) (Decision, error) {
	if access.Actor.Anonymous() && (!a.AnonymousReads || access.Action != registry.ReadFromRepository) {
		return Decision{Reason: "requests without a credential may at most read, and only where the server allows anonymous reads"}, nil
	}
	counters, err := a.Metadata.Counters(ctx, access.Resource.Domain)
	if err != nil {
		return Decision{}, err
	}
	_, v, err := a.decide(ctx, access, false, counters)
	if err != nil {
		return Decision{}, err
	}
	return explained(v), nil
}

func explained(v verdict) Decision {
	d := Decision{Allowed: v.allowed, Explicit: !v.allowed && len(v.by) > 0}
	for _, r := range v.by {
		d.Statements = append(d.Statements, StatementID{Side: string(r.side), Policy: r.name, Sid: r.statement.sid, Index: r.statement.index + 1})
	}
	switch {
	case d.Allowed:
		d.Reason = "allowed by " + list(d.Statements)
	case d.Explicit:
		d.Reason = "denied by " + list(d.Statements)
	default:
		d.Missing = v.missing
		d.Reason = "no " + d.Missing + " allows it"
	}
	return d
}

func list(statements []StatementID) string {
	text := ""
	for i, s := range statements {
		if i > 0 {
			text += " and "
		}
		text += s.String()
	}
	return text
}

// String names the statement for people.
func (s StatementID) String() string {
	name := "statement " + strconv.Itoa(s.Index)
	if s.Sid != "" {
		name += " (" + s.Sid + ")"
	}
	return name + " of the " + s.Side + " policy " + s.Policy
}
