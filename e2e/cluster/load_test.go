package cluster

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"larder/bench/process"
)

const (
	publishers = 4
	readers    = 4
	// answerTime bounds one request: whoever is away must be noticed by then.
	answerTime = 40 * time.Second
)

// load is clients that publish and install all the time, each request at any of
// the servers.
type load struct {
	servers []string // URLs
	token   string
	http    *http.Client
	stop    context.CancelFunc
	wait    sync.WaitGroup

	serial, published, read, unavailable, unanswered atomic.Int64

	refusal atomic.Value // string: the newest 503

	mu     sync.Mutex
	done   []process.Release // acknowledged
	bytes  map[string][]byte // by package
	broken []string          // answers that no server may give
}

// newLoad gives clients of the servers, which trust the certificate of nginx.
func (w *world) newLoad(token string, servers ...string) *load {
	transport := w.nginx.Client.Transport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = 16
	return &load{servers: servers, token: token, http: &http.Client{Transport: transport, Timeout: answerTime}, bytes: map[string][]byte{}}
}

// all are the processes and nginx before them.
func (w *world) all() []string {
	servers := []string{w.nginx.URL}
	for _, l := range w.larders {
		servers = append(servers, l.url)
	}
	return servers
}

func (l *load) start(ctx context.Context) {
	ctx, l.stop = context.WithCancel(ctx)
	for range publishers {
		l.wait.Go(func() {
			for ctx.Err() == nil {
				l.publish(ctx)
			}
		})
	}
	for range readers {
		l.wait.Go(func() {
			for ctx.Err() == nil {
				l.install(ctx)
			}
		})
	}
}

// end stops the clients and gives what went wrong.
func (l *load) end() []string {
	l.stop()
	l.wait.Wait()
	l.http.CloseIdleConnections()
	return l.broken
}

func (l *load) fail(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.broken) < 20 {
		l.broken = append(l.broken, fmt.Sprintf(format, args...))
	}
}

// publish publishes a new package, trying until some process acknowledges it.
func (l *load) publish(ctx context.Context) {
	n := l.serial.Add(1)
	content := bytes.Repeat(fmt.Appendf(nil, "package %d ", n), 1+rand.IntN(40_000))
	r := process.Release{
		Name: fmt.Sprint("p", n), Version: "1.0.0",
		Tarball: func() io.Reader { return bytes.NewReader(content) },
	}
	l.mu.Lock()
	l.bytes[r.Name] = content
	l.mu.Unlock()
	unclear := false
	for try := rand.IntN(len(l.servers)); ; try++ {
		body, err := r.Body()
		if err != nil {
			l.fail("%v", err)
			return
		}
		status, said, ok := l.do(http.MethodPut, l.servers[try%len(l.servers)], r.Name, body)
		switch {
		case status == http.StatusOK, status == http.StatusCreated, status == http.StatusConflict && unclear:
			l.mu.Lock()
			l.done = append(l.done, r)
			l.mu.Unlock()
			l.published.Add(1)
			return
		case status == http.StatusServiceUnavailable, !ok:
			unclear = true // it may have been done though nobody said so
		default:
			l.fail("publish %s: %d %s", r.Name, status, said)
			return
		}
		if ctx.Err() != nil {
			return
		}
	}
}

// install reads an acknowledged package from any process.
func (l *load) install(ctx context.Context) {
	l.mu.Lock()
	n := len(l.done)
	if n == 0 {
		l.mu.Unlock()
		return
	}
	r := l.done[rand.IntN(n)]
	content := l.bytes[r.Name]
	l.mu.Unlock()
	l.verify(l.servers[rand.IntN(len(l.servers))], r, content, false)
}

// verify reads document and tarball of a package. With must, there is no excuse.
func (l *load) verify(server string, r process.Release, content []byte, must bool) {
	for _, path := range []string{r.Name, r.Name + "/-/" + r.FileName()} {
		status, said, ok := l.do(http.MethodGet, server, path, nil)
		switch {
		case !must && (!ok || status == http.StatusServiceUnavailable):
			return
		case status != http.StatusOK:
			l.fail("%s from %s: %d %s", path, server, status, said)
		case path == r.Name && !strings.Contains(said, `"1.0.0"`):
			l.fail("%s from %s: the document lacks the version: %s", path, server, said)
		case path != r.Name && said != string(content):
			l.fail("%s from %s: %d bytes, want %d", path, server, len(said), len(content))
		default:
			l.read.Add(1)
		}
	}
}

// do asks a repository; ok is false where there was no whole answer.
func (l *load) do(method, server, path string, body io.Reader) (status int, said string, ok bool) {
	request, err := http.NewRequest(method, server+"/npm/d/local-000000000000/main/"+path, body)
	if err != nil {
		l.fail("%v", err)
		return 0, "", false
	}
	request.Header.Set("Authorization", "Bearer "+l.token)
	request.Header.Set("Content-Type", "application/json")
	answer, err := l.http.Do(request)
	if err != nil {
		l.unanswered.Add(1)
		return 0, err.Error(), false
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		l.unanswered.Add(1)
		return 0, err.Error(), false
	}
	if answer.StatusCode == http.StatusServiceUnavailable {
		l.unavailable.Add(1)
		l.refusal.Store(fmt.Sprintf("%s %s: %s", method, path, text))
		if answer.Header.Get("Retry-After") == "" {
			l.fail("%s %s: 503 without Retry-After: %s", method, path, text)
		}
	}
	return answer.StatusCode, string(text), true
}
