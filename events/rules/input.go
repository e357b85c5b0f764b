package rules

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// input makes what is sent of an event's body.
type input struct {
	constant []byte
	path     path
	template []piece
	paths    map[string]path
	plain    bool // the template is no JSON: strings stand in it as they are
}

// piece is a part of a template: text, or the name of a variable.
type piece struct {
	text     string
	variable string
	quoted   bool // the variable stands within a JSON string
}

// moment is what is known where an event is delivered.
type moment struct {
	ruleARN, ruleName string
	ingested          time.Time
}

const (
	maxPaths    = 100
	maxVariable = 256
	maxTemplate = 8192
)

// predefined are the variables that every template may name (User Guide,
// "Amazon EventBridge input transformation").
var predefined = map[string]func(body []byte, m moment) json.RawMessage{
	"aws.events.rule-arn":             func(_ []byte, m moment) json.RawMessage { return text(m.ruleARN) },
	"aws.events.rule-name":            func(_ []byte, m moment) json.RawMessage { return text(m.ruleName) },
	"aws.events.event.ingestion-time": func(_ []byte, m moment) json.RawMessage { return text(m.ingested.UTC().Format(time.RFC3339)) },
	"aws.events.event.json":           func(body []byte, _ moment) json.RawMessage { return body },
	"aws.events.event": func(body []byte, _ moment) json.RawMessage {
		var members map[string]json.RawMessage
		if json.Unmarshal(body, &members) != nil {
			return body
		}
		delete(members, "detail") // the event without its detail
		b, err := json.Marshal(members)
		if err != nil {
			return body
		}
		return b
	},
}

func text(s string) json.RawMessage {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if e.Encode(s) != nil { // strings always encode
		return json.RawMessage(`""`)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// compileInput reads what a target says about its input. The error is a
// sentence for whoever put the target.
func compileInput(t *Target) (*input, error) {
	in := &input{constant: []byte(t.Input)}
	switch {
	case t.InputPath != "":
		var err error
		in.path, err = parsePath(t.InputPath)
		if err != nil {
			return nil, fmt.Errorf("InputPath: %w", err)
		}
	case t.Transformer != nil:
		if err := in.compileTemplate(t.Transformer); err != nil {
			return nil, err
		}
	}
	return in, nil
}

func (in *input) compileTemplate(t *InputTransformer) error {
	if t.Template == "" || len(t.Template) > maxTemplate {
		return fmt.Errorf("InputTemplate must have 1 to %d characters", maxTemplate)
	}
	if len(t.Paths) > maxPaths {
		return fmt.Errorf("InputPathsMap has more than %d entries", maxPaths)
	}
	in.paths = map[string]path{}
	for name, of := range t.Paths {
		if !variableName(name) || strings.HasPrefix(strings.ToLower(name), "aws.") {
			return fmt.Errorf("InputPathsMap: %q cannot name a variable", clip(name))
		}
		p, err := parsePath(of)
		if err != nil {
			return fmt.Errorf("InputPathsMap: %w", err)
		}
		in.paths[name] = p
	}
	in.template = splitTemplate(t.Template)
	var filled strings.Builder
	for _, p := range in.template {
		filled.WriteString(p.text)
		if p.variable != "" {
			filled.WriteByte('0')
		}
	}
	in.plain = !json.Valid([]byte(filled.String()))
	for _, p := range in.template {
		if p.variable != "" && predefined[p.variable] == nil && in.paths[p.variable] == nil {
			return fmt.Errorf("InputTemplate names <%s>, which InputPathsMap does not define", clip(p.variable))
		}
	}
	return nil
}

// variableName reports whether a text is one that <…> may hold: what is in
// angle brackets otherwise is text.
func variableName(s string) bool {
	return s != "" && len(s) <= maxVariable && strings.Trim(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-") == ""
}

// splitTemplate finds the variables of a template, and whether each stands
// within a JSON string.
func splitTemplate(s string) []piece {
	var all []piece
	quoted := false
	start := 0
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '"':
			quoted = !quoted
		case '<':
			end := strings.IndexByte(s[i:], '>')
			if end < 0 || !variableName(s[i+1:i+end]) {
				continue
			}
			all = append(all, piece{text: s[start:i]}, piece{variable: s[i+1 : i+end], quoted: quoted})
			i += end
			start = i + 1
		}
	}
	return append(all, piece{text: s[start:]})
}

// make gives what is sent.
func (in *input) make(body []byte, m moment) []byte {
	switch {
	case len(in.constant) > 0:
		return in.constant
	case in.path != nil:
		if part := in.path.find(body); part != nil {
			return part
		}
		return []byte("{}") // the part is not there
	case in.template == nil:
		return body
	}
	var b bytes.Buffer
	for _, p := range in.template {
		if p.variable == "" {
			b.WriteString(p.text)
			continue
		}
		var value json.RawMessage
		if given := predefined[p.variable]; given != nil {
			value = given(body, m)
		} else {
			value = in.paths[p.variable].find(body)
		}
		b.Write(p.place(value, in.plain))
	}
	return b.Bytes()
}

// place gives a value as it stands in the template: within a string its text,
// else JSON; for what is not there, nothing, or an empty string. In plain text
// strings are as they are.
func (p piece) place(value json.RawMessage, plain bool) []byte {
	switch {
	case value == nil && (p.quoted || plain):
		return nil
	case value == nil:
		return []byte(`""`)
	case plain:
		var s string
		if value[0] == '"' && json.Unmarshal(value, &s) == nil {
			return []byte(s)
		}
		return value
	case !p.quoted:
		return value
	case value[0] == '"':
		return value[1 : len(value)-1] // escaped as it has to be
	}
	inner := text(string(value))
	return inner[1 : len(inner)-1]
}
