package httpx

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// line is what a request leaves in the log.
type line struct {
	*Record
	path   string // without its query, which may hold a secret
	status int
	bytes  int64
	dur    time.Duration
}

func (l *line) at() time.Time { return l.Began.Add(l.dur) }

func (l *line) level() slog.Level {
	if l.status >= 500 && l.status != http.StatusGatewayTimeout { // which only who wants nothing fetched is told
		return slog.LevelError
	}
	return slog.LevelInfo
}

// words gives the Subject's in their order; empty ones are left out of lines.
func (s *Subject) words(add func(key, value string)) {
	add("format", s.Format)
	add("domain", s.Domain)
	add("repo", s.Repo)
	add("package", s.Package)
	add("version", s.Version)
	add("op", s.Op)
}

// rest gives those that stand behind the Subject's.
func (l *line) rest(add func(key, value string)) {
	if l.Op == "" {
		// A path names no secret where no operation took it apart.
		add("path", l.path)
	}
	add("method", l.Request.Method)
	add("code", l.Code)
	add("request_id", l.ID)
	if sent := l.Request.Header["X-Request-Id"]; len(sent) > 0 {
		add("client_request_id", printable(sent[0]))
	}
	if l.Err != nil {
		add("error", l.Err.Error())
	}
}

const lineMessage = "request"

// record is the line for any handler.
func (l *line) record() slog.Record {
	attrs := make([]slog.Attr, 0, 16)
	add := func(key, value string) {
		if value != "" {
			attrs = append(attrs, slog.String(key, value))
		}
	}
	l.Subject.words(add)
	l.rest(add)
	if l.Peer.Addr.IsValid() {
		attrs = append(attrs, slog.String("client", l.Peer.Addr.String()))
	}
	attrs = append(attrs, slog.Int("status", l.status), slog.Int64("bytes", l.bytes), slog.Duration("dur", l.dur))
	r := slog.NewRecord(l.at(), l.level(), lineMessage, 0)
	r.AddAttrs(attrs...)
	return r
}

var buffers = sync.Pool{New: func() any { return new([]byte) }}

// writeJSON writes the line as slog.JSONHandler does. Making a record for that
// one costs a warm read more than finding what it serves.
func (l *line) writeJSON(w io.Writer) {
	buf := buffers.Get().(*[]byte)
	b := append((*buf)[:0], `{"time":"`...)
	b = appendTime(b, l.at())
	b = append(b, `","level":"`...)
	b = append(b, l.level().String()...)
	b = append(b, `","msg":"`+lineMessage+`"`...)
	if k := l.Known; k != nil && k.subject == l.Subject {
		b = append(b, k.json...)
	} else {
		b = appendSubject(b, &l.Subject)
	}
	l.rest(func(key, value string) { b = appendWord(b, key, value) })
	if l.Peer.Addr.IsValid() {
		b = append(b, `,"client":"`...)
		b = l.Peer.Addr.AppendTo(b)
		b = append(b, '"')
	}
	b = append(b, `,"status":`...)
	b = strconv.AppendInt(b, int64(l.status), 10)
	b = append(b, `,"bytes":`...)
	b = strconv.AppendInt(b, l.bytes, 10)
	b = append(b, `,"dur":`...)
	b = strconv.AppendInt(b, int64(l.dur), 10)
	b = append(b, "}\n"...)
	_, _ = w.Write(b)
	*buf = b
	buffers.Put(buf)
}

// second is one as RFC 3339 writes it, in the two parts around its fraction.
type second struct {
	unix         int64
	before, zone string
}

// lastSecond is that of the latest line: most lines are of the same as the one before.
var lastSecond atomic.Pointer[second]

// appendTime writes t as time.RFC3339Nano does.
func appendTime(b []byte, t time.Time) []byte {
	s := lastSecond.Load()
	if s == nil || s.unix != t.Unix() {
		s = &second{t.Unix(), t.Format("2006-01-02T15:04:05"), t.Format("Z07:00")}
		lastSecond.Store(s)
	}
	b = append(b, s.before...)
	if fraction := t.Nanosecond(); fraction != 0 {
		digits := strconv.AppendInt(b, int64(time.Second)+int64(fraction), 10)
		digits[len(b)] = '.' // in place of the second
		b = bytes.TrimRight(digits, "0")
	}
	return append(b, s.zone...)
}

func appendSubject(b []byte, s *Subject) []byte {
	s.words(func(key, value string) { b = appendWord(b, key, value) })
	return b
}

func appendWord(b []byte, key, value string) []byte {
	if value == "" {
		return b
	}
	b = append(b, `,"`...)
	b = append(b, key...)
	b = append(b, `":`...)
	return appendString(b, value)
}

func appendString(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			quoted, err := json.Marshal(s)
			if err != nil {
				return append(b, `""`...) // no string fails
			}
			return append(b, quoted...)
		}
	}
	b = append(b, '"')
	b = append(b, s...)
	return append(b, '"')
}
