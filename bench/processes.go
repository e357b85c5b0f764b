package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"larder/bench/process"
)

// Three processes on one machine have no more of it than one: they are not to
// get into each other's way.
const (
	processCount  = 3
	processClient = 4 // connections to each of three; one has as many as these together
)

// processes measures whether three processes that share PostgreSQL, S3 and NATS
// do as much on one machine as one of them, asked by as many clients.
func (b *bench) processes() (err error) {
	w, err := b.startShared()
	defer func() { err = errors.Join(err, w.close()) }()
	if err != nil {
		return err
	}
	all, err := b.serveShared(w, processCount)
	defer func() {
		for _, s := range all {
			err = errors.Join(err, s.Stop())
		}
	}()
	if err != nil {
		return err
	}
	for i := range 50 {
		if err := all[0].npmRegistry.publish(sized("read", "1.0."+strconv.Itoa(i), 100<<10)); err != nil {
			return err
		}
	}
	fmt.Printf("\n%d processes, and one of them alone, with PostgreSQL, S3 and NATS on the same machine: requests per second, the median of %d rounds of %v in turn, %d clients side by side.\n\n| | one | three | of one |\n|---|--:|--:|--:|\n",
		processCount, b.rounds, b.duration, processCount*processClient)
	res, err := all[0].do("GET", "read", nil, npmGzip)
	if err != nil {
		return err
	}
	res.Body.Close()
	unchanged := map[string]string{"If-None-Match": res.Header.Get("ETag")}
	for _, of := range []struct {
		name string
		load func([]*server) (float64, error)
	}{
		{"packument, gzip, warm", b.reads("read", npmGzip)},
		{"the same, 304", b.reads("read", npmGzip, unchanged)},
		{"tarball of 100 KB, warm", b.reads("read/-/read-1.0.7.tgz")},
		{"publish, 1 KB", b.publishing("small", 1<<10)},
		{"publish, 100 KB", b.publishing("large", 100<<10)},
	} {
		var rates [2][]float64
		for range b.rounds {
			for i, servers := range [][]*server{all[:1], all} {
				rate, err := of.load(servers)
				if err != nil {
					return fmt.Errorf("%s at %d: %w", of.name, len(servers), err)
				}
				rates[i] = append(rates[i], rate)
			}
		}
		one, three := median(rates[0]), median(rates[1])
		fmt.Printf("| %s | %.0f | %.0f | **%.2f** |\n", of.name, one, three, three/one)
	}
	return nil
}

// sized is a release with a tarball of that size in bytes, other bytes for each name.
func sized(name, version string, size int64) process.Release {
	r := release(name, 0)
	r.Version = version
	r.Tarball = func() io.Reader {
		return io.MultiReader(bytes.NewReader([]byte(name+"@"+version+" ")), noise(uint64(len(name)), size))
	}
	return r
}

// reads loads servers with one request, all clients together, and gives how
// many answers a second there were.
func (b *bench) reads(path string, headers ...map[string]string) func([]*server) (float64, error) {
	return b.loads(func(s *server) error {
		req, err := http.NewRequest(http.MethodGet, s.npmRegistry.url+path, nil)
		if err != nil {
			return err
		}
		for _, h := range append([]map[string]string{s.header}, headers...) {
			for k, v := range h {
				req.Header.Set(k, v)
			}
		}
		res, err := plainTransport.RoundTrip(req)
		if err != nil {
			return err
		}
		defer res.Body.Close()
		if res.StatusCode >= 400 {
			return fmt.Errorf("%s: %s", path, res.Status)
		}
		_, err = io.Copy(io.Discard, res.Body)
		return err
	})
}

// publishing publishes a new package each time.
func (b *bench) publishing(name string, size int64) func([]*server) (float64, error) {
	var serial atomic.Int64
	return b.loads(func(s *server) error {
		return s.npmRegistry.publish(sized(name+strconv.FormatInt(serial.Add(1), 10), "1.0.0", size))
	})
}

// loads runs f in as many clients as belong to the servers, for a round.
func (b *bench) loads(f func(*server) error) func([]*server) (float64, error) {
	return func(servers []*server) (float64, error) {
		var count atomic.Int64
		var clients sync.WaitGroup
		failed := make(chan error, processCount*processClient)
		began := time.Now()
		for i := range processCount * processClient {
			s := servers[i%len(servers)]
			clients.Go(func() {
				for time.Since(began) < b.duration {
					if err := f(s); err != nil {
						failed <- err
						return
					}
					count.Add(1)
				}
			})
		}
		clients.Wait()
		took := time.Since(began)
		close(failed)
		return float64(count.Load()) / took.Seconds(), <-failed
	}
}
