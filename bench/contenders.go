package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"larder/bench/process"
)

// contender is a server under load.
type contender struct {
	name     string
	url      string // with slash at the end
	pids     []int  // of the processes that serve
	stop     func() error
	requests map[string]request // by case
}

// prepare makes the requests; where gives the path of a case. All contenders
// are asked by the same client: with the same headers, whether they heed them
// or not.
func (c *contender) prepare(where func(readCase) string, credential map[string]string) error {
	c.requests = map[string]request{}
	for _, of := range cases {
		header := maps.Clone(of.header)
		maps.Copy(header, credential)
		r := request{c.url + where(of), header}
		if of.again {
			res, err := r.get()
			if err != nil {
				return err
			}
			res.Body.Close()
			header["If-None-Match"] = res.Header.Get("ETag")
		}
		c.requests[of.name] = r
	}
	return nil
}

func fileOf(c readCase) string { return c.file }
func pathOf(c readCase) string { return c.path }

// Files that stand for the registry's answers.
const (
	smallFile  = "small.tgz"
	largeFile  = "large.tgz"
	plainFile  = "packument.json"
	packedFile = "packument.json.gz"

	headEnding = ".head" // of the file with an answer's header
)

// packumentType is the media type of the abbreviated package document.
const packumentType = "application/vnd.npm.install-v1+json"

// nginxConfig is nginx at its best for this: the kernel sends the files,
// nothing is logged, connections stay.
const nginxConfig = `
daemon off;
worker_processes 2;
pid %[1]s/nginx.pid;
error_log %[1]s/nginx.error warn;
%[3]s
events { worker_connections 256; }
http {
	access_log off;
	sendfile on;
	tcp_nopush on;
	keepalive_timeout 60s;
	keepalive_requests 100000000;
	client_body_temp_path %[1]s/nginx-1;
	proxy_temp_path %[1]s/nginx-2;
	fastcgi_temp_path %[1]s/nginx-3;
	uwsgi_temp_path %[1]s/nginx-4;
	scgi_temp_path %[1]s/nginx-5;
	default_type application/octet-stream;
	server {
		listen %[2]s;
		root %[1]s/files;
		location = /packument.json { default_type application/vnd.npm.install-v1+json; }
		location = /packument.json.gz { default_type application/vnd.npm.install-v1+json; add_header Content-Encoding gzip; }
	}
}
`

// startNginx serves folder/files.
func startNginx(folder string) (*contender, error) {
	address, err := process.FreeAddress()
	if err != nil {
		return nil, err
	}
	user := ""
	if os.Geteuid() == 0 {
		user = "user root;" // else its workers could not enter the folder
	}
	config := filepath.Join(folder, "nginx.conf")
	if err := os.WriteFile(config, fmt.Appendf(nil, nginxConfig, folder, address, user), 0o600); err != nil {
		return nil, err
	}
	c, err := startContender("nginx", address, exec.Command(nginxBinary(), "-p", folder, "-c", config, "-e", filepath.Join(folder, "nginx.error")))
	if err != nil {
		return nil, err
	}
	workers, err := children(c.pids[0])
	if err != nil {
		return nil, errors.Join(err, c.stop())
	}
	c.pids = append(c.pids, workers...)
	return c, nil
}

// nginxBinary is where Debian keeps it when it is not in the PATH of a user.
func nginxBinary() string {
	if path, err := exec.LookPath("nginx"); err == nil {
		return path
	}
	return "/usr/sbin/nginx"
}

// bareCommand makes this program the bare server: bench bare-server FOLDER,
// the address in the environment.
const (
	bareCommand = "bare-server"
	bareAddress = "BENCH_ADDRESS"
)

func startBare(folder string) (*contender, error) {
	address, err := process.FreeAddress()
	if err != nil {
		return nil, err
	}
	own, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(own, bareCommand, filepath.Join(folder, "files"))
	cmd.Env = append(os.Environ(), bareAddress+"="+address)
	return startContender("net/http", address, cmd)
}

