package login

import (
	"cmp"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// setting is one line of an .npmrc file.
type setting struct{ key, value string }

// userNpmrc is the user's .npmrc as npm, pnpm and Yarn 1 look for it.
func userNpmrc(m Machine) string {
	name := cmp.Or(m.Getenv("npm_config_userconfig"), m.Getenv("NPM_CONFIG_USERCONFIG"))
	if name == "" {
		return filepath.Join(m.Home, ".npmrc")
	}
	if rest, ok := strings.CutPrefix(name, "~/"); ok {
		return filepath.Join(m.Home, rest)
	}
	if !filepath.IsAbs(name) {
		return filepath.Join(m.Dir, name)
	}
	return name
}

// npmSettings are the lines that lead npm's family of clients to the target.
func npmSettings(to Target) []setting {
	var all []setting
	for _, s := range to.Scopes {
		all = append(all, setting{s + ":registry", to.Endpoint})
	}
	if len(to.Scopes) == 0 {
		all = append(all, setting{"registry", to.Endpoint})
	}
	if to.Helper != nil {
		return all
	}
	return append(all, setting{to.nerfed() + ":_authToken", to.Token})
}

// planNpmrc puts settings into the user's .npmrc.
func planNpmrc(m Machine, to Target, more ...setting) (*Plan, error) {
	name := userNpmrc(m)
	before, err := readSettings(name)
	if err != nil {
		return nil, err
	}
	text := string(before)
	switch {
	case to.Helper != nil:
		text = dropNpmrc(text, to.nerfed()+":_authToken")
	case to.tool == "pnpm":
		text = dropNpmrc(text, to.nerfed()+":tokenHelper")
	}
	after := setNpmrc(text, append(npmSettings(to), more...))
	p := &Plan{Edits: []Edit{{File: name, Before: before, After: []byte(after)}}}
	if note := projectNote(m, name, to); note != "" {
		p.Notes = append(p.Notes, note)
	}
	return p, nil
}

// setNpmrc gives text with each setting standing in it once, at the place of
// its first line or else at the end of the part before any [section]; every
// other line stays byte for byte. Keys are read as npm's own parser does
// (package ini 6: comments begin with ";" or "#", keys may be quoted).
func setNpmrc(text string, settings []setting) string {
	eol, plain := "\n", strings.ReplaceAll(text, "\r\n", "\n")
	switch {
	case strings.Contains(plain, "\r"): // a line end of its own to npm's parser
		text = strings.ReplaceAll(plain, "\r", "\n")
	case plain != text:
		eol = "\r\n"
	}
	var out []string
	written := map[string]bool{}
	end := -1 // where the part before the first section ends
	for line := range strings.Lines(text) {
		if end >= 0 {
			out = append(out, line)
			continue
		}
		if npmrcSection.MatchString(line) {
			end = len(out)
			out = append(out, line)
			continue
		}
		s, ours := find(settings, npmrcKey(line))
		switch {
		case !ours:
			out = append(out, line)
		case !written[s.key]:
			written[s.key] = true
			out = append(out, s.key+"="+s.value+eol)
		}
	}
	if end < 0 {
		end = len(out)
	}
	var added []string
	for _, s := range settings {
		if !written[s.key] {
			added = append(added, s.key+"="+s.value+eol)
		}
	}
	head := strings.Join(out[:end], "")
	if head != "" && len(added) > 0 && !strings.HasSuffix(head, "\n") {
		head += eol
	}
	return head + strings.Join(added, "") + strings.Join(out[end:], "")
}

// dropNpmrc takes a setting out.
func dropNpmrc(text, key string) string {
	var out strings.Builder
	for line := range strings.Lines(text) {
		if npmrcSection.MatchString(line) {
			key = "" // what a section holds is not read
		}
		if key == "" || npmrcKey(line) != key {
			out.WriteString(line)
		}
	}
	return out.String()
}

var npmrcSection = regexp.MustCompile(`^\[[^\]]*\]\s*$`)

// npmrcKey gives the key of a line, empty for a comment or an empty line.
func npmrcKey(line string) string {
	line = strings.TrimSpace(line)
	if line == "" || line[0] == ';' || line[0] == '#' {
		return ""
	}
	key, _, _ := strings.Cut(line, "=")
	key = strings.TrimSpace(key)
	if len(key) >= 2 && key[0] == '"' && key[len(key)-1] == '"' {
		if q, err := strconv.Unquote(key); err == nil {
			return q
		}
	}
	return strings.Trim(key, "'")
}

func find(all []setting, key string) (setting, bool) {
	for _, s := range all {
		if s.key == key {
			return s, true
		}
	}
	return setting{}, false
}

// projectNote says where a project's own .npmrc leads elsewhere: it outranks
// the user's.
func projectNote(m Machine, user string, to Target) string {
	name := filepath.Join(m.Dir, ".npmrc")
	if name == user {
		return ""
	}
	text, err := readSettings(name)
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(text)) {
		key := npmrcKey(line)
		s, ours := find(npmSettings(to), key)
		_, value, _ := strings.Cut(line, "=")
		if ours && !strings.HasSuffix(key, ":_authToken") && strings.Trim(value, "\"' \r\n\t") != s.value {
			return name + " sets " + key + " too and outranks the user's settings: remove that line there"
		}
	}
	return ""
}
