package main

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/dustin/go-humanize"
	"github.com/mattn/go-isatty"
	"golang.org/x/text/width"
)

// maxCell is how much of one value a table shows, in columns of a terminal.
const maxCell = 72

// table writes rows with aligned columns, the first as the heading.
func table(w io.Writer, rows [][]string) error {
	var widths []int
	for _, r := range rows {
		for i, cell := range r {
			r[i] = shortened(printable(cell), maxCell)
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], columns(r[i]))
		}
	}
	bold, plain := "", ""
	if colored(w) {
		bold, plain = "\x1b[1m", "\x1b[0m"
	}
	var b strings.Builder
	for n, r := range rows {
		var line strings.Builder
		for i, cell := range r {
			line.WriteString(cell)
			if i < len(r)-1 {
				line.WriteString(strings.Repeat(" ", widths[i]-columns(cell)+2))
			}
		}
		text := strings.TrimRight(line.String(), " ")
		if n == 0 {
			text = bold + text + plain
		}
		b.WriteString(text + "\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// field is a line of what one thing is.
type field struct{ name, value string }

// fields writes names and values below each other; what has no value is left out.
func fields(w io.Writer, all []field) error {
	longest := 0
	for _, f := range all {
		if f.value != "" {
			longest = max(longest, columns(f.name))
		}
	}
	var b strings.Builder
	for _, f := range all {
		if f.value == "" {
			continue
		}
		for i, line := range strings.Split(f.value, "\n") {
			name := f.name
			if i > 0 {
				name = ""
			}
			fmt.Fprintf(&b, "%s%s  %s\n", name, strings.Repeat(" ", longest-columns(name)), printable(line))
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// printable replaces what would steer a terminal or mislead who reads it:
// names and texts come from whoever published them.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' {
			return r
		}
		if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == utf8.RuneError {
			return '?'
		}
		return r
	}, s)
}

// columns is how wide a terminal shows s.
func columns(s string) int {
	n := 0
	for _, r := range s {
		n += runeColumns(r)
	}
	return n
}

func runeColumns(r rune) int {
	if unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf) {
		return 0
	}
	switch width.LookupRune(r).Kind() {
	case width.EastAsianWide, width.EastAsianFullwidth:
		return 2
	}
	return 1
}

// shortened puts s on one line of at most so many columns.
func shortened(s string, limit int) string {
	s = strings.NewReplacer("\n", " ", "\t", " ").Replace(s)
	if columns(s) <= limit {
		return s
	}
	n := 0
	for i, r := range s {
		if n += runeColumns(r); n >= limit {
			return s[:i] + "…"
		}
	}
	return s
}

// colored says whether w shows bold: a terminal, unless NO_COLOR is set.
func colored(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && isatty.IsTerminal(f.Fd()) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb" && runtime.GOOS != "windows"
}

// shownTime is a moment as people here read it.
func shownTime(t *time.Time) string {
	if t == nil {
		return ""
	}
	return t.Local().Format(time.DateTime)
}

func shownSize(n int64) string { return humanize.Bytes(uint64(max(n, 0))) }

// count spells a number with its noun: 1 version, 2 versions.
func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
