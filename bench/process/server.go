package process

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

const (
	// readyWait is how long a server may take until it answers.
	readyWait = 30 * time.Second
	// readyPoll is how often it is looked at until then.
	readyPoll = time.Millisecond
)

// Build compiles cmd/larder as it is released into folder and gives the
// binary's path. It is called from within the module.
func Build(folder string) (string, error) {
	binary := filepath.Join(folder, "larder")
	cmd := exec.Command("go", "build", "-trimpath", "-o", binary, "larder/cmd/larder")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return binary, nil
}

// Server says how to run a server. Its log goes to the file Data + ".log",
// anew at every start.
type Server struct {
	Binary string
	Data   string   // the data folder
	NATS   string   // address for followers of events; empty: none
	Args   []string // further flags of larder serve
	Env    []string // further variables, NAME=VALUE
}

// Running is a server that answers.
type Running struct {
	URL   string        // without slash at the end
	Ready time.Duration // from the start of the process to its word that it is ready
	PID   int

	cmd *exec.Cmd
	log *os.File
}

// Start runs the server and returns when it is ready. The machine's package
// tools are out of its reach: a connection that is not given leads nowhere.
func (s Server) Start() (*Running, error) {
	log, err := os.Create(s.Data + ".log")
	if err != nil {
		return nil, err
	}
	nats := s.NATS
	if nats == "" {
		nats = "off"
	}
	cmd := s.command(append([]string{"serve", "--data", s.Data, "--listen", "127.0.0.1:0", "--nats-listen", nats}, s.Args...)...)
	cmd.Stderr = log
	begun := time.Now()
	if err := cmd.Start(); err != nil {
		return nil, errors.Join(err, log.Close())
	}
	r := &Running{PID: cmd.Process.Pid, cmd: cmd, log: log}
	if r.URL, err = r.awaitReady(begun.Add(readyWait)); err != nil {
		return nil, errors.Join(err, r.Kill())
	}
	r.Ready = time.Since(begun)
	return r, nil
}

// awaitReady follows the log until it says where the server is.
func (r *Running) awaitReady(until time.Time) (string, error) {
	for {
		said, err := os.ReadFile(r.log.Name())
		if err != nil {
			return "", err
		}
		if _, rest, ok := strings.Cut(string(said), "larder: ready at "); ok {
			if url, _, ok := strings.Cut(rest, " "); ok {
				return url, nil
			}
		}
		if gone(r.PID) || time.Now().After(until) {
			return "", fmt.Errorf("larder serve did not become ready:\n%s", said)
		}
		time.Sleep(readyPoll)
	}
}

// gone reports that a child has ended, though nobody has waited for it yet.
func gone(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	_, after, ok := bytes.Cut(stat, []byte(") "))
	return err != nil || !ok || after[0] == 'Z' || after[0] == 'X'
}

// Kill ends the process at once, with SIGKILL, and returns when it is gone. An
// error says how it ended if it had done so before.
func (r *Running) Kill() error {
	defer r.log.Close()
	_ = r.cmd.Process.Kill()
	err := r.cmd.Wait()
	if status, ok := errors.AsType[*exec.ExitError](err); ok && !status.Exited() {
		return nil
	}
	return fmt.Errorf("larder serve had ended by itself: %v; its log is %s", err, r.log.Name())
}

// Stop asks the process to end, as service managers do, and returns when it has.
func (r *Running) Stop() error {
	defer r.log.Close()
	if err := r.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	return r.cmd.Wait()
}

// Token gets an authorization token for the first start's domain from the
// running server. It is good for twelve hours, after restarts on the same
// folder too.
func (s Server) Token() (string, error) {
	cmd := s.command("token", "--data", s.Data)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("larder token: %w: %s", err, stderr.Bytes())
	}
	return strings.TrimSpace(string(out)), nil
}

func (s Server) command(args ...string) *exec.Cmd {
	cmd := exec.Command(s.Binary, args...)
	cmd.Env = append([]string{"HOME=" + s.Data, "PATH=" + s.Data}, s.Env...)
	return cmd
}

// FreeAddress gives a loopback address that nobody listens on at the moment.
func FreeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}
