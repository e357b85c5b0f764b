package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
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
//	├── documents/      rendered documents beyond memory; may be lost
//	└── events/         the event stream (events)
type dataFolder string

func (d dataFolder) path(name string) string { return filepath.Join(string(d), name) }

func (d dataFolder) credentials() string  { return d.path("credentials") }
func (d dataFolder) masterKey() string    { return d.path("master.key") }
func (d dataFolder) undiscovered() string { return d.path("undiscovered") }
func (d dataFolder) documents() string    { return d.path("documents") }
func (d dataFolder) events() string       { return d.path("events") }

// running says where a server is.
type running struct {
	URL    string `json:"url"`
	PID    int    `json:"pid"`
	Region string `json:"region"`
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
func (d dataFolder) open() (*os.File, error) {
	if err := os.MkdirAll(string(d), 0o700); err != nil {
		return nil, d.unusable(err)
	}
	// Whatever mode it came with: keys and credentials lie here.
	if err := os.Chmod(string(d), 0o700); err != nil {
		return nil, d.unusable(err)
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

func (d dataFolder) unusable(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		err = p.Err
	}
	return fmt.Errorf("cannot use the data folder %s: %w; choose another with --data", string(d), err)
}

var errLocked = errors.New("locked by another process")
