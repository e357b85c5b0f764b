// Package pgtest runs a throw-away PostgreSQL for tests: the machine's own
// binaries, a new data folder, a free port, and a user other than root.
package pgtest

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"sort"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"larder/internal/freeport"
)

// ErrMissing says that the machine has no PostgreSQL.
var ErrMissing = errors.New("no PostgreSQL binaries are on this machine")

// startTime bounds how long a server may take to answer.
const startTime = time.Minute

// Cluster is a PostgreSQL server of its own. Not for concurrent use.
type Cluster struct {
	bin, dir string
	settings []string
	port     string
	owner    *syscall.Credential // nil: this user
	server   *exec.Cmd
	hold     io.Closer // the server ends when it is closed, and when this process ends
}

// Hasty are settings for tests that are not about what is on disk: a killed
// server loses nothing all the same, only a machine without power would.
var Hasty = []string{"fsync=off", "full_page_writes=off", "deadlock_timeout=50ms"}

// Require gives a running cluster that ends with the test. Without binaries the
// test is skipped, or fails where CI is set: there they are installed.
func Require(t testing.TB, settings ...string) *Cluster {
	t.Helper()
	c, err := Start(settings...)
	if errors.Is(err, ErrMissing) && os.Getenv("CI") == "" {
		t.Skipf("%v: install the package postgresql", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Remove(); err != nil {
			t.Error(err)
		}
	})
	return c
}

// Start makes a cluster and starts it, with settings NAME=VALUE. ErrMissing
// where there are no binaries.
func Start(settings ...string) (_ *Cluster, err error) {
	c := &Cluster{settings: settings}
	if c.bin, err = binaries(); err != nil {
		return nil, err
	}
	if os.Getuid() == 0 { // PostgreSQL refuses to be root
		if c.owner, err = unprivileged(); err != nil {
			return nil, err
		}
	}
	if c.dir, err = os.MkdirTemp("", "larder-postgres-"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, c.Remove())
		}
	}()
	if c.owner != nil {
		if err := os.Chown(c.dir, int(c.owner.Uid), int(c.owner.Gid)); err != nil {
			return nil, err
		}
	}
	initdb := c.command("initdb", "-D", c.data(), "-U", "larder", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync", "--no-instructions")
	if out, err := initdb.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("initdb: %w\n%s", err, out)
	}
	address, err := freeport.Address()
	if err != nil {
		return nil, err
	}
	if _, c.port, err = net.SplitHostPort(address); err != nil {
		return nil, err
	}
	return c, c.Run()
}

// URL is where the server's database is, with the parameters at its end.
func (c *Cluster) URL(parameters ...string) string {
	u := fmt.Sprintf("postgres://larder@127.0.0.1:%s/postgres?sslmode=disable", c.port)
	for _, p := range parameters {
		u += "&" + p
	}
	return u
}

// Address is the host and port of the server.
func (c *Cluster) Address() string { return net.JoinHostPort("127.0.0.1", c.port) }

