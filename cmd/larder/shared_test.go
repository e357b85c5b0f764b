package main

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"larder/internal/pgtest"
)

const someKey = "bGFyZGVyIGxhcmRlciBsYXJkZXIgbGFyZGVyIGxhcmQ=\n"

func TestAnotherMasterKeyThanTheDatabasesIsRefused(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	s, _ := start(t, data)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	again, _ := start(t, data)
	if err := again.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(data, "master.key"), []byte(someKey), 0o600); err != nil {
		t.Fatal(err)
	}
	other := &Server{
		Config: Config{Data: data, Listen: "127.0.0.1:0", Region: "us-east-1", NATSListen: "off"},
		Stderr: io.Discard, Machine: toolless(),
	}
	err := other.Run(context.Background())
	if err == nil {
		other.Close()
		t.Fatal("it started")
	}
	if !strings.Contains(err.Error(), "another master key") || !strings.Contains(err.Error(), "--master-key") {
		t.Errorf("%v", err)
	}
}

// A process with an empty data folder takes its server from the database; it is
// told what of its own is not shared.
func TestASecondProcessFindsTheServerInTheDatabase(t *testing.T) {
	c := pgtest.Require(t, pgtest.Hasty...)
	key := filepath.Join(t.TempDir(), "master.key")
	if err := os.WriteFile(key, []byte(someKey), 0o600); err != nil {
		t.Fatal(err)
	}
	shared := func(s *Server) { s.Config.Metadata, s.Config.MasterKey = c.URL(), key }
	first, log := start(t, filepath.Join(t.TempDir(), "first"), shared)
	second, _ := start(t, filepath.Join(t.TempDir(), "second"), shared)
	if first.serverID != second.serverID {
		t.Errorf("ids %s and %s", first.serverID, second.serverID)
	}
	if _, err := os.Stat(second.folder.credentials()); err == nil {
		t.Error("the second has credentials of its own")
	}
	for _, half := range []string{"--blobs", "--nats"} {
		if !strings.Contains(log.String(), half) {
			t.Errorf("the log does not name %s:\n%s", half, log.String())
		}
	}
}
