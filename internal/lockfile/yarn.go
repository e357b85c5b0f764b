package lockfile

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
)

// parseYarn reads a yarn.lock: that of Yarn 2 and later is YAML with
// __metadata, that of Yarn 1 has a form of its own.
func parseYarn(data []byte) ([]Entry, error) {
	if bytes.HasPrefix(data, []byte("__metadata:")) || bytes.Contains(data, []byte("\n__metadata:")) {
		return parseBerry(data)
	}
	return parseYarn1(data)
}

// yarnBlock is one block of a Yarn 1 lock.
type yarnBlock struct {
	line                         int
	patterns                     []string
	version, resolved, integrity string
}

// parseYarn1 reads the lock of Yarn 1 (yarnpkg/yarn: src/lockfile/parse.js):
// blocks of patterns with fields indented by two spaces, deeper ones being the
// dependencies, which have blocks of their own.
func parseYarn1(data []byte) ([]Entry, error) {
	var all []Entry
	var block *yarnBlock
	flush := func() error {
		if block == nil {
			return nil
		}
		e, err := block.entry()
		if err != nil {
			return fmt.Errorf("line %d: %w", block.line, err)
		}
		all, block = append(all, e), nil
		return nil
	}
	n := 0
	for line := range bytes.Lines(data) {
		n++
		text := strings.TrimRight(string(line), "\r\n \t")
		indent := len(text) - len(strings.TrimLeft(text, " "))
		text = text[indent:]
		switch {
		case text == "", strings.HasPrefix(text, "#"):
		case indent == 0:
			if err := flush(); err != nil {
				return nil, err
			}
			patterns, err := yarnPatterns(text)
			if err != nil {
				return nil, fmt.Errorf("line %d: %w", n, err)
			}
			block = &yarnBlock{line: n, patterns: patterns}
		case block == nil:
			return nil, fmt.Errorf("line %d: a field stands before any package", n)
		case indent == 2:
			if err := block.field(text); err != nil {
				return nil, fmt.Errorf("line %d: %w", n, err)
			}
		}
	}
	return all, flush()
}

func (b *yarnBlock) field(text string) error {
	name, value, ok := strings.Cut(text, " ")
	if !ok {
		return nil // dependencies:, optionalDependencies:
	}
	value, err := yarnWord(value)
	if err != nil {
		return err
	}
	switch strings.Trim(name, `"`) {
	case "version":
		b.version = value
	case "resolved":
		b.resolved = value
	case "integrity":
		b.integrity = value
	}
	return nil
}

// yarnWord takes the quotes off a word that has them.
func yarnWord(s string) (string, error) {
	s = strings.TrimSpace(s)
	if !strings.HasPrefix(s, `"`) {
		return s, nil
	}
	out, err := strconv.Unquote(s)
	if err != nil {
		return "", fmt.Errorf("%s is no quoted text", short(s))
	}
	return out, nil
}

// yarnPatterns reads `"@a/b@^1.0.0", c@^2:`.
func yarnPatterns(text string) ([]string, error) {
	text, ok := strings.CutSuffix(text, ":")
	if !ok {
		return nil, fmt.Errorf("%q names no package: it does not end with a colon", short(text))
	}
	var all []string
	for word := range strings.SplitSeq(text, ", ") {
		word, err := yarnWord(word)
		if err != nil {
			return nil, err
		}
		all = append(all, word)
	}
	return all, nil
}

func (b *yarnBlock) entry() (Entry, error) {
	name, wanted := yarnPattern(b.patterns[0])
	if alias, ok := strings.CutPrefix(wanted, "npm:"); ok {
		name, _ = yarnPattern(alias)
	}
	switch {
	case protocolSkip(wanted) != "" && b.resolved == "":
		return skipped(name, protocolSkip(wanted))
	case b.version == "":
		return Entry{}, fmt.Errorf("%s has no version", short(name))
	}
	digests, err := integrity(b.integrity)
	if err != nil {
		return Entry{}, err
	}
	resolved, sum, hashed := strings.Cut(b.resolved, "#")
	if hashed && b.integrity == "" && len(sum) == 40 { // a SHA-1, or the commit of a repository
		if d, err := hexDigest("sha1", sum); err == nil {
			digests = d
		}
	}
	return npmTarball(name, b.version, resolved, digests)
}

// yarnPattern splits "name@range".
func yarnPattern(s string) (name, wanted string) {
	if s == "" {
		return "", ""
	}
	if at := strings.Index(s[1:], "@") + 1; at > 0 {
		return s[:at], s[at+1:]
	}
	return s, ""
}
