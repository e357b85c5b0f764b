package httpx

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// FuzzLineIsWhatSlogWrites holds the line's JSON to what the standard handler
// makes of the same record.
func FuzzLineIsWhatSlogWrites(f *testing.F) {
	f.Add("npm", "@scope/name", "why: \"quoted\"\n\\ <b>&\u2028é\x00\xff", 409, int64(5), int64(1234567))
	f.Add("", "", "", 0, int64(-1), int64(0))
	f.Fuzz(func(t *testing.T, format, pkg, failure string, status int, size, dur int64) {
		l := line{at: time.Unix(1700000000, 123456789), level: slog.LevelError, status: status, bytes: size, dur: time.Duration(dur), client: netip.MustParseAddr("2001:db8::7")}
		l.add("format", format)
		l.add("package", pkg)
		l.add("error", failure)
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
