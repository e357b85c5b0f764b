// Package s3test runs a throw-away S3 server for tests: versitygw over a folder,
// where e2e/cluster/install-servers.sh has built it.
package s3test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"larder/internal/freeport"
)

// ErrMissing says that the machine has no S3 server.
var ErrMissing = errors.New("no S3 server is on this machine: run e2e/cluster/install-servers.sh")

// The root user of every server.
const (
	key    = "larder-test-key"
	secret = "larder-test-secret"
)

// startTime bounds how long a server may take to answer.
const startTime = 30 * time.Second

// Server is an S3 server of its own. Not for concurrent use.
type Server struct {
	program, dir, address string
	process               *exec.Cmd
	hold                  io.Closer // the server ends when it is closed, and when this process ends
}

// Start makes a server with empty buckets of the names. ErrMissing where there
// is no program.
func Start(buckets ...string) (_ *Server, err error) {
	s := &Server{}
	if s.program, err = find(); err != nil {
		return nil, err
	}
	if s.dir, err = os.MkdirTemp("", "larder-s3-"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Remove())
		}
	}()
	for _, name := range append([]string{filepath.Join("..", "sidecar")}, buckets...) {
		if err := os.MkdirAll(filepath.Join(s.dir, "data", name), 0o700); err != nil {
			return nil, err
		}
	}
	if s.address, err = freeport.Address(); err != nil {
		return nil, err
	}
	return s, s.Run()
}

func find() (string, error) {
	dir := os.Getenv("LARDER_E2E_TOOLS")
	if dir == "" {
		cache, err := os.UserCacheDir()
		if err != nil {
			return "", err
		}
		dir = filepath.Join(cache, "larder-clients")
	}
	if p := filepath.Join(dir, "bin", "versitygw"); exec.Command(p, "--version").Run() == nil {
		return p, nil
	}
	if p, err := exec.LookPath("versitygw"); err == nil {
		return p, nil
	}
	return "", ErrMissing
}

// URL is that of a bucket or a prefix in it, with further parameters.
func (s *Server) URL(place string, parameters ...string) string {
	u := fmt.Sprintf("s3://%s:%s@%s?endpoint=%s", key, secret, place, url.QueryEscape("http://"+s.address))
	for _, p := range parameters {
		u += "&" + p
	}
	return u
}

// Run starts the server, which is not running, and waits until it answers.
func (s *Server) Run() error {
	// The shell ends the server when this process is gone and the pipe with it.
	script := `"$@" </dev/null & server=$!; read -r _; kill -9 $server; wait $server`
	s.process = exec.Command("/bin/sh", "-c", script, "sh", s.program,
		"--quiet", "--port", s.address, "posix", "--sidecar", filepath.Join(s.dir, "sidecar"), filepath.Join(s.dir, "data"))
	s.process.Env = append(os.Environ(), "ROOT_ACCESS_KEY="+key, "ROOT_SECRET_KEY="+secret)
	hold, err := s.process.StdinPipe()
	if err != nil {
		return err
	}
	if err := s.process.Start(); err != nil {
		return err
	}
	s.hold = hold
	for end := time.Now().Add(startTime); ; {
		answer, err := http.Get("http://" + s.address + "/")
		if err == nil {
			answer.Body.Close()
			return nil
		}
		if time.Now().After(end) {
			return fmt.Errorf("the S3 server does not answer: %w", err)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// Kill ends the server at once.
func (s *Server) Kill() error {
	if s.process == nil {
		return nil
	}
	err := s.hold.Close()
	s.process.Wait() //nolint:errcheck // it was killed
	s.process = nil
	return err
}

// Remove ends the server and removes its data.
func (s *Server) Remove() error { return errors.Join(s.Kill(), os.RemoveAll(s.dir)) }
