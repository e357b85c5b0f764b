package sqlmeta

import (
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// Processes of an older build go on beside those of a newer one while a server
// is upgraded, and an older build may be started again. So a step either only
// adds what an older build need not know, or says that it breaks them.
func TestMigrationsOnlyAddOrSayThatTheyDoNot(t *testing.T) {
	names, err := fs.Glob(SQLite.Migrations, "*.sql")
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range []*Dialect{SQLite, PostgreSQL} {
		all, err := steps(d)
		if err != nil || len(all) != len(names) {
			t.Fatal(len(all), err)
		}
		for _, s := range all {
			if !s.additive {
				continue
			}
			for _, wrong := range notAdditive(s.text) {
				t.Errorf("%s for %s: %s; make it add only, or begin a line with %q and say why", s.name, d.Name, wrong, breaks)
			}
		}
	}
}

func TestWhatAddsAndWhatDoesNot(t *testing.T) {
	for text, adds := range map[string]bool{
		"CREATE TABLE b (x INTEGER); -- why; and how\nCREATE UNIQUE INDEX b_x ON b (x); INSERT INTO b (x) VALUES (1);":   true,
		"ALTER TABLE a ADD COLUMN y INTEGER; UPDATE a SET y = 0 WHERE x > 1; CREATE INDEX a_y ON a (y) WHERE y IS NULL;": true,
		"ALTER TABLE a ADD COLUMN y INTEGER NOT NULL DEFAULT 0;":                                                         true,
		"CREATE TABLE b (x INTEGER NOT NULL REFERENCES a (x) ON DELETE CASCADE);":                                        true,
		"CREATE TABLE b (x INTEGER); CREATE TABLE c (x INTEGER REFERENCES b (x));":                                       true,
		"INSERT INTO server (name, value) VALUES ('rules', 0);":                                                          true,
		"CREATE SEQUENCE s; ALTER TABLE a SET (fillfactor = 50);":                                                        true,
		"ALTER TABLE a ADD COLUMN y INTEGER NOT NULL;":                                                                   false, // older builds insert none
		"CREATE UNIQUE INDEX a_x ON a (x);":                                                                              false, // they may insert it twice
		"CREATE TABLE b (x INTEGER NOT NULL REFERENCES a (x));":                                                          false, // they cannot delete from a
		"ALTER TABLE a DROP COLUMN x;":                                                                                   false,
		"ALTER TABLE a RENAME TO b;":                                                                                     false,
		"DROP TABLE a;":                                                                                                  false,
		"UPDATE a SET x = 1;":                                                                                            false, // they know x by its old meaning
		"ALTER TABLE a ADD COLUMN y INTEGER; UPDATE a SET y = 0, x = 1;":                                                 false,
		"DELETE FROM a;":                false,
		"INSERT INTO a (x) VALUES (1);": false,
		"CREATE TRIGGER t AFTER INSERT ON a BEGIN DELETE FROM a; END;": false,
	} {
		if wrong := notAdditive(text); (len(wrong) == 0) != adds {
			t.Errorf("%s: %q", text, wrong)
		}
	}
}

var (
	comment     = regexp.MustCompile(`--[^\n]*`)
	createTable = regexp.MustCompile(`^CREATE TABLE (\w+) \(`)
	createIndex = regexp.MustCompile(`^CREATE (UNIQUE )?INDEX \w+ ON (\w+) `)
	addColumn   = regexp.MustCompile(`^ALTER TABLE (\w+) ADD COLUMN (\w+) `)
	referring   = regexp.MustCompile(`REFERENCES (\w+) \([^)]*\)( ON DELETE (CASCADE|SET NULL))?`)
	insertInto  = regexp.MustCompile(`^INSERT INTO (\w+) `)
	update      = regexp.MustCompile(`^UPDATE (\w+) SET (.+?)( WHERE .*)?$`)
	tuning      = regexp.MustCompile(`^(CREATE SEQUENCE \w+|ALTER TABLE \w+ SET \([a-z_]+ = \w+\))$`)
)

// notAdditive says what an older build could not go on with. No text of a step
// has a semicolon other than behind a statement or within a comment.
func notAdditive(text string) (wrong []string) {
	made, added := map[string]bool{}, map[string]bool{}
	for statement := range strings.SplitSeq(comment.ReplaceAllString(text, ""), ";") {
		statement = strings.Join(strings.Fields(statement), " ")
		refuse := func(why string) { wrong = append(wrong, fmt.Sprintf("%q %s", statement, why)) }
		if m := createTable.FindStringSubmatch(statement); m != nil {
			made[m[1]] = true
		}
		for _, m := range referring.FindAllStringSubmatch(statement, -1) {
			if !made[m[1]] && m[2] == "" {
				refuse("keeps older builds from deleting rows")
			}
		}
		if m := createIndex.FindStringSubmatch(statement); m != nil {
			if m[1] != "" && !made[m[2]] {
				refuse("forbids rows that older builds may write")
			}
		} else if m := addColumn.FindStringSubmatch(statement); m != nil {
			added[m[1]+"."+m[2]] = true
			if strings.Contains(statement, "NOT NULL") && !strings.Contains(statement, "DEFAULT") {
				refuse("wants a value that older builds do not give")
			}
		} else if m := insertInto.FindStringSubmatch(statement); m != nil {
			if !made[m[1]] && m[1] != "server" {
				refuse("changes rows that older builds know")
			}
		} else if m := update.FindStringSubmatch(statement); m != nil {
			known := func(assignment string) bool {
				column, _, _ := strings.Cut(strings.TrimSpace(assignment), " ")
				return !added[m[1]+"."+column]
			}
			if !made[m[1]] && slices.ContainsFunc(strings.Split(m[2], ","), known) {
				refuse("changes rows that older builds know")
			}
		} else if statement != "" && !createTable.MatchString(statement) && !tuning.MatchString(statement) {
			refuse("is nothing that only adds")
		}
	}
	return wrong
}
