package storage_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"larder/registry"
	"larder/storage"
	"larder/storage/mem"
	"larder/storage/sealed"
)

func TestWithoutURLsEverythingIsInTheDataFolder(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "made", "here")
	m, err := storage.Metadata(t.Context(), "", dir)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	if _, err := storage.Blobs(t.Context(), "", dir, nil); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"larder.db", "blobs"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			t.Error(err)
		}
	}
}

func TestAURLThatCannotBeUsedIsExplainedAndNotRepeated(t *testing.T) {
	for url, want := range map[string]string{
		"postgres://larder:secret@db.test/larder?pool_max_conns=1": "PostgreSQL", "postgresql://secret@db.test?sslmode=secret": "PostgreSQL",
		"mysql://u:secret@db.test": "no engine", "secret": "no engine",
	} {
		m, err := storage.Metadata(t.Context(), url, t.TempDir())
		check(t, url, m == nil, err, want)
	}
	for url, want := range map[string]string{"s3://secret/prefix?endpoint=x": "S3", "S3://secret": "S3", "/secret": "no engine", "gs://secret": "no engine"} {
		b, err := storage.Blobs(t.Context(), url, t.TempDir(), nil)
		check(t, url, b == nil, err, want)
	}
}

func check(t *testing.T, url string, none bool, err error, want string) {
	t.Helper()
	if err == nil || !none || registry.CodeOf(err) != registry.Invalid {
		t.Errorf("%s: %v, want Invalid and nothing else", url, err)
		return
	}
	if msg := registry.MessageOf(err); !strings.Contains(msg, want) || strings.Contains(msg, "secret") {
		t.Errorf("%s: %q, want a sentence with %q and without the URL", url, msg, want)
	}
}

func TestEncryptionIsForFiles(t *testing.T) {
	b := mem.New()
	if got, err := storage.Sealed(b, t.TempDir(), nil, sealed.Off); err != nil || got != registry.Blobs(b) {
		t.Errorf("turned off: %v, %v", got, err)
	}
	if _, err := storage.Sealed(b, t.TempDir(), nil, sealed.Every); registry.CodeOf(err) != registry.Invalid || !strings.Contains(err.Error(), "sse=") {
		t.Errorf("turned on: %v", err)
	}
	dir := t.TempDir()
	files, err := storage.Blobs(t.Context(), "", dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := storage.Sealed(files, dir, nil, sealed.Off); err != nil || got != files {
		t.Errorf("where nothing was ever sealed: %v, %v", got, err)
	}
}
