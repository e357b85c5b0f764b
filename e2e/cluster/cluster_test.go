package cluster

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
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

func TestThreeProcessesAreOneServer(t *testing.T) {
	harness.EndToEnd(t)
	node, err := exec.LookPath("node")
	if err != nil {
		harness.Absent(t, "node")
	}
	npm := client{t: t, node: node, program: harness.Program(t, "npm11", "node_modules", "npm", "bin", "npm-cli.js")}
	w := newWorld(t, 3)
	token, err := w.larders[0].Token()
	if err != nil {
		t.Fatal(err)
	}
	npm.token = token
	for i, l := range w.larders {
		name := "from-npm-" + strconv.Itoa(i)
		npm.publish(l.url, name)
		for _, other := range w.larders {
			npm.install(other.url, name) // each sees at once what the others took
		}
	}

	c := newLoad(w.larders, token)
	c.start(t.Context())
	moves := func(what string, reads bool) {
		t.Helper()
		published, read := c.published.Load()+steps, c.read.Load()+steps
		for end := time.Now().Add(patience); c.published.Load() < published || reads && c.read.Load() < read; time.Sleep(10 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("%s: %d publishes and %d reads are missing; %v", what, published-c.published.Load(), read-c.read.Load(), c.end())
			}
		}
	}
	moves("at first", true)
	type victim struct {
		name       string
		kill, back func()
		during     func() // what must go on while it is dead
	}
	var victims []victim
	for _, l := range w.larders {
		victims = append(victims, victim{
			"larder at " + l.url, func() { l.kill(t) }, func() { l.start(t) },
			func() { moves("while a larder is dead", true) },
		})
	}
	victims = append(victims,
		victim{"NATS", w.nats.kill, func() { w.nats.start(t) }, func() { moves("while NATS is away", true) }},
		victim{"PostgreSQL", func() { fatal(t, w.postgres.Kill()) }, func() { fatal(t, w.postgres.Run()) }, func() {
			refusals := c.unavailable.Load() + steps
			for end := time.Now().Add(patience); c.unavailable.Load() < refusals; time.Sleep(10 * time.Millisecond) {
				if time.Now().After(end) {
					t.Fatalf("nothing is refused while PostgreSQL is away; %v", c.end())
				}
			}
		}},
		victim{"S3", func() { fatal(t, w.s3.Kill()) }, func() { fatal(t, w.s3.Run()) }, func() {
			// What a process has copies of goes on.
			read := c.read.Load() + steps
			for end := time.Now().Add(patience); c.read.Load() < read; time.Sleep(10 * time.Millisecond) {
				if time.Now().After(end) {
					t.Fatalf("nothing is read while S3 is away; %v", c.end())
				}
			}
		}},
	)
	for round := range rounds(t) {
		v := victims[round%len(victims)]
		began := time.Now()
		v.kill()
		v.during()
		v.back()
		moves("after "+v.name+" is back", true)
		t.Logf("round %d: %s, %v; published %d, read %d, refused %d", round, v.name, time.Since(began).Round(time.Millisecond),
			c.published.Load(), c.read.Load(), c.unavailable.Load())
	}
	for _, wrong := range c.end() {
		t.Error(wrong)
	}
	for _, l := range w.larders {
		npm.install(l.url, "from-npm-0")
		for _, r := range c.done {
			c.verify(l.url, r, c.bytes[r.Name], true)
		}
	}
	for _, wrong := range c.broken {
		t.Error(wrong)
	}
	w.events(t, c.done, npm)
}

func fatal(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func rounds(t *testing.T) int {
	t.Helper()
	text := os.Getenv("LARDER_CLUSTER_ROUNDS")
	if text == "" {
		return 6
	}
	n, err := strconv.Atoi(text)
	fatal(t, err)
	return n
}

// events checks that the stream has one event of each package, and each id once.
func (w *world) events(t *testing.T, published []process.Release, npm client) {
	t.Helper()
	npm.publish(w.larders[0].url, "the-last")
	conn, err := nats.Connect(w.nats.url())
	fatal(t, err)
	defer conn.Close()
	js, err := jetstream.New(conn)
	fatal(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	consumer, err := js.OrderedConsumer(ctx, "LARDER_EVENTS", jetstream.OrderedConsumerConfig{})
	fatal(t, err)
	messages, err := consumer.Messages()
	fatal(t, err)
	context.AfterFunc(ctx, messages.Stop)
	ids, of := map[string]bool{}, map[string]int{}
	for {
		m, err := messages.Next()
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
	repository := server + "/npm/d/local-000000000000/main/"
	_, host, _ := strings.Cut(repository, ":")
	config := "registry=" + repository + "\n" + host + ":_authToken=" + c.token + "\naudit=false\nfund=false\nupdate-notifier=false\n"
	fatal(c.t, os.WriteFile(filepath.Join(dir, ".npmrc"), []byte(config), 0o600))
	env := []string{"HOME=" + dir, "PATH=" + filepath.Dir(c.node) + ":/usr/bin:/bin", "npm_config_cache=" + filepath.Join(dir, ".cache")}
	if out, err := harness.Try(c.t, dir, env, append([]string{c.node, c.program}, args...)...); err != nil {
		c.t.Fatalf("npm %s at %s: %v\n%s", strings.Join(args, " "), server, err, out)
	}
}
