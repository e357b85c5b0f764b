package main

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"larder/events"
)

func TestAuditRecordsGoToTheFileAndOntoNATS(t *testing.T) {
	dir := t.TempDir()
	s, _ := start(t, dir, func(s *Server) { s.Config.AuditNATS = true })
	for _, args := range [][]string{{"user", "create", "ada"}, {"user", "key", "create", "ada", "-o", "json"}} {
		if out, err := command(append(args, "--data", dir)...); err != nil {
			t.Fatalf("%v: %v %s", args, err, out)
		}
	}
	js, err := jetstream.New(s.bus.Conn())
	if err != nil {
		t.Fatal(err)
	}
	var stream jetstream.Stream
	for deadline := time.Now().Add(10 * time.Second); ; { // the stream is made with the first record
		if stream, err = js.Stream(t.Context(), events.AuditStreamName); err == nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
	c, err := stream.OrderedConsumer(t.Context(), jetstream.OrderedConsumerConfig{})
	if err != nil {
		t.Fatal(err)
	}
	file, err := os.ReadFile(s.folder.audit())
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for line := range strings.Lines(string(file)) {
		lines = append(lines, strings.TrimSpace(line))
	}
	names := []string{"CreateUser", "CreateAccessKey"}
	if len(lines) != len(names) {
		t.Fatalf("the file has %d records, want %d:\n%s", len(lines), len(names), file)
	}
	for i, name := range names {
		m, err := c.Next(jetstream.FetchMaxWait(10 * time.Second))
		if err != nil {
			t.Fatal(err)
		}
		if m.Subject() != "larder.audit.000000000000" || string(m.Data()) != lines[i] {
			t.Errorf("on NATS: %s %s\nin the file: %s", m.Subject(), m.Data(), lines[i])
		}
		var r struct {
			EventName    string
			UserIdentity struct{ Arn string }
		}
		if err := json.Unmarshal(m.Data(), &r); err != nil || r.EventName != name || r.UserIdentity.Arn != "arn:aws:iam::000000000000:user/admin" {
			t.Errorf("record %d: %v %s", i, err, m.Data())
		}
		if strings.Contains(string(m.Data()), "SecretAccessKey") {
			t.Errorf("a secret is on NATS: %s", m.Data())
		}
	}
}

func TestWithoutTheSettingNoAuditRecordIsOnNATS(t *testing.T) {
	dir := t.TempDir()
	s, _ := start(t, dir)
	if out, err := command("user", "create", "ada", "--data", dir); err != nil {
		t.Fatalf("%v %s", err, out)
	}
	js, err := jetstream.New(s.bus.Conn())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := js.Stream(t.Context(), events.AuditStreamName); err == nil {
		t.Error("there is a stream of audit records")
	}
}
