package cluster

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"larder/bench/process"
	"larder/e2e/harness"
	"larder/internal/freeport"
	"larder/internal/pgtest"
	"larder/internal/s3test"
)

const bucket = "larder"

// world is processes and what they share.
type world struct {
	postgres *pgtest.Cluster
	s3       *s3test.Server
	nats     *natsServer
	larders  []*larder
}

// larder is one process, which may be dead.
type larder struct {
	process.Server
	url     string
	running *process.Running
}

// newWorld starts that many processes and what they share.
func newWorld(t testing.TB, processes int) *world {
	t.Helper()
	w := &world{postgres: pgtest.Require(t), nats: newNATS(t)}
	var err error
	w.s3, err = s3test.Start(bucket)
	if errors.Is(err, s3test.ErrMissing) {
		harness.Absent(t, "the S3 server of e2e/cluster/install-servers.sh")
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.s3.Remove(); err != nil {
			t.Error(err)
		}
	})
	dir := t.TempDir()
	key := filepath.Join(dir, "master.key")
	for i := range processes {
		address, err := freeport.Address()
		if err != nil {
			t.Fatal(err)
		}
		args := []string{
			"--listen", address, "--master-key", key, "--metadata", w.postgres.URL(),
			"--blobs", w.s3.URL(bucket+"/packages", "cache=64MiB"), "--nats", w.nats.url(),
		}
		w.larders = append(w.larders, &larder{
			Server: process.Server{Binary: harness.Binary, Data: filepath.Join(dir, fmt.Sprint("larder", i)), Args: args},
			url:    "http://" + address,
		})
	}
	if err := os.WriteFile(key, []byte("bGFyZGVyIGxhcmRlciBsYXJkZXIgbGFyZGVyIGxhcmQ=\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for _, l := range w.larders {
			if l.running != nil {
				if err := l.running.Kill(); err != nil {
					t.Error(err)
				}
			}
			if t.Failed() {
				text, _ := os.ReadFile(l.Data + ".log")
				t.Logf("log of %s:\n%s", l.url, tail(text))
			}
		}
	})
	for _, l := range w.larders {
		l.start(t)
	}
	return w
}

func tail(text []byte) []byte { return text[max(0, len(text)-6000):] }

func (l *larder) start(t testing.TB) {
	t.Helper()
	r, err := l.Start()
	if err != nil {
		t.Fatal(err)
	}
	l.running = r
}

func (l *larder) kill(t testing.TB) {
	t.Helper()
	err := l.running.Kill()
	l.running = nil
	if err != nil {
		t.Fatal(err)
	}
}

// natsServer is a NATS server with JetStream, which may be dead.
type natsServer struct {
	program, dir, address string
	process               *exec.Cmd
	hold                  io.Closer // it ends when this is closed, and when this process ends
}

func newNATS(t testing.TB) *natsServer {
	t.Helper()
	address, err := freeport.Address()
	if err != nil {
		t.Fatal(err)
	}
	n := &natsServer{program: harness.Program(t, "bin", "nats-server"), dir: t.TempDir(), address: address}
	n.start(t)
	t.Cleanup(n.kill)
	return n
}

func (n *natsServer) url() string { return "nats://" + n.address }

func (n *natsServer) start(t testing.TB) {
	t.Helper()
	host, port, err := net.SplitHostPort(n.address)
	if err != nil {
		t.Fatal(err)
	}
	script := `"$@" </dev/null & server=$!; read -r _; kill -9 $server; wait $server`
	n.process = exec.Command("/bin/sh", "-c", script, "sh", n.program, "-a", host, "-p", port, "-js", "-sd", n.dir)
	if n.hold, err = n.process.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := n.process.Start(); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		if c, err := net.Dial("tcp", n.address); err == nil {
			c.Close()
			return
		}
		if time.Now().After(end) {
			t.Fatal("the NATS server does not answer")
		}
	}
}

func (n *natsServer) kill() {
	if n.process == nil {
		return
	}
	n.hold.Close()
	n.process.Wait() //nolint:errcheck // it was killed
	n.process = nil
}
