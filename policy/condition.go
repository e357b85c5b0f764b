package policy

import (
	"fmt"
	"strings"
)

// condition is one operator on one key with its values. It is immutable.
type condition struct {
	operator  *operator
	key       string // as conditionKey gives it
	ifExists  bool
	set       set
	operands  []operand
	described string // for messages
}

// set is how a key with several values is read.
type set int

const (
	oneValue set = iota
	forAny       // ForAnyValue: one of the request's values is enough
	forAll       // ForAllValues: each of the request's values, or none there
)

// operand is one value of a condition. compare reports whether a value of the
// request fits it; ok is false where a policy variable has no value.
type operand interface {
	compare(value string, q *question) (fits, ok bool)
}

// maxConditionValues bounds the work of one condition.
const maxConditionValues = 1000

func parseConditions(v value, variables bool) ([]condition, error) {
	if v.kind != jsonObject {
		return nil, fmt.Errorf("the Condition is %s; it must be an object", v.kind)
	}
	var out []condition
	for _, op := range v.members {
		if op.kind != jsonObject {
			return nil, fmt.Errorf("the Condition %s is %s; it must be an object of keys and values", show(op.name), op.kind)
		}
		if len(op.members) == 0 {
			return nil, fmt.Errorf("the Condition %s is empty", show(op.name))
		}
		for _, m := range op.members {
			c, err := parseCondition(op.name, m, variables)
			if err != nil {
				return nil, fmt.Errorf("the Condition %s on %s: %w", show(op.name), show(m.name), err)
			}
			out = append(out, c)
		}
	}
	return out, nil
}

func parseCondition(name string, m member, variables bool) (condition, error) {
	c := condition{key: conditionKey(m.name), described: name + " " + m.name}
	base := name
	if rest, ok := strings.CutPrefix(base, "ForAnyValue:"); ok {
		c.set, base = forAny, rest
	} else if rest, ok := strings.CutPrefix(base, "ForAllValues:"); ok {
		c.set, base = forAll, rest
	}
	if rest, ok := strings.CutSuffix(base, "IfExists"); ok {
		c.ifExists, base = true, rest
	}
	c.operator = operators[base]
	if c.operator == nil {
		return c, fmt.Errorf("there is no such operator")
	}
	if base == "Null" && (c.ifExists || c.set != oneValue) {
		return c, fmt.Errorf("the operator Null stands alone, without IfExists, ForAnyValue or ForAllValues")
	}
	if err := checkKey(c.key); err != nil {
		return c, err
	}
	values := m.items
	if m.kind != jsonList {
		values = []value{m.value}
	}
	if len(values) == 0 {
		return c, fmt.Errorf("the list of values is empty")
	}
	if len(values) > maxConditionValues {
		return c, fmt.Errorf("it has %d values; it may have %d", len(values), maxConditionValues)
	}
	for _, v := range values {
		text, ok := v.scalar()
		if !ok {
			return c, fmt.Errorf("a value is %s; it must be a string", v.kind)
		}
		o, err := c.operator.parse(text, variables)
		if err != nil {
			return c, err
		}
		c.operands = append(c.operands, o)
	}
	return c, nil
}

// scalar gives strings, numbers and booleans as the text they stand for.
func (v value) scalar() (string, bool) {
	switch v.kind {
	case jsonString, jsonNumber:
		return v.text, true
	case jsonBool:
		if v.yes {
			return "true", true
		}
		return "false", true
	}
	return "", false
}

// holds decides the condition (IAM User Guide, "Condition operators" and
// "Multivalued context keys"). Values are alternatives; for a negated operator
// none may fit. A key that the request does not have fulfils negated
// operators, IfExists and ForAllValues, and nothing else. A permission never
// comes from a policy variable without a value.
func (c *condition) holds(q *question, deny bool) bool {
	values, there := q.lookup(c.key)
	there = there && len(values) > 0
	if c.operator.null {
		absent, _ := c.operands[0].compare(fmt.Sprint(!there), q)
		return absent
	}
	if !there {
		return c.ifExists || c.set == forAll || c.set == oneValue && c.operator.negated
	}
	resolved := true
	passes := func(value string) bool {
		for _, o := range c.operands {
			fits, ok := o.compare(value, q)
			if resolved = resolved && ok; fits {
				return !c.operator.negated
			}
		}
		return c.operator.negated
	}
	// Several values without a set operator: as ForAnyValue, and negated as ForAllValues.
	every := c.set == forAll || c.set == oneValue && c.operator.negated
	result := every
	for _, v := range values {
		if passes(v) != every {
			result = !every
			break
		}
	}
	if !resolved && !deny && c.operator.negated {
		return false
	}
	return result
}

func (c *condition) eachKey(add func(string)) {
	add(c.key)
	for _, o := range c.operands {
		switch o := o.(type) {
		case stringOperand:
			o.template.keys(add)
		case arnOperand:
			o.pattern.keys(add)
		}
	}
}
