package cluster

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"sync/atomic"
	"testing"

	"larder/bench/process"
	"larder/e2e/harness"
)

// BenchmarkProcesses measures requests of eight clients side by side: of one
// process with everything inside, of one with PostgreSQL and S3, and of three
// that share these. Compare within one run only.
func BenchmarkProcesses(b *testing.B) {
	harness.EndToEnd(b)
	for _, c := range []struct {
		name  string
		start func(b *testing.B) []*larder
	}{
		{"embedded", func(b *testing.B) []*larder {
			l := &larder{Server: process.Server{Binary: harness.Binary, Data: filepath.Join(b.TempDir(), "data")}}
			l.start(b)
			l.url = l.running.URL
			b.Cleanup(func() { l.kill(b) })
			return []*larder{l}
		}},
		{"one on PostgreSQL and S3", func(b *testing.B) []*larder { return newWorld(b, 1).larders }},
		{"three on PostgreSQL and S3", func(b *testing.B) []*larder { return newWorld(b, 3).larders }},
	} {
		b.Run(c.name, func(b *testing.B) { benchmark(b, c.start(b)) })
	}
}

func benchmark(b *testing.B, larders []*larder) {
	token, err := larders[0].Token()
	fatal(b, err)
	l := newLoad(larders, token)
	l.http.Transport = &http.Transport{MaxIdleConnsPerHost: 16}
	defer l.http.CloseIdleConnections()
	content := bytes.Repeat([]byte("0123456789"), 10_000)
	release := func(name, version string) process.Release {
		return process.Release{Name: name, Version: version, Tarball: func() io.Reader { return bytes.NewReader(content) }}
	}
	publish := func(server string, r process.Release) {
		body, err := r.Body()
		fatal(b, err)
		if status, said, ok := l.do(http.MethodPut, server, r.Name, body); !ok || status >= 300 {
			b.Errorf("publish: %d %s", status, said)
		}
	}
	for n := range 50 {
		publish(larders[0].url, release("read", fmt.Sprintf("1.0.%d", n)))
	}
	var turn atomic.Int64
	next := func() (int64, string) {
		n := turn.Add(1)
		return n, larders[n%int64(len(larders))].url
	}
	get := func(path string) func() {
		return func() {
			_, server := next()
			if status, said, ok := l.do(http.MethodGet, server, path, nil); !ok || status != http.StatusOK {
				b.Errorf("%s: %d %s", path, status, said)
			}
		}
	}
	for _, c := range []struct {
		name string
		do   func()
	}{
		{"document", get("read")},
		{"tarball of 100 KB", get("read/-/read-1.0.7.tgz")},
		{"publish", func() {
			n, server := next()
			publish(server, release(fmt.Sprint("p", n), "1.0.0"))
		}},
	} {
		b.Run(c.name, func(b *testing.B) {
			for range 2 * len(larders) {
				c.do()
			}
			b.SetParallelism(4) // times two cores
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					c.do()
				}
			})
		})
	}
}