// Run starts the server, which is not running, and waits until it answers.
func (c *Cluster) Run() error {
	// The shell ends the server when this process is gone and the pipe with it.
	script := `"$@" & server=$!; read -r _; kill -INT $server; wait $server`
	args := append([]string{"-c", script, "sh", filepath.Join(c.bin, "postgres")},
		"-D", c.data(), "-p", c.port, "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=", "-c", "max_connections=200")
	for _, s := range c.settings {
		args = append(args, "-c", s)
	}
	c.server = exec.Command("/bin/sh", args...)
	c.as(c.server)
	hold, err := c.server.StdinPipe()
	if err != nil {
		return err
	}
	log, err := os.OpenFile(c.dir+".log", os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	c.server.Stdout, c.server.Stderr = log, log
	if err := c.server.Start(); err != nil {
		return err
	}
	c.hold = hold
	for end := time.Now().Add(startTime); ; {
		ready := c.command("pg_isready", "-q", "-h", "127.0.0.1", "-p", c.port, "-U", "larder", "-d", "postgres")
		out, err := ready.CombinedOutput()
		if err == nil {
			return nil
		}
		if time.Now().After(end) {
			text, _ := os.ReadFile(c.dir + ".log")
			return fmt.Errorf("PostgreSQL does not answer: %w\n%s%s", err, out, text)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// Kill ends the server at once, as the loss of its machine would.
func (c *Cluster) Kill() error {
	text, err := os.ReadFile(filepath.Join(c.data(), "postmaster.pid"))
	if err != nil {
		return err
	}
	line, _, _ := strings.Cut(string(text), "\n")
	pid, err := strconv.Atoi(line)
	if err != nil {
		return err
	}
	// Its children would go on for a moment, and keep a new server from starting:
	// stopped, it makes no more of them.
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		return err
	}
	all := append(childrenOf(pid), pid)
	for _, p := range all {
		if err := syscall.Kill(p, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
			return err
		}
	}
	err = c.wait()
	for end := time.Now().Add(startTime); slices.ContainsFunc(all, alive); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			return errors.Join(err, errors.New("PostgreSQL does not end when it is killed"))
		}
	}
	return err
}

// alive reports whether a process is there and not a zombie.
func alive(pid int) bool {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	_, after, _ := strings.Cut(string(text[strings.LastIndexByte(string(text), ')')+1:]), " ")
	return !strings.HasPrefix(after, "Z") && !strings.HasPrefix(after, "X")
}

// childrenOf finds the processes whose parent is pid, as Linux tells.
func childrenOf(pid int) (all []int) {
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, path := range stats {
		text, err := os.ReadFile(path)
		if err != nil {
			continue // gone
		}
		// "PID (name) state parent …", and the name may hold anything.
		_, rest, _ := strings.Cut(string(text[strings.LastIndexByte(string(text), ')')+1:]), " ")
		if f := strings.Fields(rest); len(f) > 1 && f[1] == strconv.Itoa(pid) {
			if child, err := strconv.Atoi(filepath.Base(filepath.Dir(path))); err == nil {
				all = append(all, child)
			}
		}
	}
	return all
}

// Stop ends the server in order.
func (c *Cluster) Stop() error { return c.wait() }

func (c *Cluster) wait() error {
	if c.server == nil {
		return nil
	}
	err := c.hold.Close()
	c.server.Wait() //nolint:errcheck // it was told to end, or killed
	c.server = nil
	return err
}

// Demote starts the server anew as a standby, which lets its clients read.
func (c *Cluster) Demote() error {
	if err := c.Stop(); err != nil {
		return err
	}
	if err := os.WriteFile(c.standby(), nil, 0o600); err != nil {
		return err
	}
	if c.owner != nil {
		if err := os.Chown(c.standby(), int(c.owner.Uid), int(c.owner.Gid)); err != nil {
			return err
		}
	}
	return c.Run()
}

// Promote starts the server, which is a standby, anew as a primary.
func (c *Cluster) Promote() error {
	if err := errors.Join(c.Stop(), os.Remove(c.standby())); err != nil {
		return err
	}
	return c.Run()
}

func (c *Cluster) standby() string { return filepath.Join(c.data(), "standby.signal") }

// Remove ends the server and removes its data.
func (c *Cluster) Remove() error {
	return errors.Join(c.Stop(), os.RemoveAll(c.dir), os.RemoveAll(c.dir+".log"))
}

func (c *Cluster) data() string { return filepath.Join(c.dir, "data") }

func (c *Cluster) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(c.bin, name), args...)
	c.as(cmd)
	return cmd
}

// as runs the command as the cluster's user, in a folder that it may enter.
func (c *Cluster) as(cmd *exec.Cmd) {
	cmd.Dir = c.dir
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	if c.owner != nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: c.owner}
	}
}

// binaries finds the folder of the server's programs: in the path, or where
// Debian has them, the newest.
func binaries() (string, error) {
	if p, err := exec.LookPath("initdb"); err == nil {
		if p, err = filepath.EvalSymlinks(p); err == nil && whole(filepath.Dir(p)) {
			return filepath.Dir(p), nil
		}
	}
	all, err := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if err != nil || len(all) == 0 {
		return "", ErrMissing
	}
	version := func(p string) int {
		n, _ := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(p))))
		return n
	}
	sort.Slice(all, func(i, j int) bool { return version(all[i]) < version(all[j]) })
	return filepath.Dir(all[len(all)-1]), nil
}

// whole reports whether the folder has all that is needed.
func whole(dir string) bool {
	for _, name := range []string{"initdb", "postgres", "pg_isready"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			return false
		}
	}
	return true
}

func unprivileged() (*syscall.Credential, error) {
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err1 := strconv.ParseUint(u.Uid, 10, 32)
		gid, err2 := strconv.ParseUint(u.Gid, 10, 32)
		if err1 == nil && err2 == nil {
			return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
		}
	}
	return nil, errors.New("there is no user postgres or nobody to run PostgreSQL as")
}
