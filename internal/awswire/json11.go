package awswire

import (
	"encoding/json"
	"net/http"
	"strings"

	"larder/registry"
)

const json11 = "application/x-amz-json-1.1"

// Target gives the service and the operation that a request of the AWS JSON
// protocol names in X-Amz-Target ("AWSOrganizationsV20161128.ListAccounts").
func Target(r *http.Request) (service, operation string, ok bool) {
	target := r.Header.Get("X-Amz-Target")
	i := strings.LastIndexByte(target, '.')
	if i <= 0 || i == len(target)-1 {
		return "", "", false
	}
	return target[:i], target[i+1:], true
}

// DecodeJSON reads one JSON object, or nothing, into a struct. Invalid says
// what is wrong.
func DecodeJSON(body []byte, into any) error { return readJSON(strings.NewReader(string(body)), into) }

// WriteJSON11 answers 200 as AWS JSON 1.1; a nil v is an empty object.
func WriteJSON11(w http.ResponseWriter, v any) error {
	b := []byte("{}")
	if v != nil {
		var err error
		if b, err = json.Marshal(v); err != nil {
			return err
		}
	}
	SetRequestID(w)
	writeAs(w, http.StatusOK, json11, b)
	return nil
}

// WriteJSON11Error answers with err as AWS JSON 1.1: the name stands in the body.
func WriteJSON11Error(w http.ResponseWriter, err error) {
	e := ExceptionOf(err)
	if e.Status == http.StatusNotFound || e.Status == http.StatusForbidden || e.Status == http.StatusConflict {
		e.Status = http.StatusBadRequest // this protocol has one status for the client's errors
	}
	b, failed := json.Marshal(struct {
		Type    string `json:"__type"`
		Message string `json:"Message"`
		Lower   string `json:"message"`
	}{e.Name, registry.MessageOf(err), registry.MessageOf(err)})
	if failed != nil { // strings always marshal
		b = []byte(`{"__type":"InternalServerException"}`)
	}
	SetRequestID(w)
	w.Header().Set("X-Amzn-Errortype", e.Name)
	writeAs(w, e.Status, json11, b)
}
