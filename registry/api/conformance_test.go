package api_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/codeartifact"
	"github.com/aws/smithy-go"

	"larder/policy/identity"
	"larder/registry"
)

// Conformance: one scenario of calls drives every operation, through the SDK
// for Go and through the aws command. The recorder holds each answer to the
// model; here each answer is held to what the scenario wants, and what the
// client made of it to what was sent.

// step is one call of the scenario.
type step struct {
	op string
	in string // JSON with the members of the model's input; $name stands for what was kept
	// want is JSON that the answer contains ("*" for any string that is not
	// empty), or "!Exception" and a part of its message.
	want string
	as   string // "" the administrator of the owner's account, "stranger" another account's
	keep string // "name=path of a member", for later steps
	with func(*testing.T, *world)
}

// client calls an operation with JSON and gives its answer as members, or its
// refusal as a smithy.APIError.
type client interface {
	call(t testing.TB, op, in string) (map[string]any, error)
}

func TestConformanceOfTheSDK(t *testing.T) {
	t.Parallel()
	w := openWorld(t, scenarioConfig)
	w.play(t, scenario(), map[string]client{"": sdkClient{w.sdk(w.admin)}, "stranger": sdkClient{w.sdk(w.stranger)}})
}

func TestConformanceOfTheAWSCommand(t *testing.T) {
	t.Parallel()
	w := openWorld(t, scenarioConfig)
	w.play(t, scenario(), map[string]client{"": cliClient{w.aws(t, w.admin)}, "stranger": cliClient{w.aws(t, w.stranger)}})
}

// play makes the calls, and then sees to it that every operation has succeeded
// and been refused in each way that it declares.
func (w *world) play(t *testing.T, steps []step, clients map[string]client) {
	kept := map[string]string{"url": w.url}
	for i, s := range steps {
		if s.with != nil {
			s.with(t, w)
		}
		if s.op == "" {
			continue
		}
		w.take(t, fmt.Sprintf("step %d, %s %s", i, s.op, s.in), s, clients[s.as], kept)
	}
	if w.log.model == nil {
		return
	}
	for op := range w.log.model.Operations {
		outcomes := w.log.outcomes(op)
		if !slices.Contains(outcomes, "ok") {
			t.Errorf("%s has not succeeded once", op)
		}
		for _, name := range w.log.model.errors(op) {
			switch have := slices.Contains(outcomes, name); {
			case name == "InternalServerException" || name == "ThrottlingException": // TestEveryDeclaredError
			case neverRefused[op+" "+name] != "" && have:
				t.Errorf("%s: %s can be provoked after all", op, name)
			case neverRefused[op+" "+name] == "" && !have:
				t.Errorf("%s has not been refused with %s; seen: %q", op, name, outcomes)
			}
		}
	}
}

var keptName = regexp.MustCompile(`\$[a-z]+[0-9]?`)

func (w *world) take(t *testing.T, at string, s step, c client, kept map[string]string) {
	t.Helper()
	fill := func(text string) string {
		return keptName.ReplaceAllStringFunc(text, func(name string) string {
			if v, ok := kept[name[1:]]; ok {
				return v
			}
			return name
		})
	}
	got, err := c.call(t, s.op, fill(s.in))
	exception, message, _ := strings.Cut(s.want, " ")
	refusal := strings.HasPrefix(s.want, "!")
	sent := w.log.lastExchange()
	if sent.operation != s.op {
		t.Errorf("%s: the server was asked for %q: %v", at, sent.operation, err)
		return
	}
	if refusal {
		var api smithy.APIError
		if !errors.As(err, &api) || "!"+api.ErrorCode() != exception || !strings.Contains(api.ErrorMessage(), fill(message)) {
			t.Errorf("%s:\ngot  %v\nwant %s", at, err, fill(s.want))
		}
		return
	}
	if err != nil {
		t.Errorf("%s: %v", at, err)
		return
	}
	members, err := sent.members()
	if err != nil {
		t.Errorf("%s: %v in %s", at, err, sent.body)
		return
	}
	want, err := decodeObject([]byte(fill(s.want)))
	if err != nil {
		t.Fatalf("%s: %v in %s", at, err, s.want)
	}
	if wrong := contains(members, want, ""); wrong != "" {
		t.Errorf("%s: %s\ngot  %s\nwant %s", at, wrong, sent.body, fill(s.want))
	}
	if wrong := same(members, got, ""); wrong != "" {
		t.Errorf("%s: the client took the answer for something else: %s\nsent %s\ngot  %v", at, wrong, sent.body, got)
	}
	if s.keep != "" {
		name, path, _ := strings.Cut(s.keep, "=")
		var v any = members
		for part := range strings.SplitSeq(path, "/") {
			m, _ := v.(map[string]any)
			v = m[part]
		}
		if kept[name] = fmt.Sprint(v); v == nil {
			t.Errorf("%s: the answer has no %s: %s", at, path, sent.body)
		}
	}
}

