package api_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"larder/events/api"
	"larder/events/rules"
	"larder/registry"
	"larder/storage/sqlite"
)

const account = "111111111111"

// plainSealer hides nothing.
type plainSealer struct{}

func (plainSealer) Seal(_, _ string, plain []byte) []byte           { return plain }
func (plainSealer) Open(_, _ string, sealed []byte) ([]byte, error) { return sealed, nil }

// router notes what it is asked.
type router struct {
	mu      sync.Mutex
	flushed int
	replay  rules.Replay
	meta    registry.Metadata
}

func (r *router) Flush(context.Context) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.flushed++
	return nil
}

func (r *router) Replay(ctx context.Context, _ rules.Stream, replay rules.Replay) (int, error) {
	r.mu.Lock()
	r.replay = replay
	r.mu.Unlock()
	return 7, r.meta.View(ctx, func(tx registry.Tx) error {
		for _, name := range replay.Rules {
			if _, err := tx.Rule(replay.Account, name); err != nil {
				return err
			}
		}
		return nil
	})
}

// world is the calls over an empty database. Who asks is the header X-Account.
type world struct {
	*testing.T
	http.Handler
	meta     registry.Metadata
	router   *router
	woken    int
	widened  []string
	denied   map[string]bool // actions
	asked    []string        // actions and ARNs, since the last look
	keys     []map[string]string
	observed []api.Observation
}

func newWorld(t *testing.T) *world {
	t.Helper()
	meta, err := sqlite.OpenMemory(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { meta.Close() })
	w := &world{T: t, meta: meta, router: &router{meta: meta}, denied: map[string]bool{}}
	w.Handler = api.New(api.Config{
		Metadata: meta, Sealer: plainSealer{}, Region: "us-east-1",
		Sign: func(r *http.Request) (registry.Actor, error) {
			a := r.Header.Get("X-Account")
			if a == "" {
				return registry.Actor{}, registry.Errorf(registry.Unauthenticated, "who are you?")
			}
			return registry.Actor{Account: a, Principal: "arn:aws:iam::" + a + ":user/u"}, nil
		},
		Authorize: func(_ context.Context, actor registry.Actor, action registry.Action, arn string, keys map[string]string) error {
			w.asked, w.keys = append(w.asked, string(action)+" "+arn), append(w.keys, keys)
			if w.denied[string(action)] {
				return registry.Errorf(registry.Denied, "User: %s is not authorized to perform: %s on resource: %s", actor.Principal, action, arn)
			}
			return nil
		},
		Targets: rules.Policy{}, Router: w.router,
		Wake:    func() { w.woken++ },
		Widen:   func(account, subject string) { w.widened = append(w.widened, account+" "+subject) },
		Observe: func(_ context.Context, o api.Observation) { w.observed = append(w.observed, o) },
	})
	return w
}

// call does one call as the account; the request is JSON.
func (w *world) as(account, operation, request string) (int, map[string]any) {
	w.Helper()
	r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(request))
	r.Header.Set("Content-Type", "application/x-amz-json-1.1")
	r.Header.Set("X-Amz-Target", "AWSEvents."+operation)
	r.Header.Set("X-Account", account)
	rec := httptest.NewRecorder()
	w.ServeHTTP(rec, r)
	var v map[string]any
	if err := json.Unmarshal(rec.Body.Bytes(), &v); err != nil {
		w.Fatalf("%s: %v: %s", operation, err, rec.Body)
	}
	return rec.Code, v
}

// must does a call that succeeds, and gives its answer as JSON.
func (w *world) must(operation, request string) string {
	w.Helper()
	code, v := w.as(account, operation, request)
	b, err := json.Marshal(v)
	if err != nil || code != 200 {
		w.Fatalf("%s %s: %d %s", operation, request, code, b)
	}
	return string(b)
}

func (w *world) want(operation, request, answer string) {
	w.Helper()
	if got := w.must(operation, request); got != answer {
		w.Errorf("%s %s:\ngot  %s\nwant %s", operation, request, got, answer)
	}
}

