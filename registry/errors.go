package registry

import (
	"errors"
	"fmt"
)

// Code classifies an error in the core's own words; edges map it to a status.
// The numbers are stable.
type Code int

const (
	Internal        Code = iota // something broke here: clients are told "internal error" only
	Invalid                     // the request cannot mean anything: 400
	Unauthenticated             // no or no valid credential: 401
	Denied                      // verified, but not allowed: 403
	NotFound                    // not there: 404
	Conflict                    // there already, or changed meanwhile: 409
	Quota                       // a limit of the account is reached: 402
	TooLarge                    // over a size limit: 413
	Throttled                   // too many requests: 429
	UpstreamFailed              // an upstream registry failed, which is not "not found": 502
	Unavailable                 // a part of this server is away for now: 503
)

// Error is the one error type that crosses the core's boundary. Msg is for the
// client: a sentence that says what is wrong and what to do. Err is for logs.
type Error struct {
	Code     Code
	Resource Resource // what it is about, where known
	Msg      string
	Err      error
}

func (e *Error) Error() string {
	switch {
	case e.Err == nil:
		return e.Msg
	case e.Msg == "":
		return e.Err.Error()
	}
	return e.Msg + ": " + e.Err.Error()
}

func (e *Error) Unwrap() error { return e.Err }

// Errorf makes an Error whose message is shown to clients. %w keeps a cause
// for errors.Is and the logs, but its text then stands in the message too.
func Errorf(code Code, format string, args ...any) *Error {
	err := fmt.Errorf(format, args...)
	return &Error{Code: code, Msg: err.Error(), Err: errors.Unwrap(err)}
}

// About returns the error with the resource it concerns.
func (e *Error) About(r Resource) *Error {
	c := *e
	c.Resource = r
	return &c
}

// CodeOf gives the code of err: Internal for one that is no *Error, and for nil too.
func CodeOf(err error) Code {
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	return Internal
}

// MessageOf gives what a client may be told of err.
func MessageOf(err error) string {
	var e *Error
	if errors.As(err, &e) && e.Code != Internal && e.Msg != "" {
		return e.Msg
	}
	return "internal error"
}

// DiskFull is the error of storage that has no room left.
func DiskFull(cause error) error {
	return &Error{Code: Unavailable, Msg: "this server has no disk space left, so nothing was changed; repeat when its administrator has made room", Err: cause}
}

// IsNotFound reports whether err says that something is not there.
func IsNotFound(err error) bool { return CodeOf(err) == NotFound }

// ErrLeadsNowhere is the cause of the NotFound that a Puller gives for a
// connection without a URL; its message says how to set one.
var ErrLeadsNowhere = errors.New("leads nowhere")

// ErrDamaged is the cause of an error of Blobs, and of what it opened, whose bytes
// are there and are not those of the digest.
var ErrDamaged = errors.New("the bytes are damaged")

// ErrNotModified is what a Getter answers when the kept listing still holds.
var ErrNotModified = errors.New("not modified")
