//go:build unix

package events

import (
	"context"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// A file size limit stands for the full disk; it holds for a whole process, so
// it is a child's.
func TestEventsGoOnWhenTheDiskIsNotFullAnyMore(t *testing.T) {
	const child = "LARDER_TEST_FULL_DISK"
	if dir := os.Getenv(child); dir != "" {
		fillDisk(t, dir)
		return
	}
	c := exec.Command(os.Args[0], "-test.run=^TestEventsGoOnWhenTheDiskIsNotFullAnyMore$", "-test.count=1")
	c.Env = append(os.Environ(), child+"="+t.TempDir())
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

func fillDisk(t *testing.T, dir string) {
	signal.Ignore(syscall.SIGXFSZ)
	e := startServer(t, dir, &keys{}, nil)
	b := openBus(t, e)
	publish(t, b, numbered(1, 10)...)
	durable := jetstream.ConsumerConfig{Durable: "ci", AckPolicy: jetstream.AckExplicitPolicy}
	nc, _ := follow(t, e, accountA)
	if got, want := collect(t, nc, durable, 10), idsOf(numbered(1, 10)); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}

	var free syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &free); err != nil {
		t.Fatal(err)
	}
	limit := func(n uint64) {
		t.Helper()
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: n, Max: free.Max}); err != nil {
			t.Fatal(err)
		}
	}
	limit(100)
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond) // the server says nothing
	defer cancel()
	if n, err := b.Publish(ctx, numbered(11, 20)); n != 0 || err == nil {
		t.Fatalf("published %d with the disk full: %v", n, err)
	}
	e.mend()
	lastIs(t, b, event(accountA, 10).ID)

	limit(free.Cur)
	e.mend()
	lastIs(t, b, event(accountA, 10).ID)
	publish(t, b, numbered(11, 20)...)
	if got, want := coreIDs(t, e), idsOf(numbered(1, 20)); !slices.Equal(got, want) {
		t.Errorf("stream holds %v, want %v", got, want)
	}
	if got, want := collect(t, nc, durable, 10), idsOf(numbered(11, 20)); !slices.Equal(got, want) {
		t.Errorf("the follower got %v, want %v", got, want)
	}
}