// fails does a call that is refused with an exception whose message has the text.
func (w *world) fails(operation, request, exception, text string) {
	w.Helper()
	code, v := w.as(account, operation, request)
	if code != 400 || v["__type"] != exception || !strings.Contains(fmt.Sprint(v["message"]), text) {
		w.Errorf("%s %s: %d %v, want %s with %q", operation, request, code, v, exception, text)
	}
}

func quoted(s string) string {
	b, _ := json.Marshal(s)
	return string(b)
}

const pattern = `"EventPattern":"{\"source\":[\"build\"]}"`

func TestRules(t *testing.T) {
	w := newWorld(t)
	w.want("PutRule", `{"Name":"r",`+pattern+`,"Description":"d","RoleArn":"arn:role","Tags":[{"Key":"a","Value":"b"}]}`, `{"RuleArn":"arn:aws:events:us-east-1:111111111111:rule/r"}`)
	if w.router.flushed != 1 {
		t.Error("events from before did not meet the rules from before")
	}
	w.want("DescribeRule", `{"Name":"r","EventBusName":"default"}`,
		`{"Arn":"arn:aws:events:us-east-1:111111111111:rule/r","CreatedBy":"111111111111","Description":"d","EventBusName":"default","EventPattern":"{\"source\":[\"build\"]}","Name":"r","RoleArn":"arn:role","State":"ENABLED"}`)
	w.want("DisableRule", `{"Name":"r"}`, `{}`)
	w.want("PutRule", `{"Name":"s",`+pattern+`,"State":"DISABLED","EventBusName":"arn:aws:events:us-east-1:111111111111:event-bus/default"}`, `{"RuleArn":"arn:aws:events:us-east-1:111111111111:rule/s"}`)
	w.want("EnableRule", `{"Name":"s"}`, `{}`)
	w.want("ListRules", `{}`, `{"Rules":[`+
		`{"Arn":"arn:aws:events:us-east-1:111111111111:rule/r","Description":"d","EventBusName":"default","EventPattern":"{\"source\":[\"build\"]}","Name":"r","RoleArn":"arn:role","State":"DISABLED"},`+
		`{"Arn":"arn:aws:events:us-east-1:111111111111:rule/s","EventBusName":"default","EventPattern":"{\"source\":[\"build\"]}","Name":"s","State":"ENABLED"}]}`)
	w.want("ListRules", `{"NamePrefix":"x"}`, `{"Rules":[]}`)

	// What is not said is not kept, but for the tags.
	w.must("PutRule", `{"Name":"r","EventPattern":"{\"source\":[\"other\"]}","Tags":[{"Key":"ignored","Value":"x"}]}`)
	w.want("DescribeRule", `{"Name":"r"}`,
		`{"Arn":"arn:aws:events:us-east-1:111111111111:rule/r","CreatedBy":"111111111111","EventBusName":"default","EventPattern":"{\"source\":[\"other\"]}","Name":"r","State":"ENABLED"}`)
	arn := `"ResourceARN":"arn:aws:events:us-east-1:111111111111:rule/r"`
	w.want("ListTagsForResource", `{`+arn+`}`, `{"Tags":[{"Key":"a","Value":"b"}]}`)
	w.want("TagResource", `{`+arn+`,"Tags":[{"Key":"c","Value":"d"},{"Key":"a","Value":"e"}]}`, `{}`)
	w.want("UntagResource", `{`+arn+`,"TagKeys":["c","x"]}`, `{}`)
	w.want("ListTagsForResource", `{`+arn+`}`, `{"Tags":[{"Key":"a","Value":"e"}]}`)

	w.must("PutTargets", `{"Rule":"r","Targets":[{"Id":"t","Arn":"nats:x"}]}`)
	w.fails("DeleteRule", `{"Name":"r"}`, "ValidationException", "since it has targets")
	w.must("RemoveTargets", `{"Rule":"r","Ids":["t"]}`)
	w.want("DeleteRule", `{"Name":"r"}`, `{}`)
	w.want("DeleteRule", `{"Name":"r"}`, `{}`) // a missing one is no error
	w.fails("DescribeRule", `{"Name":"r"}`, "ResourceNotFoundException", "Rule r does not exist on EventBus default.")
	if code, v := w.as("222222222222", "DescribeRule", `{"Name":"s"}`); code != 400 || v["__type"] != "ResourceNotFoundException" {
		t.Errorf("another account sees the rule: %d %v", code, v)
	}
}

