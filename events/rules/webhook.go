package rules

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// cloudEvents is the header by which a target asks for CloudEvents.
const cloudEvents = "Ce-Specversion"

// ownHeaders are not a target's to set.
var ownHeaders = map[string]bool{
	"Host": true, "Content-Length": true, "Transfer-Encoding": true, "Connection": true, "Trailer": true, "Te": true, "Upgrade": true,
	"Keep-Alive": true, "Proxy-Connection": true, "Proxy-Authorization": true, "Expect": true, "Content-Encoding": true,
}

const (
	// maxRedirects bounds how often a web hook may say that it is elsewhere.
	maxRedirects = 3
	// answerLimit is how much of an answer is read, in bytes, to use the
	// connection again.
	answerLimit = 64 << 10
	connectWait = 5 * time.Second
)

// newHTTPClient makes the client for web hooks. Addresses are judged by
// control once names are resolved, for redirects too.
func newHTTPClient(control func(network, address string, c syscall.RawConn) error, timeout time.Duration) *http.Client {
	dialer := &net.Dialer{Timeout: connectWait, Control: control}
	return &http.Client{
		Timeout: timeout,
		Transport: &http.Transport{
			DialContext: dialer.DialContext, TLSHandshakeTimeout: connectWait, ForceAttemptHTTP2: true,
			MaxIdleConns: 256, MaxIdleConnsPerHost: concurrency, IdleConnTimeout: time.Minute,
			MaxResponseHeaderBytes: 64 << 10, DisableCompression: true,
		},
		CheckRedirect: checkRedirect,
	}
}

var errRedirect = errors.New("it redirects in a way that does not keep the request; put the target with its final URL")

// checkRedirect follows what keeps method and body (RFC 9110, 307 and 308), not
// from https to http, and takes to another host nothing that was meant for the first.
func checkRedirect(r *http.Request, via []*http.Request) error {
	first := via[0]
	if len(via) > maxRedirects || r.Method != http.MethodPost || first.URL.Scheme == "https" && r.URL.Scheme != "https" {
		return errRedirect
	}
	if !strings.EqualFold(r.URL.Host, first.URL.Host) {
		for name := range r.Header {
			if name != "Content-Type" && name != "User-Agent" && !strings.HasPrefix(name, "Webhook-") && !strings.HasPrefix(name, "Ce-") {
				r.Header.Del(name)
			}
		}
	}
	return nil
}

// sign makes the signatures of Standard Webhooks 1.0 ("v1,", HMAC-SHA256 over
// id, timestamp and body).
func sign(secrets []Secret, id, timestamp string, body []byte) string {
	var all []string
	for _, s := range secrets {
		mac := hmac.New(sha256.New, s.bytes())
		fmt.Fprintf(mac, "%s.%s.", id, timestamp)
		mac.Write(body)
		all = append(all, "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	}
	return strings.Join(all, " ")
}

// post sends an event to a web hook. The error says nothing of the URL but its
// scheme and host, and nothing of what it answered but the status.
func (d *Dispatcher) post(ctx context.Context, t *destination, p parcel) error {
	ctx, cancel := context.WithTimeout(ctx, d.Timeout)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, t.url, strings.NewReader(string(p.data)))
	if err != nil {
		return &failure{reason: "the URL cannot be asked"}
	}
	r.Header.Set("User-Agent", d.UserAgent)
	r.Header.Set("Content-Type", "text/plain; charset=utf-8")
	if json.Valid(p.data) {
		r.Header.Set("Content-Type", "application/json")
	}
	for name, value := range t.header {
		r.Header[name] = value
	}
	if t.cloudEvents {
		cloudEventHeaders(r.Header, p.body)
	}
	now := d.Clock()
	timestamp := strconv.FormatInt(now.Unix(), 10)
	r.Header.Set("Webhook-Id", p.id)
	r.Header.Set("Webhook-Timestamp", timestamp)
	r.Header.Set("Webhook-Signature", sign(t.secrets(now), p.id, timestamp, p.data))
	res, err := d.client.Do(r)
	if err != nil {
		return &failure{reason: reasonOf(err), away: true}
	}
	defer res.Body.Close()
	// Reading on lets the connection be used again; what fails there does not matter.
	_, _ = io.Copy(io.Discard, io.LimitReader(res.Body, answerLimit))
	if res.StatusCode/100 == 2 {
		return nil
	}
	return &failure{
		reason: "it answered with status " + strconv.Itoa(res.StatusCode),
		away:   res.StatusCode/100 == 5 || res.StatusCode == http.StatusTooManyRequests || res.StatusCode == http.StatusRequestTimeout,
		gone:   res.StatusCode == http.StatusGone,
		after:  retryAfter(res.Header.Get("Retry-After"), now),
	}
}

// retryAfter reads seconds or a date (RFC 9110, 10.2.3).
func retryAfter(s string, now time.Time) time.Duration {
	if n, err := strconv.ParseUint(s, 10, 31); err == nil {
		return time.Duration(n) * time.Second
	}
	if at, err := http.ParseTime(s); err == nil {
		return max(0, at.Sub(now))
	}
	return 0
}

// reasonOf tells why a web hook could not be asked, without its URL.
func reasonOf(err error) string {
	var u *url.Error
	if errors.As(err, &u) {
		if u.Timeout() {
			return "it did not answer in time"
		}
		err = u.Err
	}
	return err.Error()
}

// cloudEventHeaders adds the attributes of the event as CloudEvents' HTTP
// binding has them in binary mode (CloudEvents 1.0.2, HTTP, 3.1).
func cloudEventHeaders(h http.Header, body []byte) {
	var e struct {
		ID, Source, Account, Time, Region string
		Type                              string `json:"detail-type"`
		Resources                         []string
	}
	if json.Unmarshal(body, &e) != nil { // it was made here
		return
	}
	h.Set(cloudEvents, "1.0")
	for name, value := range map[string]string{
		"Ce-Id": e.ID, "Ce-Source": e.Source, "Ce-Type": e.Type, "Ce-Time": e.Time, "Ce-Account": e.Account, "Ce-Region": e.Region,
	} {
		h.Set(name, headerValue(value))
	}
	if len(e.Resources) > 0 {
		h.Set("Ce-Subject", headerValue(e.Resources[0]))
	}
}

// headerValue percent-encodes what the binding says (3.1.3.2): all but printable
// ASCII, and space, double quote and percent.
func headerValue(s string) string {
	var b strings.Builder
	for i := range len(s) {
		if c := s[i]; c > ' ' && c < 0x7f && c != '"' && c != '%' {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}
