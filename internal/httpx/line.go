package httpx

import (
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"strconv"
	"sync"
	"time"
)

// line is what a request leaves in the log.
type line struct {
	at     time.Time
	level  slog.Level
	words  [16]word
	n      int // of words
	client netip.Addr
	status int
	bytes  int64
	dur    time.Duration
}

type word struct{ key, value string }

// add leaves out what is empty.
func (l *line) add(key, value string) {
	if value != "" {
		l.words[l.n] = word{key, value}
		l.n++
	}
}

func (l *line) fill(r *http.Request, s *state) {
	rec := &s.record
	l.dur = time.Since(rec.Began)
	l.at = rec.Began.Add(l.dur)
	l.status, l.bytes = s.recorder.Status(), s.recorder.Bytes()
	l.level = slog.LevelInfo
	if l.status >= 500 && l.status != http.StatusGatewayTimeout { // which only who wants nothing fetched is told
		l.level = slog.LevelError
	}
	l.add("format", rec.Format)
	l.add("domain", rec.Domain)
	l.add("repo", rec.Repo)
	l.add("package", rec.Package)
	l.add("version", rec.Version)
	l.add("op", rec.Op)
	if rec.Op == "" {
		// A path names no secret where no operation took it apart; a query may.
		l.add("path", r.URL.Path)
	}
	l.add("method", r.Method)
	l.add("code", rec.Code)
	l.add("request_id", rec.ID)
	if sent := r.Header["X-Request-Id"]; len(sent) > 0 {
		l.add("client_request_id", printable(sent[0]))
	}
	if rec.Err != nil {
		l.add("error", rec.Err.Error())
	}
	l.client = rec.Peer.Addr
}

const lineMessage = "request"

// record is the line for any handler.
func (l *line) record() slog.Record {
	attrs := make([]slog.Attr, 0, len(l.words)+4)
	for _, w := range l.words[:l.n] {
		attrs = append(attrs, slog.String(w.key, w.value))
	}
	if l.client.IsValid() {
		attrs = append(attrs, slog.String("client", l.client.String()))
	}
	attrs = append(attrs, slog.Int("status", l.status), slog.Int64("bytes", l.bytes), slog.Duration("dur", l.dur))
	r := slog.NewRecord(l.at, l.level, lineMessage, 0)
	r.AddAttrs(attrs...)
	return r
}

var buffers = sync.Pool{New: func() any { return new([]byte) }}

// writeJSON writes the line as slog.JSONHandler does. Making a record for that
// one costs a warm read more than finding what it serves.
func (l *line) writeJSON(w io.Writer) {
	buf := buffers.Get().(*[]byte)
	b := append((*buf)[:0], `{"time":"`...)
	b = l.at.AppendFormat(b, time.RFC3339Nano)
	b = append(b, `","level":"`...)
	b = append(b, l.level.String()...)
	b = append(b, `","msg":"`+lineMessage+`"`...)
	for _, w := range l.words[:l.n] {
		b = append(b, `,"`...)
		b = append(b, w.key...)
		b = append(b, `":`...)
		b = appendString(b, w.value)
	}
	if l.client.IsValid() {
		b = append(b, `,"client":"`...)
		b = l.client.AppendTo(b)
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