func TestListsHavePages(t *testing.T) {
	w := newWorld(t)
	var want []string
	for i := range 5 {
		name := fmt.Sprint("r", i)
		want = append(want, name)
		w.must("PutRule", `{"Name":"`+name+`",`+pattern+`}`)
		w.must("PutTargets", `{"Rule":"`+name+`","Targets":[{"Id":"a","Arn":"nats:x"},{"Id":"b","Arn":"nats:x"},{"Id":"c","Arn":"nats:y"}]}`)
	}
	pages := func(operation, request, list, member string) (got []string) {
		t.Helper()
		token := ""
		for {
			var v map[string]any
			if err := json.Unmarshal([]byte(w.must(operation, `{"Limit":2,`+request+token+`}`)), &v); err != nil {
				t.Fatal(err)
			}
			for _, item := range v[list].([]any) {
				if m, ok := item.(map[string]any); ok {
					item = m[member]
				}
				got = append(got, item.(string))
			}
			if v["NextToken"] == nil {
				return got
			}
			token = `,"NextToken":` + quoted(v["NextToken"].(string))
		}
	}
	if got := pages("ListRules", `"NamePrefix":"r"`, "Rules", "Name"); !slices.Equal(got, want) {
		t.Errorf("rules %v", got)
	}
	if got := pages("ListRuleNamesByTarget", `"TargetArn":"nats:x"`, "RuleNames", ""); !slices.Equal(got, want) {
		t.Errorf("rules of a target %v", got)
	}
	if got := pages("ListTargetsByRule", `"Rule":"r1"`, "Targets", "Id"); !slices.Equal(got, []string{"a", "b", "c"}) {
		t.Errorf("targets %v", got)
	}
	w.fails("ListRules", `{"Limit":0}`, "ValidationException", "Limit")
	w.fails("ListRules", `{"Limit":101}`, "ValidationException", "Limit")
	w.fails("ListRules", `{"NextToken":"x"}`, "ValidationException", "nextToken")
}

