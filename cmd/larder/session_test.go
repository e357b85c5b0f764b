package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/codeartifact/types"
	"github.com/spf13/cobra"

	"larder/cmd/larder/login"
	"larder/formats"
)

func TestExitStatuses(t *testing.T) {
	for want, err := range map[int]error{
		exitFailed:  errors.New("x"),
		exitUsage:   fmt.Errorf("wrapped: %w", usagef("x")),
		exitMissing: fmt.Errorf("wrapped: %w", &apiFailure{code: "ResourceNotFoundException"}),
		exitRefused: &apiFailure{code: "AccessDeniedException"},
	} {
		if got := exitStatus(ranError{err}); got != want {
			t.Errorf("%v: got %d, want %d", err, got, want)
		}
	}
	if got := exitStatus(ranError{&apiFailure{code: "ConflictException"}}); got != exitFailed {
		t.Errorf("a conflict: got %d", got)
	}
	if got := exitStatus(errors.New("before it ran")); got != exitUsage {
		t.Errorf("a fault of the command line: got %d", got)
	}
}

func TestRunGivesTheExitStatus(t *testing.T) {
	dir := t.TempDir()
	start(t, dir)
	for line, want := range map[string]int{
		"domain list":                   0,
		"domain show gone":              exitMissing,
		"domain create":                 exitUsage,
		"domain create local":           exitFailed,
		"domain delete local":           exitUsage,
		"repository list --bogus":       exitUsage,
		"package show x":                exitUsage,
		"package copy npm/a@1":          exitUsage,
		"package versions npm/missing":  exitMissing,
		"login nothing":                 exitUsage,
		"token --duration -1s":          exitUsage,
		"repository update main":        exitUsage,
		"policy get --repository main":  exitMissing,
		"package download generic/a/b@": exitUsage,
	} {
		if got := run(append(strings.Fields(line), "--data", dir)); got != want {
			t.Errorf("larder %s: status %d, want %d", line, got, want)
		}
	}
}

func TestAssetNamesDoNotLeaveTheFolder(t *testing.T) {
	dir := t.TempDir()
	for asset, ok := range map[string]bool{"a.txt": true, "../a": false, "a/b": false, `a\b`: false, "..": false, ".": false, "/etc/x": false} {
		got, err := targetFile(dir, asset)
		if (err == nil) != ok || ok && got != filepath.Join(dir, asset) {
			t.Errorf("%q: %q, %v", asset, got, err)
		}
	}
	if got, err := targetFile(filepath.Join(dir, "new"), "../a"); err != nil || got != filepath.Join(dir, "new") {
		t.Errorf("a named file: %q, %v", got, err)
	}
}

func TestADownloadOfOtherBytesFails(t *testing.T) {
	s := &session{cmd: &cobra.Command{}}
	asset := types.AssetSummary{Hashes: map[string]string{"SHA-256": strings.Repeat("0", 64)}}
	err := s.receive(&strings.Builder{}, strings.NewReader("hello"), asset)
	if err == nil || !strings.Contains(err.Error(), "not those that were promised") {
		t.Errorf("got %v", err)
	}
}

func TestLoginSaysThatAFormatIsNotServed(t *testing.T) {
	served := formats.Format{Name: "npm", WriteError: func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusNotFound) }}
	server := httptest.NewServer(formats.Mount(nil, []formats.Format{served}, formats.Options{}))
	defer server.Close()
	s := &session{client: &client{URL: server.URL}}
	for format, want := range map[string]string{"npm": "", "swift": "this server does not serve swift repositories, which xcode needs"} {
		err := s.checkServed(context.Background(), server.URL+"/"+format+"/d/local-000000000000/main/", login.Tool{Name: "xcode", Format: format})
		if want == "" && err != nil || want != "" && (err == nil || !strings.HasPrefix(err.Error(), want)) {
			t.Errorf("%s: %v", format, err)
		}
	}
	server.Close()
	if err := s.checkServed(context.Background(), server.URL+"/npm/", login.Tool{}); err != nil {
		t.Errorf("an address that cannot be reached from here: %v", err)
	}
}
