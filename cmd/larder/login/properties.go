package login

import (
	"strings"
)

// setProperties gives keys of a Java properties file their values; other lines
// stay byte for byte. (Format: the documentation of java.util.Properties.load.)
// Values must hold no backslash and not begin with a blank.
func setProperties(text []byte, settings []setting) []byte {
	var out []string
	written := map[string]bool{}
	skipping, continued := false, false
	for line := range strings.Lines(string(text)) {
		ours := skipping
		if !continued {
			s, found := find(settings, propertyKey(line))
			ours = found
			if found && !written[s.key] {
				written[s.key] = true
				out = append(out, s.key+"="+s.value+"\n")
			}
		}
		comment := !continued && isComment(line)
		skipping = ours
		continued = !comment && endsOpen(line)
		if !ours {
			out = append(out, line)
		}
	}
	if n := len(out); n > 0 && !strings.HasSuffix(out[n-1], "\n") {
		out[n-1] += "\n"
	}
	if continued && !skipping {
		out = append(out, "\n") // a last line that goes on would swallow ours
	}
	for _, s := range settings {
		if !written[s.key] {
			out = append(out, s.key+"="+s.value+"\n")
		}
	}
	return []byte(strings.Join(out, ""))
}

func isComment(line string) bool {
	line = strings.TrimLeft(line, " \t\f")
	return line == "" || line[0] == '#' || line[0] == '!'
}

// endsOpen says whether a line goes on in the next: an odd number of
// backslashes at its end.
func endsOpen(line string) bool {
	line = strings.TrimRight(line, "\r\n")
	return (len(line)-len(strings.TrimRight(line, `\`)))%2 == 1
}

// propertyKey is the key of a line, empty for a comment.
func propertyKey(line string) string {
	line = strings.TrimLeft(strings.TrimRight(line, "\r\n"), " \t\f")
	if isComment(line) {
		return ""
	}
	var key strings.Builder
	for i := 0; i < len(line); i++ {
		switch c := line[i]; {
		case c == '\\' && i+1 < len(line):
			i++
			key.WriteByte(line[i])
		case strings.IndexByte("=: \t\f", c) >= 0:
			return key.String()
		default:
			key.WriteByte(c)
		}
	}
	return key.String()
}

// propertyValue is the value of a key on one line, as far as it matters here.
func propertyValue(text []byte, key string) string {
	for line := range strings.Lines(string(text)) {
		if propertyKey(line) != key {
			continue
		}
		rest := strings.TrimLeft(strings.TrimRight(line, "\r\n"), " \t\f")[len(key):]
		rest = strings.TrimLeft(rest, " \t\f")
		if rest != "" && (rest[0] == '=' || rest[0] == ':') {
			rest = rest[1:]
		}
		return strings.TrimSpace(rest)
	}
	return ""
}