func TestTargets(t *testing.T) {
	w := newWorld(t)
	w.must("PutRule", `{"Name":"r",`+pattern+`}`)
	whole := `{"Arn":"https://ci.example.com/h","DeadLetterConfig":{"Arn":"nats:dead"},"HttpParameters":{"HeaderParameters":{"A":"b"},"QueryStringParameters":{"q":"1"}},"Id":"a",` +
		`"InputTransformer":{"InputPathsMap":{"n":"$.detail.n"},"InputTemplate":"\"\u003cn\u003e\""},"RetryPolicy":{"MaximumEventAgeInSeconds":60,"MaximumRetryAttempts":0},"RoleArn":"arn:role"}`
	w.want("PutTargets", `{"Rule":"r","Targets":[`+whole+`,{"Id":"b","Arn":"nats:ci.x","InputPath":"$.detail"},{"Id":"c","Arn":"nats:ci.x","Input":"{\"a\":1}"}]}`, `{"FailedEntries":[],"FailedEntryCount":0}`)
	w.want("ListTargetsByRule", `{"Rule":"r"}`, `{"Targets":[`+whole+`,{"Arn":"nats:ci.x","Id":"b","InputPath":"$.detail"},{"Arn":"nats:ci.x","Id":"c","Input":"{\"a\":1}"}]}`)
	if want := []string{account + " dead", account + " ci.x", account + " ci.x"}; !slices.Equal(w.widened, want) {
		t.Errorf("followers may hear %v, want %v", w.widened, want)
	}
	w.want("ListRuleNamesByTarget", `{"TargetArn":"nats:ci.x"}`, `{"RuleNames":["r"]}`)
	w.want("ListRuleNamesByTarget", `{"TargetArn":"nats:other"}`, `{"RuleNames":[]}`)
	w.want("RemoveTargets", `{"Rule":"r","Ids":["b","x"]}`,
		`{"FailedEntries":[{"ErrorCode":"ResourceNotFoundException","ErrorMessage":"Target does not exist on rule r.","TargetId":"x"}],"FailedEntryCount":1}`)
	w.want("ListTargetsByRule", `{"Rule":"r"}`, `{"Targets":[`+whole+`,{"Arn":"nats:ci.x","Id":"c","Input":"{\"a\":1}"}]}`)

	w.fails("PutTargets", `{"Rule":"x","Targets":[{"Id":"a","Arn":"nats:x"}]}`, "ResourceNotFoundException", "Rule x does not exist")
	w.fails("ListTargetsByRule", `{"Rule":"x"}`, "ResourceNotFoundException", "Rule x does not exist")
	w.fails("RemoveTargets", `{"Rule":"x","Ids":["a"]}`, "ResourceNotFoundException", "Rule x does not exist")
	w.fails("RemoveTargets", `{"Rule":"r"}`, "ValidationException", "Ids")
	w.fails("PutTargets", `{"Rule":"r"}`, "ValidationException", "Targets")
	w.fails("PutTargets", `{"Rule":"r","Targets":[{"Id":"x","Arn":"nats:x"},{"Id":"x","Arn":"nats:y"}]}`, "ValidationException", "Duplicate")
	w.fails("PutTargets", `{"Rule":"r","Targets":[{"Id":"x y","Arn":"nats:x"}]}`, "ValidationException", "targets.id")
	w.fails("PutTargets", `{"Rule":"r","Targets":[{"Id":"x","Arn":"arn:aws:sns:us-east-1:111111111111:t"}]}`, "ValidationException", "nats:SUBJECT")
	w.fails("PutTargets", `{"Rule":"r","Targets":[{"Id":"x","Arn":"http://ci.example.com/"}]}`, "ValidationException", "--allow-private-targets")
	w.fails("PutTargets", `{"Rule":"r","Targets":[{"Id":"x","Arn":"nats:x","SqsParameters":{"MessageGroupId":"g"}}]}`, "ValidationException", "SqsParameters")
	w.fails("PutTargets", `{"Rule":"r","Targets":[{"Id":"x","Arn":"nats:x","InputPath":"x"}]}`, "ValidationException", "InputPath")
	many := `{"Id":"1","Arn":"nats:x"},{"Id":"2","Arn":"nats:x"},{"Id":"3","Arn":"nats:x"},{"Id":"4","Arn":"nats:x"}`
	w.fails("PutTargets", `{"Rule":"r","Targets":[`+many+`]}`, "LimitExceededException", "exceeds the maximum")
	w.want("ListTargetsByRule", `{"Rule":"r"}`, `{"Targets":[`+whole+`,{"Arn":"nats:ci.x","Id":"c","Input":"{\"a\":1}"}]}`)
}

