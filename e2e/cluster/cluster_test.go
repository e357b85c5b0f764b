package cluster

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"larder/bench/process"
	"larder/e2e/harness"
)

// steps is how much must go on while something is dead and after it is back, in
// acknowledged publishes and whole reads.
const steps = 30

// patience bounds how long that may take.
const patience = 2 * time.Minute

// TestThreeProcessesAreOneServer: each process, and each server behind them, is
// killed and brought back while clients publish and install.
func TestThreeProcessesAreOneServer(t *testing.T) {
	harness.EndToEnd(t)
	w := newWorld(t, 3)
	npm := w.newNPM(t)
	for i, l := range w.larders {
		name := "from-npm-" + strconv.Itoa(i)
		npm.publish(l.url, name)
		npm.install(w.larders[(i+1)%len(w.larders)].url, name) // each sees at once what the others took
	}

	c := w.newLoad(npm.token, w.all()...)
	c.start(t.Context())
	followed := w.follow(t)
	c.moves(t, "at first", true)
	type victim struct {
		name       string
		kill, back func()
		during     func() // what must go on while it is dead
	}
	larder := func(i int) victim {
		l := w.larders[i]
		return victim{"larder at " + l.url, func() { l.kill(t) }, func() { l.start(t) }, func() {
			c.moves(t, "while a larder is dead", true)
			followed.moves(t, "while a larder is dead")
		}}
	}
	nats := func(i int) victim {
		n := w.nats[i]
		return victim{n.name, n.Kill, func() { n.start(t) }, func() {
			c.moves(t, "while a NATS server is dead", true)
			followed.moves(t, "while a NATS server is dead")
		}}
	}
	victims := []victim{
		larder(0), nats(0),
		{"PostgreSQL", func() { fatal(t, w.postgres.Kill()) }, func() { fatal(t, w.postgres.Run()) }, func() {
			refusals := c.unavailable.Load() + steps
			await(t, "a refusal while PostgreSQL is away", func() bool { return c.unavailable.Load() >= refusals })
		}},
		larder(1),
		{"S3", func() { fatal(t, w.s3.Kill()) }, func() { fatal(t, w.s3.Run()) }, func() {
			// What a process has copies of goes on.
			read, refusals := c.read.Load()+steps, c.unavailable.Load()
			await(t, "a read while S3 is away", func() bool { return c.read.Load() >= read })
			await(t, "a refusal while S3 is away", func() bool { return c.unavailable.Load() > refusals })
		}},
		larder(2),
		{"all of NATS", w.nats.kill, func() { w.nats.start(t) }, func() { c.moves(t, "while NATS is away", true) }},
	}
	each := len(victims) // one of every kind, and all processes
	victims = append(victims, nats(1), nats(2))
	for round := range rounds(t, each) {
		v := victims[round%len(victims)]
		began := time.Now()
		v.kill()
		v.during()
		v.back()
		c.moves(t, "after "+v.name+" is back", true)
		followed.moves(t, "after "+v.name+" is back")
		t.Logf("round %d: %s, %v; published %d, read %d, refused %d, unanswered %d", round, v.name, time.Since(began).Round(time.Millisecond),
			c.published.Load(), c.read.Load(), c.unavailable.Load(), c.unanswered.Load())
	}
	w.confirm(t, c, npm)
}

// confirm ends the load, and looks for what was lost, doubled or wrong.
func (w *world) confirm(t *testing.T, c *load, npm client) {
	t.Helper()
	for _, wrong := range c.end() {
		t.Error(wrong)
	}
	npm.install(w.nginx.URL, "from-npm-0")
	servers := w.all()
	for i, r := range c.done {
		c.verify(servers[i%len(servers)], r, c.bytes[r.Name], true)
	}
	for _, wrong := range c.broken {
		t.Error(wrong)
	}
	w.events(t, c.done, npm)
}

// await waits until it is so.
func await(t *testing.T, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !is(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("in vain waited for %s", what)
		}
	}
}

// moves waits until steps more packages have been published, and as many read.
func (l *load) moves(t *testing.T, when string, reads bool) {
	t.Helper()
	published, read := l.published.Load()+steps, l.read.Load()+steps
	for end := time.Now().Add(patience); l.published.Load() < published || reads && l.read.Load() < read; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s: %d publishes and %d reads are missing; %v", when, published-l.published.Load(), read-l.read.Load(), l.end())
		}
	}
}

// following counts the events that a plain subscriber gets, whichever NATS
// servers are there.
type following struct{ got atomic.Int64 }

func (w *world) follow(t *testing.T) *following {
	t.Helper()
	f := &following{}
	conn, err := nats.Connect(w.bus, nats.MaxReconnects(-1), nats.ReconnectWait(50*time.Millisecond))
	fatal(t, err)
	t.Cleanup(conn.Close)
	_, err = conn.Subscribe("larder.events.>", func(*nats.Msg) { f.got.Add(1) })
	fatal(t, err)
	fatal(t, conn.Flush())
	return f
}

