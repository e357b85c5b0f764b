package registry

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Pattern is a package group's pattern (spec 1.7): a package path
// /format/namespace/name cut short, and what may follow.
type Pattern struct {
	text   string
	depth  patternDepth
	format string
	// ns and name are the parts that are given; the last one is a prefix where
	// the depth says so.
	ns, name string
}

// patternDepth orders patterns from the most general kind to the most specific.
type patternDepth int

const (
	allPackages       patternDepth = iota // /*
	formatPackages                        // /npm/*
	namespacePrefix                       // /npm/spa~
	namespacePackages                     // /npm/space/*
	namePrefix                            // /npm/space/na~
	exactPackage                          // /npm/space/name$
)

// RootPattern is the pattern of the group that every domain has.
const RootPattern = "/*"

// ParsePattern reads a pattern; Invalid with what is wrong.
func ParsePattern(s string) (Pattern, error) {
	p := Pattern{text: s}
	bad := func(why string) (Pattern, error) {
		return Pattern{}, Errorf(Invalid, "%q is no package group pattern: %s", s, why)
	}
	switch {
	case len(s) < 2 || utf8.RuneCountInString(s) > 520:
		return bad("it has 2 to 520 characters")
	case !utf8.ValidString(s) || strings.ContainsFunc(s, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }):
		return bad("white space and control characters cannot stand in it")
	case s[0] != '/':
		return bad(`it begins with "/"`)
	case s == RootPattern:
		return p, nil
	}
	body, suffix := s[1:len(s)-1], s[len(s)-1]
	if strings.ContainsAny(body, "*~$") {
		return bad(`"*", "~" and "$" stand at its end only`)
	}
	parts := strings.Split(body, "/")
	if !knownFormat(parts[0]) {
		return bad("its first part is no package format (npm, pypi, maven, nuget, generic, ruby, swift, cargo)")
	}
	p.format = parts[0]
	switch {
	case suffix == '*' && !strings.HasSuffix(body, "/"):
		return bad(`"*" follows "/" only`)
	case suffix == '*' && len(parts) == 2:
		p.depth = formatPackages
	case suffix == '*' && len(parts) == 3:
		p.depth, p.ns = namespacePackages, parts[1]
	case suffix == '~' && len(parts) == 2:
		p.depth, p.ns = namespacePrefix, parts[1]
	case suffix == '~' && len(parts) == 3:
		p.depth, p.ns, p.name = namePrefix, parts[1], parts[2]
	case suffix == '$' && len(parts) == 3:
		p.depth, p.ns, p.name = exactPackage, parts[1], parts[2]
	case suffix == '*' || suffix == '~' || suffix == '$':
		return bad("it reads /format/namespace/name, cut short anywhere but within the format, with \"*\", \"~\" or \"$\" at the end")
	default:
		return bad(`it ends with "*", "~" or "$"`)
	}
	if suffix == '~' {
		if r, _ := utf8.DecodeLastRuneInString(body); !wordRune(r) {
			return bad(`"~" follows a letter or a digit only`)
		}
	}
	if p.depth >= namespacePackages && p.ns == "" && needsNamespace(p.format) {
		return bad("packages of this format have a namespace")
	}
	if p.ns != "" && !hasNamespace(p.format) {
		return bad("packages of this format have no namespace: write /" + p.format + "//name")
	}
	if p.depth == exactPackage && p.name == "" {
		return bad("the name before \"$\" is empty")
	}
	return p, nil
}

func (p Pattern) String() string { return p.text }

// Matches reports whether the package is in the pattern's set, letter by letter.
func (p Pattern) Matches(id PackageID) bool {
	switch p.depth {
	case allPackages:
		return true
	case formatPackages:
		return id.Format == p.format
	case namespacePrefix:
		return id.Format == p.format && wordPrefix(id.Namespace, p.ns)
	case namespacePackages:
		return id.Format == p.format && id.Namespace == p.ns
	case namePrefix:
		return id.Format == p.format && id.Namespace == p.ns && wordPrefix(id.Name, p.name)
	}
	return id == PackageID{p.format, p.ns, p.name}
}

