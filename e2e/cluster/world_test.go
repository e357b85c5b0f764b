package cluster

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"larder/bench/process"
	"larder/e2e/harness"
	"larder/internal/freeport"
	"larder/internal/pgtest"
	"larder/internal/s3test"
)

const bucket = "larder"

// world is processes and what they share, set up as deploy/compose.yaml says:
// its settings and secrets, its NATS cluster and its nginx, with no more changed
// than addresses and folders, and another S3 server in MinIO's place.
type world struct {
	postgres *pgtest.Cluster
	s3       *s3test.Server
	nats     natsCluster
	bus      string // where NATS is, for followers
	larders  []*larder
	nginx    *harness.Nginx
}

// larder is one process, which may be dead.
type larder struct {
	process.Server
	url     string
	running *process.Running
}

// newWorld starts that many processes, at most three, and what they share.
func newWorld(t testing.TB, processes int) *world {
	t.Helper()
	secrets := harness.Secrets(t)
	w := &world{postgres: pgtest.Require(t), nats: newNATS(t, secrets)}
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
	var addresses []string
	for i := range processes {
		l := &larder{Server: process.Server{Binary: harness.Binary, Data: filepath.Join(dir, fmt.Sprint("larder", i))}}
		addresses = append(addresses, address(t))
		l.url = "http://" + addresses[i]
		l.Args = []string{"--listen", addresses[i]}
		w.larders = append(w.larders, l)
	}
	nginx, daemon := harness.NewNginx(t, secrets, addresses...)
	w.nginx = nginx

	password, err := os.ReadFile(filepath.Join(secrets, "nats-password"))
	if err != nil {
		t.Fatal(err)
	}
	user := fmt.Sprintf("nats://larder:%s@", bytes.TrimSpace(password))
	w.bus = user + w.nats[0].address + "," + user + w.nats[1].address + "," + user + w.nats[2].address

	// What the processes are told.
	w.config(t, filepath.Join(secrets, "larder.yaml"))
	for i, l := range w.larders {
		for name, value := range composed(t, fmt.Sprint("larder-", i+1)) {
			switch {
			case name == "LARDER_PUBLIC_URL":
				value = nginx.URL
			case name == "LARDER_TRUSTED_PROXY":
				value = "127.0.0.1"
			case name == "LARDER_METRICS_LISTEN":
				value = address(t)
			case name == "LARDER_EXTERNAL_CONNECTION", name == "LARDER_DATA", name == "LARDER_LISTEN":
				continue
			default:
				value = strings.Replace(value, "/run/secrets", secrets, 1)
			}
			l.Env = append(l.Env, name+"="+value)
		}
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
	nginx.Run(t, daemon)
	return w
}

func address(t testing.TB) string {
	t.Helper()
	a, err := freeport.Address()
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// composed is the environment of a service of deploy/compose.yaml.
func composed(t testing.TB, service string) map[string]string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(harness.Root(t), "deploy", "compose.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Services map[string]struct{ Environment map[string]string }
	}
	if err := yaml.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	env := file.Services[service].Environment
	if len(env) == 0 {
		t.Fatalf("deploy/compose.yaml has no environment of %s", service)
	}
	return env
}

// config leads the configuration that deploy/secrets.sh wrote to the servers of
// this world.
func (w *world) config(t testing.TB, path string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for pattern, with := range map[string]string{
		`(?m)^metadata: postgres://larder:[0-9a-f]+@postgres:5432/larder\?sslmode=disable$`:                 "metadata: " + w.postgres.URL(),
		`(?m)^blobs: s3://larder-server:[0-9a-f]+@larder/packages\?endpoint=http://minio:9000&cache=10GiB$`: "blobs: " + w.s3.URL(bucket+"/packages", "cache=10GiB"),
		`@nats-1:4222,nats://nats-2:4222,nats://nats-3:4222\n`:                                              fmt.Sprintf("@%s,nats://%s,nats://%s\n", w.nats[0].address, w.nats[1].address, w.nats[2].address),
	} {
		p := regexp.MustCompile(pattern)
		if !p.Match(text) {
			t.Fatalf("what deploy/secrets.sh wrote has no %s", pattern)
		}
		text = p.ReplaceAllLiteral(text, []byte(with))
	}
	replace(t, path, text)
}

// replace writes a file that is there and may be read only.
func replace(t testing.TB, path string, text []byte) {
	t.Helper()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
}

// tail is the end of a log without what goes well, or is tried again and again.
func tail(text []byte) []byte {
	var rest []byte
	for line := range bytes.Lines(text) {
		if !bytes.Contains(line, []byte(`"level":"INFO"`)) && !bytes.Contains(line, []byte("[INF]")) && !bytes.Contains(line, []byte("connect to route")) {
			rest = append(rest, line...)
		}
	}
	return rest[max(0, len(rest)-6000):]
}

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

// stop ends the process as a service manager does.
func (l *larder) stop(t testing.TB) {
	t.Helper()
	err := l.running.Stop()
	l.running = nil
	if err != nil {
		t.Fatalf("%s did not end well: %v", l.url, err)
	}
}

// natsCluster is three NATS servers with deploy/nats.conf.
type natsCluster [3]*natsServer

// natsServer is one of them, which may be dead.
type natsServer struct {
	*harness.Daemon
	name, address, health, log string
}

func newNATS(t testing.TB, secrets string) (all natsCluster) {
	t.Helper()
	program := harness.Program(t, "bin", "nats-server")
	conf, err := os.ReadFile(filepath.Join(harness.Root(t), "deploy", "nats.conf"))
	if err != nil {
		t.Fatal(err)
	}
	users, err := os.ReadFile(filepath.Join(secrets, "nats-users.conf"))
	if err != nil {
		t.Fatal(err)
	}
	var routes [3]string
	for i := range all {
		routes[i] = address(t)
	}
	for i := range all {
		monitor := address(t)
		n := &natsServer{name: "nats-" + strconv.Itoa(i+1), address: address(t), health: "http://" + monitor + "/healthz?js-server-only=true"}
		all[i] = n
		dir := t.TempDir()
		n.log = filepath.Join(dir, "log")
		text := string(conf)
		for from, to := range map[string]string{
			"0.0.0.0:4222": n.address, "0.0.0.0:6222": routes[i], "127.0.0.1:8222": monitor, "store_dir: /data": "store_dir: " + dir,
			"//nats-1:6222": "//" + routes[0], "//nats-2:6222": "//" + routes[1], "//nats-3:6222": "//" + routes[2],
		} {
			if !strings.Contains(text, from) {
				t.Fatalf("deploy/nats.conf has no %q", from)
			}
			text = strings.ReplaceAll(text, from, to)
		}
		for name, content := range map[string][]byte{"nats.conf": []byte(text), "nats-users.conf": users} {
			if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		n.Daemon = harness.NewDaemon(t, []string{"NATS_NAME=" + n.name}, program, "--config", filepath.Join(dir, "nats.conf"), "--log", n.log)
	}
	t.Cleanup(func() {
		for _, n := range all {
			if text, _ := os.ReadFile(n.log); t.Failed() {
				t.Logf("log of %s:\n%s", n.name, tail(text))
			}
		}
	})
	all.start(t)
	return all
}

func (n *natsServer) start(t testing.TB) {
	t.Helper()
	if err := n.Start(); err != nil {
		t.Fatal(err)
	}
	n.await(t)
}

// await returns when the server is healthy, as deploy/compose.yaml asks: it knows
// the cluster's leader.
func (n *natsServer) await(t testing.TB) {
	t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		answer, err := http.Get(n.health)
		if err == nil {
			answer.Body.Close()
			if answer.StatusCode == http.StatusOK {
				return
			}
		}
		if time.Now().After(end) {
			t.Fatalf("%s is not healthy: %v", n.name, err)
		}
	}
}

func (c natsCluster) start(t testing.TB) {
	t.Helper()
	for _, n := range c {
		if err := n.Start(); err != nil {
			t.Fatal(err)
		}
	}
	for _, n := range c {
		n.await(t)
	}
}

func (c natsCluster) kill() {
	for _, n := range c {
		n.Kill()
	}
}
