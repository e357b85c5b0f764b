package main

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"path/filepath"

	"larder/bench/process"
)

// npmRegistry is where packages are published and read.
type npmRegistry struct {
	url    string            // with slash at the end
	header map[string]string // the credential
}

// server is a Larder that runs; its registry is the repository "main".
type server struct {
	*process.Running
	npmRegistry
}

// serve starts Larder on a new data folder.
func (b *bench) serve(name string, args ...string) (*server, error) {
	s := process.Server{Binary: b.binary, Data: filepath.Join(b.folder, name), Args: args}
	running, err := s.Start()
	if err != nil {
		return nil, err
	}
	token, err := s.Token()
	if err != nil {
		return nil, errors.Join(err, running.Kill())
	}
	return newServer(running, token), nil
}

func newServer(running *process.Running, token string) *server {
	return &server{running, npmRegistry{
		url:    running.URL + "/npm/d/local-000000000000/main/",
		header: map[string]string{"Authorization": "Bearer " + token},
	}}
}

// publish publishes a release and returns when it is acknowledged.
func (n npmRegistry) publish(r process.Release) error {
	body, err := r.Body()
	if err != nil {
		return err
	}
	defer body.Close()
	res, err := n.do(http.MethodPut, r.Name, body, map[string]string{"Content-Type": "application/json"})
	if err != nil {
		return err
	}
	defer res.Body.Close()
	_, err = io.Copy(io.Discard, res.Body)
	return err
}

// do asks for something in the registry. An answer that is no success is an
// error. The caller closes the body.
func (n npmRegistry) do(method, path string, body io.Reader, header map[string]string) (*http.Response, error) {
	req, err := http.NewRequest(method, n.url+path, body)
	if err != nil {
		return nil, err
	}
	return ask(req, n.header, header)
}

// ask sends a request as it is: nothing is added, compressed or unpacked.
func ask(req *http.Request, headers ...map[string]string) (*http.Response, error) {
	for _, h := range headers {
		for k, v := range h {
			req.Header.Set(k, v)
		}
	}
	res, err := plainTransport.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	if res.StatusCode >= 300 {
		said, _ := io.ReadAll(io.LimitReader(res.Body, 1<<10))
		res.Body.Close()
		return nil, fmt.Errorf("%s %s: %s: %s", req.Method, req.URL, res.Status, said)
	}
	return res, nil
}

var plainTransport = &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 16}

// noise gives bytes that do not compress, the same for the same seed.
func noise(seed uint64, size int64) io.Reader {
	var key [32]byte
	key[0], key[1], key[2] = byte(seed), byte(seed>>8), byte(seed>>16)
	return io.LimitReader(rand.NewChaCha8(key), size)
}