// serveBare answers the same bytes, head and body: files as http.ServeContent
// does, and documents from memory. It does nothing else that a registry does.
func serveBare(folder string) error {
	mux := http.NewServeMux()
	for _, name := range []string{smallFile, largeFile} {
		path := filepath.Join(folder, name)
		head, err := readHead(path)
		if err != nil {
			return err
		}
		mux.HandleFunc("GET /"+name, func(w http.ResponseWriter, r *http.Request) {
			f, err := os.Open(path)
			if err != nil {
				http.Error(w, err.Error(), http.StatusInternalServerError)
				return
			}
			defer f.Close()
			maps.Copy(w.Header(), head)
			http.ServeContent(w, r, "", time.Time{}, f)
		})
	}
	for _, name := range []string{plainFile, packedFile} {
		path := filepath.Join(folder, name)
		body, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		head, err := readHead(path)
		if err != nil {
			return err
		}
		unchanged := http.Header{}
		for _, key := range []string{"Etag", "Vary", "Cache-Control", "X-Request-Id"} {
			unchanged[key] = head[key]
		}
		etag := head.Get("ETag")
		mux.HandleFunc("GET /"+name, func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("If-None-Match") == etag {
				maps.Copy(w.Header(), unchanged)
				w.WriteHeader(http.StatusNotModified)
				return
			}
			maps.Copy(w.Header(), head)
			w.Write(body) //nolint:errcheck // the client has left
		})
	}
	return http.ListenAndServe(os.Getenv(bareAddress), mux)
}

// readHead gives the header of the answer whose body is in the file.
func readHead(path string) (head http.Header, err error) {
	text, err := os.ReadFile(path + headEnding)
	if err != nil {
		return nil, err
	}
	return head, json.Unmarshal(text, &head)
}

// verdaccioConfig lets anybody publish and asks no other registry.
const verdaccioConfig = `
storage: %[1]s/verdaccio
auth: {htpasswd: {file: %[1]s/verdaccio.users, max_users: -1}}
packages: {"**": {access: $all, publish: $anonymous}}
max_body_size: 100mb
log: {type: stdout, format: pretty, level: fatal}
`

// startVerdaccio runs the registry of that name with the same packages.
func startVerdaccio(folder, binary string) (*contender, error) {
	address, err := process.FreeAddress()
	if err != nil {
		return nil, err
	}
	config := filepath.Join(folder, "verdaccio.yaml")
	if err := os.WriteFile(config, fmt.Appendf(nil, verdaccioConfig, folder), 0o600); err != nil {
		return nil, err
	}
	c, err := startContender("Verdaccio", address, exec.Command(binary, "--config", config, "--listen", address))
	if err != nil {
		return nil, err
	}
	if err := (npmRegistry{url: c.url}).fill(); err != nil {
		return nil, errors.Join(err, c.stop())
	}
	return c, nil
}

// startContender runs a server and waits until something listens there.
func startContender(name, address string, cmd *exec.Cmd) (*contender, error) {
	var said bytes.Buffer
	cmd.Stderr = &said
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	c := &contender{name: name, url: "http://" + address + "/", pids: []int{cmd.Process.Pid}}
	c.stop = func() error {
		err := cmd.Process.Signal(os.Interrupt)
		_ = cmd.Wait() // by that signal
		return err
	}
	for until := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			return c, conn.Close()
		}
		if time.Now().After(until) {
			return nil, errors.Join(fmt.Errorf("%s does not answer: %w: %s", name, err, said.Bytes()), c.stop())
		}
	}
}

// get asks once.
func (r request) get() (*http.Response, error) {
	req, err := http.NewRequest(http.MethodGet, r.url, nil)
	if err != nil {
		return nil, err
	}
	return ask(req, r.header)
}

// save writes what a request answers to a file, and its header beside it.
func (r request) save(path string) error {
	res, err := r.get()
	if err != nil {
		return err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return err
	}
	if strings.HasSuffix(path, ".gz") != (res.Header.Get("Content-Encoding") == "gzip") {
		return fmt.Errorf("%s: Content-Encoding is %q", path, res.Header.Get("Content-Encoding"))
	}
	res.Header.Del("Date") // net/http's own
	head, err := json.Marshal(res.Header)
	return errors.Join(err, os.WriteFile(path+headEnding, head, 0o600), os.WriteFile(path, body, 0o600))
}
