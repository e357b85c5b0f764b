//go:build unix

package sqlite_test

import (
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"larder/registry"
	"larder/storage/sqlite"
)

// A file size limit stands for the full disk; it holds for a whole process, so
// it is a child's.
func TestAFullDiskFailsTheUpdateAndNothingElse(t *testing.T) {
	const child = "LARDER_TEST_FULL_DISK"
	if dir := os.Getenv(child); dir != "" {
		fillDisk(t, dir)
		return
	}
	c := exec.Command(os.Args[0], "-test.run=^TestAFullDiskFailsTheUpdate", "-test.count=1")
	c.Env = append(os.Environ(), child+"="+t.TempDir())
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

func fillDisk(t *testing.T, dir string) {
	signal.Ignore(syscall.SIGXFSZ)
	db := open(t, dir)
	defer db.Close()
	account := func(n int) error {
		return db.Update(t.Context(), func(tx registry.Tx) error {
			if err := tx.CreateAccount(registry.Account{ID: fmt.Sprint("before ", n)}); err != nil {
				return err
			}
			return tx.CreateAccount(registry.Account{ID: fmt.Sprint(n), Name: strings.Repeat("x", 100_000)})
		})
	}
	if err := account(0); err != nil {
		t.Fatal(err)
	}
	var free syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &free); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: 700_000, Max: free.Max}); err != nil {
		t.Fatal(err)
	}
	last := 0
	var full error
	for n := 1; n < 100 && full == nil; n++ {
		if full = account(n); full == nil {
			last = n
		}
	}
	if full == nil || registry.CodeOf(full) != registry.Internal || registry.IsNotFound(full) {
		t.Fatalf("with the disk full: %v, want Internal", full)
	}
	for range 2 { // again, and reading goes on
		if err := account(last + 1); err == nil {
			t.Fatal("an update succeeded with the disk full")
		}
		err := db.View(t.Context(), func(tx registry.Tx) error {
			_, err := tx.Account(fmt.Sprint(last))
			return err
		})
		if err != nil {
			t.Errorf("view with the disk full: %v", err)
		}
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &free); err != nil {
		t.Fatal(err)
	}
	err := db.View(t.Context(), func(tx registry.Tx) error {
		if _, err := tx.Account(fmt.Sprint("before ", last+1)); !registry.IsNotFound(err) {
			t.Errorf("half of the failed update: %v, want NotFound", err)
		}
		_, err := tx.Account(fmt.Sprint(last))
		return err
	})
	if err != nil {
		t.Error(err)
	}
	if err := account(last + 1); err != nil {
		t.Errorf("update with room again: %v", err)
	}
}

// So does opening one: the index of its log has no room.
func TestADatabaseThatHasNoRoomToBeOpenedSaysSo(t *testing.T) {
	const child = "LARDER_TEST_NO_ROOM"
	dir := os.Getenv(child)
	if dir == "" {
		c := exec.Command(os.Args[0], "-test.run=^TestADatabaseThatHasNoRoom", "-test.count=1")
		c.Env = append(os.Environ(), child+"="+t.TempDir())
		if out, err := c.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		return
	}
	if err := open(t, dir).Close(); err != nil {
		t.Fatal(err)
	}
	signal.Ignore(syscall.SIGXFSZ)
	var free syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &free); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: 1000, Max: free.Max}); err != nil {
		t.Fatal(err)
	}
	db, err := sqlite.Open(t.Context(), filepath.Join(dir, "larder.db"))
	if err == nil {
		db.Close()
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &free); err != nil {
		t.Fatal(err)
	}
	if registry.CodeOf(err) != registry.Unavailable || !strings.Contains(registry.MessageOf(err), "no disk space") {
		t.Errorf("%v", err)
	}
}
