package main

import (
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"

	"larder/internal/atomicfile"
)

// dataFolder is the folder of one server. What the command itself keeps there:
//
//	DIR/
//	├── larder.lock     held by the server that runs, so that a second one does not start
//	├── server.json     where that server is, for commands on the same machine; gone when it ends
//	├── credentials     access key of the first start's user admin, as AWS tools read it
//	├── master.key      seals secrets, where no other was named
//	├── undiscovered    there until the machine's package tools have been asked once
//	├── larder.db       rows (storage)
//	├── blobs/          bytes (storage)
//	├── sealed/         bytes that are encrypted (storage)
//	├── documents/      rendered documents beyond memory; may be lost
//	└── events/         the event stream (events)
type dataFolder string

func (d dataFolder) path(name string) string { return filepath.Join(string(d), name) }

func (d dataFolder) credentials() string  { return d.path("credentials") }
func (d dataFolder) masterKey() string    { return d.path("master.key") }
func (d dataFolder) undiscovered() string { return d.path("undiscovered") }
func (d dataFolder) documents() string    { return d.path("documents") }
func (d dataFolder) events() string       { return d.path("events") }
func (d dataFolder) audit() string        { return d.path("audit.log") }

// running says where a server is.
type running struct {
	URL    string `json:"url"`
	PID    int    `json:"pid"`
	Region string `json:"region"`
	// NATS is the address for followers of events; empty: nobody can follow here.
	NATS string `json:"nats,omitempty"`
	// Certificate is the SHA-256 of the server's certificate, in hex: on this
	// machine it is reached by an address that the certificate does not name.
	Certificate string `json:"certificate,omitempty"`
}

// transport is how the server is reached: where it has a certificate, with
// that one and no other at the end of the line.
func (r running) transport() *http.Transport {
	t := http.DefaultTransport.(*http.Transport).Clone()
	if r.Certificate == "" {
		return t
	}
	t.TLSClientConfig = &tls.Config{
		InsecureSkipVerify: true, // VerifyConnection does it
		VerifyConnection: func(c tls.ConnectionState) error {
			if fingerprint(c.PeerCertificates[0].Raw) != r.Certificate {
				return fmt.Errorf("another certificate answers at %s than that of the server which runs with this data folder", r.URL)
			}
			return nil
		},
	}
	return t
}

func fingerprint(certificate []byte) string {
	sum := sha256.Sum256(certificate)
	return hex.EncodeToString(sum[:])
}

func (d dataFolder) announce(r running) error {
	text, err := json.Marshal(r)
	if err != nil {
		return err
	}
	return atomicfile.Write(d.path("server.json"), append(text, '\n'), 0o600)
}

func (d dataFolder) retract() error { return os.Remove(d.path("server.json")) }

// running reads what the server of this folder announced; fs.ErrNotExist
// where none has, or it has ended.
func (d dataFolder) running() (running, error) {
	var r running
	text, err := os.ReadFile(d.path("server.json"))
	if err != nil {
		return r, err
	}
	return r, json.Unmarshal(text, &r)
}

// open makes the folder for its user alone and takes it for this process.
// The caller closes what it gets.
func (d dataFolder) open(log *slog.Logger) (*os.File, error) {
	if err := os.MkdirAll(string(d), 0o700); err != nil {
		return nil, d.unusable(err)
	}
	if err := d.ours(); err != nil {
		return nil, err
	}
	// Whatever mode it came with: keys and credentials lie here. A volume that
	// belongs to somebody else keeps its mode; its files are for their user alone.
	if err := os.Chmod(string(d), 0o700); err != nil {
		log.Warn("others may be able to look into the data folder", "error", err)
	}
	f, err := os.OpenFile(d.path("larder.lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, d.unusable(err)
	}
	if err := lockFile(f); err != nil {
		f.Close()
		if !errors.Is(err, errLocked) {
			return nil, d.unusable(err)
		}
		where := ""
		if r, err := d.running(); err == nil {
			where = fmt.Sprintf(" (process %d, %s)", r.PID, r.URL)
		}
		return nil, fmt.Errorf("the data folder %s is in use by another larder serve%s; stop that one or choose another folder with --data", string(d), where)
	}
	return f, nil
}

// ours refuses a folder of something else, before its mode is changed: /tmp,
// a home folder, the one of another program.
func (d dataFolder) ours() error {
	if _, err := os.Lstat(d.path("larder.lock")); err == nil {
		return nil
	}
	all, err := os.ReadDir(string(d))
	if err != nil {
		return d.unusable(err)
	}
	for _, e := range all {
		switch e.Name() {
		case "credentials", "master.key", "lost+found": // put there for the first start; made with a volume
		default:
			return fmt.Errorf("the folder %s holds other things (%s): name a new or empty one with --data", string(d), e.Name())
		}
	}
	return nil
}

func (d dataFolder) unusable(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		err = p.Err
	}
	return fmt.Errorf("cannot use the data folder %s: %w; choose another with --data", string(d), err)
}

var errLocked = errors.New("locked by another process")