// contains says where got lacks what want has; lists are compared whole.
func contains(got, want any, at string) string {
	switch want := want.(type) {
	case map[string]any:
		m, ok := got.(map[string]any)
		if !ok {
			return at + " is no object"
		}
		for _, k := range slices.Sorted(maps.Keys(want)) {
			v, ok := m[k]
			if !ok {
				return at + "." + k + " is missing"
			}
			if wrong := contains(v, want[k], at+"."+k); wrong != "" {
				return wrong
			}
		}
		// An empty object means that nothing is there.
		if len(want) == 0 && len(m) > 0 && at != "" {
			return at + " is not empty"
		}
	case []any:
		l, ok := got.([]any)
		if !ok || len(l) != len(want) {
			return fmt.Sprintf("%s has not %d elements", at, len(want))
		}
		for i := range want {
			if wrong := contains(l[i], want[i], fmt.Sprintf("%s[%d]", at, i)); wrong != "" {
				return wrong
			}
		}
	default:
		if s, ok := got.(string); ok && want == "*" && s != "" {
			return ""
		}
		if _, ok := got.(json.Number); ok && want == "*" {
			return ""
		}
		if want == nil || got != want {
			return fmt.Sprintf("%s is %v, want %v", at, got, want)
		}
	}
	return ""
}

// same says where what a client shows differs from what was sent: names may
// differ in letter case, times in their notation.
func same(sent, shown any, at string) string {
	switch sent := sent.(type) {
	case map[string]any:
		m, ok := shown.(map[string]any)
		if !ok {
			return at + " is no object"
		}
		left := maps.Clone(m)
		for k, v := range sent {
			name := k
			for have := range m {
				if strings.EqualFold(have, k) {
					name = have
				}
			}
			if wrong := same(v, m[name], at+"."+k); wrong != "" {
				return wrong
			}
			delete(left, name)
		}
		for k, v := range left {
			if v != nil && k != "ResultMetadata" && !reflect.ValueOf(v).IsZero() {
				return fmt.Sprintf("%s.%s is %v, which was not sent", at, k, v)
			}
		}
	case []any:
		l, ok := shown.([]any)
		if !ok || len(l) != len(sent) {
			return at + " has another length"
		}
		for i := range sent {
			if wrong := same(sent[i], l[i], fmt.Sprintf("%s[%d]", at, i)); wrong != "" {
				return wrong
			}
		}
	case json.Number:
		if text, ok := shown.(string); ok {
			seconds, _ := sent.Float64()
			when, err := time.Parse(time.RFC3339Nano, text)
			if err != nil || when.UnixMilli() != int64(seconds*1000+0.5) {
				return fmt.Sprintf("%s is %s, %s was sent", at, text, sent)
			}
			return ""
		}
		number, _ := shown.(json.Number)
		a, _ := number.Float64()
		if b, _ := sent.Float64(); a != b {
			return fmt.Sprintf("%s is %v, %v was sent", at, shown, sent)
		}
	default:
		if sent != shown {
			return fmt.Sprintf("%s is %v, %v was sent", at, shown, sent)
		}
	}
	return ""
}

// withDigest adds the promise of the asset's content that an input lacks.
func withDigest(in map[string]any) {
	content, ok := in["assetContent"].(string)
	if ok && in["assetSHA256"] == nil {
		sum := sha256.Sum256([]byte(content))
		in["assetSHA256"] = hex.EncodeToString(sum[:])
	}
}