func TestSecretsOfWebHooks(t *testing.T) {
	w := newWorld(t)
	w.must("PutRule", `{"Name":"r",`+pattern+`}`)
	w.must("PutTargets", `{"Rule":"r","Targets":[{"Id":"a","Arn":"https://ci.example.com/"}]}`)
	secret := func(operation, more string) (v struct{ Secret, Previous string }) {
		t.Helper()
		if err := json.Unmarshal([]byte(w.must(operation, `{"Rule":"r","TargetID":"a"`+more+`}`)), &v); err != nil {
			t.Fatal(err)
		}
		return v
	}
	first := secret("GetTargetSecret", "")
	if _, err := rules.ParseSecret(first.Secret); err != nil || first.Previous != "" {
		t.Errorf("%+v, %v", first, err)
	}
	w.must("PutTargets", `{"Rule":"r","Targets":[{"Id":"a","Arn":"https://ci.example.com/other"}]}`)
	if again := secret("GetTargetSecret", ""); again != first {
		t.Error("a target that is replaced gets another secret")
	}
	second := secret("RotateTargetSecret", "")
	if second.Secret == first.Secret || second.Previous != first.Secret || secret("GetTargetSecret", "") != second {
		t.Errorf("after a rotation: %+v", second)
	}
	chosen := string(rules.NewSecret())
	if third := secret("RotateTargetSecret", `,"Secret":"`+chosen+`"`); third.Secret != chosen || third.Previous != second.Secret {
		t.Errorf("a chosen secret: %+v", third)
	}
	w.fails("RotateTargetSecret", `{"Rule":"r","TargetID":"a","Secret":"easy"}`, "ValidationException", "whsec_")
	w.fails("GetTargetSecret", `{"Rule":"r","TargetID":"x"}`, "ResourceNotFoundException", "Target x")
	for _, o := range w.observed {
		if strings.Contains(fmt.Sprint(o.Parameters), "whsec") || strings.Contains(fmt.Sprint(o.Parameters), "example.com") {
			t.Errorf("the audit log gets %v", o.Parameters)
		}
	}
}

func TestWhatIsRefused(t *testing.T) {
	w := newWorld(t)
	for _, c := range []struct{ operation, request, exception, text string }{
		{"PutRule", `{"Name":"r"}`, "ValidationException", "EventPattern or ScheduleExpression must be specified"},
		{"PutRule", `{"Name":"r","ScheduleExpression":"rate(5 minutes)"}`, "ValidationException", "ScheduleExpression is not supported"},
		{"PutRule", `{"Name":"r","EventPattern":"{"}`, "InvalidEventPatternException", "Event pattern is not valid. Reason:"},
		{"PutRule", `{"Name":"r","EventPattern":"{\"source\":[{\"near\":1}]}"}`, "InvalidEventPatternException", "Unrecognized match type near"},
		{"PutRule", `{"Name":"r",` + pattern + `,"State":"ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS"}`, "ValidationException", "State"},
		{"PutRule", `{"Name":"r",` + pattern + `,"EventBusName":"own"}`, "ResourceNotFoundException", "Event bus own does not exist"},
		{"PutRule", `{"Name":"r",` + pattern + `,"EventBusName":"arn:aws:events:us-east-1:222222222222:event-bus/default"}`, "ResourceNotFoundException", "does not exist"},
		{"PutRule", `{"Name":"r",` + pattern + `,"Description":"` + strings.Repeat("x", 513) + `"}`, "ValidationException", "Description"},
		{"PutRule", `{"Name":"r",` + pattern + `,"Tags":[{"Key":"aws:x","Value":""}]}`, "ValidationException", "tag"},
		{"PutRule", `{"Name":"a b",` + pattern + `}`, "ValidationException", "at 'name' failed to satisfy constraint"},
		{"PutRule", `{"Name":"` + strings.Repeat("r", 65) + `",` + pattern + `}`, "ValidationException", "at 'name'"},
		{"PutRule", `{` + pattern + `}`, "ValidationException", "at 'name'"},
		{"PutRule", `{"Name":5}`, "ValidationException", "Name"},
		{"PutRule", `[]`, "ValidationException", "not a JSON object"},
		{"EnableRule", `{"Name":"r"}`, "ResourceNotFoundException", "Rule r"},
		{"DisableRule", `{"Name":"r"}`, "ResourceNotFoundException", "Rule r"},
		{"TestEventPattern", `{"EventPattern":"{\"a\":[\"b\"]}"}`, "ValidationException", "required"},
		{"TestEventPattern", `{"EventPattern":"{\"a\":[\"b\"]}","Event":"[]"}`, "ValidationException", "Event"},
		{"TestEventPattern", `{"EventPattern":"{\"a\":\"b\"}","Event":"{}"}`, "InvalidEventPatternException", "must be an object or an array"},
		{"PutEvents", `{}`, "ValidationException", "entries"},
		{"PutEvents", `{"Entries":[{},{},{},{},{},{},{},{},{},{},{}]}`, "ValidationException", "entries"},
		{"PutEvents", `{"Entries":[{"Source":"a","DetailType":"b","Detail":"{\"a\":\"` + strings.Repeat("x", 256<<10) + `\"}"}]}`, "ValidationException", "Total size"},
		{"PutEvents", `{"Entries":[{"Source":"a"}],"EndpointId":"x"}`, "ValidationException", "EndpointId"},
		{"DescribeEventBus", `{"Name":"own"}`, "ResourceNotFoundException", "own"},
		{"ListTagsForResource", `{"ResourceARN":"arn:aws:events:us-east-1:222222222222:rule/r"}`, "ResourceNotFoundException", "no rule of account"},
		{"TagResource", `{"ResourceARN":"arn:aws:events:us-east-1:111111111111:rule/r","Tags":[]}`, "ResourceNotFoundException", "Rule r"},
		{"StartReplay", `{"ReplayName":"x"}`, "ValidationException", "archive/larder-events"},
		{"CreateEventBus", `{"Name":"own"}`, "UnknownOperationException", "CreateEventBus"},
	} {
		w.fails(c.operation, c.request, c.exception, c.text)
	}
}

