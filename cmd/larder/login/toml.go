package login

import (
	"fmt"
	"reflect"
	"regexp"
	"strconv"
	"strings"

	"github.com/pelletier/go-toml/v2"
)

// tomlSetting is a key with what it gets: a string or a bool.
type tomlSetting struct {
	key   string
	value any
}

// tomlTable says which table of a file is meant: the one of that path, or of
// an array of tables the one whose key "name" has that value. Without a path it
// is what stands before the first heading.
type tomlTable struct {
	path []string
	name string
}

// setTOML gives keys of one table their values, making the table where it is
// missing; every other line stays byte for byte. Lines are found by looks, and
// so the result is read back: it must be what was there with these values and
// nothing else.
func setTOML(text []byte, t tomlTable, settings []tomlSetting) ([]byte, error) {
	var want, got map[string]any
	if err := toml.Unmarshal(text, &want); err != nil {
		return nil, fmt.Errorf("is not readable as TOML, mend it first: %w", err)
	}
	if want == nil {
		want = map[string]any{}
	}
	if err := t.apply(want, settings); err != nil {
		return nil, err
	}
	after := []byte(t.edit(string(text), settings))
	if toml.Unmarshal(after, &got) != nil || !reflect.DeepEqual(want, got) {
		return nil, fmt.Errorf("is written in a way that cannot be edited safely: put [%s] on lines of its own", strings.Join(t.path, "."))
	}
	return after, nil
}

// apply does to the data what edit does to the text.
func (t tomlTable) apply(data map[string]any, settings []tomlSetting) error {
	at := data
	if len(t.path) == 0 {
		for _, s := range settings {
			at[s.key] = s.value
		}
		return nil
	}
	for _, key := range t.path[:len(t.path)-1] {
		next, ok := at[key].(map[string]any)
		if !ok && at[key] != nil {
			return fmt.Errorf("has %s as something else than a table, mend it first", key)
		}
		if !ok {
			next = map[string]any{}
			at[key] = next
		}
		at = next
	}
	key := t.path[len(t.path)-1]
	var table map[string]any
	if t.name == "" {
		table, _ = at[key].(map[string]any)
		if table == nil && at[key] != nil {
			return fmt.Errorf("has %s as something else than a table, mend it first", key)
		}
		if table == nil {
			table = map[string]any{}
			at[key] = table
		}
	} else {
		all, ok := at[key].([]any)
		if !ok && at[key] != nil {
			return fmt.Errorf("has %s as something else than a list, mend it first", key)
		}
		for _, one := range all {
			if m, ok := one.(map[string]any); ok && m["name"] == t.name {
				table = m
			}
		}
		if table == nil {
			table = map[string]any{"name": t.name}
			at[key] = append(all, table)
		}
	}
	for _, s := range settings {
		table[s.key] = s.value
	}
	return nil
}

var tomlLine = regexp.MustCompile(`^\s*("[^"\\]*"|'[^']*'|[A-Za-z0-9_-]+)\s*=`)

func (t tomlTable) edit(text string, settings []tomlSetting) string {
	var lines []string
	for line := range strings.Lines(text) {
		lines = append(lines, line)
	}
	if len(t.path) == 0 {
		return editTop(lines, settings)
	}
	from, to := t.find(lines)
	if from < 0 {
		return t.appended(text, settings)
	}
	var out []string
	written := map[string]bool{}
	last := from // after which line new keys go
	for i := from; i < to; i++ {
		s, ours := findTOML(settings, tomlKey(lines[i]))
		switch {
		case ours:
			lines[i] = s.line()
			written[s.key] = true
			last = i
		case strings.TrimSpace(lines[i]) != "" && !strings.HasPrefix(strings.TrimSpace(lines[i]), "#"):
			last = i
		}
	}
	out = append(out, lines[:last+1]...)
	if !strings.HasSuffix(out[last], "\n") {
		out[last] += "\n"
	}
	for _, s := range settings {
		if !written[s.key] {
			out = append(out, s.line())
		}
	}
	return strings.Join(append(out, lines[last+1:]...), "")
}

