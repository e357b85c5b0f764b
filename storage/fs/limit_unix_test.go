//go:build unix

package fs_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"testing"

	"larder/registry"
)

// A file size limit stands for the full disk: the write that goes over it is
// cut short in the same way. It holds for a whole process, so it is a child's.
func TestAWriteThatIsCutShortFailsAndLeavesNothing(t *testing.T) {
	const child = "LARDER_TEST_FULL_DISK"
	if root := os.Getenv(child); root != "" {
		signal.Ignore(syscall.SIGXFSZ)
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: 100_000, Max: 100_000}); err != nil {
			t.Fatal(err)
		}
		w, err := open(t, root).Create(t.Context(), local)
		if err != nil {
			t.Fatal(err)
		}
		n, err := w.Write(bytes.Repeat([]byte("x"), 150_000))
		if err == nil || n != 100_000 {
			t.Errorf("write: %d, %v; want 100000 and an error", n, err)
		}
		if err := w.Commit(t.Context(), registry.Digest{1}); err == nil {
			t.Error("commit of bytes that are not whole succeeded")
		}
		return
	}
	root := t.TempDir()
	c := exec.Command(os.Args[0], "-test.run=^TestAWriteThatIsCutShort", "-test.count=1")
	c.Env = append(os.Environ(), fmt.Sprintf("%s=%s", child, root))
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if got := files(t, root); len(got) != 0 {
		t.Errorf("left: %q", got)
	}
}
