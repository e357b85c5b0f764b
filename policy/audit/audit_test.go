package audit

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"larder/internal/awswire"
	"larder/internal/httpx"
	"larder/registry"
)

var (
	now  = time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	user = registry.Actor{Account: "111122223333", Principal: "arn:aws:iam::111122223333:user/ada", User: "ada", AccessKey: "AKIAEXAMPLE"}
	acme = registry.DomainID{Owner: "111122223333", Name: "acme"}
)

// logged gives the records of a new log after f, event ids and request ids
// taken out once they are known to be there.
func logged(t *testing.T, f func(l *Log)) []map[string]any {
	t.Helper()
	l := New(Config{File: filepath.Join(t.TempDir(), "audit.log"), Region: "eu-west-1", Clock: func() time.Time { return now }})
	f(l)
	b, err := os.ReadFile(l.File)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	var all []map[string]any
	for line := range bytes.Lines(b) {
		var r map[string]any
		if err := json.Unmarshal(line, &r); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		if id, _ := r["eventID"].(string); len(id) != 36 {
			t.Errorf("event id %q", id)
		}
		delete(r, "eventID")
		delete(r, "requestID")
		all = append(all, r)
	}
	return all
}

// serve sends a request through Front and h.
func serve(t *testing.T, h http.Handler, method, target string) {
	t.Helper()
	r := httptest.NewRequest(method, target, nil)
	r.RemoteAddr = "203.0.113.7:4711"
	r.Header.Set("User-Agent", "aws-cli/2")
	(&httpx.Front{Next: h}).ServeHTTP(httptest.NewRecorder(), r)
}

