package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	nats "github.com/nats-io/nats-server/v2/server"

	"larder/bench/process"
	"larder/internal/pgtest"
	"larder/internal/s3test"
)

// bucket is that of every S3 server here.
const bucket = "larder"

// natsWait is how long a NATS server may take until it answers.
const natsWait = 10 * time.Second

// shared is what several processes of one server have in common.
type shared struct {
	postgres *pgtest.Cluster
	s3       *s3test.Server
	nats     *nats.Server
}

// startShared starts PostgreSQL, S3 and NATS; the caller closes them, after an
// error too.
func (b *bench) startShared() (*shared, error) {
	w := &shared{}
	var err error
	if w.postgres, err = pgtest.Start(); err != nil {
		return w, err
	}
	if w.s3, err = s3test.Start(bucket); err != nil {
		return w, err
	}
	w.nats, err = nats.NewServer(&nats.Options{
		Host: "127.0.0.1", Port: nats.RANDOM_PORT, JetStream: true, StoreDir: filepath.Join(b.folder, "jetstream"), NoSigs: true, NoLog: true,
	})
	if err != nil {
		return w, err
	}
	go w.nats.Start()
	if !w.nats.ReadyForConnections(natsWait) {
		return w, errors.New("the NATS server does not answer")
	}
	return w, nil
}

func (w *shared) close() error {
	var errs []error
	if w.nats != nil {
		w.nats.Shutdown()
		w.nats.WaitForShutdown()
	}
	if w.s3 != nil {
		errs = append(errs, w.s3.Remove())
	}
	if w.postgres != nil {
		errs = append(errs, w.postgres.Remove())
	}
	return errors.Join(errs...)
}

// serveShared starts processes over what they share; they have one token. What
// has been started is to be stopped, after an error too.
func (b *bench) serveShared(w *shared, processes int) (all []*server, err error) {
	key := filepath.Join(b.folder, "shared.key")
	if err := os.WriteFile(key, []byte("bGFyZGVyIGxhcmRlciBsYXJkZXIgbGFyZGVyIGxhcmQ=\n"), 0o600); err != nil {
		return nil, err
	}
	token := ""
	for i := range processes {
		s := process.Server{Binary: b.binary, Data: filepath.Join(b.folder, fmt.Sprint("shared-", i)), Args: []string{
			"--master-key", key, "--metadata", w.postgres.URL(), "--blobs", w.s3.URL(bucket+"/packages", "cache=256MiB"), "--nats", w.nats.ClientURL(),
		}}
		running, err := s.Start()
		if err != nil {
			return all, err
		}
		all = append(all, newServer(running, token))
		if token != "" {
			continue
		}
		if token, err = s.Token(); err != nil { // the first one made the key
			return all, err
		}
		all[0] = newServer(running, token)
	}
	return all, nil
}