func TestEventsOfOnesOwn(t *testing.T) {
	w := newWorld(t)
	var v struct {
		FailedEntryCount int
		Entries          []struct{ EventId, ErrorCode, ErrorMessage string }
	}
	answer := w.must("PutEvents", `{"Entries":[
		{"Source":"ci","DetailType":"Build","Detail":"{ \"a\": [1, 2.50] , \"<b>\":null}","Resources":["r"],"Time":1772366400.5},
		{"Source":"aws.s3","DetailType":"x","Detail":"{}"},
		{"Source":"ci","DetailType":"x","Detail":"[]"},
		{"Source":"ci","Detail":"{}"},
		{"DetailType":"x","Detail":"{}"},
		{"Source":"ci","DetailType":"x"},
		{"Source":"ci","DetailType":"x","Detail":"{}","EventBusName":"own"},
		{"Source":"ci","DetailType":"second","Detail":"{}"}]}`)
	if err := json.Unmarshal([]byte(answer), &v); err != nil {
		t.Fatal(err)
	}
	var codes, ids []string
	for _, e := range v.Entries {
		codes = append(codes, e.ErrorCode)
		if e.EventId != "" {
			ids = append(ids, e.EventId)
		}
	}
	want := []string{"", "NotAuthorizedForSourceException", "MalformedDetail", "InvalidArgument", "InvalidArgument", "InvalidArgument", "ResourceNotFoundException", ""}
	if !slices.Equal(codes, want) || v.FailedEntryCount != 6 || w.woken != 1 {
		t.Errorf("codes %v, failed %d, woken %d times", codes, v.FailedEntryCount, w.woken)
	}
	var rows []registry.OutboxEvent
	err := w.meta.View(t.Context(), func(tx registry.Tx) (err error) {
		rows, err = tx.UnsentEvents(10)
		return err
	})
	if err != nil || len(rows) != 2 {
		t.Fatalf("%d events, %v", len(rows), err)
	}
	e := rows[0].Event
	if e.ID != ids[0] || e.Account != account || !e.Time.Equal(time.Date(2026, 3, 1, 12, 0, 0, 500_000_000, time.UTC)) ||
		e.Own.Source != "ci" || e.Own.DetailType != "Build" || e.Own.Detail != `{"a":[1,2.50],"<b>":null}` || !slices.Equal(e.Own.Resources, []string{"r"}) {
		t.Errorf("event %+v %+v", e, e.Own)
	}
}