// sdkClient calls the methods of the SDK for Go. Its inputs have the members of
// the model, so JSON fills them.
type sdkClient struct{ client *codeartifact.Client }

func (c sdkClient) call(t testing.TB, op, in string) (map[string]any, error) {
	t.Helper()
	method := reflect.ValueOf(c.client).MethodByName(op)
	input := reflect.New(method.Type().In(1).Elem())
	members, err := decodeObject([]byte(in))
	check(t, err)
	withDigest(members)
	if content, ok := members["assetContent"].(string); ok {
		input.Elem().FieldByName("AssetContent").Set(reflect.ValueOf(io.Reader(strings.NewReader(content))))
		delete(members, "assetContent")
	}
	b, err := json.Marshal(members)
	check(t, err)
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(input.Interface()); err != nil {
		t.Fatalf("%s has no such input: %v", op, err)
	}
	out := method.Call([]reflect.Value{reflect.ValueOf(t.Context()), input})
	if err, ok := out[1].Interface().(error); ok {
		return nil, err
	}
	if got, ok := out[0].Interface().(*codeartifact.GetPackageVersionAssetOutput); ok {
		defer got.Asset.Close()
		content, err := io.ReadAll(got.Asset)
		check(t, err)
		return map[string]any{"asset": string(content), "assetName": *got.AssetName, "packageVersion": *got.PackageVersion, "packageVersionRevision": *got.PackageVersionRevision}, nil
	}
	b, err = json.Marshal(out[0].Interface())
	check(t, err)
	return decodeObject(b)
}

// cliClient runs the aws command.
type cliClient struct{ aws *command }

var kebab = regexp.MustCompile(`([a-z])([A-Z])`)

// refusalText is how the command tells an exception.
var refusalText = regexp.MustCompile(`(?s)An error occurred \((\w+)\) when calling the (\w+) operation(?: \(reached max retries: \d+\))?: (.*)`)

func (c cliClient) call(t testing.TB, op, in string) (map[string]any, error) {
	t.Helper()
	members, err := decodeObject([]byte(in))
	check(t, err)
	withDigest(members)
	args := []string{strings.ToLower(kebab.ReplaceAllString(op, "$1-$2")), "--output", "json", "--no-paginate"}
	for name, v := range members {
		flag := "--" + strings.ToLower(kebab.ReplaceAllString(name, "$1-$2"))
		switch v := v.(type) {
		case string:
			if name == "assetContent" {
				v = c.aws.file(t, "content", v)
			}
			args = append(args, flag+"="+v)
		case bool:
			if !v {
				flag = strings.Replace(flag, "--", "--no-", 1)
			}
			args = append(args, flag)
		default:
			b, err := json.Marshal(v)
			check(t, err)
			args = append(args, flag+"="+string(b))
		}
	}
	saved := filepath.Join(c.aws.dir, "saved")
	if op == "GetPackageVersionAsset" {
		args = append(args, saved)
	}
	out, err := c.aws.run(t, args...)
	if err != nil {
		if m := refusalText.FindStringSubmatch(err.Error()); m != nil && m[2] == op {
			return nil, &smithy.GenericAPIError{Code: m[1], Message: m[3]}
		}
		return nil, err
	}
	got, err := decodeObject([]byte(out))
	check(t, err)
	if op == "GetPackageVersionAsset" {
		content, err := os.ReadFile(saved)
		check(t, err)
		got["asset"] = string(content)
	}
	return got, nil
}

