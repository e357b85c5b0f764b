package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
)

// wire asks repositories as package clients do, with a token. Safe for
// concurrent use.
type wire struct {
	session *session
	client  *http.Client
	token   string
	check   bool
	// knows: the server takes "only-if-cached" at its word, as Larder does.
	knows bool
	slots chan struct{} // one for each request under way

	mu         sync.Mutex
	remembered map[string]func() (string, error)
}

const (
	wireTries = 4
	wireWait  = 500 * time.Millisecond // before the second try; twice as long before each further one
	wireLong  = 30 * time.Second       // as long as a server may ask to wait
	keepLimit = 4 << 20                // bytes of a file that is kept
	sayLimit  = 4 << 10                // bytes of a refusal that are read
)

func newWire(ctx context.Context, s *session, jobs int, check bool) (*wire, error) {
	token, err := s.token(ctx, s.client, duration(12*time.Hour))
	if err != nil {
		return nil, err
	}
	return &wire{
		session: s, token: aws.ToString(token.AuthorizationToken), check: check, knows: s.URL != "",
		client: &http.Client{Transport: wireTransport(s)}, slots: make(chan struct{}, jobs), remembered: map[string]func() (string, error){},
	}, nil
}

// wireTransport is the transport that leads to the server, whose client may
// follow no redirects.
func wireTransport(s *session) http.RoundTripper {
	switch c := s.httpClient().(type) {
	case *http.Client:
		return c.Transport
	case *awshttp.BuildableClient:
		return c.GetTransport()
	}
	return nil
}

// remember finds something out once in a run.
func (w *wire) remember(what string, find func() (string, error)) (string, error) {
	w.mu.Lock()
	f, ok := w.remembered[what]
	if !ok {
		f = sync.OnceValues(find)
		w.remembered[what] = f
	}
	w.mu.Unlock()
	return f()
}

// address is the URL of a path below the repository, given in segments.
func (w *wire) address(ctx context.Context, format string, segments ...string) (string, error) {
	base, err := w.remember("endpoint "+format, func() (string, error) {
		out, err := w.session.endpoint(ctx, w.session.client, format)
		if err != nil {
			return "", err
		}
		return aws.ToString(out.RepositoryEndpoint), nil
	})
	if err != nil {
		return "", err
	}
	return below(base, segments...)
}

// below adds segments to a URL.
func below(base string, segments ...string) (string, error) {
	for i, s := range segments {
		if s == "." || s == ".." || s == "" && i < len(segments)-1 {
			return "", fmt.Errorf("%q cannot stand in a URL", s)
		}
		segments[i] = url.PathEscape(s)
	}
	return strings.TrimSuffix(base, "/") + "/" + strings.Join(segments, "/"), nil
}

// within gives the URL that a document of the repository names, if it leads to
// the same server: no other is given the token.
func within(document, ref string) (string, error) {
	base, err := url.Parse(document)
	if err != nil {
		return "", err
	}
	u, err := base.Parse(ref)
	if err != nil || u.Scheme != base.Scheme || u.Host != base.Host {
		return "", fmt.Errorf("the repository names %q, which is not on its own server", ref)
	}
	u.Fragment = ""
	return u.String(), nil
}

// refusal is an answer other than success.
type refusal struct {
	status int
	reason string
}

func (r *refusal) Error() string { return r.reason }

// errOver ends a run: no further request would do better.
var errOver = errors.New("over")

// ask sends a request and has the answer read; a try that breaks off or meets a
// server that is busy is made again. onlyHeld wants nothing fetched from
// upstream. What is no success is a *refusal.
func (w *wire) ask(ctx context.Context, method, address string, onlyHeld bool, header http.Header, read func(*http.Response) error) error {
	select {
	case w.slots <- struct{}{}:
		defer func() { <-w.slots }()
	case <-ctx.Done():
		return ctx.Err()
	}
	wait := wireWait
	for try := 1; ; try++ {
		after, err := w.try(ctx, method, address, onlyHeld, header, read)
		var said *refusal
		var op *net.OpError
		switch {
		case after < 0, ctx.Err() != nil, errors.As(err, &said) && said.status == http.StatusBadGateway && try > 1:
			return err
		case try == wireTries && errors.As(err, &op) && op.Op == "dial":
			return fmt.Errorf("%w: %w", errOver, err) // nobody listens there
		case try == wireTries:
			return err
		}
		select {
		case <-time.After(max(wait, after)):
		case <-ctx.Done():
			return ctx.Err()
		}
		wait *= 2
	}
}

// try asks once. after is how long to wait before the next try, negative where
// that would not help.
func (w *wire) try(ctx context.Context, method, address string, onlyHeld bool, header http.Header, read func(*http.Response) error) (after time.Duration, err error) {
	const never = -1
	r, err := http.NewRequestWithContext(ctx, method, address, nil)
	if err != nil {
		return never, fmt.Errorf("%q is no URL that can be asked for", address)
	}
	for name, values := range header {
		r.Header[name] = values
	}
	r.SetBasicAuth("aws", w.token)
	if r.Header.Get("Accept") == "" {
		r.Header.Set("Accept-Encoding", "identity") // a file, as it is
	}
	if onlyHeld {
		r.Header.Set("Cache-Control", "only-if-cached")
	}
	res, err := w.client.Do(r)
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	if res.StatusCode/100 == 2 {
		var broken *brokenOff
		err = read(res)
		if errors.As(err, &broken) {
			return 0, err
		}
		return never, err
	}
	said := &refusal{res.StatusCode, reasonOf(res)}
	switch res.StatusCode {
	case http.StatusUnauthorized:
		return never, fmt.Errorf("%w: the server does not take the token any more: %s", errOver, said.reason)
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable:
		seconds, _ := strconv.Atoi(res.Header.Get("Retry-After"))
		return min(time.Duration(max(seconds, 0))*time.Second, wireLong), said
	}
	return never, said
}

// brokenOff is the error of an answer that ended early.
type brokenOff struct{ err error }

func (b *brokenOff) Error() string { return "the answer broke off: " + b.err.Error() }
func (b *brokenOff) Unwrap() error { return b.err }

// reasonOf is the sentence that a client would print.
func reasonOf(res *http.Response) string {
	body, _ := io.ReadAll(io.LimitReader(res.Body, sayLimit))
	var said struct{ Error, Message string }
	text := string(bytes.ToValidUTF8(body, nil))
	if json.Unmarshal(body, &said) == nil {
		text = firstOf(said.Error, said.Message, text)
	}
	if strings.HasPrefix(strings.TrimSpace(text), "<") { // a page of some proxy
		text = ""
	}
	return firstOf(strings.Join(strings.Fields(text), " "), res.Status)
}

// document gets a small document of the repository.
func (w *wire) document(ctx context.Context, address, accept string) ([]byte, error) {
	var body []byte
	err := w.ask(ctx, http.MethodGet, address, false, http.Header{"Accept": {accept}}, func(res *http.Response) error {
		var err error
		if body, err = readLimited(res.Body, 256<<20); err != nil {
			return &brokenOff{err}
		}
		return nil
	})
	return body, err
}
