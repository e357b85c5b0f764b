package e2e

import (
	"bufio"
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"larder/e2e/harness"
)

// awsOn runs the aws command against the server and gives its standard output;
// refused wants it to fail with the exception.
func (s *server) awsOn(t *testing.T, refused string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), awsCommand(t), args...)
	cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "AWS_ENDPOINT_URL=" + s.URL, "AWS_DEFAULT_REGION=us-east-1",
		"AWS_SHARED_CREDENTIALS_FILE=" + filepath.Join(s.Data, "credentials"), "AWS_EC2_METADATA_DISABLED=true", "AWS_PAGER=", "AWS_MAX_ATTEMPTS=1",
	}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	switch {
	case refused == "" && err != nil:
		t.Fatalf("aws %s: %v\n%s%s", strings.Join(args, " "), err, out, stderr.String())
	case refused != "" && !strings.Contains(stderr.String(), "("+refused+")"):
		t.Errorf("aws %s: %v, want %s\n%s", strings.Join(args, " "), err, refused, stderr.String())
	}
	return strings.TrimSpace(string(out))
}

// wantAWS compares what the command says, as compact JSON.
func (s *server) wantAWS(t *testing.T, want string, args ...string) {
	t.Helper()
	out := s.awsOn(t, "", append(args, "--output", "json")...)
	var got bytes.Buffer
	if out != "" {
		if err := json.Compact(&got, []byte(out)); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	if got.String() != want {
		t.Errorf("aws %s:\ngot  %s\nwant %s", strings.Join(args, " "), &got, want)
	}
}

// publishGeneric publishes a version of the generic package n/p.
func (s *server) publishGeneric(t *testing.T, version string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "a.txt")
	if err := os.WriteFile(file, []byte("content of "+version), 0o600); err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256([]byte("content of " + version))
	s.awsOn(t, "", "codeartifact", "publish-package-version", "--domain", "local", "--repository", "main", "--format", "generic", "--namespace", "n",
		"--package", "p", "--package-version", version, "--asset-name", "a.txt", "--asset-content", file, "--asset-sha256", hex.EncodeToString(sum[:]))
}

// webHook keeps what it was sent.
func webHook(t *testing.T) (url string, came chan *http.Request, bodies chan string) {
	came, bodies = make(chan *http.Request, 100), make(chan string, 100)
	h := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err == nil {
			came <- r
			bodies <- string(body)
		}
	}))
	t.Cleanup(h.Close)
	return h.URL, came, bodies
}

func soon[T any](t *testing.T, what string, c <-chan T) (v T) {
	t.Helper()
	select {
	case v = <-c:
	case <-time.After(30 * time.Second):
		t.Fatalf("in vain: %s", what)
	}
	return v
}