func TestACallOfTheControlPlane(t *testing.T) {
	for _, c := range []struct {
		name, target string
		err          error
		want         map[string]any
	}{
		{"that is done", "/v1/repository?domain=acme&domain-owner=111122223333&repository=main&X-Amz-Signature=secret&X-Amz-Security-Token=secret", nil, map[string]any{
			"requestParameters": map[string]any{"domainName": "acme", "domainOwner": "111122223333", "repositoryName": "main"},
		}},
		{"that is refused", "/v1/repository?domain=acme", registry.Errorf(registry.Denied, "User: x is not authorized"), map[string]any{
			"requestParameters": map[string]any{"domainName": "acme"}, "errorCode": "AccessDeniedException", "errorMessage": "User: x is not authorized",
		}},
		{"that breaks", "/v1/repository?domain=acme", errors.New("secret cause"), map[string]any{
			"requestParameters": map[string]any{"domainName": "acme"}, "errorCode": "InternalServerException", "errorMessage": "internal error",
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := logged(t, func(l *Log) {
				sign := l.Caller(func(*http.Request) (registry.Actor, error) { return user, nil })
				serve(t, l.Control("codeartifact", httpx.Handle(func(w http.ResponseWriter, r *http.Request) error {
					httpx.RecordOf(r.Context()).Op = "DeleteRepository"
					if _, err := sign(r); err != nil {
						return err
					}
					return c.err
				}, func(w http.ResponseWriter, r *http.Request, err error) {
					httpx.RecordOf(r.Context()).Code = awswire.ExceptionOf(err).Name
					awswire.WriteError(w, err)
				})), "DELETE", c.target)
			})
			want := map[string]any{
				"eventVersion": "1.11", "eventTime": "2026-11-22T10:00:00Z", "eventSource": "codeartifact.amazonaws.com", "eventName": "DeleteRepository", "awsRegion": "eu-west-1",
				"sourceIPAddress": "203.0.113.7", "userAgent": "aws-cli/2", "readOnly": false, "eventType": "AwsApiCall", "managementEvent": true, "eventCategory": "Management",
				"recipientAccountId": "111122223333",
				"userIdentity":       map[string]any{"type": "IAMUser", "arn": user.Principal, "accountId": user.Account, "accessKeyId": "AKIAEXAMPLE", "userName": "ada"},
			}
			for k, v := range c.want {
				want[k] = v
			}
			if diff := cmp.Diff([]map[string]any{want}, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestACallThatIsNotAuthenticatedHasNoCaller(t *testing.T) {
	got := logged(t, func(l *Log) {
		sign := l.Caller(func(*http.Request) (registry.Actor, error) {
			return user, awswire.Refused("InvalidSignatureException", "no")
		})
		serve(t, l.Control("codeartifact", httpx.Handle(func(w http.ResponseWriter, r *http.Request) error {
			httpx.RecordOf(r.Context()).Op = "ListDomains"
			_, err := sign(r)
			return err
		}, func(w http.ResponseWriter, r *http.Request, err error) {
			httpx.RecordOf(r.Context()).Code = awswire.ExceptionOf(err).Name
		})), "POST", "/v1/domains")
	})
	if len(got) != 1 || got[0]["errorCode"] != "InvalidSignatureException" || cmp.Diff(map[string]any{"type": "Unknown"}, got[0]["userIdentity"]) != "" {
		t.Errorf("got %v", got)
	}
}

func TestWhatIsNoOperationIsNotRecorded(t *testing.T) {
	got := logged(t, func(l *Log) { serve(t, l.Control("codeartifact", http.NotFoundHandler()), "GET", "/v1/x") })
	if len(got) != 0 {
		t.Errorf("got %v", got)
	}
}

func TestWhoAsked(t *testing.T) {
	issued := now.Add(-time.Minute)
	job := registry.Actor{
		Account: "111122223333", Principal: "arn:aws:sts::111122223333:assumed-role/ci/run-1", User: "ci/run-1", AccessKey: "ASIAEXAMPLE",
		Session: &registry.Session{Role: "arn:aws:iam::111122223333:role/x/ci", RoleID: "AROACI", Name: "run-1", Issued: issued, SourceIdentity: "ada", Provider: "arn:p", Subject: "repo:x",
			Policies: []string{"secret document"}},
	}
	mine := user
	mine.Session = &registry.Session{Issued: issued}
	session := map[string]any{"attributes": map[string]any{"creationDate": "2026-11-22T09:59:00Z", "mfaAuthenticated": "false"}}
	for _, c := range []struct {
		name    string
		actor   registry.Actor
		subject string
		want    map[string]any
	}{
		{"a user", user, "", map[string]any{"type": "IAMUser", "arn": user.Principal, "accountId": user.Account, "accessKeyId": "AKIAEXAMPLE", "userName": "ada"}},
		{"a user's session", mine, "", map[string]any{"type": "IAMUser", "arn": user.Principal, "accountId": user.Account, "accessKeyId": "AKIAEXAMPLE", "userName": "ada", "sessionContext": session}},
		{"a role", job, "", map[string]any{"type": "AssumedRole", "arn": job.Principal, "accountId": job.Account, "accessKeyId": "ASIAEXAMPLE", "principalId": "AROACI:run-1", "sessionContext": map[string]any{
			"attributes": session["attributes"], "sourceIdentity": "ada",
			"sessionIssuer":       map[string]any{"type": "Role", "principalId": "AROACI", "arn": "arn:aws:iam::111122223333:role/x/ci", "accountId": "111122223333", "userName": "ci"},
			"webIdFederationData": map[string]any{"federatedProvider": "arn:p", "attributes": map[string]any{"sub": "repo:x"}},
		}}},
		{"root", registry.Actor{Account: "111122223333", Principal: "arn:aws:iam::111122223333:root"}, "", map[string]any{"type": "Root", "arn": "arn:aws:iam::111122223333:root", "accountId": "111122223333", "principalId": "111122223333"}},
		{"a web identity", registry.Actor{}, "repo:x", map[string]any{"type": "WebIdentityUser", "principalId": "repo:x", "userName": "repo:x"}},
		{"nobody", registry.Actor{}, "", map[string]any{"type": "Unknown"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := logged(t, func(l *Log) {
				l.Call(t.Context(), Call{Service: "iam", Operation: "GetUser", Actor: c.actor, Subject: c.subject, Parameters: map[string]string{"UserName": "x"}})
			})
			if diff := cmp.Diff(c.want, got[0]["userIdentity"]); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			if got[0]["eventSource"] != "iam.amazonaws.com" || got[0]["readOnly"] != true {
				t.Errorf("got %v", got[0])
			}
		})
	}
}

// refusing refuses as it is told.
type refusing struct{ err error }

func (r refusing) Authorize(context.Context, registry.Access) error { return r.err }
func (r refusing) Possible(context.Context, registry.Access) error  { return r.err }

func TestWhatPackageClientsAreDenied(t *testing.T) {
	client := user
	client.Domain = acme
	pkg := registry.RepoID{Domain: acme, Name: "main"}.Package(registry.PackageID{Format: registry.NPM, Namespace: "acme", Name: "app"})
	denied := registry.Errorf(registry.Denied, "User: ada is not authorized")
	got := logged(t, func(l *Log) {
		ask := func(err error, actor registry.Actor) {
			a := l.Authorizer(refusing{err})
			serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				access := registry.Access{Actor: actor, Action: registry.PublishPackageVersion, Resource: pkg}
				if got := a.Authorize(r.Context(), access); !errors.Is(got, err) && got != err {
					t.Errorf("the refusal became %v", got)
				}
				a.Possible(r.Context(), access)
			}), "PUT", "/npm/d/acme-111122223333/main/@acme%2fapp?token=secret")
		}
		ask(denied, client)
		ask(nil, client)
		ask(denied, user) // signed: the control plane's own record says so
		ask(registry.Errorf(registry.Unauthenticated, "the token is for another domain"), client)
		ask(registry.Errorf(registry.Unauthenticated, "no credential"), registry.Actor{})
		ask(errors.New("database is away"), client)
	})
	want := map[string]any{
		"eventVersion": "1.11", "eventTime": "2026-11-22T10:00:00Z", "eventSource": "codeartifact.amazonaws.com", "eventName": "PublishPackageVersion", "awsRegion": "eu-west-1",
		"sourceIPAddress": "203.0.113.7", "userAgent": "aws-cli/2", "readOnly": false, "eventType": "AwsApiCall", "managementEvent": false, "eventCategory": "Data",
		"recipientAccountId": "111122223333", "errorCode": "AccessDenied", "errorMessage": "User: ada is not authorized",
		"userIdentity":        map[string]any{"type": "IAMUser", "arn": user.Principal, "accountId": user.Account, "accessKeyId": "AKIAEXAMPLE", "userName": "ada"},
		"requestParameters":   map[string]any{"domainName": "acme", "domainOwner": "111122223333", "repositoryName": "main", "packageFormat": "npm", "packageNamespace": "acme", "packageName": "app"},
		"resources":           []any{map[string]any{"ARN": "arn:aws:codeartifact:eu-west-1:111122223333:package/acme/main/npm/acme/app", "accountId": "111122223333"}},
		"additionalEventData": map[string]any{"httpMethod": "PUT", "requestUri": "/npm/d/acme-111122223333/main/@acme/app"},
	}
	other := maps.Clone(want)
	other["errorCode"], other["errorMessage"] = "UnrecognizedClientException", "the token is for another domain"
	if diff := cmp.Diff([]map[string]any{want, want, other, other}, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestRecordsAreHandedOn(t *testing.T) {
	var mu sync.Mutex
	var got []string
	all := make(chan struct{}, 10)
	l := New(Config{Region: "eu-west-1", Publish: func(_ context.Context, account string, record []byte) error {
		mu.Lock()
		defer mu.Unlock()
		got = append(got, account)
		if !json.Valid(record) {
			t.Errorf("record %s", record)
		}
		all <- struct{}{}
		return nil
	}})
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- l.Run(ctx) }()
	l.Call(ctx, Call{Service: "iam", Operation: "GetUser", Actor: user})
	<-all
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
	// What came late is handed on by a Run whose time is over.
	l.Call(t.Context(), Call{Service: "iam", Operation: "GetUser", Actor: user})
	if err := l.Run(ctx); err != nil || len(got) != 2 || got[0] != user.Account {
		t.Errorf("got %v, %v", got, err)
	}
}

// A bus that is away for a moment costs no record, and one that stays away does
// not keep the server from ending.
func TestARecordThatIsNotTakenIsHandedOnLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var tries, taken atomic.Int64
		var away atomic.Bool
		away.Store(true)
		l := New(Config{Logger: slog.New(slog.DiscardHandler), Publish: func(context.Context, string, []byte) error {
			tries.Add(1)
			if away.Load() {
				return errors.New("away")
			}
			taken.Add(1)
			return nil
		}})
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- l.Run(ctx) }()
		for range 3 {
			l.Call(ctx, Call{Service: "iam", Operation: "GetUser", Actor: user})
		}
		time.Sleep(tryFor / 2)
		if tries.Load() < 3 || l.Lost() != 0 {
			t.Errorf("tried %d times, lost %d", tries.Load(), l.Lost())
		}
		away.Store(false)
		time.Sleep(2 * maxWait)
		if taken.Load() != 3 || l.Lost() != 0 {
			t.Errorf("%d of 3 records are there, %d lost", taken.Load(), l.Lost())
		}

		away.Store(true)
		l.Call(ctx, Call{Service: "iam", Operation: "GetUser", Actor: user})
		time.Sleep(2 * tryFor)
		if l.Lost() != 1 {
			t.Errorf("%d given up, want 1", l.Lost())
		}
		for range 3 {
			l.Call(ctx, Call{Service: "iam", Operation: "GetUser", Actor: user})
		}
		began := time.Now()
		stop()
		if err := <-done; err != nil || time.Since(began) > endTime || l.Lost() != 4 {
			t.Errorf("it ended after %v: %v, %d lost", time.Since(began), err, l.Lost())
		}
	})
}

