package main

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// ourID is that of the one request which the plugin makes.
var ourID = regexp.MustCompile(`^(\{"RequestId":")[0-9a-f-]{36}("\S*"Type":"Request")`)

// plugged lets a plugin answer lines, and gives its lines.
func plugged(token func(string) (string, error), in string) ([]string, error) {
	var out bytes.Buffer
	err := (&nugetPlugin{out: &out, token: token}).serve(strings.NewReader(in))
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	lines[0] = ourID.ReplaceAllString(lines[0], "${1}ID${2}")
	return lines, err
}

func TestNuGetPluginAnswersAsRecorded(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("testdata", "nuget", "conversation.txt"))
	if err != nil {
		t.Fatal(err)
	}
	var said strings.Builder
	var want []string
	for line := range strings.Lines(string(text)) {
		switch line = strings.TrimSpace(line); line[0] {
		case '<':
			said.WriteString(line[2:] + "\r\n")
		case '>':
			want = append(want, line[2:])
		}
	}
	got, err := plugged(func(url string) (string, error) {
		if url != "http://127.0.0.1:9911/v3/index.json" {
			t.Errorf("asked for %s", url)
		}
		return "TOKEN", nil
	}, said.String())
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v (-want +got)\n%s", err, diff)
	}
}

func TestNuGetPlugin(t *testing.T) {
	const ask = `{"RequestId":"1","Type":"Request","Method":"GetAuthenticationCredentials","Payload":{"Uri":"http://a.test/v3/index.json","IsRetry":false}}`
	for _, c := range []struct {
		name, in string
		token    string
		err      error
		want     string // its last line
		fails    string
	}{
		{name: "a repository that is not ours", in: ask, err: errNotOurs, want: `"Payload":{"ResponseCode":"NotFound","Message":"larder login --helper was not run for this repository"}}`},
		{name: "a server that does not answer", in: ask, err: errors.New("no server answers"), want: `"Payload":{"ResponseCode":"Error","Message":"larder: no server answers"}}`},
		{name: "no URL", in: `{"RequestId":"1","Type":"Request","Method":"GetAuthenticationCredentials","Payload":{"Uri":"http://[a"}}`, token: "t", want: `"ResponseCode":"NotFound"`},
		{name: "claims for downloads", in: `{"RequestId":"1","Type":"Request","Method":"GetOperationClaims","Payload":{"PackageSourceRepository":"http://a.test/v3/index.json","ServiceIndex":{}}}`, want: `"Payload":{"Claims":[]}}`},
		{name: "a method of another protocol", in: `{"RequestId":"1","Type":"Request","Method":"PrefetchPackage","Payload":{}}`, want: `"ResponseCode":"NotFound"`},
		{name: "a handshake of a later version", in: `{"RequestId":"1","Type":"Request","Method":"Handshake","Payload":{"ProtocolVersion":"4.0.0","MinimumProtocolVersion":"3.0.0"}}`, want: `"ResponseCode":"Error"`},
		{name: "a handshake of version 1", in: `{"RequestId":"1","Type":"Request","Method":"Handshake","Payload":{"ProtocolVersion":"1.0.0","MinimumProtocolVersion":"1.0.0"}}`, want: `"ResponseCode":"Error"`},
		{name: "nothing after close", in: `{"RequestId":"1","Type":"Request","Method":"Close"}` + "\n" + ask, token: "t", want: `"Method":"Handshake"`},
		{name: "empty lines and a byte order mark", in: "\n\ufeff" + ask + "\n\n", token: "t", want: `"Password":"t"`},
		{name: "a fault of theirs", in: `{"RequestId":"1","Type":"Fault","Method":"None","Payload":{"Message":"x"}}`, want: `"Method":"Handshake"`},
		{name: "no JSON", in: "hello\n", want: `"Method":"Handshake"`, fails: "no message"},
		{name: "a line without end", in: strings.Repeat("x", maxNuGetMessage+1), want: `"Method":"Handshake"`, fails: "too long"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := plugged(func(string) (string, error) { return c.token, c.err }, c.in)
			if last := got[len(got)-1]; !strings.Contains(last, c.want) {
				t.Errorf("got %s, want %s", last, c.want)
			}
			if (err == nil) != (c.fails == "") || (err != nil && !strings.Contains(err.Error(), c.fails)) {
				t.Errorf("got %v, want %q", err, c.fails)
			}
		})
	}
}

func FuzzNuGetPlugin(f *testing.F) {
	text, err := os.ReadFile(filepath.Join("testdata", "nuget", "conversation.txt"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(strings.ReplaceAll(string(text), "< ", ""))
	f.Fuzz(func(t *testing.T, in string) {
		got, _ := plugged(func(string) (string, error) { return "", errNotOurs }, in)
		for _, line := range got {
			if strings.Contains(line, `"ResponseCode":"Success","Username"`) {
				t.Errorf("a credential out of nothing: %s", line)
			}
		}
	})
}
