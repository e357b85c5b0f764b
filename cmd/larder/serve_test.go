package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"larder/policy/identity"
	"larder/registry"
)

// waitDiscovered returns when the package tools have been asked.
func waitDiscovered(s *Server) error {
	select {
	case <-s.discovered:
		return nil
	case <-time.After(time.Minute):
		return errors.New("the package tools were not asked")
	}
}

func get(t *testing.T, url string) (int, string) {
	t.Helper()
	res, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(body)
}

func TestFirstStart(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	s, log := start(t, dir)

	st, err := os.Stat(dir)
	if err != nil || st.Mode().Perm() != 0o700 {
		t.Errorf("folder %v, %v; want 0700", st.Mode(), err)
	}
	for _, name := range []string{"credentials", "master.key", "server.json"} {
		st, err := os.Stat(filepath.Join(dir, name))
		if err != nil || st.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, want mode 0600", name, err)
		}
	}
	text, err := os.ReadFile(filepath.Join(dir, "credentials"))
	if err != nil {
		t.Fatal(err)
	}
	key := regexp.MustCompile(`^\[default\]\naws_access_key_id = (\S+)\naws_secret_access_key = (\S+)\n$`).FindSubmatch(text)
	if key == nil {
		t.Fatalf("credentials %q", text)
	}
	actor, err := s.identity.AccessKeyActor(context.Background(), string(key[1]), string(key[2]))
	if err != nil || actor.Principal != "arn:aws:iam::000000000000:user/admin" {
		t.Errorf("the key is %v's, %v", actor, err)
	}
	if strings.Contains(log.String(), string(key[2])) {
		t.Error("the log has the secret")
	}

	got := map[string][]string{}
	err = s.metadata.View(context.Background(), func(tx registry.Tx) error {
		user, err := tx.User(identity.FirstAccount, "admin")
		if err != nil {
			return err
		}
		if diff := cmp.Diff([]string{"arn:aws:iam::aws:policy/AdministratorAccess"}, user.Managed); diff != "" {
			t.Error(diff)
		}
		repos, err := tx.Graph(registry.DomainID{Owner: "000000000000", Name: "local"})
		for _, r := range repos {
			got[r.ID.Name] = append(append([]string{}, r.Upstreams...), r.Connections...)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string][]string{
		"npm-store": {"public:npmjs"}, "pypi-store": {"public:pypi"}, "maven-central-store": {"public:maven-central"}, "nuget-store": {"public:nuget-org"},
		"main": {"npm-store", "pypi-store", "maven-central-store", "nuget-store"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestReadyLineNamesTheURLAndTheNextCommand(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "my data")
	s, log := start(t, dir)
	var ready []string
	for line := range strings.Lines(log.String()) {
		if strings.HasPrefix(line, "larder: ready at ") {
			ready = append(ready, line)
		}
	}
	if len(ready) != 1 || !strings.Contains(ready[0], s.URL()+" ") || !strings.HasSuffix(ready[0], "login npm --data '"+s.Config.Data+"'\n") {
		t.Errorf("ready lines %q", ready)
	}
}

func TestASecondStartChangesNothing(t *testing.T) {
	dir := t.TempDir()
	first, _ := start(t, dir)
	if err := waitDiscovered(first); err != nil {
		t.Fatal(err)
	}
	before := everything(t, first)
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "server.json")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("server.json after the end: %v", err)
	}
	second, _ := start(t, dir, func(s *Server) {
		s.Machine.LookPath = func(string) (string, error) { t.Error("a tool was asked again"); return "", errors.New("no") }
	})
	if err := waitDiscovered(second); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before, everything(t, second)); diff != "" {
		t.Error(diff)
	}
}

