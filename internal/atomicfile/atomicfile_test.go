package atomicfile

import (
	"os"
	"path/filepath"
	"testing"
)

func TestWriteReplacesContentAndMode(t *testing.T) {
	name := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(name, []byte("old and longer"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := Write(name, []byte("new"), 0o600); err != nil {
		t.Fatal(err)
	}
	checkFile(t, name, "new", 0o600)
	checkAlone(t, name)
}

func TestWriteKeepsASymbolicLink(t *testing.T) {
	dir := t.TempDir()
	target, link := filepath.Join(dir, "real"), filepath.Join(dir, "link")
	if err := os.WriteFile(target, []byte("old"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(target, link); err != nil {
		t.Fatal(err)
	}
	if err := Write(link, []byte("new"), 0o600); err != nil {
		t.Fatal(err)
	}
	checkFile(t, target, "new", 0o600)
	if to, err := os.Readlink(link); err != nil || to != target {
		t.Errorf("link leads to %q, %v; want %q", to, err, target)
	}
}

func TestWriteIntoAMissingFolderFailsAndLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	if err := Write(filepath.Join(dir, "missing", "f"), []byte("x"), 0o600); err == nil {
		t.Error("no error for a folder that is not there")
	}
	if left, _ := os.ReadDir(dir); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

func checkFile(t *testing.T, name, want string, perm os.FileMode) {
	t.Helper()
	got, err := os.ReadFile(name)
	if err != nil || string(got) != want {
		t.Errorf("content %q, %v; want %q", got, err, want)
	}
	if st, err := os.Stat(name); err != nil || st.Mode().Perm() != perm {
		t.Errorf("mode %v, %v; want %v", st.Mode(), err, perm)
	}
}

func checkAlone(t *testing.T, name string) {
	t.Helper()
	all, err := os.ReadDir(filepath.Dir(name))
	if err != nil || len(all) != 1 {
		t.Errorf("folder holds %v, %v; want the file alone", all, err)
	}
}
