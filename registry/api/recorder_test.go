package api_test

import (
	"bytes"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"larder/registry/api"
)

// recorder stands before the control plane, keeps what was answered, and holds
// every answer of every test to the API's model.
type recorder struct {
	next  http.Handler
	t     testing.TB
	model *model // nil: not on this machine

	going sync.RWMutex // held by the exchanges that are going on

	mu   sync.Mutex
	last exchange
	seen map[string]map[string]int // operation to "ok" or exception to times
	made []string                  // operations in order
}

// exchange is one answer.
type exchange struct {
	operation string
	status    int
	exception string
	header    http.Header
	body      []byte // not of an asset that is large
}

// keptBody bounds what is kept of an answer.
const keptBody = 8 << 20

func newRecorder(t testing.TB, next http.Handler) *recorder {
	m, _ := readModel()
	return &recorder{next: next, t: t, model: m, seen: map[string]map[string]int{}}
}

func operationOf(r *http.Request) string {
	for _, row := range api.Table() {
		if row.Method == r.Method && row.Path == r.URL.Path {
			return row.Name
		}
	}
	return ""
}

func (rec *recorder) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	rec.going.RLock()
	defer rec.going.RUnlock()
	e := exchange{operation: operationOf(r), status: http.StatusOK}
	keep := &keeper{ResponseWriter: w, of: &e}
	rec.next.ServeHTTP(keep, r)
	e.header = w.Header().Clone()
	e.body = keep.kept.Bytes()
	if e.status >= 300 {
		e.exception = e.header.Get("x-amzn-ErrorType")
	}
	rec.check(e)
	rec.mu.Lock()
	defer rec.mu.Unlock()
	rec.last = e
	rec.made = append(rec.made, e.operation)
	if rec.seen[e.operation] == nil {
		rec.seen[e.operation] = map[string]int{}
	}
	if e.exception != "" {
		rec.seen[e.operation][e.exception]++
	} else {
		rec.seen[e.operation]["ok"]++
	}
}

// undeclared are AWS's names that no operation declares: refused signatures, and
// requests for no operation (spec 2.2).
var undeclared = []string{"MissingAuthenticationTokenException", "IncompleteSignatureException", "InvalidSignatureException",
	"UnrecognizedClientException", "ExpiredTokenException", "UnknownOperationException"}

// check fails the test for an answer that the model does not allow.
func (rec *recorder) check(e exchange) {
	if e.header.Get("Content-Type") == "" && e.status != http.StatusNotModified {
		rec.t.Errorf("%s: the answer has no Content-Type", e.operation)
	}
	if rec.model == nil || strings.HasPrefix(e.operation, "ListConnections") || strings.HasPrefix(e.operation, "PutConnection") {
		return
	}
	var wrong []string
	switch {
	case slices.Contains(undeclared, e.exception):
		if e.status != http.StatusForbidden && e.exception != "UnknownOperationException" {
			wrong = []string{e.exception + " is not answered with 403"}
		}
	case e.operation == "DeleteDomain" && e.exception == "ResourceNotFoundException":
		// Not declared, and yet what clients take for "gone" (design.md section 2).
	case e.exception != "":
		wrong = rec.model.checkError(e.operation, e.exception, e.status, e.body)
	case e.status == http.StatusOK:
		wrong = rec.model.checkOutput(e.operation, e.header.Get, e.body)
	case e.operation != "GetPackageVersionAsset": // which has ranges and conditions
		wrong = []string{"a success has status 200"}
	}
	for _, w := range wrong {
		rec.t.Errorf("%s: %s\nin %s", e.operation, w, e.body)
	}
}

// lastExchange waits for those that are going on: who has an answer whole may be
// earlier here than the server is done with it.
func (rec *recorder) lastExchange() exchange {
	rec.going.Lock()
	defer rec.going.Unlock()
	rec.mu.Lock()
	defer rec.mu.Unlock()
	return rec.last
}

// operations gives those that were called since the last time.
func (rec *recorder) operations() []string {
	rec.mu.Lock()
	defer rec.mu.Unlock()
	made := rec.made
	rec.made = nil
	return made
}

// outcomes gives what an operation has answered so far.
func (rec *recorder) outcomes(operation string) []string {
	rec.mu.Lock()
	defer rec.mu.Unlock()
	return slices.Sorted(maps.Keys(rec.seen[operation]))
}

// members gives a successful answer as the members that clients show: headers
// and raw bytes by the names that the model has for them.
func (e exchange) members() (map[string]any, error) {
	if e.operation == "GetPackageVersionAsset" {
		return map[string]any{
			"asset": string(e.body), "assetName": e.header.Get("X-AssetName"),
			"packageVersion": e.header.Get("X-PackageVersion"), "packageVersionRevision": e.header.Get("X-PackageVersionRevision"),
		}, nil
	}
	return decodeObject(e.body)
}

func decodeObject(b []byte) (map[string]any, error) {
	members := map[string]any{}
	if len(bytes.TrimSpace(b)) == 0 {
		return members, nil
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	return members, d.Decode(&members)
}

type keeper struct {
	http.ResponseWriter
	of   *exchange
	kept bytes.Buffer
}

func (k *keeper) WriteHeader(status int) {
	k.of.status = status
	k.ResponseWriter.WriteHeader(status)
}

func (k *keeper) Write(b []byte) (int, error) {
	k.kept.Write(b[:min(len(b), keptBody-k.kept.Len())])
	return k.ResponseWriter.Write(b)
}

func (k *keeper) Unwrap() http.ResponseWriter { return k.ResponseWriter }

var _ io.Writer = (*keeper)(nil)
