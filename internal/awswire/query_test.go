package awswire

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"larder/registry"
)

func form(t *testing.T, body string) Form {
	t.Helper()
	f, err := ParseForm([]byte(body))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestFormsHaveListsAndStructures(t *testing.T) {
	f := form(t, "Action=X&Version=1&Name=a+b%2B&Tags.member.2.Key=k2&Tags.member.2.Value=v2&Tags.member.1.Key=k1&Ids.member.10=j&Ids.member.9=i&Flag=TRUE&N=12&Deep.member.1.Values.member.1=x")
	var tags []string
	for _, s := range f.Structs("Tags") {
		tags = append(tags, s.Required("Key")+"="+s.String("Value"))
	}
	got := fmt.Sprint(f.String("Name"), f.Has("Name"), f.Has("None"), f.List("Ids"), tags, f.Bool("Flag"), f.Bool("None"), f.Int("N", 1), f.Int("None", 7), f.Structs("Deep")[0].List("Values"))
	if want := "a b+true false [i j] [k1= k2=v2] true false 12 7 [x]"; strings.ReplaceAll(got, "+ true", "+true") != want {
		t.Errorf("got %s", got)
	}
	if err := f.Err(); err != nil {
		t.Error(err)
	}
}

func TestFormsThatAreMalformed(t *testing.T) {
	for _, c := range []struct {
		name, body string
		read       func(Form)
		want       string
	}{
		{"a required member is missing", "A=1", func(f Form) { f.Required("Name") }, "Name is required"},
		{"a member is there twice", "A=1&A=2", func(f Form) { f.String("A") }, "A is given 2 times"},
		{"a number is text", "N=ten", func(f Form) { f.Int("N", 1) }, `N is "ten"; it must be an integer`},
		{"a number is too large", "N=99999999999", func(f Form) { f.Int("N", 1) }, `it must be an integer`},
		{"a truth is text", "B=yes", func(f Form) { f.Bool("B") }, `B is "yes"; it must be true or false`},
		{"a list has no number", "L.member.x=1", func(f Form) { f.List("L") }, "L.member.x is no member of a list"},
		{"a list begins at zero", "L.member.0=1", func(f Form) { f.List("L") }, "L.member.0 is no member of a list"},
		{"a member of a structure is missing", "T.member.1.Value=1", func(f Form) { f.Structs("T")[0].Required("Key") }, "T.member.1.Key is required"},
		{"the first fault counts", "", func(f Form) { f.Required("A"); f.Required("B") }, "A is required"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := form(t, c.body)
			c.read(f)
			if err := f.Err(); registry.CodeOf(err) != registry.Invalid || !strings.Contains(registry.MessageOf(err), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
	if _, err := ParseForm([]byte("a=%zz")); registry.CodeOf(err) != registry.Invalid {
		t.Errorf("a form that cannot be read: %v", err)
	}
	var b strings.Builder
	for i := range maxMembers + 1 {
		fmt.Fprintf(&b, "L.member.%d=x&", i+1)
	}
	f := form(t, b.String())
	if f.List("L"); f.Err() == nil {
		t.Error("a list without end is read")
	}
}

func TestParametersMaskSecrets(t *testing.T) {
	got := form(t, "Action=A&Version=1&Token=secret&Name=x&L.member.1=y").Parameters("Token")
	if diff := cmp.Diff(map[string]string{"Token": "****", "Name": "x", "L.member.1": "y"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestAnswersOfTheQueryProtocol(t *testing.T) {
	w := httptest.NewRecorder()
	w.Header().Set("X-Request-Id", "ID&1")
	type item struct{ Key string }
	err := WriteXML(w, "https://ns/", "ListThings", struct {
		Things []item `xml:"Things>member"`
		Name   string `xml:",omitempty"`
	}{Things: []item{{"a<b"}, {"c"}}})
	if err != nil {
		t.Fatal(err)
	}
	want := xml.Header + `<ListThingsResponse xmlns="https://ns/"><ListThingsResult><Things><member><Key>a&lt;b</Key></member><member><Key>c</Key></member></Things></ListThingsResult>` +
		"<ResponseMetadata><RequestId>ID&amp;1</RequestId></ResponseMetadata></ListThingsResponse>\n"
	if got := w.Body.String(); got != want || w.Header().Get("Content-Type") != "text/xml" {
		t.Errorf("got %s", got)
	}
	w = httptest.NewRecorder()
	if err := WriteXML(w, "n", "DeleteThing", nil); err != nil || strings.Contains(w.Body.String(), "Result>") {
		t.Errorf("without a result: %s, %v", w.Body, err)
	}
}

func TestErrorsOfTheQueryProtocol(t *testing.T) {
	for _, c := range []struct {
		err    error
		status int
		kind   string
		code   string
	}{
		{registry.Errorf(registry.NotFound, "gone"), 404, "Sender", "NoSuchEntity"},
		{registry.Errorf(registry.Conflict, "there"), 409, "Sender", "EntityAlreadyExists"},
		{registry.Errorf(registry.Denied, "no"), 403, "Sender", "AccessDenied"},
		{registry.Errorf(registry.Invalid, "bad"), 400, "Sender", "ValidationError"},
		{registry.Errorf(registry.Quota, "many"), 409, "Sender", "LimitExceeded"},
		{Refused("InvalidSignatureException", "sig"), 403, "Sender", "SignatureDoesNotMatch"},
		{Refused("UnrecognizedClientException", "who"), 403, "Sender", "InvalidClientTokenId"},
		{Refused("ExpiredTokenException", "late"), 403, "Sender", "ExpiredToken"},
		{&registry.Error{Code: registry.Invalid, Msg: "late", Err: &Exception{Name: "ExpiredTokenException", Status: 400}}, 400, "Sender", "ExpiredTokenException"},
		{Unknown("what"), 400, "Sender", "InvalidAction"},
		{fmt.Errorf("secret cause"), 500, "Receiver", "ServiceFailure"},
	} {
		w := httptest.NewRecorder()
		WriteXMLError(w, "ns", c.err)
		var got struct {
			Error struct{ Type, Code, Message string }
		}
		if err := xml.Unmarshal(w.Body.Bytes(), &got); err != nil {
			t.Fatal(err)
		}
		if w.Code != c.status || got.Error.Type != c.kind || got.Error.Code != c.code || got.Error.Message != registry.MessageOf(c.err) {
			t.Errorf("%v: got %d %+v", c.err, w.Code, got)
		}
		if strings.Contains(w.Body.String(), "secret") {
			t.Errorf("%s", w.Body)
		}
	}
}

func TestAWSJSON(t *testing.T) {
	r := httptest.NewRequest("POST", "/", nil)
	for target, want := range map[string]string{"": " false", "A": " false", ".B": " false", "A.": " false", "Service_2016.Op": "Service_2016Op true", "a.b.Op": "a.bOp true"} {
		r.Header.Set("X-Amz-Target", target)
		service, op, ok := Target(r)
		if got := fmt.Sprint(service+op, " ", ok); strings.TrimSpace(got) != strings.TrimSpace(want) {
			t.Errorf("%q: got %q", target, got)
		}
	}
	w := httptest.NewRecorder()
	if err := WriteJSON11(w, nil); err != nil || w.Body.String() != "{}" || w.Header().Get("Content-Type") != json11 {
		t.Errorf("got %s, %v", w.Body, err)
	}
	for err, want := range map[error]string{
		registry.Errorf(registry.Denied, "no"): "400 AccessDeniedException no",
		&registry.Error{Code: registry.Invalid, Msg: "bad", Err: &Exception{Name: "InvalidInputException"}}: "400 InvalidInputException bad",
		fmt.Errorf("secret"): "500 InternalServerException internal error",
	} {
		w := httptest.NewRecorder()
		WriteJSON11Error(w, err)
		var got struct {
			Type    string `json:"__type"`
			Message string `json:"message"`
		}
		if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
			t.Fatal(err)
		}
		if text := fmt.Sprint(w.Code, " ", got.Type, " ", got.Message); text != want {
			t.Errorf("got %s, want %s", text, want)
		}
	}
}

func FuzzForm(f *testing.F) {
	f.Add("Action=CreateUser&UserName=a&Tags.member.1.Key=k")
	f.Add("L.member.1=a&L.member.01=b&L.member.-1=c&L.member.99999999999999999999=d")
	f.Fuzz(func(t *testing.T, body string) {
		form, err := ParseForm([]byte(body))
		if err != nil {
			if registry.CodeOf(err) != registry.Invalid {
				t.Fatal(err)
			}
			return
		}
		form.Required("Action")
		form.Int("N", 1)
		form.List("L")
		for _, s := range form.Structs("L") {
			s.List("L")
			s.Bool("B")
		}
		if err := form.Err(); err != nil && (registry.CodeOf(err) != registry.Invalid || registry.MessageOf(err) == "") {
			t.Fatalf("%v is not Invalid with a message", err)
		}
	})
}