func TestReplay(t *testing.T) {
	w := newWorld(t)
	w.must("PutRule", `{"Name":"r",`+pattern+`}`)
	request := func(rule string) string {
		return `{"ReplayName":"again","EventSourceArn":"arn:aws:events:us-east-1:111111111111:archive/larder-events","EventStartTime":1772366400,"EventEndTime":1.7723700005E9,
			"Destination":{"Arn":"arn:aws:events:us-east-1:111111111111:event-bus/default","FilterArns":["arn:aws:events:us-east-1:111111111111:rule/` + rule + `"]}}`
	}
	var v struct{ ReplayArn, State, StateReason string }
	if err := json.Unmarshal([]byte(w.must("StartReplay", request("r"))), &v); err != nil {
		t.Fatal(err)
	}
	if v.ReplayArn != "arn:aws:events:us-east-1:111111111111:replay/again" || v.State != "COMPLETED" || v.StateReason != "7 events are on their way" {
		t.Errorf("answer %+v", v)
	}
	if r := w.router.replay; r.Account != account || r.Name != "again" || !slices.Equal(r.Rules, []string{"r"}) || r.From.Unix() != 1772366400 || r.To.UnixMilli() != 1772370000500 {
		t.Errorf("replay %+v", r)
	}
	w.fails("StartReplay", request("missing"), "ResourceNotFoundException", "rule")
	w.fails("StartReplay", strings.Replace(request("r"), "1772366400", "1972366400", 1), "ValidationException", "before")
	w.fails("StartReplay", strings.Replace(request("r"), "1772366400", `"yesterday"`, 1), "ValidationException", "time")
}

// Each operation asks for the action of its own name, and is refused without it.
func TestEveryOperationNeedsARight(t *testing.T) {
	rule, bus := "arn:aws:events:us-east-1:111111111111:rule/", "arn:aws:events:us-east-1:111111111111:event-bus/default"
	tests := []struct{ operation, request, arn string }{
		{"PutRule", `{"Name":"r",` + pattern + `}`, rule + "r"},
		{"PutTargets", `{"Rule":"r","Targets":[{"Id":"t","Arn":"nats:x"}]}`, rule + "r"},
		{"DescribeRule", `{"Name":"r"}`, rule + "r"},
		{"ListRules", `{}`, rule + "*"},
		{"EnableRule", `{"Name":"r"}`, rule + "r"},
		{"DisableRule", `{"Name":"r"}`, rule + "r"},
		{"ListTargetsByRule", `{"Rule":"r"}`, rule + "r"},
		{"ListRuleNamesByTarget", `{"TargetArn":"nats:x"}`, rule + "*"},
		{"GetTargetSecret", `{"Rule":"r","TargetID":"t"}`, rule + "r"},
		{"RotateTargetSecret", `{"Rule":"r","TargetID":"t"}`, rule + "r"},
		{"TestEventPattern", `{"EventPattern":"{\"a\":[\"b\"]}","Event":"{}"}`, "*"},
		{"PutEvents", `{"Entries":[{"Source":"a","DetailType":"b","Detail":"{}"}]}`, bus},
		{"TagResource", `{"ResourceARN":"` + rule + `r","Tags":[{"Key":"a","Value":"b"}]}`, rule + "r"},
		{"UntagResource", `{"ResourceARN":"` + rule + `r","TagKeys":["a"]}`, rule + "r"},
		{"ListTagsForResource", `{"ResourceARN":"` + rule + `r"}`, rule + "r"},
		{"ListEventBuses", `{}`, "*"},
		{"DescribeEventBus", `{}`, bus},
		{"StartReplay", `{"ReplayName":"x","EventSourceArn":"arn:aws:events:us-east-1:111111111111:archive/larder-events","EventStartTime":1,"EventEndTime":2,"Destination":{"Arn":"` + bus + `"}}`, "arn:aws:events:us-east-1:111111111111:replay/x"},
		{"RemoveTargets", `{"Rule":"r","Ids":["t"]}`, rule + "r"},
		{"DeleteRule", `{"Name":"r"}`, rule + "r"},
	}
	w := newWorld(t)
	for _, tt := range tests {
		action := "events:" + tt.operation
		w.denied[action] = true
		w.asked = nil
		w.fails(tt.operation, tt.request, "AccessDeniedException", action)
		if want := []string{action + " " + tt.arn}; !slices.Equal(w.asked, want) {
			t.Errorf("%s asked for %v, want %v", tt.operation, w.asked, want)
		}
		if code, v := w.as("", tt.operation, tt.request); code != 403 && code != 400 || v["__type"] == "AccessDeniedException" {
			t.Errorf("%s without a credential: %d %v", tt.operation, code, v)
		}
		delete(w.denied, action)
		w.must(tt.operation, tt.request)
	}
	w.asked, w.keys = nil, nil
	w.must("PutRule", `{"Name":"r",`+pattern+`,"Tags":[{"Key":"team","Value":"web"}]}`)
	w.must("PutTargets", `{"Rule":"r","Targets":[{"Id":"t","Arn":"nats:x"}]}`)
	w.must("PutEvents", `{"Entries":[{"Source":"a","DetailType":"b","Detail":"{}"}]}`)
	want := `[map[aws:RequestTag/team:web] map[events:TargetArn:nats:x] map[events:detail-type:b events:source:a]]`
	if got := fmt.Sprint(w.keys); got != want {
		t.Errorf("condition keys %s, want %s", got, want)
	}
}

