package rules

import (
	"encoding/json"
	"testing"
	"time"
)

const body = `{"id":"1","source":"s","resources":["a","b"],"detail":{"name":"le\"ft","n":1.50,"none":null,"deep":{"x":[{"y":"z"}]},"<t>":"<&>"}}`

func TestWhatIsSent(t *testing.T) {
	paths := map[string]string{
		"name": "$.detail.name", "n": "$.detail.n", "deep": "$.detail.deep", "first": "$.resources[0]", "z": "$.detail.deep.x[0].y",
		"missing": "$.detail.missing", "none": "$.detail.none", "all": "$", "odd": "$.detail['<t>']",
	}
	template := func(s string) Target { return Target{Transformer: &InputTransformer{Paths: paths, Template: s}} }
	tests := map[string]struct {
		target Target
		want   string
	}{
		"the event":                 {Target{}, body},
		"a constant":                {Target{Input: `{"a": 1}`}, `{"a": 1}`},
		"a part":                    {Target{InputPath: "$.detail.deep"}, `{"x":[{"y":"z"}]}`},
		"all of it":                 {Target{InputPath: "$"}, body},
		"a part that is not there":  {Target{InputPath: "$.detail.deep.q.r"}, `{}`},
		"an index that is not":      {Target{InputPath: "$.resources[2]"}, `{}`},
		"a number as it is spelled": {Target{InputPath: "$.detail.n"}, `1.50`},
		"a string":                  {template(`"<name> in <first>"`), `"le\"ft in a"`},
		"JSON":                      {template(`{"name":<name>,"n":<n>,"of":[<first>,"<z>"]}`), `{"name":"le\"ft","n":1.50,"of":["a","z"]}`},
		"an object":                 {template(`{"deep":<deep>}`), `{"deep":{"x":[{"y":"z"}]}}`},
		"an object within a string": {template(`"got <deep>"`), `"got {\"x\":[{\"y\":\"z\"}]}"`},
		"what is missing":           {template(`{"a":<missing>,"b":"x<missing>y","c":<none>}`), `{"a":"","b":"xy","c":null}`},
		"the rule":                  {template(`{"rule":<aws.events.rule-name>,"arn":"<aws.events.rule-arn>","at":<aws.events.event.ingestion-time>}`), `{"rule":"r","arn":"arn:r","at":"2026-03-01T12:00:00Z"}`},
		"the event in it":           {template(`{"e":<aws.events.event.json>}`), `{"e":` + body + `}`},
		"the event without detail":  {template(`{"e":<aws.events.event>}`), `{"e":{"id":"1","resources":["a","b"],"source":"s"}}`},
		"no variable":               {template(`{"a":"1 < 2 > 0 <>"}`), `{"a":"1 < 2 > 0 <>"}`},
		"an escaped quote":          {template(`{"a":"\"<name>\""}`), `{"a":"\"le\"ft\""}`},
		"plain text":                {template(`<name> in <first>, <n>, <missing>.`), `le"ft in a, 1.50, .`},
		"lines of strings":          {template("\"<first>\"\n\"is <z>\""), "\"a\"\n\"is z\""},
		"every element":             {Target{InputPath: "$.detail.deep.x[*].y"}, `["z"]`},
		"every element of none":     {Target{InputPath: "$.detail.n[*]"}, `{}`},
		"some of every element":     {Target{InputPath: "$.resources[*].x"}, `[]`},
		"names in brackets":         {template(`<odd>`), `"<&>"`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			in, err := compileInput(&tt.target)
			if err != nil {
				t.Fatal(err)
			}
			got := in.make([]byte(body), moment{"arn:r", "r", time.Date(2026, 3, 1, 12, 0, 0, 5, time.UTC)})
			if string(got) != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

// No template makes it panic, and where the template is a JSON object, so is
// what is sent.
func FuzzInput(f *testing.F) {
	for _, s := range []string{`"<a>"`, `{"x":<a>,"y":"<b>"}`, `<a`, `"\"<a>\\"`, `{"<a>":1}`} {
		f.Add(s, "$.detail.name", "$['detail']['<t>']", body)
	}
	f.Add(`{"x":<a>}`, "$", "$.resources[1]", `{"resources":[1,{"a":"\u0000"}]}`)
	f.Fuzz(func(t *testing.T, template, a, b, event string) {
		if !json.Valid([]byte(event)) {
			return
		}
		in, err := compileInput(&Target{Transformer: &InputTransformer{Paths: map[string]string{"a": a, "b": b}, Template: template}})
		if err != nil {
			return
		}
		got := in.make([]byte(event), moment{})
		filled, err := compileInput(&Target{Transformer: &InputTransformer{Paths: map[string]string{"a": "$", "b": "$"}, Template: template}})
		if err != nil {
			t.Fatal(err)
		}
		if json.Valid(filled.make([]byte(`"x"`), moment{})) && !json.Valid(got) {
			t.Errorf("template %s of %s is no JSON: %s", template, event, got)
		}
	})
}

func FuzzTarget(f *testing.F) {
	f.Add(`{"Id":"a","Arn":"https://ci.example.com/","HttpParameters":{"HeaderParameters":{"A":"b"}}}`)
	f.Add(`{"Id":"a","Arn":"nats:x","InputPath":"$.a['b'][0]","RetryPolicy":{"MaximumRetryAttempts":1}}`)
	f.Fuzz(func(t *testing.T, text string) {
		var v Target
		if json.Unmarshal([]byte(text), &v) != nil || v.Check(Policy{}) != nil {
			return
		}
		d := New(Config{Sealer: open{}})
		row, err := Seal(open{}, "1", "r", Sealed{Target: v})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := d.destination(row); err != nil {
			t.Errorf("a target that was taken cannot be sent to: %v: %s", err, text)
		}
	})
}

// open seals nothing.
type open struct{}

func (open) Seal(_, _ string, plain []byte) []byte           { return plain }
func (open) Open(_, _ string, sealed []byte) ([]byte, error) { return sealed, nil }
