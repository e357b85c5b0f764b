package cluster

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib"

	"larder/e2e/harness"
)

// The step of the newer build: it adds to what all requests read and write.
const newerStep = `-- Proof.
CREATE TABLE rolling_upgrade (x INTEGER NOT NULL);
ALTER TABLE versions ADD COLUMN rolling_upgrade INTEGER NOT NULL DEFAULT 7;
ALTER TABLE packages ADD COLUMN rolling_upgrade TEXT;
UPDATE packages SET rolling_upgrade = name;
CREATE INDEX packages_rolling_upgrade ON packages (rolling_upgrade);
`

// perStop is how many requests may be told to come again when a process ends: a
// connection that the system has taken, and the process not yet, is lost.
const perStop = 1

// newerBuild builds this tree with one more step of the schema, and gives the
// binary and the step's version.
func newerBuild(t *testing.T) (binary string, version int) {
	t.Helper()
	folder := filepath.Join(harness.Root(t), "storage", "sqlmeta", "migrations", "sqlite")
	steps, err := filepath.Glob(filepath.Join(folder, "*.sql"))
	if err != nil || len(steps) == 0 {
		t.Fatal(err)
	}
	version = len(steps) + 1
	dir := t.TempDir()
	step, overlay := filepath.Join(dir, "step.sql"), filepath.Join(dir, "overlay.json")
	fatal(t, os.WriteFile(step, []byte(newerStep), 0o600))
	text, err := json.Marshal(map[string]any{"Replace": map[string]string{filepath.Join(folder, fmt.Sprintf("%04d_newer.sql", version)): step}})
	fatal(t, err)
	fatal(t, os.WriteFile(overlay, text, 0o600))
	binary = filepath.Join(dir, "larder")
	build := exec.Command("go", "build", "-overlay", overlay, "-o", binary, "larder/cmd/larder")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return binary, version
}

// TestRollingUpgrade: one process after the other is replaced by a newer build
// that adds to the schema, and an old one dies in between and comes back, while
// clients publish and install.
func TestRollingUpgrade(t *testing.T) {
	harness.EndToEnd(t)
	newer, version := newerBuild(t)
	w := newWorld(t, 3)
	npm := w.newNPM(t)
	npm.publish(w.larders[0].url, "from-npm-0")
	c := w.newLoad(npm.token, w.nginx.URL) // as clients: they know of no processes
	c.start(t.Context())
	c.moves(t, "at first", true)
	replace := func(l *larder) {
		t.Helper()
		l.stop(t)
		c.moves(t, "while a process is replaced", true)
		l.Binary = newer
		l.start(t)
		c.moves(t, "after a process was replaced", true)
	}
	replace(w.larders[0])
	db, err := sql.Open("pgx", w.postgres.URL())
	fatal(t, err)
	defer db.Close()
	var have int
	if err := db.QueryRow("SELECT MAX(version) FROM schema_version").Scan(&have); err != nil || have != version {
		t.Fatalf("schema version %d, %v; want %d", have, err, version)
	}
	if refused, cut := c.unavailable.Load(), c.unanswered.Load(); refused+cut > perStop {
		t.Errorf("%d requests were refused and %d had no answer while a process was replaced; %v", refused, cut, c.refusal.Load())
	}

	old := w.larders[1]
	old.kill(t)
	old.start(t)
	log, err := os.ReadFile(old.Data + ".log")
	if err != nil || !strings.Contains(string(log), "upgrade it soon") {
		t.Errorf("an old build says nothing of the newer schema, %v", err)
	}
	c.moves(t, "after an old process has come back", true)
	refused, cut := c.unavailable.Load(), c.unanswered.Load()

	replace(w.larders[1])
	replace(w.larders[2])
	if refused, cut = c.unavailable.Load()-refused, c.unanswered.Load()-cut; refused+cut > 2*perStop {
		t.Errorf("%d requests were refused and %d had no answer while two processes were replaced; %v", refused, cut, c.refusal.Load())
	}
	w.confirm(t, c, npm)
	var lacking int
	if err := db.QueryRow("SELECT COUNT(*) FROM versions WHERE rolling_upgrade <> 7").Scan(&lacking); err != nil || lacking != 0 {
		t.Errorf("%d versions lack what the step adds, %v", lacking, err)
	}
}