// TestEventPattern answers as the documented examples say.
func TestDocumentedPatterns(t *testing.T) {
	w := newWorld(t)
	f, err := os.Open("../pattern/testdata/examples.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	n := 0
	for s := bufio.NewScanner(f); s.Scan(); n++ {
		var x struct {
			Pattern     json.RawMessage
			Match, Miss []json.RawMessage
		}
		if err := json.Unmarshal(s.Bytes(), &x); err != nil {
			t.Fatal(err)
		}
		for result, all := range map[bool][]json.RawMessage{true: x.Match, false: x.Miss} {
			for _, e := range all {
				w.want("TestEventPattern", `{"EventPattern":`+quoted(string(x.Pattern))+`,"Event":`+quoted(string(e))+`}`, fmt.Sprintf(`{"Result":%t}`, result))
			}
		}
	}
	if n < 80 {
		t.Errorf("only %d examples", n)
	}
}

func FuzzCalls(f *testing.F) {
	for _, operation := range []string{"PutRule", "PutTargets", "PutEvents", "StartReplay", "TestEventPattern", "ListRules", "TagResource", "RotateTargetSecret", "x"} {
		f.Add(operation, `{"Name":"r","Rule":"r","Targets":[{"Id":"t","Arn":"nats:x"}],"Entries":[{"Source":"a","Time":1e9}],"Limit":5,"EventStartTime":1.5}`)
	}
	meta, err := sqlite.OpenMemory(context.Background())
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { meta.Close() })
	h := api.New(api.Config{
		Metadata: meta, Sealer: plainSealer{}, Region: "us-east-1", Router: &router{meta: meta}, Wake: func() {},
		Sign:      func(*http.Request) (registry.Actor, error) { return registry.Actor{Account: account}, nil },
		Authorize: func(context.Context, registry.Actor, registry.Action, string, map[string]string) error { return nil },
	})
	f.Fuzz(func(t *testing.T, operation, body string) {
		r := httptest.NewRequest(http.MethodPost, "/", bytes.NewReader([]byte(body)))
		r.Header["X-Amz-Target"] = []string{"AWSEvents." + operation}
		rec := httptest.NewRecorder()
		h.ServeHTTP(rec, r)
		b, _ := io.ReadAll(rec.Body)
		if rec.Code >= 500 || !json.Valid(b) {
			t.Errorf("%s %s: %d %s", operation, body, rec.Code, b)
		}
	})
}
