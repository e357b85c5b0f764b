package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"larder/bench/process"
)

// contender is a server under load.
type contender struct {
	name string
	pids []int // of the processes that serve
	// requests by case.
	requests map[string]request
	stop     func() error
}

// Files that every contender serves.
const (
	smallFile  = "small.tgz"
	largeFile  = "large.tgz"
	plainFile  = "packument.json"
	packedFile = "packument.json.gz"
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

// serveBare answers with files as http.ServeContent does, and with documents
// from memory. It does nothing else that a registry does.
func serveBare(folder string) error {
	mux := http.NewServeMux()
	for _, name := range []string{smallFile, largeFile} {
		path := filepath.Join(folder, name)
		mux.HandleFunc("GET /"+name, func(w http.ResponseWriter, r *http.Request) {
			f, err := os.Open(path)
			if err != nil {
				http.Error(w, err.Error(), http.StatusInternalServerError)
				return
			}
			defer f.Close()
			w.Header().Set("Content-Type", "application/octet-stream")
			http.ServeContent(w, r, "", time.Time{}, f)
		})
	}
	for name, coding := range map[string]string{plainFile: "", packedFile: "gzip"} {
		body, err := os.ReadFile(filepath.Join(folder, name))
		if err != nil {
			return err
		}
		etag := `"` + strconv.Itoa(len(body)) + `"`
		mux.HandleFunc("GET /"+name, func(w http.ResponseWriter, r *http.Request) {
			h := w.Header()
			h.Set("ETag", etag)
			if r.Header.Get("If-None-Match") == etag {
				w.WriteHeader(http.StatusNotModified)
				return
			}
			if coding != "" {
				h.Set("Content-Encoding", coding)
			}
			h.Set("Content-Type", packumentType)
			h.Set("Content-Length", strconv.Itoa(len(body)))
			w.Write(body) //nolint:errcheck // the client has left
		})
	}
	return http.ListenAndServe(os.Getenv(bareAddress), mux)
}

// startContender runs a server of the files and waits until it answers.
func startContender(name, address string, cmd *exec.Cmd) (*contender, error) {
	var said bytes.Buffer
	cmd.Stderr = &said
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	stop := func() error {
		err := cmd.Process.Signal(os.Interrupt)
		_ = cmd.Wait() // by that signal
		return err
	}
	for until := time.Now().Add(5 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			conn.Close()
			break
		}
		if time.Now().After(until) {
			return nil, errors.Join(fmt.Errorf("%s does not answer: %w: %s", name, err, said.Bytes()), stop())
		}
	}
	c := &contender{name: name, pids: []int{cmd.Process.Pid}, stop: stop}
	url := "http://" + address + "/"
	c.requests = map[string]request{
		smallTarball:    {url: url + smallFile},
		largeTarball:    {url: url + largeFile},
		plainPackument:  {url: url + plainFile},
		packedPackument: {url: url + packedFile},
	}
	return c, c.addUnchanged()
}

// addUnchanged adds the case of a client that has the compressed document
// already, with the ETag that the contender gives.
func (c *contender) addUnchanged() error {
	r := c.requests[packedPackument]
	res, err := r.get()
	if err != nil {
		return err
	}
	defer res.Body.Close()
	header := map[string]string{"If-None-Match": res.Header.Get("ETag")}
	for k, v := range r.header {
		header[k] = v
	}
	c.requests[unchanged] = request{r.url, header}
	return nil
}

// get asks once.
func (r request) get() (*http.Response, error) {
	req, err := http.NewRequest(http.MethodGet, r.url, nil)
	if err != nil {
		return nil, err
	}
	return ask(req, r.header)
}

// save writes what a request answers to a file.
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
	return os.WriteFile(path, body, 0o600)
}