// everything is what a first start makes, as far as a second could change it.
func everything(t *testing.T, s *Server) map[string]any {
	t.Helper()
	all := map[string]any{}
	for _, name := range []string{"credentials", "master.key"} {
		text, err := os.ReadFile(s.folder.path(name))
		if err != nil {
			t.Fatal(err)
		}
		all[name] = string(text)
	}
	err := s.metadata.View(context.Background(), func(tx registry.Tx) (err error) {
		take := func(name string, v any, e error) { all[name] = v; err = errors.Join(err, e) }
		domains, _, e := tx.Domains("", registry.Page{Limit: 100})
		take("domains", domains, e)
		repositories, _, e := tx.Repositories(registry.RepositoryFilter{}, registry.Page{Limit: 100})
		take("repositories", repositories, e)
		accounts, _, e := tx.Accounts(registry.Page{Limit: 100})
		take("accounts", accounts, e)
		connections, e := tx.Connections()
		take("connections", connections, e)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// A start that was cut off before its transaction was durable left a
// credentials file that names no key.
func TestAFirstStartThatWasCutOffIsDoneAgain(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "credentials"), []byte("[default]\naws_access_key_id = AKIAOLD\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s, _ := start(t, dir)
	text, err := os.ReadFile(s.folder.credentials())
	if err != nil || strings.Contains(string(text), "AKIAOLD") {
		t.Errorf("credentials %q, %v", text, err)
	}
}

func TestDiscoveryKeepsWhatToolsSay(t *testing.T) {
	given := registry.Connection{Name: "public:pypi", Format: "pypi", URL: "https://flag.upstream.test/simple", Source: "flag"}
	s, log := start(t, t.TempDir(), func(s *Server) {
		s.Config.Connections = map[string]registry.Connection{given.Name: given}
	})
	if err := waitDiscovered(s); err != nil {
		t.Fatal(err)
	}
	all, err := s.service.Connections.All(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if len(all) != 10 {
		t.Errorf("%d connections, want the ten of the API", len(all))
	}
	for _, c := range all {
		want := registry.Connection{Name: c.Name, Format: registry.PublicConnections[c.Name]}
		switch c.Name {
		case "public:npmjs":
			want.URL, want.Source = "https://me:secret@upstream.test/npm/", "npm config"
		case given.Name:
			want = given
		}
		if c != want {
			t.Errorf("got %v, want %v", c, want)
		}
	}
	s.lines.Flush()
	if strings.Contains(log.String(), "me:secret") {
		t.Error("the log has the password")
	}
	if text, err := os.ReadFile(s.folder.path("larder.db")); err != nil || strings.Contains(string(text), "secret@") {
		t.Errorf("the password lies open in the database, or: %v", err)
	}
}

func TestDiscoveryRefusesThisServerItself(t *testing.T) {
	for name, url := range map[string]string{
		"by loopback":    "http://127.0.0.1:PORT/npm/d/local-000000000000/main/",
		"by name":        "http://localhost:PORT/",
		"by IPv6":        "http://[::1]:PORT/",
		"by public name": "https://packages.upstream.test/npm/",
	} {
		t.Run(name, func(t *testing.T) {
			s, _ := start(t, t.TempDir(), func(s *Server) {
				s.Config.PublicURL = "https://packages.upstream.test:443"
				s.Machine.Run = func(context.Context, string, ...string) ([]byte, error) {
					_, port, _ := net.SplitHostPort(s.listener.Addr().String())
					return []byte(strings.Replace(url, "PORT", port, 1)), nil
				}
			})
			if err := waitDiscovered(s); err != nil {
				t.Fatal(err)
			}
			c, err := s.service.Connections.Find(context.Background(), "public:npmjs")
			if err != nil || c.URL != "" {
				t.Errorf("leads to %q, %v", c.URL, err)
			}
		})
	}
}

func TestOperationsNeedNoCredential(t *testing.T) {
	s, _ := start(t, t.TempDir())
	for path, want := range map[string]string{
		"/":          "Larder",
		"/-/health":  `"alive"`,
		"/-/ready":   `"ready":true`,
		"/-/metrics": "larder_outbox_depth 0",
	} {
		if status, body := get(t, s.URL()+path); status != 200 || !strings.Contains(body, want) {
			t.Errorf("%s: %d %.200s, want 200 with %s", path, status, body, want)
		}
	}
	if status, _ := get(t, s.URL()+"/-/other"); status != 404 {
		t.Errorf("/-/other: %d, want 404", status)
	}
	for path, want := range map[string]string{
		"/unknown/x": "/{format}/d/{domain}-{owner}/{repository}/",
		"/cargo/d/local-000000000000/main/config.json": "npm, pypi, maven, nuget",
		"/generic/d/local-000000000000/main/":          "larder package",
	} {
		if status, body := get(t, s.URL()+path); status != 404 || !strings.Contains(body, want) {
			t.Errorf("%s: %d %s, want 404 with %q", path, status, body, want)
		}
	}
}

func TestNotReadyWhenAPartFails(t *testing.T) {
	s, _ := start(t, t.TempDir())
	s.bus.Close()
	if status, body := get(t, s.URL()+"/-/ready"); status != 503 || !strings.Contains(body, `"bus":"failing"`) {
		t.Errorf("%d %s, want 503", status, body)
	}
	if status, _ := get(t, s.URL()+"/-/health"); status != 200 {
		t.Errorf("health %d, want 200: the process lives", status)
	}
}

func TestMetricsCountRequestsByFormatOperationAndStatus(t *testing.T) {
	s, _ := start(t, t.TempDir())
	get(t, s.URL()+"/npm/d/local-000000000000/main/left-pad")
	get(t, s.URL()+"/v1/no-such-thing")
	res, err := http.Post(s.URL()+"/v1/domains", "application/json", nil)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	_, body := get(t, s.URL()+"/-/metrics")
	for _, want := range []string{
		`larder_requests_total{format="npm",operation="packument",status="401"} 1`,
		`larder_requests_total{format="control",operation="ListDomains",status="403"} 1`,
		`larder_requests_total{format="control",operation="unknown",status="403"} 1`,
	} {
		if !strings.Contains(body, want) {
			t.Errorf("%s is missing in\n%s", want, body)
		}
	}
}

func TestMetricsMoveToTheirOwnAddress(t *testing.T) {
	address := freeAddress(t)
	s, _ := start(t, t.TempDir(), func(s *Server) { s.Config.MetricsListen = address })
	if status, _ := get(t, s.URL()+"/-/metrics"); status != 404 {
		t.Errorf("on the server's address: %d, want 404", status)
	}
	if status, body := get(t, "http://"+address+"/-/metrics"); status != 200 || !strings.Contains(body, "larder_") {
		t.Errorf("on their own: %d", status)
	}
}

// freeAddress is one that nothing listened on a moment ago.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func TestWhatCannotStartSaysWhy(t *testing.T) {
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close()
	inUse := t.TempDir()
	running, _ := start(t, inUse)
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name   string
		change func(*Config)
		want   string
	}{
		{"a taken port", func(c *Config) { c.Listen = busy.Addr().String() }, "--listen"},
		{"a taken metrics port", func(c *Config) { c.MetricsListen = busy.Addr().String() }, "--metrics-listen"},
		{"a taken event port that was asked for", func(c *Config) { c.NATSListen, c.NATSAsked = busy.Addr().String(), true }, "--nats-listen"},
		{"no address", func(c *Config) { c.Listen = "nowhere" }, "HOST:PORT"},
		{"a folder in use", func(c *Config) { c.Data = inUse }, running.URL()},
		{"a folder that is a file", func(c *Config) { c.Data = filepath.Join(file, "data") }, "data folder"},
		{"a folder of something else", func(c *Config) { c.Data = filepath.Dir(file) }, "holds other things (file)"},
		{"an unknown database", func(c *Config) { c.Metadata = "mysql://me:PW@db/x" }, "--metadata"},
		{"an unknown blob store", func(c *Config) { c.Blobs = "ftp://me:PW@blobs" }, "--blobs"},
		{"a master key that is none", func(c *Config) { c.MasterKey = file }, "master key"},
		{"a master key of the environment that is none", func(c *Config) { c.MasterKey, c.MasterKeyInEnvironment = "PWPWPWPW", true }, "LARDER_MASTER_KEY names no file"},
		{"a certificate that is none", func(c *Config) { c.TLSCert, c.TLSKey = file, file }, "--tls-cert"},
		{"a NATS URL that is none", func(c *Config) { c.NATS = "http://me:PW@bus" }, "nats://"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := &Server{
				Config: Config{Data: t.TempDir(), Listen: "127.0.0.1:0", Region: "us-east-1", NATSListen: "off"},
				Stderr: io.Discard, Machine: toolless(),
			}
			c.change(&s.Config)
			err := s.Run(context.Background())
			if err == nil {
				s.Close()
				t.Fatal("it started")
			}
			if !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "PW") {
				t.Errorf("error %q, want one with %q and no secret", err, c.want)
			}
		})
	}
}

