package login

import (
	"fmt"
	"regexp"
	"strings"
)

// ini is a settings file as Python's configparser reads it (3.11, with
// RawConfigParser's defaults: "=" or ":" after a key, "#" and ";" before a
// comment line, deeper indented lines continue a value). Lines that are not
// touched stay byte for byte.
type ini struct {
	lines []string
	keys  func(string) string // how the tool spells keys for itself
}

// iniKey is a key with the lines [from, to) that it stands on.
type iniKey struct {
	section, key string
	from, to     int
}

var (
	iniSection = regexp.MustCompile(`^\[(.+)\]`)
	iniOption  = regexp.MustCompile(`^(.*?)\s*[=:]\s*(.*)$`)
)

func parseINI(text []byte, keys func(string) string) *ini {
	f := &ini{keys: keys}
	for line := range strings.Lines(string(text)) {
		f.lines = append(f.lines, line)
	}
	return f
}

// scan finds the keys, and where each section ends.
func (f *ini) scan() (keys []iniKey, ends map[string]int) {
	ends = map[string]int{}
	section, indent := "", 0
	open := false // a value that lines may continue
	for n, line := range f.lines {
		text := strings.TrimSpace(line)
		if text == "" || text[0] == '#' || text[0] == ';' {
			continue
		}
		deep := len(line) - len(strings.TrimLeft(line, " \t"))
		if open && deep > indent {
			keys[len(keys)-1].to = n + 1
			ends[section] = n + 1
			continue
		}
		indent, open = deep, false
		if m := iniSection.FindStringSubmatch(text); m != nil {
			section = m[1]
		} else if m := iniOption.FindStringSubmatch(text); m != nil && m[1] != "" {
			keys = append(keys, iniKey{section, f.keys(m[1]), n, n + 1})
			open = true
		}
		ends[section] = n + 1
	}
	return keys, ends
}

// values gives the words of a key's value; nil where it is not set.
func (f *ini) values(section, key string) []string {
	keys, _ := f.scan()
	for _, k := range keys {
		if k.section != section || k.key != key {
			continue
		}
		m := iniOption.FindStringSubmatch(strings.TrimSpace(f.lines[k.from]))
		words := strings.Fields(m[2])
		for _, line := range f.lines[k.from+1 : k.to] {
			if text := strings.TrimSpace(line); text != "" && text[0] != '#' && text[0] != ';' {
				words = append(words, strings.Fields(text)...)
			}
		}
		return append([]string{}, words...)
	}
	return nil
}

// set gives a key one value, or several on lines of their own, in place of
// what it had; a section that is not there comes last.
func (f *ini) set(section, key string, values ...string) {
	text := key + " = " + strings.Join(values, "")
	if len(values) > 1 {
		text = key + " =\n    " + strings.Join(values, "\n    ")
	}
	text += "\n"
	keys, ends := f.scan()
	at, to := -1, -1
	for _, k := range keys {
		if k.section == section && k.key == f.keys(key) {
			at, to = k.from, k.to
			break
		}
	}
	if at < 0 {
		end, ok := ends[section]
		if !ok {
			end = len(f.lines)
			if end > 0 {
				f.lines[end-1] = strings.TrimRight(f.lines[end-1], "\r\n") + "\n"
				text = "\n[" + section + "]\n" + text
			} else {
				text = "[" + section + "]\n" + text
			}
		} else if !strings.HasSuffix(f.lines[end-1], "\n") {
			f.lines[end-1] += "\n"
		}
		at, to = end, end
	}
	var added []string
	for line := range strings.Lines(text) {
		added = append(added, line)
	}
	f.lines = append(f.lines[:at:at], append(added, f.lines[to:]...)...)
}

// unset takes a key out.
func (f *ini) unset(section, key string) {
	keys, _ := f.scan()
	for _, k := range keys {
		if k.section == section && k.key == f.keys(key) {
			f.lines = append(f.lines[:k.from:k.from], f.lines[k.to:]...)
			return
		}
	}
}

// bytes is the file; an error where what was set does not read back.
func (f *ini) bytes(section, key, want string) ([]byte, error) {
	text := []byte(strings.Join(f.lines, ""))
	if got := parseINI(text, f.keys).values(section, key); len(got) != 1 || got[0] != want {
		return nil, fmt.Errorf("is written in a way that cannot be edited safely: put %s into section %s by hand once", key, section)
	}
	return text, nil
}
