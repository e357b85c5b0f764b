package policy

import (
	_ "embed"
	"strconv"

	"github.com/casbin/casbin/v2"
	"github.com/casbin/casbin/v2/model"
)

// modelConf says how statements become a decision; it is meant to be read.
//
//go:embed model.conf
var modelConf string

// side says whose policy a statement stands in (model.conf).
type side string

const (
	identitySide   side = "identity"
	domainSide     side = "domain"
	repositorySide side = "repository"
	trustSide      side = "trust"
	sessionSide    side = "session"
	boundarySide   side = "boundary"
)

// relation is what the caller is to the resource (model.conf).
type relation string

const (
	owner         relation = "owner"
	administrator relation = "administrator"
	other         relation = "other"
	ofAccount     relation = "account"
	anonymous     relation = "anonymous"
	assumer       relation = "assumer"
	named         relation = "named"
)

// matcher is one of model.conf's, all of which have to allow.
type matcher string

const (
	callersSide   matcher = "m"
	resourcesSide matcher = "m2"
	ofSession     matcher = "m3"
	ofBoundary    matcher = "m4"
)

// missing says for people what a matcher that nothing allows would have needed.
func (m matcher) missing(r relation) string {
	switch {
	case m == ofSession:
		return "session policy"
	case m == ofBoundary:
		return "permissions boundary"
	case r == owner:
		return "identity or resource policy"
	case r == assumer && m == resourcesSide, r == named:
		return "trust policy"
	case r == anonymous, m == resourcesSide:
		return "resource policy"
	}
	return "identity policy"
}

// sided is a policy with its side.
type sided struct {
	side   side
	name   string // as explanations give it: an ARN, or an inline policy's name
	policy *Policy
}

// verdict is what the matchers say of a question.
type verdict struct {
	allowed bool
	// by are the statements that decided: the one that denies, or those that
	// allow; nothing where all are silent.
	by      []ruled
	missing string // what should have allowed, where nothing did
}

type ruled struct {
	sided
	statement *statement
}

// judge asks casbin. Its enforcer has the model compiled; the rules change
// with each question. It is for one goroutine.
type judge struct {
	enforcer *casbin.Enforcer
	rules    *model.Assertion
	covering []ruled
}

// judges are those at rest. They are few and kept: compiling the model takes
// as long as some decisions.
var judges = make(chan *judge, 16)

func aJudge() *judge {
	select {
	case j := <-judges:
		return j
	default:
		return newJudge()
	}
}

// newJudge panics when the model does not compile: it is part of the program.
func newJudge() *judge {
	m, err := model.NewModelFromString(modelConf)
	if err != nil {
		panic(err)
	}
	e, err := casbin.NewEnforcer(m)
	if err != nil {
		panic(err)
	}
	return &judge{enforcer: e, rules: m["p"]["p"]}
}

// decide asks the matchers about a question. narrowed are those that the
// caller's session and boundary add.
func decide(q *question, r relation, policies []sided, narrowed []matcher) (verdict, error) {
	j := aJudge()
	defer j.release()
	for _, p := range policies {
		for _, s := range p.policy.statements {
			// One statement of a side and effect stands for all.
			if j.has(p.side, s.deny) || !s.concerns(q.action) {
				continue
			}
			q.clock(s)
			if s.covers(q) {
				j.rules.Policy = append(j.rules.Policy, []string{string(p.side), strconv.Itoa(len(j.covering)), s.effect()})
				j.covering = append(j.covering, ruled{p, s})
			}
		}
	}
	if q.err != nil {
		return verdict{}, q.err
	}
	v := verdict{allowed: true}
	for i := range 2 + len(narrowed) {
		m := callersSide
		if i == 1 {
			m = resourcesSide
		} else if i > 1 {
			m = narrowed[i-2]
		}
		ok, rule, err := j.enforcer.EnforceEx(casbin.EnforceContext{RType: "r", PType: "p", EType: "e", MType: string(m)}, string(r))
		if err != nil {
			return verdict{}, err
		}
		if !ok {
			v = verdict{missing: m.missing(r)}
		}
		if len(rule) > 0 {
			n, err := strconv.Atoi(rule[1])
			if err != nil {
				return verdict{}, err
			}
			if by := j.covering[n]; len(v.by) == 0 || v.by[len(v.by)-1] != by {
				v.by = append(v.by, by)
			}
		}
		if !ok {
			break
		}
	}
	return v, nil
}

// has reports whether a statement of the side and effect covers the question.
func (j *judge) has(s side, deny bool) bool {
	for _, r := range j.covering {
		if r.side == s && r.statement.deny == deny {
			return true
		}
	}
	return false
}

func (j *judge) release() {
	clear(j.covering)
	clear(j.rules.Policy)
	j.covering, j.rules.Policy = j.covering[:0], j.rules.Policy[:0]
	select {
	case judges <- j:
	default: // enough are at rest
	}
}
