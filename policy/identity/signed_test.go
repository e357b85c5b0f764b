package identity

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"larder/internal/awswire"
	"larder/registry"
)

const target = "http://larder.test:8484/v1/packages?repository=main&domain=local&namespace=a%20b%2Bc%2Fd&empty=&twice=2&twice=1&u=%C3%BC~-._*"

func sha(body string) string {
	sum := sha256.Sum256([]byte(body))
	return hex.EncodeToString(sum[:])
}

// signedRequest is what arrives of a request that the SDK's signer signed
// after prepare, and that change altered on its way.
func (w *world) signedRequest(t testing.TB, method, url, body string, prepare, change func(*http.Request)) *http.Request {
	t.Helper()
	out, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	out.Header.Set("Amz-Sdk-Request", "attempt=1;   max=3 ")
	if body != "" {
		out.Header.Set("Content-Type", "application/json")
	}
	if prepare != nil {
		prepare(out)
	}
	hash := out.Header.Get(contentHash)
	if hash == "" {
		hash = sha(body)
	}
	if err := v4.NewSigner().SignHTTP(context.Background(), w.awsKey(), out, hash, "codeartifact", "eu-west-1", w.clock()); err != nil {
		t.Fatal(err)
	}
	return arrive(t, out, change)
}

func (w *world) awsKey() aws.Credentials {
	return aws.Credentials{AccessKeyID: w.admin.ID, SecretAccessKey: w.admin.Secret}
}

// arrive writes the request to the wire and reads it as a server does.
func arrive(t testing.TB, out *http.Request, change func(*http.Request)) *http.Request {
	t.Helper()
	body := ""
	if out.Body != nil {
		b, err := io.ReadAll(out.Body)
		if err != nil {
			t.Fatal(err)
		}
		body = string(b)
	}
	in := httptest.NewRequest(out.Method, out.URL.RequestURI(), strings.NewReader(body))
	in.Host, in.Header, in.RemoteAddr = out.Host, out.Header.Clone(), "192.0.2.7:4711"
	if in.Host == "" {
		in.Host = out.URL.Host
	}
	if body == "" {
		in.Body = http.NoBody
	}
	if change != nil {
		change(in)
	}
	return in
}

func TestSignedAcceptsWhatTheSDKSigns(t *testing.T) {
	w := newWorld(t)
	want := w.actor()
	want.Source = netip.MustParseAddr("192.0.2.7")
	secure := want
	secure.Secure = true
	overTLS := func(r *http.Request) { r.TLS = &tls.ConnectionState{} }
	const body = `{"versions":["1.0.0"]}`
	for _, c := range []struct {
		name            string
		method, url     string
		body            string
		prepare, change func(*http.Request)
		want            registry.Actor
	}{
		{"no body", "GET", target, "", nil, nil, want},
		{"a body", "POST", target, body, nil, nil, want},
		{"a body of unsigned length", "POST", target, body, func(r *http.Request) { r.ContentLength = 0 }, nil, want},
		{"a body with its hash", "POST", target, body, func(r *http.Request) { r.Header.Set(contentHash, sha(body)) }, nil, want},
		{"an unsigned body over TLS", "POST", target, body, func(r *http.Request) { r.Header.Set(contentHash, "UNSIGNED-PAYLOAD") }, overTLS, secure},
		{"a path with escapes", "GET", "http://larder.test/v1/a%20b/%40c%2fd/e+f", "", nil, nil, want},
		{"no query", "GET", "http://larder.test/v1/domain", "", nil, nil, want},
		{"spaces within a header", "GET", target, "", func(r *http.Request) { r.Header.Set("X-Note", " a   b  ") }, nil, want},
		{"a header given twice", "GET", target, "", func(r *http.Request) { r.Header["X-Note"] = []string{"a", "b"} }, nil, want},
		{"query parameters in another order", "GET", "http://larder.test/?b=1&a=2", "", nil, func(r *http.Request) { r.URL.RawQuery = "a=2&b=1" }, want},
		{"headers that were not signed", "GET", target, "", nil, func(r *http.Request) { r.Header.Set("Via", "1.1 proxy"); r.Header.Set("User-Agent", "x") }, want},
		{"almost five minutes old", "GET", target, "", nil, func(*http.Request) { w.pass(5 * time.Minute) }, want},
		{"almost five minutes ahead", "GET", target, "", nil, func(*http.Request) { w.pass(-5 * time.Minute) }, want},
	} {
		t.Run(c.name, func(t *testing.T) {
			defer w.set(epoch)
			r := w.signedRequest(t, c.method, c.url, c.body, c.prepare, c.change)
			got, err := w.Signed("codeartifact")(r)
			if err != nil || got != c.want {
				t.Fatalf("got %+v, %v, want %+v", got, err, c.want)
			}
			if b, err := io.ReadAll(r.Body); err != nil || string(b) != c.body {
				t.Errorf("the handler reads %q, %v", b, err)
			}
		})
	}
}