// covers gives the patterns whose sets hold the package, the most specific
// first. There are as many as the package's name has words.
func covers(id PackageID) []string {
	ns := "/" + id.Format + "/" + id.Namespace
	out := []string{ns + "/" + id.Name + "$"}
	for _, prefix := range wordPrefixes(id.Name) {
		out = append(out, ns+"/"+prefix+"~")
	}
	out = append(out, ns+"/*")
	for _, prefix := range wordPrefixes(id.Namespace) {
		out = append(out, "/"+id.Format+"/"+prefix+"~")
	}
	return append(out, "/"+id.Format+"/*", RootPattern)
}

// PatternsOf gives every pattern whose set holds the package, the most specific
// first.
func PatternsOf(id PackageID) []string { return covers(id) }

// parents gives the patterns whose sets hold the whole set of this one, the
// most specific first, itself not among them.
func (p Pattern) parents() []string {
	if p.depth == allPackages {
		return nil
	}
	all := covers(PackageID{p.format, p.ns, p.name})
	return all[slices.Index(all, p.text)+1:]
}

// wordPrefix reports whether s begins with prefix and a word ends there.
func wordPrefix(s, prefix string) bool {
	if !strings.HasPrefix(s, prefix) {
		return false
	}
	r, n := utf8.DecodeRuneInString(s[len(prefix):])
	return n == 0 || !(wordRune(r) || unicode.IsMark(r))
}

// wordPrefixes gives the beginnings of s that end with a word, the longest
// first. A word is a letter or digit and the letters, digits and marks after it.
func wordPrefixes(s string) []string {
	var out []string
	in := false
	for i, r := range s {
		if in && !wordRune(r) && !unicode.IsMark(r) {
			out = append(out, s[:i])
			in = false
		}
		in = in || wordRune(r)
	}
	if in {
		out = append(out, s)
	}
	for i, j := 0, len(out)-1; i < j; i, j = i+1, j-1 {
		out[i], out[j] = out[j], out[i]
	}
	return out
}

func wordRune(r rune) bool { return unicode.IsLetter(r) || unicode.IsNumber(r) }

// loose gives the spelling by which weak matches are found: letter case folded,
// each run of "-", "." and "_" one ".", characters that look alike the same.
func loose(s string) string {
	var b strings.Builder
	separated := false
	for _, r := range s {
		if r == '-' || r == '.' || r == '_' {
			separated = true
			continue
		}
		if separated {
			b.WriteByte('.')
			separated = false
		}
		b.WriteRune(plain(foldRune(plain(r))))
	}
	if separated {
		b.WriteByte('.')
	}
	return b.String()
}

func looseID(id PackageID) PackageID {
	return PackageID{id.Format, loose(id.Namespace), loose(id.Name)}
}

// loosely is the pattern that matches, of packages spelled loosely, the
// variants of what p matches.
func (p Pattern) loosely() Pattern {
	p.ns, p.name = loose(p.ns), loose(p.name)
	return p
}

// plain gives the ASCII character that r looks like, else r.
func plain(r rune) rune {
	if r >= '！' && r <= '～' { // the full-width forms of ASCII
		return r - '！' + '!'
	}
	if ascii, ok := confusables[r]; ok {
		return ascii
	}
	return r
}

// foldRune gives one rune for all that differ only in letter case.
func foldRune(r rune) rune {
	if r < utf8.RuneSelf {
		return unicode.ToLower(r)
	}
	least := r
	for o := unicode.SimpleFold(r); o != r; o = unicode.SimpleFold(o) {
		least = min(least, o)
	}
	return unicode.ToLower(least)
}

func knownFormat(f string) bool {
	switch f {
	case NPM, PyPI, Maven, NuGet, Generic, Ruby, Swift, Cargo:
		return true
	}
	return false
}

func hasNamespace(format string) bool {
	return format == NPM || needsNamespace(format)
}

func needsNamespace(format string) bool {
	return format == Maven || format == Swift || format == Generic
}
