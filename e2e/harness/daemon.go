package harness

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// Daemon is another server's process, which may be dead. It ends with the test,
// and with the tests' own process, however that ends. Not for concurrent use.
type Daemon struct {
	command []string
	env     []string
	process *exec.Cmd
	hold    io.Closer
}

// NewDaemon gives one that does not run yet, with these variables besides its
// environment's.
func NewDaemon(t testing.TB, env []string, command ...string) *Daemon {
	d := &Daemon{command: command, env: env}
	t.Cleanup(d.Kill)
	return d
}

// Start starts the process, which is dead.
func (d *Daemon) Start() error {
	// The shell ends it when this process is gone and the pipe with it.
	script := `"$@" </dev/null & server=$!; read -r _; kill -9 $server; wait $server`
	d.process = exec.Command("/bin/sh", append([]string{"-c", script, "sh"}, d.command...)...)
	d.process.Env = append(os.Environ(), d.env...)
	var err error
	if d.hold, err = d.process.StdinPipe(); err != nil {
		return err
	}
	return d.process.Start()
}

// Kill ends the process at once. One that is dead stays so.
func (d *Daemon) Kill() {
	if d.process == nil {
		return
	}
	d.hold.Close()
	d.process.Wait() //nolint:errcheck // it was killed
	d.process = nil
}

// Root is the folder of this module.
func Root(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		} else if !errors.Is(err, os.ErrNotExist) || dir == filepath.Dir(dir) {
			t.Fatalf("no module is around the tests: %v", err)
		}
		dir = filepath.Dir(dir)
	}
}