func (f *following) moves(t *testing.T, when string) {
	t.Helper()
	want := f.got.Load() + steps
	await(t, "events "+when, func() bool { return f.got.Load() >= want })
}

func fatal(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func rounds(t *testing.T, each int) int {
	t.Helper()
	text := os.Getenv("LARDER_CLUSTER_ROUNDS")
	if text == "" {
		return each
	}
	n, err := strconv.Atoi(text)
	fatal(t, err)
	return n
}

// events checks that the stream has one event of each package, and each id once.
func (w *world) events(t *testing.T, published []process.Release, npm client) {
	t.Helper()
	npm.publish(w.larders[0].url, "the-last")
	conn, err := nats.Connect(w.bus)
	fatal(t, err)
	defer conn.Close()
	js, err := jetstream.New(conn)
	fatal(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var consumer jetstream.Consumer
	await(t, "a consumer", func() bool { // the cluster may still choose a leader
		ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
		defer cancel()
		consumer, err = js.OrderedConsumer(ctx, "LARDER_EVENTS", jetstream.OrderedConsumerConfig{})
		return err == nil
	})
	messages, err := consumer.Messages()
	fatal(t, err)
	context.AfterFunc(ctx, messages.Stop)
	ids, of := map[string]bool{}, map[string]int{}
	for {
		m, err := messages.Next()
		if err != nil && ctx.Err() == nil {
			continue // as above
		}
		if err != nil {
			t.Fatalf("after %d events: %v", len(ids), err)
		}
		var e struct {
			ID     string `json:"id"`
			Detail struct {
				PackageName string `json:"packageName"`
			} `json:"detail"`
		}
		fatal(t, json.Unmarshal(m.Data(), &e))
		if ids[e.ID] {
			t.Errorf("event %s of %s is there twice", e.ID, e.Detail.PackageName)
		}
		ids[e.ID] = true
		of[e.Detail.PackageName]++
		if e.Detail.PackageName == "the-last" {
			break
		}
	}
	for _, r := range published {
		if of[r.Name] != 1 {
			t.Errorf("%d events of %s, want 1", of[r.Name], r.Name)
		}
	}
}

// client is npm.
type client struct {
	t                    *testing.T
	node, program, token string
	public, authority    string // URL that servers tell, and file with what signs its certificate
}

func (w *world) newNPM(t *testing.T) client {
	t.Helper()
	node, err := exec.LookPath("node")
	if err != nil {
		harness.Absent(t, "node")
	}
	token, err := w.larders[0].Token()
	fatal(t, err)
	program := harness.Program(t, "npm11", "node_modules", "npm", "bin", "npm-cli.js")
	return client{t: t, node: node, program: program, token: token, public: w.nginx.URL, authority: w.nginx.Authority}
}

func (c client) publish(server, name string) {
	c.t.Helper()
	dir := c.t.TempDir()
	fatal(c.t, os.WriteFile(filepath.Join(dir, "package.json"), []byte(`{"name":"`+name+`","version":"1.0.0","main":"index.js"}`), 0o600))
	fatal(c.t, os.WriteFile(filepath.Join(dir, "index.js"), []byte("module.exports = '"+name+"';\n"), 0o600))
	c.run(server, dir, "publish")
}

func (c client) install(server, name string) {
	c.t.Helper()
	dir := c.t.TempDir()
	fatal(c.t, os.WriteFile(filepath.Join(dir, "package.json"), []byte(`{"private":true}`), 0o600))
	c.run(server, dir, "install", name)
	text, err := os.ReadFile(filepath.Join(dir, "node_modules", name, "index.js"))
	if err != nil || !strings.Contains(string(text), name) {
		c.t.Errorf("%s from %s: %q, %v", name, server, text, err)
	}
}

func (c client) run(server, dir string, args ...string) {
	c.t.Helper()
	const path = "/npm/d/local-000000000000/main/"
	config := "registry=" + server + path + "\ncafile=" + c.authority + "\naudit=false\nfund=false\nupdate-notifier=false\n"
	for _, url := range []string{server, c.public} {
		_, host, _ := strings.Cut(url, ":")
		config += host + path + ":_authToken=" + c.token + "\n"
	}
	fatal(c.t, os.WriteFile(filepath.Join(dir, ".npmrc"), []byte(config), 0o600))
	env := []string{"HOME=" + dir, "PATH=" + filepath.Dir(c.node) + ":/usr/bin:/bin", "npm_config_cache=" + filepath.Join(dir, ".cache")}
	if out, err := harness.Try(c.t, dir, env, append([]string{c.node, c.program}, args...)...); err != nil {
		c.t.Fatalf("npm %s at %s: %v\n%s", strings.Join(args, " "), server, err, out)
	}
}