// TestEventBridgeCommand: the cloud's own command keeps rules and targets,
// tests patterns, puts events and has past ones sent again.
func TestEventBridgeCommand(t *testing.T) {
	endToEnd(t)
	awsCommand(t)
	address := freeAddress(t)
	s := serve(t, "", "--allow-private-targets", "--nats-listen", address)
	hook, came, bodies := webHook(t)

	arn := func(resource string) string { return "arn:aws:events:us-east-1:000000000000:" + resource }
	pattern := `{"source":["aws.codeartifact"],"detail":{"packageName":["p"]}}`
	s.wantAWS(t, `{"RuleArn":"`+arn("rule/r")+`"}`, "events", "put-rule", "--name", "r", "--event-pattern", pattern, "--description", "d", "--tags", "Key=a,Value=b")
	s.wantAWS(t, `{"RuleArn":"`+arn("rule/off")+`"}`, "events", "put-rule", "--name", "off", "--event-pattern", `{"source":["x"]}`, "--state", "DISABLED")
	s.wantAWS(t, `["r","ENABLED","d","default","000000000000"]`,
		"events", "describe-rule", "--name", "r", "--query", "[Name,State,Description,EventBusName,CreatedBy]")
	s.wantAWS(t, `[["off","DISABLED"],["r","ENABLED"]]`, "events", "list-rules", "--query", "Rules[].[Name,State]")
	s.wantAWS(t, `["r"]`, "events", "list-rules", "--name-prefix", "r", "--limit", "1", "--query", "Rules[].Name")
	s.wantAWS(t, "", "events", "disable-rule", "--name", "r")
	s.wantAWS(t, `"DISABLED"`, "events", "describe-rule", "--name", "r", "--query", "State")
	s.wantAWS(t, "", "events", "enable-rule", "--name", "r")
	s.wantAWS(t, `[{"Key":"a","Value":"b"}]`, "events", "list-tags-for-resource", "--resource-arn", arn("rule/r"), "--query", "Tags")
	s.wantAWS(t, "", "events", "tag-resource", "--resource-arn", arn("rule/r"), "--tags", "Key=c,Value=d")
	s.wantAWS(t, "", "events", "untag-resource", "--resource-arn", arn("rule/r"), "--tag-keys", "a")
	s.wantAWS(t, `[["c","d"]]`, "events", "list-tags-for-resource", "--resource-arn", arn("rule/r"), "--query", "Tags[].[Key,Value]")
	s.wantAWS(t, `["default"]`, "events", "list-event-buses", "--query", "EventBuses[].Name")
	s.wantAWS(t, `"`+arn("event-bus/default")+`"`, "events", "describe-event-bus", "--query", "Arn")

	targets := `[{"Id":"hook","Arn":"` + hook + `/h","HttpParameters":{"HeaderParameters":{"X-Token":"t"}},"RetryPolicy":{"MaximumRetryAttempts":9,"MaximumEventAgeInSeconds":600}},` +
		`{"Id":"bus","Arn":"nats:ci.rebuild","InputTransformer":{"InputPathsMap":{"v":"$.detail.packageVersion"},"InputTemplate":"{\"version\":<v>}"}},{"Id":"spare","Arn":"nats:spare"}]`
	s.wantAWS(t, `{"FailedEntryCount":0,"FailedEntries":[]}`, "events", "put-targets", "--rule", "r", "--targets", targets)
	s.wantAWS(t, `["bus","hook","spare"]`, "events", "list-targets-by-rule", "--rule", "r", "--query", "Targets[].Id")
	s.wantAWS(t, `{"FailedEntryCount":0,"FailedEntries":[]}`, "events", "remove-targets", "--rule", "r", "--ids", "spare")
	s.wantAWS(t, `["r"]`, "events", "list-rule-names-by-target", "--target-arn", "nats:ci.rebuild", "--query", "RuleNames")
	s.wantAWS(t, `{"Result":true}`, "events", "test-event-pattern", "--event-pattern", pattern, "--event", `{"source":"aws.codeartifact","detail":{"packageName":"p"}}`)
	s.wantAWS(t, `{"Result":false}`, "events", "test-event-pattern", "--event-pattern", pattern, "--event", `{"source":"aws.codeartifact","detail":{"packageName":"q"}}`)

	// A follower hears the subject of the rule.
	key, secret := s.AccessKey(t)
	nc, err := nats.Connect("nats://"+address, nats.UserInfo(key, secret))
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	heard := make(chan *nats.Msg, 100)
	if _, err := nc.ChanSubscribe("ci.rebuild", heard); err != nil {
		t.Fatal(err)
	}
	if err := nc.Flush(); err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	s.publishGeneric(t, "1.0")
	r, body := soon(t, "the web hook", came), soon(t, "its body", bodies)
	if r.Header.Get("X-Token") != "t" || !strings.Contains(body, `"packageVersion":"1.0"`) {
		t.Errorf("the web hook got %v %s", r.Header, body)
	}
	if m := soon(t, "the subject", heard); string(m.Data) != `{"version":"1.0"}` {
		t.Errorf("the subject got %s", m.Data)
	}

	out := s.awsOn(t, "", "events", "put-events", "--entries", `[{"Source":"aws.codeartifact","DetailType":"x","Detail":"{}"},{"Source":"own","DetailType":"x","Detail":"{\"packageName\":\"p\"}"}]`, "--query", "[FailedEntryCount,Entries[].ErrorCode]")
	if !strings.Contains(out, "NotAuthorizedForSourceException") || !strings.Contains(out, "1,") {
		t.Errorf("put-events says %s", out)
	}
	s.awsOn(t, "", "events", "put-rule", "--name", "own", "--event-pattern", `{"source":["own"]}`)
	s.awsOn(t, "", "events", "put-targets", "--rule", "own", "--targets", "Id=hook,Arn="+hook+"/own,InputPath=$.detail")
	s.awsOn(t, "", "events", "put-events", "--entries", `[{"Source":"own","DetailType":"Build","Detail":"{\"ok\": true}"}]`)
	if r, body := soon(t, "the own event", came), soon(t, "its body", bodies); r.URL.Path != "/own" || body != `{"ok":true}` {
		t.Errorf("%s got %s", r.URL, body)
	}

	s.wantAWS(t, `["COMPLETED","1 event is on its way"]`, "events", "start-replay", "--replay-name", "again", "--event-source-arn", arn("archive/larder-events"),
		"--event-start-time", begun.Add(-time.Minute).UTC().Format(time.RFC3339), "--event-end-time", time.Now().Add(time.Minute).UTC().Format(time.RFC3339),
		"--destination", "Arn="+arn("event-bus/default")+",FilterArns="+arn("rule/r"), "--query", "[State,StateReason]")
	if soon(t, "the replayed event", came); !strings.Contains(soon(t, "its body", bodies), `"replay-name":"again"`) {
		t.Error("the replayed event bears no name")
	}

	s.awsOn(t, "ValidationException", "events", "delete-rule", "--name", "r")
	s.awsOn(t, "InvalidEventPatternException", "events", "put-rule", "--name", "x", "--event-pattern", `{"source":"x"}`)
	s.awsOn(t, "ResourceNotFoundException", "events", "describe-rule", "--name", "x")
	s.awsOn(t, "ResourceNotFoundException", "events", "put-rule", "--name", "x", "--event-pattern", `{"a":["b"]}`, "--event-bus-name", "other")
	s.awsOn(t, "ValidationException", "events", "put-targets", "--rule", "r", "--targets", "Id=x,Arn=arn:aws:sqs:us-east-1:000000000000:q")
	s.awsOn(t, "", "events", "remove-targets", "--rule", "r", "--ids", "hook", "bus")
	s.wantAWS(t, "", "events", "delete-rule", "--name", "r")
	s.wantAWS(t, `["off","own"]`, "events", "list-rules", "--query", "Rules[].Name")

	// Rights are those of the policy.
	s.awsOn(t, "", "iam", "create-user", "--user-name", "ci")
	s.awsOn(t, "", "iam", "put-user-policy", "--user-name", "ci", "--policy-name", "p", "--policy-document",
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"events:*Rule*","Resource":"`+arn("rule/ci-*")+`"},{"Effect":"Allow","Action":"events:PutEvents","Resource":"*","Condition":{"StringEquals":{"events:source":"ci"}}}]}`)
	var made struct {
		AccessKey struct{ AccessKeyId, SecretAccessKey string }
	}
	if err := json.Unmarshal([]byte(s.awsOn(t, "", "iam", "create-access-key", "--user-name", "ci", "--output", "json")), &made); err != nil {
		t.Fatal(err)
	}
	ci := &server{&harness.Server{URL: s.URL, Data: t.TempDir()}}
	text := "[default]\naws_access_key_id = " + made.AccessKey.AccessKeyId + "\naws_secret_access_key = " + made.AccessKey.SecretAccessKey + "\n"
	if err := os.WriteFile(filepath.Join(ci.Data, "credentials"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	ci.awsOn(t, "", "events", "put-rule", "--name", "ci-x", "--event-pattern", `{"a":["b"]}`)
	ci.awsOn(t, "AccessDeniedException", "events", "put-rule", "--name", "other", "--event-pattern", `{"a":["b"]}`)
	ci.awsOn(t, "AccessDeniedException", "events", "put-targets", "--rule", "ci-x", "--targets", "Id=x,Arn=nats:x")
	ci.awsOn(t, "", "events", "put-events", "--entries", `[{"Source":"ci","DetailType":"x","Detail":"{}"}]`)
	ci.awsOn(t, "AccessDeniedException", "events", "put-events", "--entries", `[{"Source":"cd","DetailType":"x","Detail":"{}"}]`)
}

// TestRuleCommand: larder's own command keeps rules, follows events and has
// past ones sent again.
func TestRuleCommand(t *testing.T) {
	endToEnd(t)
	awsCommand(t)
	s := serve(t, "", "--allow-private-targets")
	hook, came, bodies := webHook(t)
	tail := s.tail(t)
	s.Larder(t, nil, "rule", "put", "p", "--pattern", `{"detail":{"packageName":["p"]}}`)
	s.Larder(t, nil, "rule", "target", "put", "p", "ci", hook+"/h", "--cloudevents", "--header", "X-A=b",
		"--input-template", `{"built":"<v>"}`, "--variable", "v=$.detail.packageVersion")
	secret := strings.TrimSpace(s.Larder(t, nil, "rule", "secret", "p", "ci"))
	if got := s.Larder(t, nil, "rule", "list"); !regexp.MustCompile(`(?m)^p +enabled +\{"detail"`).MatchString(got) {
		t.Errorf("list:\n%s", got)
	}
	if got := s.Larder(t, nil, "rule", "show", "p"); !strings.Contains(got, "target ci") || !strings.Contains(got, hook) {
		t.Errorf("show:\n%s", got)
	}
	s.publishGeneric(t, "1.0")
	r, body := soon(t, "the web hook", came), soon(t, "its body", bodies)
	if body != `{"built":"1.0"}` || r.Header.Get("Ce-Specversion") != "1.0" || r.Header.Get("X-A") != "b" {
		t.Errorf("the web hook got %v %s", r.Header, body)
	}
	keyBytes, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
	if err != nil {
		t.Fatal(err)
	}
	mac := hmac.New(sha256.New, keyBytes)
	io.WriteString(mac, r.Header.Get("Webhook-Id")+"."+r.Header.Get("Webhook-Timestamp")+"."+body)
	if want := "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil)); r.Header.Get("Webhook-Signature") != want {
		t.Errorf("signature %s, want %s", r.Header.Get("Webhook-Signature"), want)
	}
	line := soon(t, "tail", tail)
	if !regexp.MustCompile(`^\S+Z  Created  local/main  generic/n/p  1\.0  Published$`).MatchString(line) {
		t.Errorf("tail says %q", line)
	}
	var e struct{ ID string }
	if err := json.Unmarshal([]byte(soon(t, "the past", s.tail(t, "--since", "1h", "--pattern", `{"detail":{"packageVersion":["1.0"]}}`, "--output", "json"))), &e); err != nil || e.ID == "" {
		t.Errorf("tail --since: %v %+v", err, e)
	}
	s.Larder(t, nil, "rule", "test", "p", "--event", `{"detail":{"packageName":"p"}}`)
	if got := s.Larder(t, nil, "events", "replay", "--rule", "p", "--from", "1h", "--name", "again"); !strings.Contains(got, "1 event is on its way, as again") {
		t.Errorf("replay says %s", got)
	}
	if soon(t, "the replayed event", came); soon(t, "its body", bodies) != `{"built":"1.0"}` {
		t.Error("the replayed event is another")
	}
	s.Larder(t, nil, "rule", "disable", "p")
	s.Larder(t, nil, "rule", "enable", "p")
	s.Larder(t, nil, "events", "put", "--source", "own", "--type", "Build", "--detail", `{"packageName":"p"}`)
	if got := soon(t, "the own event", bodies); got != `{"built":""}` {
		t.Errorf("the own event came as %s", got)
	}
	if got := soon(t, "tail", tail); !strings.HasSuffix(got, "  own  Build") {
		t.Errorf("tail says %q", got)
	}
	s.Larder(t, nil, "rule", "target", "remove", "p", "ci")
	s.Larder(t, nil, "rule", "delete", "p", "--yes")
	if got := s.Larder(t, nil, "rule", "list", "--output", "json"); !strings.Contains(got, `"Rules": []`) {
		t.Errorf("list: %s", got)
	}
}

// tail follows events with larder events tail until the test ends; it follows
// when this returns.
func (s *server) tail(t *testing.T, args ...string) <-chan string {
	t.Helper()
	cmd := exec.Command(harness.Binary, append([]string{"events", "tail", "--data", s.Data}, args...)...)
	cmd.Env = []string{"HOME=" + t.TempDir()}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := make(chan string, 100)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for in := bufio.NewScanner(out); in.Scan(); {
			lines <- in.Text()
		}
	}()
	t.Cleanup(func() {
		cmd.Process.Signal(syscall.SIGTERM) //nolint:errcheck // it may have ended
		<-done
		if err := cmd.Wait(); err != nil {
			t.Errorf("larder events tail: %v\n%s", err, stderr.String())
		}
	})
	s.followed(t)
	return lines
}

// followed waits until somebody reads the stream.
func (s *server) followed(t *testing.T) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(s.Data, "server.json"))
	var where struct{ NATS string }
	if err == nil {
		err = json.Unmarshal(text, &where)
	}
	if _, _, split := net.SplitHostPort(where.NATS); err != nil || split != nil {
		t.Fatalf("server.json does not say where to follow: %v %v: %s", err, split, text)
	}
	key, secret := s.AccessKey(t)
	nc, err := nats.Connect("nats://"+where.NATS, nats.UserInfo(key, secret))
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	js, err := nc.JetStream()
	if err != nil {
		t.Fatal(err)
	}
	deadline := time.Now().Add(30 * time.Second)
	for range time.Tick(20 * time.Millisecond) {
		info, err := js.StreamInfo("LARDER_EVENTS")
		if err != nil {
			t.Fatal(err)
		}
		if info.State.Consumers > 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("nobody follows")
		}
	}
}
