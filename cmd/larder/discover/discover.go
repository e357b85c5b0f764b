// Package discover asks the package tools of a machine which registries they
// use, their built-in defaults included. No address of a public registry is
// written in this program: what npm, pip, Maven and NuGet say is where the
// public connections lead. One file per tool.
package discover

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"
)

// Answer is where a tool says that a public registry is.
type Answer struct {
	Connection string // such as public:npmjs
	URL        string // may carry user and password
	Source     string // who said so: "npm config", "pip default", ...
}

// Machine is what the tools' settings depend on.
type Machine struct {
	Home   string
	Getenv func(string) string
	// LookPath finds a program, Run gives what one prints on standard output;
	// it runs in Home.
	LookPath func(string) (string, error)
	Run      func(ctx context.Context, program string, args ...string) ([]byte, error)
}

// ThisMachine is the machine and user that the process runs as.
func ThisMachine() Machine {
	home, err := os.UserHomeDir()
	if err != nil {
		home = os.TempDir()
	}
	return Machine{Home: home, Getenv: os.Getenv, LookPath: exec.LookPath, Run: func(ctx context.Context, program string, args ...string) ([]byte, error) {
		return run(ctx, home, program, args...)
	}}
}

// errNothing: the tool is not here, or it names no registry.
var errNothing = errors.New("no answer")

var tools = []struct {
	name string
	ask  func(context.Context, Machine) (Answer, error)
}{
	{"npm", askNPM},
	{"pip", askPip},
	{"maven", askMaven},
	{"nuget", askNuGet},
}

// Ask asks every tool at the same time, each for at most patience, and hands
// over what they say, one call at a time. It returns when all have been asked.
func Ask(ctx context.Context, m Machine, patience time.Duration, said func(tool string, a Answer, err error)) {
	var (
		wg sync.WaitGroup
		mu sync.Mutex
	)
	for _, t := range tools {
		wg.Go(func() {
			ctx, cancel := context.WithTimeout(ctx, patience)
			defer cancel()
			a, err := t.ask(ctx, m)
			if err == nil {
				a.URL = strings.TrimSpace(a.URL)
				err = checkURL(a.URL)
			}
			mu.Lock()
			defer mu.Unlock()
			said(t.name, a, err)
		})
	}
	wg.Wait()
}

func checkURL(s string) error {
	u, err := url.Parse(s)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
		return errors.New("the answer is no http or https URL")
	}
	return nil
}

// maxAnswer is the most that a tool may print or a settings file may hold, in bytes.
const maxAnswer = 1 << 20

func run(ctx context.Context, dir, program string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir = dir
	cmd.WaitDelay = time.Second
	var out bytes.Buffer
	cmd.Stdout = &limitedWriter{&out, maxAnswer}
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("%s: %w", program, err)
	}
	return out.Bytes(), nil
}

type limitedWriter struct {
	w    io.Writer
	left int
}

func (l *limitedWriter) Write(b []byte) (int, error) {
	if l.left -= len(b); l.left < 0 {
		return 0, errors.New("the answer is too long")
	}
	return l.w.Write(b)
}

// readFile reads a settings file of bounded size.
func readFile(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxAnswer+1))
	if err == nil && len(b) > maxAnswer {
		err = fmt.Errorf("%s is too long for a settings file", name)
	}
	return b, err
}

// withUser puts user and password into a URL.
func withUser(s, user, password string) string {
	u, err := url.Parse(s)
	if err != nil || user == "" || u.User != nil {
		return s
	}
	u.User = url.UserPassword(user, password)
	return u.String()
}

func lastLine(out []byte) string {
	all := strings.Split(strings.TrimSpace(string(out)), "\n")
	return strings.TrimSpace(all[len(all)-1])
}
