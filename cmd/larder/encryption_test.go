package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"larder/events/rules"
	"larder/internal/pgtest"
	"larder/registry"
	"larder/storage/sealed"
)

// vaulted is a server of which a test reads and replaces everything that is
// sealed.
type vaulted struct {
	*closed
	text map[string]string // of packages, by name
}

func encrypted(s *Server) { s.Config.EncryptBlobs = true }

// begin starts a server on the folder again; stop ends it.
func (w *vaulted) begin(t *testing.T, change ...func(*Server)) {
	t.Helper()
	w.Server, _ = start(t, w.dir, change...)
}

func (w *vaulted) stop(t *testing.T) {
	t.Helper()
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

func (w *vaulted) publish(t *testing.T, name string) {
	t.Helper()
	w.text[name] = strings.Repeat("the bytes of "+name+" ", 10_000)
	w.larder(t, "package", "publish", "generic/acme/"+name, "1.0.0", w.file(t, w.text[name]), "--repository", "main")
}

// serves checks that every package is served, and that the token of the first
// start, the rule's secret and the connection's password are what they were.
func (w *vaulted) serves(t *testing.T) {
	t.Helper()
	for name, want := range w.text {
		to := filepath.Join(t.TempDir(), "asset")
		w.larder(t, "package", "download", "generic/acme/"+name+"@1.0.0", "policy.json", "--repository", "main", "--to", to)
		if got, err := os.ReadFile(to); err != nil || string(got) != want {
			t.Errorf("%s: %d bytes, %v; want %d", name, len(got), err, len(want))
		}
	}
	if status, body, _ := w.ask(t, w.admin, http.MethodGet, "/npm/d/local-000000000000/open/lib", ""); status != 200 {
		t.Errorf("a token from before: %d %s", status, body)
	}
	connections := &registry.Connections{Metadata: w.metadata, Sealer: w.sealer}
	if c, err := connections.Find(t.Context(), "public:npmjs"); err != nil || c.URL != "https://user:word@upstream.test/" {
		t.Errorf("the connection leads to %q, %v", c.URL, err)
	}
	err := w.metadata.View(t.Context(), func(tx registry.Tx) error {
		all, _, err := tx.Targets("", "", registry.Page{})
		if err != nil || len(all) != 1 {
			t.Errorf("%d targets, %v", len(all), err)
			return err
		}
		target, err := rules.Open(w.sealer, all[0])
		if target.Target.ARN != "nats:team.builds" {
			t.Errorf("the target is %+v", target.Target)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// clear gives the files of blobs that are not sealed.
func (w *vaulted) clear(t *testing.T, dir string) (all []string) {
	t.Helper()
	all, err := filepath.Glob(filepath.Join(dir, "blobs", "sha256", "*", "*", "*", "*", "*"))
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func (w *vaulted) status(t *testing.T) protection {
	t.Helper()
	var all []protection
	if err := json.Unmarshal([]byte(w.larder(t, "encryption", "status", "-o", "json")), &all); err != nil || len(all) != 1 {
		t.Fatal(all, err)
	}
	return all[0]
}

func newVaulted(t *testing.T, change ...func(*Server)) *vaulted {
	t.Helper()
	w := &vaulted{newClosed(t, change...), map[string]string{}}
	w.larder(t, "connection", "set", "public:npmjs", "https://user:word@upstream.test/")
	w.larder(t, "rule", "put", "builds", "--pattern", `{"source":["aws.codeartifact"]}`)
	w.larder(t, "rule", "target", "put", "builds", "t", "nats:team.builds")
	return w
}

func TestBytesAreEncryptedFromWhenItIsTurnedOn(t *testing.T) {
	w := newVaulted(t)
	w.publish(t, "before")
	w.stop(t)
	w.begin(t, encrypted)
	w.publish(t, "after")
	w.sealPlain(t.Context(), w.blobs.(*sealed.Blobs)) // beside the one that the start began
	w.serves(t)
	if left := w.clear(t, w.dir); len(left) != 0 {
		t.Errorf("in clear: %q", left)
	}
	if got := w.status(t); got.Plain != 0 || got.Sealed < 3 || got.Keys != 1 || got.SealedBy != "master key" {
		t.Errorf("status: %+v", got)
	}
	w.larder(t, "verify") // an asset that is not whole is an error

	copied := t.TempDir()
	w.larder(t, "backup", copied)
	w.stop(t)
	if out, err := command("encryption", "rotate", "--data", w.dir, "--domain", "nowhere"); err == nil || !strings.Contains(err.Error(), "nothing of it is encrypted") {
		t.Errorf("rotate in no domain: %v %s", err, out)
	}
	w.larder(t, "encryption", "rotate")
	restored := filepath.Join(t.TempDir(), "restored")
	if out, err := command("restore", copied, "--data", restored); err != nil {
		t.Fatal(err, out)
	}
	moved := filepath.Join(t.TempDir(), "moved")
	w.larder(t, "migrate", "--to-data", moved)
	if out, err := command("verify", "--data", moved); err != nil {
		t.Error(err, out)
	}
	for _, dir := range []string{copied, restored, moved} {
		if left := w.clear(t, dir); len(left) != 0 {
			t.Errorf("in clear in %s: %q", dir, left)
		}
	}
	if err := os.Rename(filepath.Join(restored, "master.key"), filepath.Join(copied, "elsewhere.key")); err != nil {
		t.Fatal(err)
	}
	if out, err := command("verify", "--data", restored); err == nil || !strings.Contains(err.Error(), "--master-key") {
		t.Errorf("verify without the master key: %v %s", err, out)
	}
	if out, err := command("verify", "--data", restored, "--master-key", filepath.Join(copied, "elsewhere.key")); err != nil {
		t.Errorf("verify of what was restored: %v %s", err, out)
	}

	w.begin(t) // turned off again
	w.publish(t, "off")
	w.serves(t)
	if left := w.clear(t, w.dir); len(left) != 1 {
		t.Errorf("in clear: %q", left)
	}
	if got := w.status(t); got.Keys != 2 || got.Plain != 1 {
		t.Errorf("status: %+v", got)
	}
}

func TestAMasterKeyIsReplaced(t *testing.T) {
	w := newVaulted(t, encrypted)
	w.publish(t, "before")
	anew := filepath.Join(t.TempDir(), "new.key")
	if err := os.WriteFile(anew, []byte(someKey), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := command("encryption", "rekey", "--data", w.dir, "--new-master-key", anew); err == nil || !strings.Contains(err.Error(), "is in use") {
		t.Errorf("while the server runs: %v %s", err, out)
	}
	id := w.serverID
	w.stop(t)
	old, err := os.ReadFile(filepath.Join(w.dir, "master.key"))
	if err != nil {
		t.Fatal(err)
	}
	for _, cut := range []bool{false, true} {
		if cut { // when all was sealed and only the file was left to replace
			if err := os.WriteFile(filepath.Join(w.dir, "master.key"), old, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		w.larder(t, "encryption", "rekey", "--new-master-key", anew)
		if now, err := os.ReadFile(filepath.Join(w.dir, "master.key")); err != nil || !bytes.Equal(bytes.TrimSpace(now), []byte(strings.TrimSpace(someKey))) {
			t.Errorf("the data folder has %q, %v", now, err)
		}
	}
	if err := os.WriteFile(filepath.Join(w.dir, "old.key"), old, 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := command("encryption", "rekey", "--data", w.dir, "--master-key", filepath.Join(w.dir, "old.key")); err == nil || !strings.Contains(err.Error(), "another master key") {
		t.Errorf("with a key that is no more: %v %s", err, out)
	}
	w.begin(t, encrypted)
	w.publish(t, "after")
	w.serves(t)
	if w.serverID != id {
		t.Errorf("the server is %s, and was %s", w.serverID, id)
	}
}

func TestCommandsBesideNoServerSayWhatToName(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	for _, args := range [][]string{{"verify"}, {"verify", "--repair"}, {"gc"}, {"encryption", "status"}, {"encryption", "rotate"}} {
		out, err := command(append(args, "--data", data)...)
		if err == nil || !strings.Contains(err.Error(), "there is no server: name its --data") {
			t.Errorf("%q: %v %s", args, err, out)
		}
	}
	if _, err := os.Stat(data); err == nil {
		t.Error("the folder was made")
	}
}

func TestABackupIsNotReplacedByOneThatItsKeysDoNotOpen(t *testing.T) {
	w := newVaulted(t, encrypted)
	w.publish(t, "lib")
	folder, anew := filepath.Join(t.TempDir(), "backup"), filepath.Join(t.TempDir(), "new.key")
	if err := os.WriteFile(anew, []byte(someKey), 0o600); err != nil {
		t.Fatal(err)
	}
	w.larder(t, "backup", folder)
	rows := filepath.Join(folder, "rows.jsonl.gz")
	want, err := os.ReadFile(rows)
	if err != nil {
		t.Fatal(err)
	}
	refused := func(why, data string) {
		t.Helper()
		if out, err := command("backup", "--data", data, folder); err == nil || !strings.Contains(err.Error(), why) || !strings.Contains(err.Error(), "name a new folder") {
			t.Errorf("%v %s, want %q", err, out, why)
		}
		if got, err := os.ReadFile(rows); err != nil || !bytes.Equal(got, want) {
			t.Errorf("the backup of before is gone: %d bytes, %v", len(got), err)
		}
	}
	w.stop(t)
	w.larder(t, "encryption", "rekey", "--new-master-key", anew)
	refused("from before it was replaced", w.dir)

	for _, name := range []string{"master.key", "credentials"} { // they are kept elsewhere
		if err := os.Remove(filepath.Join(folder, name)); err != nil {
			t.Fatal(err)
		}
	}
	refused("of another server", newClosed(t).dir)
}

func TestAKeyCommandThatFailsIsAFailedStart(t *testing.T) {
	s := &Server{
		Config: Config{Data: filepath.Join(t.TempDir(), "data"), Listen: "127.0.0.1:0", Region: "us-east-1", NATSListen: "off", EncryptBlobs: true, KeyCommand: "no-such-program --here"},
		Stderr: io.Discard, Machine: toolless(),
	}
	err := s.Run(context.Background())
	if err == nil {
		s.Close()
		t.Fatal("it started")
	}
	if !strings.Contains(err.Error(), "--key-command") || !strings.Contains(err.Error(), "no-such-program") {
		t.Error(err)
	}
}

func TestADomainsDataKeysGoWithIt(t *testing.T) {
	w := newVaulted(t, encrypted)
	w.larder(t, "domain", "create", "brief")
	w.larder(t, "repository", "create", "only", "--domain", "brief")
	w.larder(t, "package", "publish", "generic/acme/p", "1", w.file(t, "bytes"), "--repository", "only", "--domain", "brief")
	brief := registry.DomainID{Owner: "000000000000", Name: "brief"}
	keys := func() int {
		all, err := sealed.Metadata{Metadata: w.metadata}.Keys(t.Context(), brief)
		if err != nil {
			t.Fatal(err)
		}
		return len(all)
	}
	if n := keys(); n != 1 {
		t.Errorf("%d keys", n)
	}
	w.larder(t, "repository", "delete", "only", "--domain", "brief", "--yes")
	w.larder(t, "domain", "delete", "brief", "--yes")
	if n := keys(); n != 0 {
		t.Errorf("%d keys are left", n)
	}
}

// Where processes share the database, a server that runs is noticed by its lead.
func TestKeysAreReplacedOnlyWhileNoServerRuns(t *testing.T) {
	c := pgtest.Require(t, pgtest.Hasty...)
	key := filepath.Join(t.TempDir(), "master.key")
	if err := os.WriteFile(key, []byte(someKey), 0o600); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "data")
	s, _ := start(t, dir, encrypted, func(s *Server) { s.Config.Metadata, s.Config.MasterKey = c.URL(), key })
	w := &vaulted{&closed{Server: s, dir: dir}, map[string]string{}}
	w.publish(t, "event")
	if err := s.flushEvents(t.Context()); err != nil { // its event is sent: the relay leads
		t.Fatal(err)
	}
	line := []string{"encryption", "rekey", "--data", dir, "--metadata", c.URL(), "--master-key", key, "--new-master-key", key}
	if out, err := command(line...); err == nil || !strings.Contains(err.Error(), "stop every process") {
		t.Errorf("while a server runs: %v %s", err, out)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if out, err := command(line...); err != nil {
		t.Errorf("when it has ended: %v %s", err, out)
	}
}
