package npm

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"larder/registry"
)

// readAll reads a whole document the way of the reader: each member of the top
// object, strings as streams.
func readAll(r io.Reader, limit int64) (map[string]string, error) {
	j := newJSONReader(r, limit)
	out := map[string]string{}
	err := j.object(func(key string) error {
		c, err := j.next()
		if err != nil {
			return err
		}
		if c != '"' {
			raw, err := j.value()
			out[key] = string(raw)
			return err
		}
		s, err := j.string()
		if err != nil {
			return err
		}
		b, err := io.ReadAll(s)
		out[key] = string(b)
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, j.finish()
}

func TestReaderGivesWhatEncodingJSONGives(t *testing.T) {
	for _, doc := range []string{
		`{}`, ` { } `, `{"a":1}`, `{"a":"b","c":[1,{"d":"}]"}],"e":{"f":{}}}`, "{\n\t\"a\" : null ,\r\n \"b\" : true}\n",
		`{"a":"\"\\\/\b\f\n\r\tA\u00fc€\ud83d\ude00"}`, `{"a":"` + strings.Repeat("x", 100_000) + `"}`, `{"\u0061":"é"}`, `{"a":-1.5e3}`,
		`{"a":"","b":""}`, `{"a":[],"b":{}}`,
	} {
		var want map[string]json.RawMessage
		if err := json.Unmarshal([]byte(doc), &want); err != nil {
			t.Fatal(err)
		}
		for name, r := range map[string]io.Reader{"whole": strings.NewReader(doc), "by bytes": iotest.OneByteReader(strings.NewReader(doc))} {
			got, err := readAll(r, 1<<20)
			if err != nil || len(got) != len(want) {
				t.Errorf("%.40s %s: got %d members, %v", doc, name, len(got), err)
				continue
			}
			for k, raw := range want {
				s := string(raw)
				if raw[0] == '"' {
					json.Unmarshal(raw, &s)
				}
				if got[k] != s {
					t.Errorf("%.40s %s: %s is %.40q, want %.40q", doc, name, k, got[k], s)
				}
			}
		}
	}
}

func TestReaderRefuses(t *testing.T) {
	for _, doc := range []string{
		``, ` `, `{`, `[]`, `1`, `"a"`, `{"a"}`, `{"a":}`, `{"a":1`, `{"a":1,}`, `{a:1}`, `{"a":1 "b":2}`, `{"a":1}}`, `{"a":1} x`, `{"a":[1}`,
		`{"a":"b`, `{"a":"\`, `{"a":"\x"}`, `{"a":"\u12"}`, `{"a":"\ud83dx"}`, `{"a":tru}`, `{"a":01}`, `{"a":1.}`, `{,}`, `<html>`,
		`{"a":` + strings.Repeat("[", 200_000) + strings.Repeat("]", 200_000) + `}`,
	} {
		if got, err := readAll(strings.NewReader(doc), 1<<20); registry.CodeOf(err) != registry.Invalid {
			t.Errorf("%.40q: got %v, %v", doc, got, err)
		}
	}
	if _, err := readAll(strings.NewReader(`{"a":[`+strings.Repeat("1,", 1000)+`1]}`), 1000); registry.CodeOf(err) != registry.TooLarge {
		t.Errorf("over the limit: got %v", err)
	}
	if _, err := readAll(io.MultiReader(strings.NewReader(`{"a":1}`), strings.NewReader(strings.Repeat(" ", 100_000))), 1000); registry.CodeOf(err) != registry.TooLarge {
		t.Errorf("white space without end: got %v", err)
	}
	cut := errors.New("cut")
	if _, err := readAll(io.MultiReader(strings.NewReader(`{"a":"b`), iotest.ErrReader(cut)), 1000); !errors.Is(err, cut) {
		t.Errorf("an error of the source: got %v", err)
	}
}

func FuzzReader(f *testing.F) {
	f.Add([]byte(`{"a":"\ud83d\ude00","b":[1,{"c":null}]}`))
	f.Add([]byte(`{"_attachments":{"x-1.0.0.tgz":{"data":"AA=="}}}`))
	f.Fuzz(func(t *testing.T, doc []byte) {
		got, err := readAll(bytes.NewReader(doc), 1<<20)
		byBytes, err2 := readAll(iotest.OneByteReader(bytes.NewReader(doc)), 1<<20)
		if (err == nil) != (err2 == nil) || len(got) != len(byBytes) {
			t.Fatalf("whole: %v; by bytes: %v", err, err2)
		}
		// Half of a surrogate pair is refused, which encoding/json replaces.
		if json.Valid(doc) && !bytes.Contains(doc, []byte(`\u`)) && bytes.HasPrefix(bytes.TrimSpace(doc), []byte("{")) && err != nil {
			t.Fatalf("valid, but %v", err)
		}
	})
}
