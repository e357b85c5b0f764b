package rules_test

import (
	"errors"
	"net/url"
	"strings"
	"testing"

	"larder/events/rules"
	"larder/registry"
)

func TestTargetsThatCannotBeDeliveredToAreRefused(t *testing.T) {
	headers := func(name, value string) *rules.HTTPParameters {
		return &rules.HTTPParameters{Headers: map[string]string{name: value}}
	}
	n := func(i int) *int { return &i }
	hook := "https://ci.example.com/hook"
	policy := rules.Policy{CheckHost: func(u *url.URL) error {
		if strings.HasPrefix(u.Hostname(), "10.") {
			return errors.New("private")
		}
		return nil
	}}
	tests := map[string]struct {
		target rules.Target
		good   bool
	}{
		"a subject":                     {rules.Target{ARN: "nats:ci.rebuild"}, true},
		"a subject of letters":          {rules.Target{ARN: "nats:bücher"}, true},
		"a web hook":                    {rules.Target{ARN: hook}, true},
		"a web hook with a secret":      {rules.Target{ARN: "https://user:pass@ci.example.com:8443/a?b=c"}, true},
		"a constant":                    {rules.Target{ARN: hook, Input: `{"a":1}`}, true},
		"a part":                        {rules.Target{ARN: hook, InputPath: "$.detail.changes"}, true},
		"parts":                         {rules.Target{ARN: hook, Transformer: &rules.InputTransformer{Paths: map[string]string{"a": "$.resources[0]"}, Template: `"<a> <aws.events.rule-name>"`}}, true},
		"what looks like a variable":    {rules.Target{ARN: hook, Transformer: &rules.InputTransformer{Template: `"1 < 2 > 0"`}}, true},
		"headers":                       {rules.Target{ARN: hook, HTTP: headers("Authorization", "Bearer x")}, true},
		"CloudEvents":                   {rules.Target{ARN: hook, HTTP: headers("ce-specversion", "1.0")}, true},
		"a dead letter":                 {rules.Target{ARN: hook, DeadLetter: &rules.DeadLetter{ARN: "nats:dead"}}, true},
		"limits":                        {rules.Target{ARN: hook, Retry: &rules.RetryPolicy{Attempts: n(0), Age: n(60)}}, true},
		"nothing":                       {rules.Target{}, false},
		"a function":                    {rules.Target{ARN: "arn:aws:lambda:us-east-1:111111111111:function:x"}, false},
		"no host":                       {rules.Target{ARN: "https:///hook"}, false},
		"a fragment":                    {rules.Target{ARN: hook + "#x"}, false},
		"plain HTTP":                    {rules.Target{ARN: "http://ci.example.com/"}, false},
		"a private address":             {rules.Target{ARN: "https://10.0.0.1/"}, false},
		"no URL":                        {rules.Target{ARN: "https://ci example"}, false},
		"too long":                      {rules.Target{ARN: hook + strings.Repeat("a", 1600)}, false},
		"no subject":                    {rules.Target{ARN: "nats:"}, false},
		"a wildcard":                    {rules.Target{ARN: "nats:ci.>"}, false},
		"another wildcard":              {rules.Target{ARN: "nats:ci.*.x"}, false},
		"an empty token":                {rules.Target{ARN: "nats:ci..x"}, false},
		"a space":                       {rules.Target{ARN: "nats:ci x"}, false},
		"a line feed":                   {rules.Target{ARN: "nats:ci\r\nPUB x"}, false},
		"events":                        {rules.Target{ARN: "nats:larder.events.111111111111.x"}, false},
		"the API of JetStream":          {rules.Target{ARN: "nats:$JS.API.STREAM.DELETE.LARDER_EVENTS"}, false},
		"an inbox":                      {rules.Target{ARN: "nats:_INBOX.x"}, false},
		"two inputs":                    {rules.Target{ARN: hook, Input: `{}`, InputPath: "$"}, false},
		"a constant that is no JSON":    {rules.Target{ARN: hook, Input: `{`}, false},
		"no path":                       {rules.Target{ARN: hook, InputPath: "detail"}, false},
		"a path with a filter":          {rules.Target{ARN: hook, InputPath: "$.a[?(@.b)]"}, false},
		"a path with a star":            {rules.Target{ARN: hook, InputPath: "$.a.*"}, false},
		"a deep scan":                   {rules.Target{ARN: hook, InputPath: "$..a"}, false},
		"a variable that is none":       {rules.Target{ARN: hook, Transformer: &rules.InputTransformer{Template: `"<a>"`}}, false},
		"a predefined name":             {rules.Target{ARN: hook, Transformer: &rules.InputTransformer{Paths: map[string]string{"aws.x": "$"}, Template: `"x"`}}, false},
		"an empty template":             {rules.Target{ARN: hook, Transformer: &rules.InputTransformer{}}, false},
		"headers of a subject":          {rules.Target{ARN: "nats:ci", HTTP: headers("A", "b")}, false},
		"a header of ours":              {rules.Target{ARN: hook, HTTP: headers("webhook-signature", "x")}, false},
		"a header of the connection":    {rules.Target{ARN: hook, HTTP: headers("content-length", "1")}, false},
		"a header that splits":          {rules.Target{ARN: hook, HTTP: headers("A", "b\r\nC: d")}, false},
		"a header without name":         {rules.Target{ARN: hook, HTTP: headers("", "b")}, false},
		"other CloudEvents":             {rules.Target{ARN: hook, HTTP: headers("ce-specversion", "0.3")}, false},
		"path parameters":               {rules.Target{ARN: hook, HTTP: &rules.HTTPParameters{PathValues: []string{"a"}}}, false},
		"a dead letter by mail":         {rules.Target{ARN: hook, DeadLetter: &rules.DeadLetter{ARN: "mailto:x"}}, false},
		"a dead letter among the inner": {rules.Target{ARN: hook, DeadLetter: &rules.DeadLetter{ARN: "nats:$SYS.x"}}, false},
		"too many tries":                {rules.Target{ARN: hook, Retry: &rules.RetryPolicy{Attempts: n(186)}}, false},
		"too short a time":              {rules.Target{ARN: hook, Retry: &rules.RetryPolicy{Age: n(59)}}, false},
		"too long a time":               {rules.Target{ARN: hook, Retry: &rules.RetryPolicy{Age: n(86401)}}, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			tt.target.ID = "t"
			err := tt.target.Check(policy)
			if (err == nil) != tt.good {
				t.Fatalf("error %v, want none: %t", err, tt.good)
			}
			if err != nil && (registry.CodeOf(err) != registry.Invalid || strings.Contains(err.Error(), "pass")) {
				t.Errorf("error %v", err)
			}
		})
	}
	for _, arn := range []string{"http://10.0.0.1/", "https://127.0.0.1/"} {
		private := rules.Target{ID: "t", ARN: arn}
		if err := private.Check(rules.Policy{Private: true, CheckHost: policy.CheckHost}); err != nil {
			t.Errorf("%s, with private targets allowed: %v", arn, err)
		}
	}
}

func TestSecrets(t *testing.T) {
	if s := rules.NewSecret(); s == rules.NewSecret() {
		t.Error("two secrets are the same")
	} else if _, err := rules.ParseSecret(string(s)); err != nil {
		t.Error(err)
	}
	for _, s := range []string{"", "whsec_", "whsec_AAAA", "secret", strings.TrimPrefix(string(secret), "whsec_"), "whsec_" + strings.Repeat("A", 200), "whsec_!"} {
		if _, err := rules.ParseSecret(s); registry.CodeOf(err) != registry.Invalid {
			t.Errorf("%q: %v", s, err)
		}
	}
}

func TestASealedTargetOpensAtItsPlaceAlone(t *testing.T) {
	row, err := rules.Seal(plainSealer{}, account, "r", rules.Sealed{Target: rules.Target{ID: "t", ARN: "nats:x"}})
	if err != nil {
		t.Fatal(err)
	}
	if v, err := rules.Open(plainSealer{}, row); err != nil || v.Target.ARN != "nats:x" {
		t.Errorf("%+v, %v", v, err)
	}
	row.Rule = "s"
	if _, err := rules.Open(plainSealer{}, row); err == nil {
		t.Error("it opens for another rule")
	}
}