// Java's and other SDKs sign headers that the Go SDK's signer leaves out.
func TestSignedVerifiesOverAnyListedHeaders(t *testing.T) {
	w := newWorld(t)
	r := w.signedRequest(t, "GET", target, "", nil, nil)
	r.Header.Set("User-Agent", "aws-sdk-java/1.12")
	canonical := strings.Join([]string{"GET", "/v1/domain", "domain=local",
		"host:larder.test\nuser-agent:aws-sdk-java/1.12\nx-amz-date:20261122T100000Z\n", "host;user-agent;x-amz-date", emptyHash}, "\n")
	r.URL, _ = url.Parse("/v1/domain?domain=local")
	r.Host = "larder.test"
	r.Header.Set("Authorization", signingAlgorithm+" Credential="+w.admin.ID+"/20261122/any-region/codeartifact/aws4_request,SignedHeaders=host;user-agent;x-amz-date,Signature="+
		byHand(w.admin.Secret, "20261122", "any-region", "codeartifact", "20261122T100000Z", canonical))
	if _, err := w.Signed("codeartifact")(r); err != nil {
		t.Error(err)
	}
}

// byHand computes a signature as AWS's documentation describes it, apart from
// the SDK's signer ("Create a signed AWS API request", steps 2 to 4).
func byHand(secret, date, region, service, at, canonical string) string {
	key := mac([]byte("AWS4"+secret), date)
	for _, part := range []string{region, service, signingEnd} {
		key = mac(key, part)
	}
	toSign := strings.Join([]string{signingAlgorithm, at, date + "/" + region + "/" + service + "/" + signingEnd, sha(canonical)}, "\n")
	return hex.EncodeToString(mac(key, toSign))
}

