package httpx

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// FuzzLineIsWhatSlogWrites holds the line's JSON to what the standard handler
// makes of the same record.
func FuzzLineIsWhatSlogWrites(f *testing.F) {
	f.Add("npm", "@scope/name", "/npm", "why: \"quoted\"\n\\ <b>&\u2028é\x00\xff", 409, int64(5), int64(1234567), true)
	f.Add("", "", "", "", 0, int64(-1), int64(0), false)
	f.Fuzz(func(t *testing.T, format, pkg, path, failure string, status int, size, dur int64, known bool) {
		rec := &Record{
			Began: time.Unix(1700000000, 123456789), Peer: Peer{Addr: netip.MustParseAddr("2001:db8::7")},
			Request: &http.Request{Method: "GET", Header: http.Header{"X-Request-Id": {pkg}}},
			Subject: Subject{Format: format, Package: pkg},
			Code:    failure,
		}
		if known {
			rec.Known = Know(rec.Subject)
		}
		if failure != "" {
			rec.Err = errors.New(failure)
		}
		l := line{Record: rec, path: path, status: status, bytes: size, dur: time.Duration(dur)}
		var ours, theirs bytes.Buffer
		l.writeJSON(&ours)
		if err := slog.NewJSONHandler(&theirs, nil).Handle(context.Background(), l.record()); err != nil {
			t.Fatal(err)
		}
		if n := bytes.Count(ours.Bytes(), []byte("\n")); n != 1 || !bytes.HasSuffix(ours.Bytes(), []byte("\n")) {
			t.Errorf("%d lines: %q", n, ours.Bytes())
		}
		var got, want map[string]any
		if err := json.Unmarshal(ours.Bytes(), &got); err != nil {
			t.Fatalf("%v in %q", err, ours.Bytes())
		}
		if err := json.Unmarshal(theirs.Bytes(), &want); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	})
}

func TestASubjectThatChangedIsNotTheKnownOne(t *testing.T) {
	rec := &Record{Request: &http.Request{Method: "PUT"}, Subject: Subject{Format: "npm", Package: "a"}}
	rec.Known = Know(rec.Subject)
	rec.Version = "1.0.0" // the body names it
	var out bytes.Buffer
	(&line{Record: rec}).writeJSON(&out)
	if want := `"package":"a","version":"1.0.0"`; !strings.Contains(out.String(), want) {
		t.Errorf("%s lacks %s", out.String(), want)
	}
}

func TestTimesAreRFC3339(t *testing.T) {
	zone := time.FixedZone("", -5*3600-1800)
	for _, at := range []time.Time{
		time.Unix(1700000000, 0), time.Unix(1700000000, 1), time.Unix(1700000000, 120000000), time.Unix(1700000000, 999999999), time.Unix(1700000001, 5000),
		time.Unix(1700000002, 42).UTC(), time.Unix(1700000003, 42).In(zone),
	} {
		if got, want := string(appendTime(nil, at)), at.Format(time.RFC3339Nano); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}