// Every exception that an operation declares reaches clients by its type, with
// the status and members of the model: here the core fails in each way.
func TestEveryDeclaredError(t *testing.T) {
	t.Parallel()
	m := theModel(t)
	w := newWorld(t)
	clients := map[string]client{"sdk": sdkClient{w.sdk(w.admin)}}
	if required() {
		clients["aws"] = cliClient{w.aws(t, w.admin)}
	}
	repo := registry.RepoID{Domain: local, Name: "main"}.Resource()
	failures := map[string]error{
		"AccessDeniedException":         registry.Errorf(registry.Denied, "it fails").About(repo),
		"InternalServerException":       fmt.Errorf("the disk is on fire"),
		"ThrottlingException":           registry.Errorf(registry.Throttled, "it fails"),
		"ValidationException":           registry.Errorf(registry.Invalid, "it fails"),
		"ResourceNotFoundException":     registry.Errorf(registry.NotFound, "it fails").About(repo),
		"ConflictException":             registry.Errorf(registry.Conflict, "it fails").About(repo),
		"ServiceQuotaExceededException": registry.Errorf(registry.Quota, "it fails").About(repo),
	}
	for name, c := range clients {
		for op, in := range wellFormed {
			for _, exception := range m.errors(op) {
				w.broken.err = failures[exception]
				_, err := c.call(t, op, in)
				w.broken.err = nil
				var api smithy.APIError
				if !errors.As(err, &api) || api.ErrorCode() != exception {
					t.Errorf("%s: %s is refused with %v, want %s", name, op, err, exception)
					continue
				}
				want := "it fails"
				if exception == "InternalServerException" {
					want = "internal error"
				}
				if api.ErrorMessage() != want && exception != "ResourceNotFoundException" { // which says what is not found
					t.Errorf("%s: %s says %q, want %q", name, op, api.ErrorMessage(), want)
				}
				if sent := w.log.lastExchange(); exception == "ThrottlingException" && sent.header.Get("Retry-After") != "1" {
					t.Errorf("%s does not say when to come back: %v", op, sent.header)
				}
				if name == "sdk" && !strings.Contains(fmt.Sprintf("%T", asTyped(err)), exception) {
					t.Errorf("%s: the SDK gives %T for %s", op, asTyped(err), exception)
				}
			}
		}
	}
	for op := range m.Operations {
		if wellFormed[op] == "" {
			t.Errorf("%s has no well formed call", op)
		}
	}
}

// asTyped gives the innermost API error, which has the SDK's own type.
func asTyped(err error) error {
	var api smithy.APIError
	errors.As(err, &api)
	return api
}

// Each operation refuses another account, what cannot be, and what is not there.
func TestEveryOperationIsGuarded(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	admin, stranger := sdkClient{w.sdk(w.admin)}, sdkClient{w.sdk(w.stranger)}
	refused := func(c client, op, in, want string) {
		t.Helper()
		_, err := c.call(t, op, in)
		var api smithy.APIError
		if !errors.As(err, &api) || api.ErrorCode() != want {
			t.Errorf("%s %s: got %v, want %s", op, in, err, want)
		}
	}
	for op, in := range wellFormed {
		action := registry.Action("codeartifact:" + op)
		w.denied.action = action
		refused(admin, op, in, "AccessDeniedException")
		w.denied.action = ""
		if strings.Contains(in, `"resourceArn"`) {
			refused(stranger, op, in, "AccessDeniedException")
			refused(admin, op, strings.Replace(in, "repository/local/main", "repository/nowhere/main", 1), "ResourceNotFoundException")
			refused(stranger, op, strings.Replace(in, "repository/local/main", "repository/nowhere/main", 1), "AccessDeniedException")
			continue
		}
		if !strings.Contains(in, `"domain"`) {
			continue
		}
		refused(admin, op, strings.Replace(in, `"local"`, `"No_Domain"`, 1), "ValidationException")
		if op == "CreateDomain" {
			continue
		}
		foreign := strings.Replace(in, "{", `{"domainOwner":"`+identity.FirstAccount+`",`, 1)
		refused(stranger, op, foreign, "AccessDeniedException")
		refused(stranger, op, strings.Replace(foreign, `"local"`, `"nowhere"`, 1), "AccessDeniedException")
		refused(admin, op, strings.Replace(in, `"local"`, `"nowhere"`, 1), "ResourceNotFoundException")
		// The caller's own account is meant unless another is said.
		refused(stranger, op, in, "ResourceNotFoundException")
		refused(admin, op, strings.Replace(in, "{", `{"domainOwner":"12",`, 1), "ValidationException")
	}
}