func TestSignedRefusesByName(t *testing.T) {
	w := newWorld(t)
	const body = `{"x":1}`
	header := func(f func(string) string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set("Authorization", f(r.Header.Get("Authorization"))) }
	}
	replace := func(from, to string) func(*http.Request) {
		return header(func(s string) string { return strings.Replace(s, from, to, 1) })
	}
	set := func(name, value string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set(name, value) }
	}
	for _, c := range []struct {
		name            string
		prepare, change func(*http.Request)
		want            string
	}{
		{"not signed", nil, func(r *http.Request) { r.Header.Del("Authorization") }, missingToken},
		{"a Bearer token", nil, set("Authorization", "Bearer x"), incomplete},
		{"Basic", nil, set("Authorization", basic(w.admin.ID, w.admin.Secret)), incomplete},
		{"an empty Authorization", nil, set("Authorization", ""), incomplete},
		{"two Authorization headers", nil, func(r *http.Request) { r.Header.Add("Authorization", r.Header.Get("Authorization")) }, incomplete},
		{"another algorithm", nil, replace("AWS4-HMAC-SHA256", "AWS4-ECDSA-P256-SHA256"), incomplete},
		{"no Credential", nil, replace("Credential=", "Kredential="), incomplete},
		{"no SignedHeaders", nil, replace("SignedHeaders=", "Headers="), incomplete},
		{"no Signature", nil, header(func(s string) string { return s[:strings.Index(s, ", Signature")] }), incomplete},
		{"a part twice", nil, header(func(s string) string { return s + ", SignedHeaders=host" }), incomplete},
		{"an unknown part", nil, header(func(s string) string { return s + ", Extra=1" }), incomplete},
		{"a short scope", nil, replace("/aws4_request", ""), incomplete},
		{"a long scope", nil, replace("/aws4_request", "/aws4_request/x"), incomplete},
		{"another end of the scope", nil, replace("aws4_request", "aws5_request"), incomplete},
		{"another service", nil, replace("/codeartifact/", "/s3/"), invalidSignature},
		{"another region than was signed", nil, replace("/eu-west-1/", "/us-east-1/"), invalidSignature},
		{"a scope of another day", nil, replace("/20261122/", "/20261121/"), invalidSignature},
		{"a signature that is cut", nil, header(func(s string) string { return s[:len(s)-1] }), incomplete},
		{"a signature in capitals", nil, header(func(s string) string { return s[:len(s)-64] + strings.Repeat("A", 64) }), incomplete},
		{"a wrong signature", nil, header(func(s string) string { return s[:len(s)-64] + strings.Repeat("0", 64) }), invalidSignature},
		{"host is not signed", nil, replace(";host;", ";"), invalidSignature},
		{"the date is not signed", nil, replace(";x-amz-date", ""), incomplete},
		{"a header is listed twice", nil, replace(";host;", ";host;host;"), incomplete},
		{"a header in capitals", nil, replace(";host;", ";host;Host;"), incomplete},
		{"a signed header is removed", nil, func(r *http.Request) { r.Header.Del("Amz-Sdk-Request") }, invalidSignature},
		{"a signed header is changed", nil, set("Amz-Sdk-Request", "attempt=2; max=3"), invalidSignature},
		{"another host", nil, func(r *http.Request) { r.Host = "other.test" }, invalidSignature},
		{"another path", nil, func(r *http.Request) { r.URL.Path = "/v1/domain" }, invalidSignature},
		{"another method", nil, func(r *http.Request) { r.Method = "PUT" }, invalidSignature},
		{"a parameter is added", nil, func(r *http.Request) { r.URL.RawQuery += "&x=1" }, invalidSignature},
		{"a parameter is escaped twice", nil, func(r *http.Request) { r.URL.RawQuery = strings.Replace(r.URL.RawQuery, "%20", "%2520", 1) }, invalidSignature},
		{"a query that cannot be read", nil, func(r *http.Request) { r.URL.RawQuery += "&x=%zz" }, "ValidationException"},
		{"another body", nil, func(r *http.Request) { r.Body = io.NopCloser(strings.NewReader(`{"x":2}`)) }, invalidSignature},
		{"another hash than was signed", nil, set(contentHash, sha("x")), invalidSignature},
		{"a hash that is none", set(contentHash, "abc"), nil, incomplete},
		{"chunked signing", set(contentHash, "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"), nil, incomplete},
		{"an unsigned body without TLS", set(contentHash, "UNSIGNED-PAYLOAD"), nil, invalidSignature},
		{"a target that is not signed", nil, set(targetHeader, "AWSOrganizationsV20161128.CloseAccount"), invalidSignature},
		{"no date", nil, func(r *http.Request) { r.Header.Del("X-Amz-Date") }, incomplete},
		{"a date of another form", nil, set("X-Amz-Date", "Sun, 22 Nov 2026 10:00:00 GMT"), incomplete},
		{"more than five minutes old", nil, func(*http.Request) { w.pass(5*time.Minute + time.Second) }, invalidSignature},
		{"more than five minutes ahead", nil, func(*http.Request) { w.pass(-5*time.Minute - time.Second) }, invalidSignature},
		{"a session token", set(sessionToken, "FwoGZX"), nil, unrecognized},
		{"a session token that was not signed", nil, set(sessionToken, "FwoGZX"), unrecognized},
		{"an unknown access key", nil, replace(w.admin.ID, "AKIAAAAAAAAAAAAAAAAA"), unrecognized},
		{"an access key that cannot be one", nil, replace(w.admin.ID, "x'y"), unrecognized},
	} {
		t.Run(c.name, func(t *testing.T) {
			defer w.set(epoch)
			r := w.signedRequest(t, "POST", target, body, c.prepare, c.change)
			actor, err := w.Signed("codeartifact")(r)
			if err == nil {
				t.Fatalf("accepted as %+v", actor)
			}
			if got := awswire.ExceptionOf(err); got.Name != c.want || c.want != "ValidationException" && got.Status != 403 {
				t.Errorf("got %s %d (%v), want %s", got.Name, got.Status, err, c.want)
			}
			if !actor.Anonymous() || strings.Contains(err.Error(), w.admin.Secret) {
				t.Errorf("a refusal gives %+v, %v", actor, err)
			}
		})
	}
}