func TestARequestDoesNotWaitForItsRecord(t *testing.T) {
	var log bytes.Buffer
	l := New(Config{
		File: filepath.Join(t.TempDir(), "missing", "audit.log"), Logger: slog.New(slog.NewTextHandler(&log, nil)),
		Publish: func(context.Context, string, []byte) error { return nil },
	})
	for range queueLength + 10 { // nobody runs it
		l.Call(t.Context(), Call{Service: "iam", Operation: "GetUser", Actor: user})
	}
	if l.Lost() != queueLength+10+10 {
		t.Errorf("%d lost", l.Lost())
	}
	if n := strings.Count(log.String(), "audit records are not kept"); n != 1 {
		t.Errorf("%d warnings:\n%s", n, log.String())
	}
}

func TestTheFileMayBeMovedAwayAndIsForItsOwner(t *testing.T) {
	l := New(Config{File: filepath.Join(t.TempDir(), "audit.log")})
	l.Call(t.Context(), Call{Service: "iam", Operation: "A"})
	if err := os.Rename(l.File, l.File+".1"); err != nil {
		t.Fatal(err)
	}
	l.Call(t.Context(), Call{Service: "iam", Operation: "B"})
	for name, want := range map[string]string{l.File + ".1": `"eventName":"A"`, l.File: `"eventName":"B"`} {
		b, err := os.ReadFile(name)
		if err != nil || !strings.Contains(string(b), want) || bytes.Count(b, []byte("\n")) != 1 {
			t.Errorf("%s: %s, %v", name, b, err)
		}
		if info, err := os.Stat(name); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", name, info.Mode(), err)
		}
	}
}

func TestARecordKeepsOnlySoMuchOfARequest(t *testing.T) {
	got := logged(t, func(l *Log) {
		for _, parameters := range []map[string]string{
			{"PolicyDocument": strings.Repeat("x", 7168), "UserName": "ada"},
			{"A": "1", "B": strings.Repeat("x", 1<<20), "C": "2"},
			nil,
		} {
			l.Call(t.Context(), Call{Service: "iam", Operation: "PutUserPolicy", Actor: user, Parameters: parameters})
		}
	})
	for i, want := range []map[string]any{
		{"PolicyDocument": strings.Repeat("x", 7168), "UserName": "ada"}, {"A": "1", "truncated": "true"}, {},
	} {
		if diff := cmp.Diff(want, got[i]["requestParameters"]); diff != "" {
			t.Errorf("%d (-want +got)\n%s", i, diff)
		}
	}
}