func TestAMasterKeyThatIsLostIsNotMadeAnew(t *testing.T) {
	dir := t.TempDir()
	s, _ := start(t, dir)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(s.folder.masterKey()); err != nil {
		t.Fatal(err)
	}
	other := &Server{Config: s.Config, Stderr: io.Discard, Machine: toolless()}
	if err := other.Run(context.Background()); !errors.Is(err, identity.ErrOtherMasterKey) || !strings.Contains(err.Error(), s.folder.masterKey()+" is missing") {
		t.Errorf("error %v", err)
		other.Close()
	}
	if _, err := os.Stat(s.folder.masterKey()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("another key lies where the right one belongs: %v", err)
	}
}

func TestMasterKeyOfTheEnvironment(t *testing.T) {
	s, _ := start(t, t.TempDir(), func(s *Server) {
		s.Config.MasterKey, s.Config.MasterKeyInEnvironment = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=", true
	})
	if _, err := os.Stat(s.folder.masterKey()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a key file was made all the same: %v", err)
	}
}

func TestAnonymousReadsNeedAGrant(t *testing.T) {
	s, _ := start(t, t.TempDir(), func(s *Server) { s.Config.AnonymousReads = true })
	if status, _ := get(t, s.URL()+"/npm/d/local-000000000000/main/left-pad"); status != 401 {
		t.Errorf("status %d without a policy, want 401", status)
	}
	domain := registry.DomainID{Owner: "000000000000", Name: "local"}
	err := s.metadata.Update(t.Context(), func(tx registry.Tx) error {
		return tx.PutPolicy(domain, "main", registry.Policy{Document: `{"Statement":{"Effect":"Allow","Principal":"*","Action":"codeartifact:ReadFromRepository","Resource":"*"}}`})
	})
	if err != nil {
		t.Fatal(err)
	}
	if status, _ := get(t, s.URL()+"/npm/d/local-000000000000/main/left-pad"); status == 401 || status == 403 {
		t.Errorf("status %d with a grant", status)
	}
	if status, _ := get(t, s.URL()+"/npm/d/local-000000000000/npm-store/left-pad"); status != 401 {
		t.Errorf("status %d in another repository, want 401", status)
	}
}

