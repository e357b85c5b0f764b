package formatstest_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"larder/formats/formatstest"
)

// get asks with the header fields, given as name and value, and gives status, header and body.
func get(t *testing.T, url string, fields ...string) (int, http.Header, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Accept-Encoding", "identity")
	for i := 0; i < len(fields); i += 2 {
		r.Header.Set(fields[i], fields[i+1])
	}
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		return 0, nil, err.Error()
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, resp.Header, err.Error()
	}
	return resp.StatusCode, resp.Header, string(b)
}

const archive = `
-- left --
{"tarball":"{upstream}/left/-/left-1.0.0.tgz","whole":true}
-- left application/vnd.short+json --
{"tarball":"{upstream}/left/-/left-1.0.0.tgz"}
-- @s/p --
{"name":"@s/p"}
`

func TestAnUpstreamServesItsArchive(t *testing.T) {
	u := formatstest.NewUpstream(t)
	u.ServeArchive(t, []byte(archive))
	if code, h, body := get(t, u.URL+"/left"); code != 200 || h.Get("Content-Type") != "application/json" ||
		!strings.Contains(body, `"`+u.URL+`/left/-/left-1.0.0.tgz","whole"`) {
		t.Errorf("got %d, %v, %s", code, h, body)
	}
	_, full, _ := get(t, u.URL+"/left")
	code, short, body := get(t, u.URL+"/left", "Accept", "application/vnd.short+json; q=1.0, application/json; q=0.8")
	if code != 200 || strings.Contains(body, "whole") || short.Get("ETag") == full.Get("ETag") {
		t.Errorf("got %d, %v, %s", code, short, body)
	}
	if code, _, body := get(t, u.URL+"/left", "Accept", "application/vnd.short+json", "If-None-Match", short.Get("ETag")); code != 304 || body != "" {
		t.Errorf("by its ETag: %d, %s", code, body)
	}
	if code, _, _ := get(t, u.URL+"/left", "If-None-Match", short.Get("ETag")); code != 200 {
		t.Errorf("by the ETag of another representation: %d", code)
	}
	if _, h, body := get(t, u.URL+"/left", "Accept-Encoding", "gzip"); h.Get("Content-Encoding") != "gzip" || h.Get("ETag") == full.Get("ETag") || body[0] != 0x1f {
		t.Errorf("compressed: %v", h)
	}
	for _, path := range []string{"/@s/p", "/@s%2fp", "/@s%2Fp"} {
		if code, _, _ := get(t, u.URL+path); code != 200 {
			t.Errorf("%s: %d", path, code)
		}
	}
	if got := u.Count("/@s/p"); got != 3 || u.Requests("/@s/p")[1].Target != "/@s%2fp" {
		t.Errorf("%d requests: %+v", got, u.Requests("/@s/p"))
	}
	u.Behave(formatstest.Behaviour{})
	if _, h, body := get(t, u.URL+"/left", "Accept", "application/vnd.short+json", "Accept-Encoding", "gzip"); h.Get("ETag") != "" || !strings.Contains(body, "whole") {
		t.Errorf("a plain mirror: %v %s", h, body)
	}
	u.Remove("/left")
	if code, _, _ := get(t, u.URL+"/left"); code != 404 {
		t.Errorf("removed: %d", code)
	}
}

func TestAnUpstreamAnswersByDate(t *testing.T) {
	u := formatstest.NewUpstream(t)
	modified := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	u.Serve("/doc", formatstest.Resource{Body: []byte("{}"), Modified: modified})
	for date, want := range map[time.Time]int{modified: 304, modified.Add(-time.Second): 200, modified.Add(time.Hour): 304} {
		if code, _, _ := get(t, u.URL+"/doc", "If-Modified-Since", date.Format(http.TimeFormat)); code != want {
			t.Errorf("since %s: %d, want %d", date, code, want)
		}
	}
}

func TestAnUpstreamWantsItsPassword(t *testing.T) {
	u := formatstest.NewUpstream(t)
	u.ServeText("/doc", "{}")
	u.Behave(formatstest.Behaviour{User: "ann", Password: "pw"})
	if code, _, _ := get(t, u.URL+"/doc"); code != 401 {
		t.Errorf("without: %d", code)
	}
	if code, _, _ := get(t, u.URL+"/doc", "Authorization", "Basic YW5uOnB3"); code != 200 {
		t.Errorf("with: %d", code)
	}
}

func TestAnUpstreamMisbehavesAsItIsTold(t *testing.T) {
	u := formatstest.NewUpstream(t)
	u.ServeText("/doc", `{"a":"0123456789"}`)
	for name, f := range map[string]formatstest.Fault{"half": formatstest.HalfBody(), "reset": formatstest.Reset()} {
		u.Fault("/doc", f)
		if code, _, body := get(t, u.URL+"/doc"); code != 0 {
			t.Errorf("%s: %d %s", name, code, body)
		}
	}
	u.Fault("/doc", formatstest.WrongBytes())
	if code, _, body := get(t, u.URL+"/doc"); code != 200 || len(body) != 18 || body == `{"a":"0123456789"}` {
		t.Errorf("wrong bytes: %d %s", code, body)
	}
	u.Fault("/doc", formatstest.Empty())
	if code, h, body := get(t, u.URL+"/doc"); code != 200 || body != "" || h.Get("Content-Type") != "application/json" {
		t.Errorf("empty: %d %s %v", code, body, h)
	}
	u.Fault("/doc", formatstest.Times(1, formatstest.Status(503)))
	for _, want := range []int{503, 200} {
		if code, _, _ := get(t, u.URL+"/doc"); code != want {
			t.Errorf("once: %d, want %d", code, want)
		}
	}
	u.Down()
	if code, _, body := get(t, u.URL+"/doc"); code != 0 {
		t.Errorf("down: %d %s", code, body)
	}
	u.Up()
	if code, _, _ := get(t, u.URL+"/doc"); code != 200 {
		t.Errorf("up: %d", code)
	}
}

func TestAGateHoldsRequests(t *testing.T) {
	u := formatstest.NewUpstream(t)
	u.ServeText("/doc", "{}")
	gate := formatstest.NewGate()
	u.Fault("/doc", gate.Before())
	done := make(chan int)
	go func() {
		code, _, _ := get(t, u.URL+"/doc")
		done <- code
	}()
	gate.Await()
	select {
	case code := <-done:
		t.Fatalf("answered %d through a closed gate", code)
	default:
	}
	gate.Open()
	if code := <-done; code != 200 {
		t.Errorf("got %d", code)
	}
}