func TestSignedLooksAtTheKeyAgainWhenIdentitiesChange(t *testing.T) {
	w := newWorld(t)
	sign := w.Signed("codeartifact")
	for range 2 {
		if _, err := sign(w.signedRequest(t, "GET", target, "", nil, nil)); err != nil {
			t.Fatal(err)
		}
	}
	if got := w.rows.views.Load(); got != 1 {
		t.Errorf("two requests looked the key up %d times, want once", got)
	}
	if _, err := sign(w.signedRequest(t, "GET", target, "", nil, func(r *http.Request) { r.Method = "PUT" })); registry.CodeOf(err) != registry.Unauthenticated {
		t.Errorf("a remembered key passes a wrong signature: %v", err)
	}
	w.disableKey(w.admin.ID)
	_, err := sign(w.signedRequest(t, "GET", target, "", nil, nil))
	if got := awswire.ExceptionOf(err).Name; got != unrecognized {
		t.Errorf("an inactive key gives %v, want %s", err, unrecognized)
	}
}

func TestSignedRemembersOnlyWhoKnowsTheSecret(t *testing.T) {
	w := newWorld(t)
	for _, region := range []string{"a", "b", "c"} {
		w.Signed("codeartifact")(w.signedRequest(t, "GET", target, "", nil, func(r *http.Request) {
			r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), "eu-west-1", region, 1))
		}))
	}
	if got := w.signers.Len(); got != 0 {
		t.Errorf("%d regions of bad signatures are remembered", got)
	}
}

func TestSignedDoesNotTakeATroubledDatabaseForABadKey(t *testing.T) {
	w := newWorld(t)
	w.rows.broken.Store(true)
	if _, err := w.Signed("codeartifact")(w.signedRequest(t, "GET", target, "", nil, nil)); !errors.Is(err, errBroken) {
		t.Errorf("got %v, want the database's error", err)
	}
}

func TestSignedTakesTheHostOfATrustedProxy(t *testing.T) {
	w := newWorld(t)
	a := w.process(t, Config{Peer: func(*http.Request) Peer {
		return Peer{Source: netip.MustParseAddr("198.51.100.1"), Secure: true, Host: "larder.test:8484"}
	}})
	for _, host := range []string{"10.0.0.1", "larder.test:8484"} {
		got, err := a.Signed("codeartifact")(w.signedRequest(t, "GET", target, "", nil, func(r *http.Request) { r.Host = host }))
		if err != nil || !got.Secure || got.Source != netip.MustParseAddr("198.51.100.1") {
			t.Errorf("%s: got %+v, %v", host, got, err)
		}
	}
}

