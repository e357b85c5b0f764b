package login

import (
	"cmp"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
)

// netrcFile is where curl, pip, uv and others look for passwords.
func netrcFile(m Machine) string {
	if name := m.Getenv("NETRC"); name != "" {
		return name
	}
	name := ".netrc"
	if m.OS == "windows" {
		name = "_netrc"
	}
	return filepath.Join(m.Home, name)
}

// planNetrc puts the token under the endpoint's host. The file knows no ports:
// another service of that host gets the token too, where it asks for one.
func (p *Plan) planNetrc(m Machine, to Target) error {
	return p.edit(netrcFile(m), func(before []byte) ([]byte, error) { return setNetrc(before, to.host(), to.Token) })
}

// netrcEntry is a machine of a .netrc with its place in the text.
type netrcEntry struct {
	machine, login string
	from, to       int
	fallback       bool // "default": what follows it is never read
}

// setNetrc gives the host's entry for our user this password. Everything else
// stays as it is. (Format: GNU inetutils' manual of .netrc, and Python's netrc
// for comments.)
func setNetrc(text []byte, host, password string) ([]byte, error) {
	entries, err := parseNetrc(string(text))
	if err != nil {
		return nil, err
	}
	entry := fmt.Sprintf("machine %s login %s password %s\n", host, user, password)
	at := len(text)
	if i := slices.IndexFunc(entries, func(e netrcEntry) bool { return e.fallback }); i >= 0 {
		at, entries = entries[i].from, entries[:i]
	}
	for _, e := range entries {
		switch {
		case e.machine == host && cmp.Or(e.login, user) != user:
			return nil, fmt.Errorf("has an entry for %s with another user (%s), and the file knows no ports: take that entry out, or use another way", host, e.login)
		case e.machine == host:
			after := string(text[e.to:])
			if trimmed := strings.TrimLeft(after, " \t\r\n"); trimmed != after && strings.Contains(after[:len(after)-len(trimmed)], "\n") {
				after = strings.TrimLeft(after, " \t\r")
				after = strings.TrimPrefix(after, "\n")
			}
			return []byte(string(text[:e.from]) + entry + after), nil
		}
	}
	head := string(text[:at])
	if head != "" && !strings.HasSuffix(head, "\n") {
		head += "\n"
	}
	for _, gap := range []string{"", "\n"} { // an empty line ends a macro
		after := head + gap + entry + string(text[at:])
		found, err := parseNetrc(after)
		if err == nil && slices.ContainsFunc(found, func(e netrcEntry) bool { return e.machine == host }) {
			return []byte(after), nil
		}
	}
	return nil, errNetrc
}

var errNetrc = errors.New("is not readable as a .netrc file, mend it first")

func parseNetrc(text string) ([]netrcEntry, error) {
	var all []netrcEntry
	var open *netrcEntry
	pos, unclosed := 0, false
	next := func() (word string, from int) {
		for pos < len(text) && strings.IndexByte(" \t\r\n", text[pos]) >= 0 {
			pos++
		}
		from = pos
		if pos < len(text) && text[pos] == '"' {
			for pos++; pos < len(text) && text[pos] != '"'; pos++ {
				if text[pos] == '\\' {
					pos++
				}
			}
			if pos >= len(text) {
				unclosed, pos = true, len(text)
				return "", pos
			}
			pos++
			return text[from+1 : pos-1], from
		}
		for pos < len(text) && strings.IndexByte(" \t\r\n", text[pos]) < 0 {
			pos++
		}
		return text[from:pos], from
	}
	for {
		word, from := next()
		switch {
		case unclosed:
			return nil, errNetrc
		case word == "" && from == len(text):
			return all, nil
		case strings.HasPrefix(word, "#"):
			if end := strings.IndexByte(text[from:], '\n'); end >= 0 {
				pos = from + end
			} else {
				pos = len(text)
			}
		case word == "machine", word == "default":
			e := netrcEntry{from: from, to: pos, fallback: word == "default"}
			if !e.fallback {
				if e.machine, _ = next(); e.machine == "" {
					return nil, errNetrc
				}
				e.to = pos
			}
			all = append(all, e)
			open = &all[len(all)-1]
		case word == "macdef":
			end := strings.Index(text[from:], "\n\n")
			if end < 0 {
				return all, nil
			}
			pos = from + end
			if open != nil {
				open.to = pos
			}
		case open != nil && (word == "login" || word == "user" || word == "password" || word == "account"):
			value, at := next()
			if value == "" && at == len(text) {
				return nil, errNetrc
			}
			if word == "login" || word == "user" {
				open.login = value
			}
			open.to = pos
		default:
			return nil, errNetrc
		}
	}
}
