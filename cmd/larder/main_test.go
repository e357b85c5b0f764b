package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"larder/cmd/larder/discover"
)

// beMain makes the test binary the command itself, for tests that need a
// process of their own.
const beMain = "LARDER_TEST_BE_MAIN"

func TestMain(m *testing.M) {
	if os.Getenv(beMain) != "" {
		main()
	}
	testscript.Main(m, map[string]func(){"larder": main})
}

// toolless is a machine on which only npm answers.
func toolless() discover.Machine {
	return discover.Machine{
		Home:   os.TempDir(),
		Getenv: func(string) string { return "" },
		LookPath: func(name string) (string, error) {
			if name == "npm" {
				return name, nil
			}
			return "", errors.New("not found")
		},
		Run: func(context.Context, string, ...string) ([]byte, error) {
			return []byte("https://me:secret@upstream.test/npm/\n"), nil
		},
	}
}

// start runs a server on a free port with the data folder. The test's end closes it.
func start(t testing.TB, data string, change ...func(*Server)) (*Server, *safeBuffer) {
	t.Helper()
	var log safeBuffer
	s := &Server{
		Config:  Config{Data: data, Listen: "127.0.0.1:0", Region: "us-east-1", NATSListen: "off"},
		Stderr:  &log,
		Machine: toolless(),
	}
	for _, c := range change {
		c(s)
	}
	if err := s.Run(context.Background()); err != nil {
		t.Fatalf("%v\n%s", err, log.String())
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return s, &log
}

// safeBuffer is a bytes.Buffer for a writer and a reader at the same time.
type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *safeBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *safeBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// The commands, as a person types them, against a server that runs with the
// data folder larder-data of the folder that the script is in.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:  filepath.Join("testdata", "script"),
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"upload-python": uploadPython, "account-of": accountOf, "key-of": keyOf, "zip-up": zipUp},
		Setup: func(e *testscript.Env) error {
			home := filepath.Join(e.WorkDir, "home")
			if err := os.MkdirAll(home, 0o755); err != nil {
				return err
			}
			e.Setenv("HOME", home)
			e.Setenv("USERPROFILE", home)
			s := &Server{
				Config:  Config{Data: filepath.Join(e.WorkDir, defaultData), Listen: "127.0.0.1:0", Region: "us-east-1", NATSListen: "off"},
				Stderr:  io.Discard,
				Machine: toolless(),
			}
			if err := s.Run(context.Background()); err != nil {
				return err
			}
			e.Defer(func() {
				if err := s.Close(); err != nil {
					t.Errorf("close: %v", err)
				}
			})
			e.Setenv("URL", s.URL())
			e.Setenv("HOSTPORT", strings.TrimPrefix(s.URL(), "http://"))
			return waitDiscovered(s)
		},
	})
}