func TestBodyWithAHashFailsAtItsEnd(t *testing.T) {
	w := newWorld(t)
	big := strings.Repeat("x", 3<<20) // over the limit of bodies that are read ahead
	prepare := func(r *http.Request) { r.Header.Set(contentHash, sha(big)) }
	r := w.signedRequest(t, "POST", target, big, prepare, nil)
	if _, err := w.Signed("codeartifact")(r); err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(r.Body); err != nil || len(b) != len(big) {
		t.Errorf("read %d bytes, %v", len(b), err)
	}
	for name, body := range map[string]string{"changed": "y" + big[1:], "cut": big[1:], "longer": big + "x", "gone": ""} {
		r := w.signedRequest(t, "POST", target, big, prepare, func(r *http.Request) { r.Body = io.NopCloser(strings.NewReader(body)) })
		r.Header.Del("Content-Length")
		if _, err := w.Signed("codeartifact")(r); err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, r.Body); awswire.ExceptionOf(err).Name != invalidSignature {
			t.Errorf("%s: reading ends with %v, want %s", name, err, invalidSignature)
		}
	}
}

func TestBodyWithoutAHashIsBounded(t *testing.T) {
	w := newWorld(t)
	body := strings.Repeat("x", defaultBodyLimit+1)
	for name, change := range map[string]func(*http.Request){
		"of known length":   nil,
		"of unknown length": func(r *http.Request) { r.ContentLength = -1 },
	} {
		r := w.signedRequest(t, "POST", target, body, func(r *http.Request) { r.ContentLength = 0 }, change)
		if _, err := w.Signed("codeartifact")(r); registry.CodeOf(err) != registry.Invalid {
			t.Errorf("%s: got %v, want Invalid", name, err)
		}
	}
}

// presigned is the URL that the SDK presigns.
func (w *world) presigned(t testing.TB, expires string, header http.Header) *http.Request {
	t.Helper()
	out, _ := http.NewRequest("GET", target+"&X-Amz-Expires="+expires, nil)
	if header != nil {
		out.Header = header
	}
	signed, headers, err := v4.NewSigner().PresignHTTP(context.Background(), w.awsKey(), out, emptyHash, "codeartifact", "eu-west-1", w.clock())
	if err != nil {
		t.Fatal(err)
	}
	in, err := http.NewRequest("GET", signed, nil)
	if err != nil {
		t.Fatal(err)
	}
	headers.Del("Host")
	in.Header = headers
	return arrive(t, in, nil)
}

func TestPresignedRequests(t *testing.T) {
	w := newWorld(t)
	alter := func(f func(url.Values)) func(*http.Request) {
		return func(r *http.Request) {
			q := r.URL.Query()
			f(q)
			r.URL.RawQuery = q.Encode()
		}
	}
	for _, c := range []struct {
		name    string
		expires string
		header  http.Header
		change  func(*http.Request)
		want    string // empty: accepted
	}{
		{"as signed", "60", nil, nil, ""},
		{"with a signed header", "60", http.Header{"Content-Type": {"text/plain"}}, nil, ""},
		{"with a header that was moved into the query", "60", http.Header{"X-Amz-Note": {"x"}}, nil, ""},
		{"at its last second", "600", nil, func(*http.Request) { w.pass(10 * time.Minute) }, ""},
		{"past its life", "600", nil, func(*http.Request) { w.pass(10*time.Minute + time.Second) }, invalidSignature},
		{"before it begins", "600", nil, func(*http.Request) { w.pass(-6 * time.Minute) }, invalidSignature},
		{"a longer life than was signed", "60", nil, alter(func(q url.Values) { q.Set("X-Amz-Expires", "600") }), invalidSignature},
		{"no life", "60", nil, alter(func(q url.Values) { q.Del("X-Amz-Expires") }), incomplete},
		{"an endless life", "604801", nil, nil, incomplete},
		{"a life of nothing", "0", nil, nil, incomplete},
		{"a life that is no number", "60", nil, alter(func(q url.Values) { q.Set("X-Amz-Expires", "1e9") }), incomplete},
		{"no signature", "60", nil, alter(func(q url.Values) { q.Del("X-Amz-Signature") }), incomplete},
		{"two signatures", "60", nil, alter(func(q url.Values) { q.Add("X-Amz-Signature", q.Get("X-Amz-Signature")) }), incomplete},
		{"another algorithm", "60", nil, alter(func(q url.Values) { q.Set("X-Amz-Algorithm", "AWS4-HMAC-SHA1") }), incomplete},
		{"another parameter", "60", nil, alter(func(q url.Values) { q.Set("domain", "other") }), invalidSignature},
		{"host is not signed", "60", nil, alter(func(q url.Values) { q.Set("X-Amz-SignedHeaders", "content-type") }), invalidSignature},
		{"a session token", "60", nil, alter(func(q url.Values) { q.Set(sessionToken, "x") }), unrecognized},
		{"a signature in the header too", "60", nil, func(r *http.Request) { r.Header.Set("Authorization", signingAlgorithm+" x") }, incomplete},
		{"a body that was not signed", "60", nil, func(r *http.Request) { r.Body = io.NopCloser(bytes.NewReader([]byte("x"))) }, invalidSignature},
	} {
		t.Run(c.name, func(t *testing.T) {
			defer w.set(epoch)
			r := w.presigned(t, c.expires, c.header)
			if c.change != nil {
				c.change(r)
			}
			_, err := w.Signed("codeartifact")(r)
			if got := awswire.ExceptionOf(err).Name; err == nil && c.want != "" || err != nil && got != c.want {
				t.Errorf("got %v (%s), want %q", err, got, c.want)
			}
		})
	}
}

