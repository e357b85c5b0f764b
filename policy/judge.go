package policy

import (
	_ "embed"
	"errors"
	"fmt"
	"strconv"
	"sync"

	"github.com/casbin/casbin/v2"
	"github.com/casbin/casbin/v2/model"
)

// modelConf says how statements become a decision; it is meant to be read.
//
//go:embed model.conf
var modelConf string

// side says whose policy a statement stands in (model.conf).
type side int

const (
	identitySide side = iota
	domainSide
	repositorySide
	trustSide
	sessionSide
	boundarySide
)

var sideNames = [...]string{"identity", "domain", "repository", "trust", "session", "boundary"}

func (s side) String() string { return sideNames[s] }

// gate is one matcher of model.conf that a request has to pass.
type gate int

const (
	anyPolicy gate = iota
	identityGate
	resourceGate
	trustGate
	sessionGate
	boundaryGate
)

var gates = [...]casbin.EnforceContext{
	anyPolicy:    {RType: "r", PType: "p", EType: "e", MType: "m"},
	identityGate: {RType: "r", PType: "p", EType: "e", MType: "m2"},
	resourceGate: {RType: "r", PType: "p", EType: "e", MType: "m3"},
	trustGate:    {RType: "r", PType: "p", EType: "e", MType: "m4"},
	sessionGate:  {RType: "r", PType: "p", EType: "e", MType: "m5"},
	boundaryGate: {RType: "r", PType: "p", EType: "e", MType: "m6"},
}

var gateNames = [...]string{
	anyPolicy:    "identity or resource policy",
	identityGate: "identity policy",
	resourceGate: "resource policy",
	trustGate:    "trust policy",
	sessionGate:  "session policy",
	boundaryGate: "permissions boundary",
}

func (g gate) String() string { return gateNames[g] }

// sided is a policy with its side.
type sided struct {
	side   side
	policy *Policy
}

// verdict is what the gates say of a question.
type verdict struct {
	allowed bool
	// by are the statements that decided: the one that denies, or one that
	// allows for each gate; nothing where a gate is closed by silence.
	by     []ruled
	closed gate // which, where not allowed
}

type ruled struct {
	side      side
	statement *statement
}

// judge asks casbin. Its enforcer has the model compiled; the rules change
// with each question. It is for one goroutine.
type judge struct {
	enforcer *casbin.Enforcer
	rules    *model.Assertion
	question *question

	statements []*statement
	sides      []side
	known      []truth3 // whether the statement covers the question
}

type truth3 uint8

const (
	unknown truth3 = iota
	yes
	no
)

var judges = sync.Pool{New: func() any { return newJudge() }}

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
	j := &judge{enforcer: e, rules: m["p"]["p"]}
	e.AddFunction("covers", func(args ...any) (any, error) {
		name, ok := args[1].(string)
		if !ok {
			return nil, errors.New("covers: the statement is no name")
		}
		i, err := strconv.Atoi(name)
		if err != nil || i >= len(j.statements) {
			return nil, fmt.Errorf("covers: there is no statement %q", name)
		}
		return j.covers(i), nil
	})
	return j
}

func (j *judge) covers(i int) bool {
	if j.known[i] == unknown {
		j.known[i] = no
		if j.statements[i].covers(j.question) {
			j.known[i] = yes
		}
	}
	return j.known[i] == yes
}

// decide asks every gate of the policies. Statements about other actions are
// left out before casbin sees them.
func decide(q *question, policies []sided, needed []gate) (verdict, error) {
	j := judges.Get().(*judge)
	defer j.release()
	j.question = q
	for _, p := range policies {
		for _, s := range p.policy.statements {
			if !s.concerns(q.action) {
				continue
			}
			j.rules.Policy = append(j.rules.Policy, []string{p.side.String(), strconv.Itoa(len(j.statements)), s.effect()})
			j.statements = append(j.statements, s)
			j.sides = append(j.sides, p.side)
			j.known = append(j.known, unknown)
		}
	}
	q.clock(j.statements)
	v := verdict{allowed: len(needed) > 0}
	for _, g := range needed {
		ok, rule, err := j.enforcer.EnforceEx(gates[g], q)
		if err != nil {
			return verdict{}, err
		}
		if q.err != nil {
			return verdict{}, q.err
		}
		if !ok {
			v.allowed, v.by, v.closed = false, nil, g
		}
		if len(rule) > 0 {
			i, err := strconv.Atoi(rule[1])
			if err != nil {
				return verdict{}, err
			}
			v.by = append(v.by, ruled{j.sides[i], j.statements[i]})
		}
		if !ok {
			break
		}
	}
	return v, nil
}

func (j *judge) release() {
	clear(j.statements)
	clear(j.rules.Policy)
	j.rules.Policy, j.statements, j.sides, j.known = j.rules.Policy[:0], j.statements[:0], j.sides[:0], j.known[:0]
	j.question = nil
	judges.Put(j)
}
