package identity

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

func TestMasterKeyIsMadeOnceForAll(t *testing.T) {
	path := filepath.Join(t.TempDir(), "master.key")
	keys := make([][]byte, 8)
	var wg sync.WaitGroup
	for i := range keys {
		wg.Go(func() {
			key, err := EnsureMasterKey(path)
			if err != nil {
				t.Error(err)
			}
			keys[i] = key
		})
	}
	wg.Wait()
	for _, key := range keys {
		if len(key) != masterKeySize || !bytes.Equal(key, keys[0]) {
			t.Fatalf("processes disagree: %x and %x", key, keys[0])
		}
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode is %v, %v, want 0600", info.Mode(), err)
	}
	if left, _ := os.ReadDir(filepath.Dir(path)); len(left) != 1 {
		t.Errorf("%d files are left, want the key alone", len(left))
	}
}

func TestMasterKeyThatIsNoneIsRefusedAndKept(t *testing.T) {
	path := filepath.Join(t.TempDir(), "master.key")
	for _, text := range []string{"", "short", strings.Repeat("A", 43), "not base64!", strings.Repeat("A", 64)} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := EnsureMasterKey(path); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("%q: got %v, want an error that names the file", text, err)
		}
		if got, _ := os.ReadFile(path); string(got) != text {
			t.Errorf("the file was replaced by %q", got)
		}
	}
}
