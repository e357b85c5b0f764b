package sqlmeta

import (
	"context"
	"database/sql"
	"path/filepath"
	"strings"
	"testing"
	"time"

	_ "modernc.org/sqlite"

	"larder/registry"
)

// Every statement finds its rows by an index, and no list is sorted: the cost
// of a request does not grow with what is stored beside the asked.
func TestNoStatementReadsAWholeTable(t *testing.T) {
	ctx := t.Context()
	db, err := sql.Open("sqlite", filepath.Join(t.TempDir(), "plan.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	conn, err := db.Conn(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Migrate(ctx, conn, SQLite); err != nil {
		t.Fatal(err)
	}
	s := NewSession(conn, SQLite)
	defer s.Close()
	useEverything(t, s.Tx(ctx, time.Now()))

	// Tables whose rows a statement is there to read all of, and those so small
	// that it does not matter.
	whole := []string{
		"SCAN connections",                                   // Connections
		"SCAN accounts",                                      // first page of Accounts
		"SCAN outbox",                                        // EventsAfter "" and the unsent ones, both ending at a limit
		"SCAN i USING INDEX imports_due",                     // Imports, ending at a limit
		"SCAN d USING INDEX sqlite_autoindex_domains",        // first page of Domains
		"SCAN repositories USING INDEX sqlite_autoindex_rep", // first page of Repositories
		"SCAN advisory_sources",
		"SCAN rules", // first page of every account's
		"SCAN CONSTANT ROW", "SCAN gone", "SCAN counters",
	}
	if len(s.statements) < 50 {
		t.Errorf("only %d statements were tried", len(s.statements))
	}
	for text := range s.statements {
		if strings.Contains(text, "FROM sealed_keys") {
			continue // a handful of rows
		}
		lines := plan(ctx, t, conn, text)
		if strings.Contains(text, "FROM packages p") && strings.Contains(text, ") > (?") && !strings.Contains(strings.Join(lines, "\n"), ")>(?") {
			t.Errorf("a page is not found at its place: %s\n%s", lines, text)
		}
		for _, line := range lines {
			bad := strings.HasPrefix(line, "SCAN") || strings.Contains(line, "TEMP B-TREE FOR ORDER BY") || strings.Contains(line, "TEMP B-TREE FOR DISTINCT")
			for _, w := range whole {
				bad = bad && !strings.HasPrefix(line, w)
			}
			if bad {
				t.Errorf("%s\n%s", line, text)
			}
		}
	}
}

func plan(ctx context.Context, t *testing.T, conn *sql.Conn, text string) (lines []string) {
	t.Helper()
	args := make([]any, strings.Count(text, "?"))
	rows, err := conn.QueryContext(ctx, "EXPLAIN QUERY PLAN "+text, args...)
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	defer rows.Close()
	for rows.Next() {
		var id, parent, unused int
		var line string
		if err := rows.Scan(&id, &parent, &unused, &line); err != nil {
			t.Fatal(err)
		}
		lines = append(lines, line)
	}
	return lines
}

func useEverything(t *testing.T, tx *Tx) {
	t.Helper()
	d := registry.DomainID{Owner: "1", Name: "d"}
	r := registry.RepoID{Domain: d, Name: "r"}
	up := registry.RepoID{Domain: d, Name: "up"}
	p := registry.PackageID{Format: "npm", Name: "p"}
	v := registry.VersionID{Package: p, Version: "1"}
	asset := registry.Asset{Name: "a", Size: 1}
	use := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	use(tx.CreateDomain(registry.Domain{ID: d}))
	use(tx.CreateRepository(registry.Repository{ID: up}))
	use(tx.CreateRepository(registry.Repository{ID: r, Upstreams: []string{"up"}, Connections: []string{"c"}}))
	use(tx.UpdateRepository(registry.Repository{ID: r, Upstreams: []string{"up"}, Connections: []string{"c"}}))
	use(tx.PutPackage(r, registry.Package{ID: p}))
	use(tx.PutVersion(r, p, registry.Version{Version: "1", Assets: []registry.Asset{asset}}))
	use(tx.PutVersion(r, p, registry.Version{Version: "1"}))
	use(tx.PutVersion(r, p, registry.Version{Version: "1", Assets: []registry.Asset{asset}}))
	use(tx.PutListing(d, "c", p, registry.StoredListing{Body: []byte("x")}))
	use(tx.PutListing(d, "c", p, registry.StoredListing{Body: []byte("y")}))
	use(tx.TouchListing(d, "c", p, registry.StoredListing{}))
	use(tx.AppendEvents(registry.Event{ID: "e"}))
	use(tx.MarkSent(1))
	use(tx.TagDomain(d, nil))
	use(tx.CreateGroup(d, registry.Group{Pattern: "/npm/*"}))
	use(tx.UpdateGroup(d, registry.Group{Pattern: "/npm/*"}))
	use(tx.PutPolicy(d, "", registry.Policy{}))
	use(tx.PutPolicy(d, "r", registry.Policy{}))
	use(tx.PutConnection(registry.Connection{Name: "c"}))
	use(tx.PutGuard(d, registry.Policy{}))
	use(read(tx.Guard(d)))
	use(tx.PutAdvisories(1, registry.Advisory{Source: "s", ID: "i", Package: p}))
	use(read(tx.Advisories(p)))
	use(read(tx.SettleAdvisories("s", 1)))
	use(read(tx.AdvisorySources()))
	use(tx.AddDownloads(d, registry.Download{Version: v}))
	use(read(tx.Downloads(d, v)))
	use(read(tx.PruneDownloads(time.Now())))
	use(tx.PutAttestation(d, p, registry.Attestation{}))
	use(read(tx.Attestations(d, p)))
	use(read(tx.LastDownloads(d, p)))
	use(read(tx.LastDownload(d, v)))
	use(read(tx.PruneLastDownloads(time.Now())))
	use(tx.WatchDownloads(time.Hour))
	use(read(tx.DownloadsWatched()))
	use(tx.PutRetention(registry.Retention{Repo: r}))
	use(read(tx.Retention(r)))
	use(read(tx.DueRetentions(1)))
	use(tx.StepRetention(r, "", time.Now(), registry.RetentionRun{}))
	use(tx.DeleteRetention(r))
	use(tx.PutImport(registry.Import{Repo: r, Version: v}))
	use(read(tx.Imports(1)))
	use(read(tx.Importing(d, v)))
	use(tx.RetryImport(registry.Import{Repo: r, Version: v}))
	use(tx.FinishImport(r, v))
	use(tx.CreateAccount(registry.Account{ID: "1"}))
	use(tx.CreateUser(registry.User{Account: "1", Name: "u", ID: "i"}))
	use(tx.CreateAccessKey(registry.AccessKey{ID: "k", Account: "1", User: "u"}))
	use(tx.CreateKey(registry.Key{Purpose: "p", ID: "k"}))
	use(tx.PutRule(registry.Rule{Account: "1", Name: "r"}))
	use(tx.PutTarget(registry.Target{Account: "1", Rule: "r", ID: "t"}))
	use(tx.AppendDeliveries(registry.Delivery{Target: 1, ID: "e"}))
	use(read(tx.MarkRouted(1)))

	for _, page := range []registry.Page{{Limit: 2}, {Limit: 2, After: key("npm", "n", "n")}} {
		for _, f := range []registry.PackageFilter{{}, {Format: "npm"}, {Format: "npm", NamespacePrefix: "n"}, {NamePrefix: "n"}, {Format: "npm", NamePrefix: "n"}, {Format: "npm", NamespacePrefix: "n", NamePrefix: "n"}, {Publish: "ALLOW"}, {Search: "s"}} {
			_, _, err := tx.Packages(r, f, page)
			use(err)
			_, _, err = tx.PackagesInDomain(d, f, page)
			use(err)
		}
	}
	for _, page := range []registry.Page{{Limit: 2}, {Limit: 2, After: key("1", "1")}} {
		for _, owner := range []string{"", "1"} {
			_, _, err := tx.Domains(owner, page)
			use(err)
		}
		for _, f := range []registry.RepositoryFilter{{}, {Domain: d}, {Administrator: "1"}, {Prefix: "r"}, {Domain: d, Prefix: "r"}, {Domain: d, Administrator: "1"}} {
			_, _, err := tx.Repositories(f, page)
			use(err)
		}
		for _, f := range []registry.VersionFilter{{}, {Newest: true}, {Status: "Published"}, {Status: "Published", Newest: true}, {Origin: "INTERNAL"}, {Origin: "INTERNAL", Newest: true}} {
			_, _, err := tx.ListVersions(r, p, f, page)
			use(err)
		}
		_, _, err := tx.Accounts(page)
		use(err)
		for _, account := range []string{"", "1"} {
			_, _, err := tx.Rules(account, "", page)
			use(err)
		}
		_, _, err = tx.Rules("1", "r", page)
		use(err)
		_, _, err = tx.Targets("1", "r", page)
		use(err)
		_, _, err = tx.RulesOfTarget("1", registry.Digest{}, page)
		use(err)
	}
	use(read(tx.Domain(d)))
	use(read(tx.Repository(r)))
	use(read(tx.Graph(d)))
	use(read(tx.Package(r, p)))
	use(read(tx.EndedSequence(r, p)))
	use(read(tx.PackageRevisions(d, []string{"r", "up"}, p)))
	use(read(tx.Version(r, v)))
	use(read(tx.Versions(r, p)))
	use(read(tx.BlobReferences(d, registry.Digest{})))
	use(read(tx.UnusedBlobs(d, 1)))
	use(read(tx.Groups(d)))
	use(read(tx.Policy(d, "r")))
	use(read(tx.Listing(d, "c", p)))
	use(read(tx.ListingRevisions(d, []string{"c"}, p)))
	use(read(tx.UnsentEvents(1)))
	use(read(tx.EventsAfter("", 1)))
	use(read(tx.EventsAfter("e", 1)))
	use(read(tx.OutboxDepth()))
	use(read(tx.Connection("c")))
	use(read(tx.Connections()))
	use(read(tx.User("1", "u")))
	use(read(tx.AccessKey("k")))
	use(read(tx.Keys("p")))
	use(read(tx.RulesRevision()))
	use(read(tx.Rule("1", "r")))
	use(read(tx.CountRules("1")))
	use(read(tx.Target(1)))
	use(read(tx.UnroutedEvents(1)))
	use(read(tx.TakeDeliveries(1, 1)))
	use(read(tx.NextDelivery(1)))
	use(read(tx.WaitingTargets()))
	use(read(tx.Finish()))

	use(read(tx.PruneEvents(time.Now())))
	use(tx.ForgetBlobs(d, registry.Digest{}))
	use(tx.DeletePolicy(d, "r"))
	use(tx.DeleteGroup(d, "/npm/*"))
	use(tx.DeleteVersion(r, v))
	use(tx.DeletePackage(r, p))
	use(tx.DeleteRepository(r))
	use(tx.DeleteRepository(up))
	use(tx.DeleteDomain(d))
	use(tx.DeleteKey("p", "k"))
	use(tx.RetryDelivery(1, 1, time.Now()))
	use(tx.HastenDeliveries(1))
	use(tx.FinishDeliveries(1))
	use(tx.DeleteTarget("1", "r", "t"))
	use(tx.DeleteRule("1", "r"))
}

func read[T any](_ T, err error) error { return err }