func FuzzAuthorization(f *testing.F) {
	w := newWorld(f)
	f.Add(w.signedRequest(f, "GET", target, "", nil, nil).Header.Get("Authorization"))
	f.Add("AWS4-HMAC-SHA256 Credential=a/b/c/d/aws4_request,SignedHeaders=host,Signature=")
	f.Add("AWS4-HMAC-SHA256 ,,=,")
	f.Fuzz(func(t *testing.T, header string) {
		s, err := parseAuthorization(header)
		checkParsed(t, s, err)
		r := w.signedRequest(t, "GET", "http://larder.test/v1/domain", "", nil, nil)
		r.Header["Authorization"] = []string{header}
		if _, err := w.Signed("codeartifact")(r); err == nil {
			// only a signature of this very request may pass
			if !strings.Contains(header, w.admin.ID+"/20261122/") {
				t.Fatalf("%q is accepted", header)
			}
		}
	})
}

func FuzzPresigned(f *testing.F) {
	w := newWorld(f)
	f.Add(w.presigned(f, "60", nil).URL.RawQuery)
	f.Add("X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=a/b/c/d/aws4_request&X-Amz-Date=20261122T100000Z&X-Amz-Expires=1&X-Amz-SignedHeaders=host&X-Amz-Signature=")
	f.Add("X-Amz-Signature")
	f.Fuzz(func(t *testing.T, query string) {
		values, err := url.ParseQuery(query)
		if err != nil {
			return
		}
		s, err := parsePresigned(values)
		checkParsed(t, s, err)
		if err == nil && (s.life <= 0 || s.life > maxPresigned*time.Second) {
			t.Fatalf("life is %v", s.life)
		}
		r := ask()
		r.URL.RawQuery = query
		w.Signed("codeartifact")(r) // must not panic
	})
}

// checkParsed holds a parsed signature to what the rest of the code relies on.
func checkParsed(t *testing.T, s signature, err error) {
	t.Helper()
	if err != nil {
		if awswire.ExceptionOf(err).Status != 403 {
			t.Fatalf("%v is answered with %d", err, awswire.ExceptionOf(err).Status)
		}
		return
	}
	host := false
	for _, name := range s.headers {
		host = host || name == "host"
	}
	if !host || len(s.value) != signatureSize || s.keyID == "" || s.region == "" || s.service == "" || len(s.headers) > maxSignedHeaders {
		t.Fatalf("parsed as %+v", s)
	}
}

func BenchmarkSigned(b *testing.B) {
	w := newWorld(b)
	sign := w.Signed("codeartifact")
	r := w.signedRequest(b, "GET", target, "", nil, nil)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := sign(r); err != nil {
			b.Fatal(err)
		}
	}
}
