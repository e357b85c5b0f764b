package lockfile

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
)

// requirement is name, extras and the one exact version of a requirement
// (PEP 508; pip documentation, "Requirements File Format").
var requirement = regexp.MustCompile(`^([A-Za-z0-9][A-Za-z0-9._-]*)\s*(?:\[[^\]]*\])?\s*\(?\s*(?:===?)\s*([^\s,;()]+)\s*\)?\s*(?:;.*)?$`)

// required is the name that any requirement begins with.
var required = regexp.MustCompile(`^([A-Za-z0-9][A-Za-z0-9._-]*)\s*(?:\[[^\]]*\])?\s*(@|[<>=!~(;,]|$)`)

var hashOption = regexp.MustCompile(`\s--hash[= ](\S+)`)

// option is what may follow a requirement on its line.
var option = regexp.MustCompile(`\s--?[A-Za-z]`)

// parseRequirements reads a requirements.txt, as pip-compile, "uv pip compile"
// and "pip freeze" write them. What has no exact version is skipped, and so are
// other files that it names.
func parseRequirements(data []byte) ([]Entry, error) {
	var all []Entry
	for n, text := range logicalLines(data) {
		e, ok, err := parseRequirement(text)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		if ok {
			all = append(all, e)
		}
	}
	return all, nil
}

// logicalLines gives lines with the number of their first one: those that end
// with a backslash go on, and comments are taken off.
func logicalLines(data []byte) func(yield func(int, string) bool) {
	return func(yield func(int, string) bool) {
		n, first := 0, 0
		var b strings.Builder
		for line := range bytes.Lines(data) {
			n++
			if first == 0 {
				first = n
			}
			text := strings.TrimRight(string(line), "\r\n")
			if strings.HasPrefix(strings.TrimSpace(text), "#") {
				text = ""
			} else if at := strings.Index(text, " #"); at >= 0 {
				text = text[:at]
			}
			if more, ok := strings.CutSuffix(text, `\`); ok {
				b.WriteString(more + " ")
				continue
			}
			b.WriteString(text)
			if whole := strings.TrimSpace(b.String()); whole != "" && !yield(first, whole) {
				return
			}
			b.Reset()
			first = 0
		}
		if whole := strings.TrimSpace(b.String()); whole != "" {
			yield(first, whole)
		}
	}
}

func parseRequirement(text string) (Entry, bool, error) {
	var e Entry
	var err error
	switch flag, argument, _ := strings.Cut(strings.Replace(text, "=", " ", 1), " "); flag {
	case "-r", "--requirement", "-c", "--constraint":
		e, err = skipped(strings.TrimSpace(argument), "a file of its own: name it too")
		return e, true, err
	case "-e", "--editable":
		e, err = skipped(strings.TrimSpace(argument), skipFolder)
		return e, true, err
	}
	if strings.HasPrefix(text, "-") {
		return e, false, nil // an option of the whole file
	}
	spec := text
	if at := option.FindStringIndex(text); at != nil {
		spec = text[:at[0]]
	}
	spec = strings.TrimSpace(spec)
	m := requirement.FindStringSubmatch(spec)
	if m == nil || strings.HasSuffix(m[2], "*") {
		e, err = unpinned(spec)
		return e, true, err
	}
	e = Entry{Format: PyPI, Name: pypiName(m[1]), Version: m[2]}
	for _, h := range hashOption.FindAllStringSubmatch(text, -1) {
		digests, err := colonDigest(h[1])
		if err != nil {
			return e, false, err
		}
		e.Digests = append(e.Digests, digests...)
	}
	e, err = Check(e)
	return e, true, err
}

// unpinned skips what is no exact version, and refuses what is no requirement.
func unpinned(spec string) (Entry, error) {
	m := required.FindStringSubmatch(spec)
	switch {
	case strings.HasPrefix(spec, "git+"), m != nil && m[2] == "@" && strings.Contains(spec, "git+"):
		return skipped(spec, skipGit)
	case m != nil && m[2] == "@", strings.Contains(spec, "://"):
		return skipped(spec, skipURL)
	case m != nil:
		return skipped(m[1], skipUnpinned)
	case strings.ContainsAny(spec, `/\`) || strings.HasSuffix(spec, ".whl") || strings.HasPrefix(spec, "."):
		return skipped(spec, skipFolder)
	}
	return Entry{}, fmt.Errorf("%q is no requirement", short(spec))
}
