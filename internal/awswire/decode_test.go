package awswire

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"larder/registry"
)

type place struct {
	Domain string `query:"domain" required:"true" json:"-"`
	Owner  string `query:"domain-owner" json:"-"`
}

type input struct {
	place
	Unfinished bool     `query:"unfinished" json:"-"`
	Preview    *bool    `query:"preview" json:"-"`
	Duration   *int     `query:"duration" json:"-"`
	Max        int      `query:"max-results" json:"-"`
	Hash       string   `header:"X-Amz-Content-Sha256" json:"-"`
	Versions   []string `json:"versions" required:"true"`
	Overwrite  *bool    `json:"allowOverwrite"`
	Limit      int      `json:"maxResults"`
	Nested     struct {
		Publish string `json:"publish"`
	} `json:"restrictions"`
}

func decode(t *testing.T, target, body string) (*input, error) {
	t.Helper()
	r := httptest.NewRequest("POST", target, strings.NewReader(body))
	r.Header.Set("X-Amz-Content-Sha256", "abc")
	return NewDecoder[input]().Decode(r)
}

func TestDecodeReadsQueryHeaderAndBody(t *testing.T) {
	got, err := decode(t, "/v1/x?domain=a%20b%2Bc&unfinished=true&preview=False&duration=0&max-results=7&domain-owner=%252a&unknown=1",
		` {"versions":["1"],"allowOverwrite":false,"maxResults":3,"restrictions":{"publish":"ALLOW"},"unknown":{"x":[1]}} `)
	if err != nil {
		t.Fatal(err)
	}
	no, zero := false, 0
	want := &input{place: place{Domain: "a b+c", Owner: "%2a"}, Unfinished: true, Preview: &no, Duration: &zero, Max: 7,
		Hash: "abc", Versions: []string{"1"}, Overwrite: &no, Limit: 3}
	want.Nested.Publish = "ALLOW"
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(input{}, place{})); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestDecodeTellsAbsentFromZero(t *testing.T) {
	got, err := decode(t, "/v1/x?domain=a", `{"versions":["1"]}`)
	if err != nil {
		t.Fatal(err)
	}
	if got.Duration != nil || got.Preview != nil || got.Overwrite != nil {
		t.Errorf("absent parameters came as %v, %v, %v", got.Duration, got.Preview, got.Overwrite)
	}
}

func TestDecodeNamesWhatIsWrong(t *testing.T) {
	const body = `{"versions":["1"]}`
	for _, c := range []struct {
		name, target, body, want string
		reason                   Reason
	}{
		{"a required parameter is missing", "/?domain-owner=1", body, "domain is required", FieldValidation},
		{"a required parameter is empty", "/?domain=", body, "domain is required", FieldValidation},
		{"a parameter is repeated", "/?domain=a&domain=b", body, "domain is given 2 times", FieldValidation},
		{"an integer is text", "/?domain=a&max-results=ten", body, `max-results is "ten"; it must be an integer`, FieldValidation},
		{"an integer is too large", "/?domain=a&duration=99999999999", body, `duration is "99999999999"; it must be an integer`, FieldValidation},
		{"a boolean is text", "/?domain=a&unfinished=yes", body, `unfinished is "yes"; it must be true or false`, FieldValidation},
		{"the query is malformed", "/?domain=%zz", body, `the query string cannot be read: invalid URL escape "%zz"`, CannotParse},
		{"a required member is missing", "/?domain=a", `{}`, "versions is required", FieldValidation},
		{"no body where a member is required", "/?domain=a", ``, "versions is required", FieldValidation},
		{"a member has the wrong type", "/?domain=a", `{"versions":"1"}`, "versions is a JSON string; it must be a list", FieldValidation},
		{"a nested member has the wrong type", "/?domain=a", `{"restrictions":{"publish":3}}`, "restrictions.publish is a JSON number; it must be a string", FieldValidation},
		{"a fraction where an integer stands", "/?domain=a", `{"maxResults":1.5}`, "maxResults is a JSON number 1.5; it must be an integer", FieldValidation},
		{"the body is a list", "/?domain=a", `[]`, "the request body is not a JSON object", CannotParse},
		{"the body is not UTF-8", "/?domain=a", "{\"versions\":[\"\xff\"]}", "the request body is not UTF-8", CannotParse},
		{"the body is cut", "/?domain=a", `{"versions":`, "the request body is not valid JSON: unexpected end of JSON input", CannotParse},
		{"the body has two values", "/?domain=a", body + body, "the request body is not valid JSON: invalid character '{' after top-level value", CannotParse},
		{"the body is too large", "/?domain=a", `{"x":"` + strings.Repeat("x", BodyLimit) + `"}`, "the request body is larger than 1048576 bytes", Other},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := decode(t, c.target, c.body)
			if registry.CodeOf(err) != registry.Invalid || registry.MessageOf(err) != c.want {
				t.Errorf("got %v, want %q", err, c.want)
			}
			if got := ExceptionOf(err); got.Reason != c.reason || got.Name != "ValidationException" {
				t.Errorf("got %s %s, want ValidationException %s", got.Name, got.Reason, c.reason)
			}
		})
	}
}

func TestDecodeKeepsTheVerdictOfABodyThatVerifiesItself(t *testing.T) {
	r := httptest.NewRequest("POST", "/?domain=a", nil)
	r.Body = io.NopCloser(io.MultiReader(strings.NewReader(`{"versions":["1"]}`), failing{Refused("InvalidSignatureException", "hash differs")}))
	_, err := NewDecoder[input]().Decode(r)
	if registry.CodeOf(err) != registry.Unauthenticated {
		t.Errorf("got %v, want Unauthenticated", err)
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

func FuzzDecode(f *testing.F) {
	f.Add("domain=a&max-results=1&unfinished=true", `{"versions":["1"],"allowOverwrite":true}`)
	f.Add("domain=%2&a=b;c", `{"versions":null}`)
	f.Add("", `{"restrictions":{"publish":{}}}`)
	d := NewDecoder[input]()
	f.Fuzz(func(t *testing.T, query, body string) {
		r := &http.Request{Method: "POST", URL: httptest.NewRequest("POST", "/", nil).URL, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body))}
		r.URL.RawQuery = query
		in, err := d.Decode(r)
		var e *registry.Error
		switch {
		case err == nil && (in.Domain == "" || len(in.Versions) == 0 && in.Versions == nil):
			t.Fatalf("required fields are missing in %+v", in)
		case err != nil && (!errors.As(err, &e) || e.Code != registry.Invalid || e.Msg == ""):
			t.Fatalf("%v is not Invalid with a message", err)
		}
	})
}