func TestEveryAnswerHasARequestIDThatIsInTheLog(t *testing.T) {
	s, log := start(t, t.TempDir())
	res, err := http.Get(s.URL() + "/npm/d/local-000000000000/main/left-pad")
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if err := s.Close(); err != nil { // the line is written after the answer
		t.Fatal(err)
	}
	id := res.Header.Get("X-Request-Id")
	for line := range strings.Lines(log.String()) {
		var l map[string]any
		if json.Unmarshal([]byte(line), &l) == nil && l["request_id"] == id && id != "" {
			if l["format"] != "npm" || l["domain"] != "local" || l["repo"] != "main" || l["package"] != "left-pad" || l["status"] != 401.0 {
				t.Errorf("line %v", l)
			}
			return
		}
	}
	t.Errorf("request id %q is in no line of\n%s", id, log.String())
}

func TestAClosingServerFinishesRequestsThatRun(t *testing.T) {
	s, _ := start(t, t.TempDir())
	entered, leave := make(chan struct{}), make(chan struct{})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv, err := s.httpServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		close(entered)
		<-leave
		fmt.Fprint(w, "whole")
	}))
	if err != nil {
		t.Fatal(err)
	}
	s.start(srv, l)
	answer := make(chan string, 1)
	go func() {
		res, err := http.Get("http://" + l.Addr().String())
		if err != nil {
			answer <- err.Error()
			return
		}
		defer res.Body.Close()
		b, _ := io.ReadAll(res.Body)
		answer <- string(b)
	}()
	<-entered
	closed := make(chan error, 1)
	srv.RegisterOnShutdown(func() { close(leave) })
	go func() { closed <- s.Close() }()
	if got := <-answer; got != "whole" {
		t.Errorf("answer %q", got)
	}
	if err := <-closed; err != nil {
		t.Error(err)
	}
}

// The process, as a service manager sees it: one ready line, and a clean end
// on SIGTERM.
func TestTheProcessDrainsOnSIGTERM(t *testing.T) {
	dir := t.TempDir()
	cmd := exec.Command(os.Args[0], "serve", "--data", dir, "--listen", "127.0.0.1:0", "--nats-listen", "off")
	cmd.Env = append(os.Environ(), beMain+"=1", "PATH=", "LARDER_REGION=eu-test-1")
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Process.Kill()
	lines := bufio.NewScanner(stderr)
	url := ""
	for url == "" && lines.Scan() {
		if m := regexp.MustCompile(`^larder: ready at (\S+) `).FindStringSubmatch(lines.Text()); m != nil {
			url = m[1]
		}
	}
	if url == "" {
		t.Fatal("it never was ready")
	}
	if status, body := get(t, url+"/-/ready"); status != 200 {
		t.Errorf("ready: %d %s", status, body)
	}
	r, err := dataFolder(dir).running()
	if err != nil || r.URL != url || r.PID != cmd.Process.Pid || r.Region != "eu-test-1" {
		t.Errorf("server.json %+v, %v", r, err)
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	for lines.Scan() {
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("exit: %v", err)
	}
	if _, err := dataFolder(dir).running(); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("server.json is still there: %v", err)
	}
}

func TestTheProcessThatCannotStartSaysOneSentence(t *testing.T) {
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close()
	cmd := exec.Command(os.Args[0], "serve", "--data", t.TempDir(), "--listen", busy.Addr().String())
	cmd.Env = append(os.Environ(), beMain+"=1")
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 1 {
		t.Errorf("exit %v, want 1", err)
	}
	last := ""
	for line := range strings.Lines(string(out)) {
		last = line
	}
	if !strings.HasPrefix(last, "larder: cannot listen on "+busy.Addr().String()) || strings.Contains(string(out), "goroutine") {
		t.Errorf("output %s", out)
	}
}
