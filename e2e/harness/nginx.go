package harness

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"larder/internal/freeport"
)

// Secrets runs deploy/secrets.sh for a server that is called localhost, and
// gives the folder that it made.
func Secrets(t testing.TB) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "secrets")
	if out, err := exec.Command("/bin/sh", filepath.Join(Root(t), "deploy", "secrets.sh"), "localhost", dir).CombinedOutput(); err != nil {
		t.Fatalf("deploy/secrets.sh: %v\n%s", err, out)
	}
	return dir
}

// Nginx is nginx with deploy/nginx.conf before servers.
type Nginx struct {
	URL       string // https, without slash at the end
	Plain     string // http, likewise
	Authority string // file with the certificate
	Client    *http.Client
	Dir       string // where it would write bodies aside, below body and proxy
}

// NewNginx makes one: deploy/nginx.conf with no more changed than addresses and
// the place of the certificate. secrets is a folder that Secrets made; there are
// one to three servers, HOST:PORT. Start it.
func NewNginx(t testing.TB, secrets string, servers ...string) (*Nginx, *Daemon) {
	t.Helper()
	program, err := exec.LookPath("nginx")
	if err != nil {
		program = "/usr/sbin/nginx" // not in the path of a user
		if _, err := os.Stat(program); err != nil {
			if Mode() == "required" {
				t.Fatal("nginx is not on this machine")
			}
			t.Skip("nginx is not on this machine")
		}
	}
	n := &Nginx{Dir: t.TempDir(), Authority: filepath.Join(secrets, "tls.crt")}
	text, err := os.ReadFile(filepath.Join(Root(t), "deploy", "nginx.conf"))
	if err != nil {
		t.Fatal(err)
	}
	config := string(text)
	change := func(old, new string) {
		t.Helper()
		if !strings.Contains(config, old) {
			t.Fatalf("deploy/nginx.conf has no %q", old)
		}
		config = strings.ReplaceAll(config, old, new)
	}
	ports := [2]string{}
	for i := range ports {
		address, err := freeport.Address()
		if err != nil {
			t.Fatal(err)
		}
		_, ports[i], _ = net.SplitHostPort(address)
	}
	n.Plain, n.URL = "http://localhost:"+ports[0], "https://localhost:"+ports[1]
	change("listen 80;", "listen 127.0.0.1:"+ports[0]+";")
	change("listen 443 ssl;", "listen 127.0.0.1:"+ports[1]+" ssl;")
	change("/run/secrets/", secrets+"/")
	for i := range 3 {
		line := fmt.Sprintf("    server larder-%d:8484 max_fails=1 fail_timeout=1s;\n", i+1)
		if i < len(servers) {
			change(line, strings.ReplaceAll(line, fmt.Sprintf("larder-%d:8484", i+1), servers[i]))
		} else {
			change(line, "")
		}
	}
	around := `
daemon off;
master_process off;
pid %[1]s/nginx.pid;
error_log %[1]s/error.log warn;
events { worker_connections 512; }
http {
	access_log off;
	client_body_temp_path %[1]s/body;
	proxy_temp_path %[1]s/proxy;
	fastcgi_temp_path %[1]s/fastcgi;
	uwsgi_temp_path %[1]s/uwsgi;
	scgi_temp_path %[1]s/scgi;
	include %[1]s/larder.conf;
}
`
	for name, content := range map[string]string{"larder.conf": config, "nginx.conf": fmt.Sprintf(around, n.Dir)} {
		if err := os.WriteFile(filepath.Join(n.Dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	certificate, err := os.ReadFile(n.Authority)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(certificate)
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}
	n.Client = &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	t.Cleanup(transport.CloseIdleConnections)
	return n, NewDaemon(t, nil, program, "-p", n.Dir, "-c", filepath.Join(n.Dir, "nginx.conf"), "-e", filepath.Join(n.Dir, "error.log"))
}

// Await returns when the address takes connections.
func Await(t testing.TB, address string) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		c, err := net.Dial("tcp", address)
		if err == nil {
			c.Close()
			return
		}
		if time.Now().After(end) {
			t.Fatalf("nobody answers at %s: %v", address, err)
		}
	}
}

// Run starts the daemon and returns when it answers.
func (n *Nginx) Run(t testing.TB, d *Daemon) {
	t.Helper()
	if err := d.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			text, _ := os.ReadFile(filepath.Join(n.Dir, "error.log"))
			t.Logf("nginx says:\n%s", text[max(0, len(text)-20000):])
		}
	})
	Await(t, strings.TrimPrefix(n.URL, "https://"))
}