// editTop puts settings before the first heading.
func editTop(lines []string, settings []tomlSetting) string {
	var out, rest []string
	written := map[string]bool{}
	for i, line := range lines {
		if heading, _ := tomlHeading(line); heading != "" {
			rest = lines[i:]
			break
		}
		if s, ours := findTOML(settings, tomlKey(line)); ours {
			line = s.line()
			written[s.key] = true
		}
		out = append(out, line)
	}
	if n := len(out); n > 0 && !strings.HasSuffix(out[n-1], "\n") {
		out[n-1] += "\n"
	}
	for _, s := range settings {
		if !written[s.key] {
			out = append(out, s.line())
		}
	}
	return strings.Join(append(out, rest...), "")
}

// find gives the lines of the table, the heading first, or -1.
func (t tomlTable) find(lines []string) (from, to int) {
	from = -1
	for i, line := range lines {
		heading, array := tomlHeading(line)
		if heading == "" {
			continue
		}
		if from >= 0 {
			if t.name == "" || namedTOML(lines[from:i], t.name) {
				return from, i
			}
			from = -1
		}
		if array == (t.name != "") && heading == dotted(t.path) {
			from = i
		}
	}
	if from >= 0 && t.name != "" && !namedTOML(lines[from:], t.name) {
		return -1, -1
	}
	return from, len(lines)
}

// namedTOML says whether a table's lines give it that name.
func namedTOML(lines []string, name string) bool {
	for _, line := range lines {
		if tomlKey(line) != "name" {
			continue
		}
		var one struct {
			Name string `toml:"name"`
		}
		if toml.Unmarshal([]byte(line), &one) == nil && one.Name == name {
			return true
		}
	}
	return false
}

func (t tomlTable) appended(text string, settings []tomlSetting) string {
	var b strings.Builder
	b.WriteString(text)
	if text != "" && !strings.HasSuffix(text, "\n") {
		b.WriteByte('\n')
	}
	if text != "" {
		b.WriteByte('\n')
	}
	if t.name == "" {
		b.WriteString("[" + dotted(t.path) + "]\n")
	} else {
		b.WriteString("[[" + dotted(t.path) + "]]\n" + tomlSetting{"name", t.name}.line())
	}
	for _, s := range settings {
		b.WriteString(s.line())
	}
	return b.String()
}

func (s tomlSetting) line() string {
	switch v := s.value.(type) {
	case string:
		return s.key + " = " + strconv.Quote(v) + "\n" // plain ASCII: the same in TOML
	default:
		return fmt.Sprintf("%s = %v\n", s.key, v)
	}
}

var tomlHead = regexp.MustCompile(`^\s*(\[\[?)\s*([^\[\]]+?)\s*\]\]?\s*(?:#.*)?$`)

// tomlHeading gives the path of a [table] or [[table]] line.
func tomlHeading(line string) (path string, array bool) {
	m := tomlHead.FindStringSubmatch(strings.TrimRight(line, "\r\n"))
	if m == nil {
		return "", false
	}
	var keys []string
	for part := range strings.SplitSeq(m[2], ".") {
		keys = append(keys, strings.Trim(strings.TrimSpace(part), `"'`))
	}
	return strings.Join(keys, "."), m[1] == "[["
}

func tomlKey(line string) string {
	m := tomlLine.FindStringSubmatch(line)
	if m == nil {
		return ""
	}
	return strings.Trim(m[1], `"'`)
}

func findTOML(all []tomlSetting, key string) (tomlSetting, bool) {
	for _, s := range all {
		if s.key == key {
			return s, true
		}
	}
	return tomlSetting{}, false
}

// dotted spells a path of bare keys.
func dotted(path []string) string { return strings.Join(path, ".") }
