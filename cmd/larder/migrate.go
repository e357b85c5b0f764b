package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"larder/internal/atomicfile"
	"larder/registry"
	"larder/storage"
	"larder/storage/care"
)

func newMigrateCommand() *cobra.Command {
	m := &migration{}
	cmd := &cobra.Command{
		Use:   "migrate",
		Short: "Move a server to another kind of storage",
		Long: `Copy rows and bytes of a server to another database, blob store or data folder:
from SQLite and files to PostgreSQL and S3, back, or only one of the two. What
--to-… does not name stays where it is.

1. With --online, beside the server that runs: copies the bytes. Do it as often as
   you like; only what is new is copied.
2. Stop every process of the server, and run the command without --online: it
   copies what is still missing, then the rows, in one transaction, and with another
   data folder the keys, the credentials and the event stream inside it.
3. Start the server with the new --metadata and --blobs. Nothing of the old place
   is changed or removed: keep it until you are content, and start no server there.

Killed at any moment, it goes on when it is run again: bytes that are there are not
copied again. A database that holds rows is refused, and so is a store with bytes
that this migration did not put there. Secrets stay sealed by the same master key.`,
		Example: "  larder migrate --online --data /var/lib/larder --to-metadata postgres://larder@db.example.com/larder --to-blobs 's3://packages?endpoint=https://s3.example.com'\n" +
			"  larder migrate --data /var/lib/larder --metadata postgres://larder@db.example.com/larder --blobs 's3://packages?endpoint=https://s3.example.com' --to-data /var/lib/larder-2",
		Args: cobra.NoArgs,
	}
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return m.run(cmd) }
	m.from.add(cmd)
	m.from.addKeys(cmd)
	f := cmd.Flags()
	f.StringVar(&m.to.Data, "to-data", "", "data `folder` from then on (default: the same)")
	f.StringVar(&m.to.Metadata, "to-metadata", "", "`URL` of the database from then on (default: the same; SQLite in another --to-data)")
	f.StringVar(&m.to.Blobs, "to-blobs", "", "`URL` of the blob store from then on (default: the same; files in another --to-data)")
	f.BoolVar(&m.online, "online", false, "copy bytes beside the server that runs, and no rows")
	f.BoolVar(&m.dryRun, "dry-run", false, "only say what would be copied")
	_ = cmd.MarkFlagDirname("to-data")
	m.out.add(cmd)
	return cmd
}

// migration is one run of the command.
type migration struct {
	from           place
	to             storage.Place
	online, dryRun bool
	out            output
}

// migrated is its answer.
type migrated struct {
	*care.Migration
	care.Moved
	Complete bool `json:"complete"`
}

// begun is what a migration leaves in the target's data folder until it is
// complete: it may be cut off anywhere.
type begun struct {
	Server string `json:"server"`         // whose
	Bytes  string `json:"bytes"`          // where they go, without secrets
	Rows   string `json:"rows,omitempty"` // their digest; set before they are loaded
}

const begunName = "migration.json"

func (m *migration) run(cmd *cobra.Command) (err error) {
	if err := m.complete(cmd); err != nil {
		return err
	}
	unlock, err := m.lock(cmd)
	defer func() { err = errors.Join(err, unlock()) }()
	if err != nil {
		return err
	}
	ctx := cmd.Context()
	server, held, err := m.from.Holder(ctx, masterCheck)
	switch {
	case err != nil:
		return told(err)
	case !held:
		return errors.New("there is no server to migrate: name its --data, --metadata and --blobs as it has them")
	case server == "":
		return errors.New("the server was last run by an older build: start it once with this one, then migrate")
	}
	spool := m.to.Data
	if m.dryRun {
		if spool, err = os.MkdirTemp("", "larder-migrate-"); err != nil {
			return err
		}
		defer os.RemoveAll(spool)
	} else if err := os.MkdirAll(spool, 0o700); err != nil {
		return err
	}
	show, end := ticker(cmd)
	show("taking the rows as they are now")
	rows, err := care.Migrate(ctx, m.from.Place, dataFolder(spool).path("migration.rows"))
	end()
	if err != nil {
		return told(err)
	}
	defer rows.Close()
	done := migrated{Migration: rows}
	state, there, err := m.state()
	if err != nil {
		return err
	}
	if there && state.Server != server {
		return fmt.Errorf("%s says that another server is on its way there: name another folder with --to-data, or remove that file", dataFolder(m.to.Data).path(begunName))
	}
	if complete, err := m.target(ctx, server, rows.Sum, state); err != nil {
		return told(err)
	} else if complete {
		done.Complete = true
		return m.finish(cmd, done)
	}
	if m.dryRun {
		done.Moved, err = m.missing(ctx, rows)
		if err != nil {
			return told(err)
		}
		return m.print(cmd, done)
	}
	if done.Moved, err = m.copyBytes(cmd, rows, &state, server); err != nil {
		return fmt.Errorf("the migration is not complete: %w", told(err))
	}
	if m.online {
		return m.print(cmd, done)
	}
	if err := m.copyRows(cmd, rows, state); err != nil {
		return fmt.Errorf("the migration is not complete: %w", told(err))
	}
	done.Complete = true
	return m.finish(cmd, done)
}

// complete fills what was not said: the target is like the source.
func (m *migration) complete(cmd *cobra.Command) (err error) {
	if err := m.from.complete(cmd); err != nil {
		return err
	}
	if m.to.Data == "" {
		m.to.Data = m.from.Data
	}
	if m.to.Data, err = absolute(m.to.Data); err != nil {
		return err
	}
	if m.to.Data == m.from.Data {
		if m.to.Metadata == "" && !cmd.Flags().Changed("to-metadata") {
			m.to.Metadata = m.from.Metadata
		}
		if m.to.Blobs == "" && !cmd.Flags().Changed("to-blobs") {
			m.to.Blobs = m.from.Blobs
		}
	}
	if !m.rowsMove() && !m.bytesMove() {
		return errors.New("nothing would move: name where to with --to-metadata, --to-blobs or --to-data; an empty --to-metadata='' is SQLite in the data folder, an empty --to-blobs='' files in it")
	}
	if m.online && !m.bytesMove() {
		return errors.New("--online copies bytes, and those stay where they are: run it without, with the server stopped")
	}
	return nil
}

func (m *migration) rowsMove() bool {
	return m.to.Metadata != m.from.Metadata || m.to.Metadata == "" && m.to.Data != m.from.Data
}

func (m *migration) bytesMove() bool {
	return m.to.Blobs != m.from.Blobs || m.to.Blobs == "" && m.to.Data != m.from.Data
}

// lock keeps servers out of the data folders where they could disturb.
func (m *migration) lock(cmd *cobra.Command) (func() error, error) {
	var locks []*os.File
	unlock := func() error {
		var all []error
		for _, l := range locks {
			all = append(all, l.Close())
		}
		return errors.Join(all...)
	}
	if m.dryRun {
		return unlock, nil
	}
	var folders []string
	if !m.online && (m.from.InData() || m.to.Data == m.from.Data) {
		if _, err := os.Stat(m.from.Data); m.from.InData() && err != nil {
			return unlock, fmt.Errorf("there is no server to migrate: %w", err)
		}
		folders = append(folders, m.from.Data)
	}
	if m.to.Data != m.from.Data {
		folders = append(folders, m.to.Data)
	}
	for _, folder := range folders {
		l, err := (&place{Place: storage.Place{Data: folder}}).open(cmd)
		if err != nil {
			if folder == m.from.Data {
				err = fmt.Errorf("%w; while it serves, --online copies its bytes", err)
			}
			return unlock, err
		}
		locks = append(locks, l)
	}
	if m.online {
		return unlock, nil
	}
	led, err := m.from.Led(cmd.Context(), relayWork)
	if err == nil && led {
		err = errors.New("a server runs with the database that is to be left: stop every process of it first; while they serve, --online copies their bytes")
	}
	return unlock, told(err)
}

// target refuses a database that has rows. It is complete where they are those of
// this migration, which was cut off behind them.
func (m *migration) target(ctx context.Context, server, sum string, state begun) (complete bool, err error) {
	if !m.rowsMove() {
		return false, nil
	}
	holder, held, err := m.to.Holder(ctx, masterCheck)
	switch {
	case err != nil || !held:
		return false, err
	case holder == server && state.Rows == sum && !m.dryRun && !m.online:
		return true, nil
	case holder == server:
		return false, errors.New("the target's database holds rows of this very server, from a migration or a restore of before: start the server there, or name an empty database with --to-metadata")
	}
	return false, errors.New("the target's database holds another server: name an empty database with --to-metadata, or a new folder with --to-data")
}

func (m *migration) state() (begun, bool, error) {
	var s begun
	text, err := os.ReadFile(dataFolder(m.to.Data).path(begunName))
	if errors.Is(err, fs.ErrNotExist) {
		return s, false, nil
	}
	if err == nil {
		err = json.Unmarshal(text, &s)
	}
	return s, err == nil, err
}

func (m *migration) keep(s begun) error {
	text, err := json.Marshal(s)
	if err != nil {
		return err
	}
	return atomicfile.Write(dataFolder(m.to.Data).path(begunName), append(text, '\n'), 0o600)
}

// missing says what the target's store has not got.
func (m *migration) missing(ctx context.Context, rows *care.Migration) (care.Moved, error) {
	if !m.bytesMove() {
		return care.Moved{Kept: rows.Blobs, KeptBytes: rows.Bytes}, nil
	}
	b, err := m.to.Bytes(ctx, m.from.Ring(rows.Data))
	if errors.Is(err, fs.ErrNotExist) {
		return care.Moved{}, nil
	}
	if err != nil {
		return care.Moved{}, err
	}
	there, err := rows.Look(ctx, b)
	there.Gone = 0 // not there yet
	return there, err
}

func (m *migration) copyBytes(cmd *cobra.Command, rows *care.Migration, state *begun, server string) (care.Moved, error) {
	if !m.bytesMove() {
		state.Server = server
		return care.Moved{Kept: rows.Blobs, KeptBytes: rows.Bytes}, m.keep(*state)
	}
	ctx := cmd.Context()
	m.to.KeyOf = func(_ context.Context, d registry.DomainID) (string, error) { return rows.Keys[d], nil }
	from, err := m.from.Bytes(ctx, m.from.Ring(rows.Data))
	if err != nil {
		return care.Moved{}, err
	}
	to, err := m.to.Prepare(ctx, m.from.ringOf(rows.Data))
	if err != nil {
		return care.Moved{}, err
	}
	where := m.to.Data
	if m.to.Blobs != "" {
		where, _, _ = strings.Cut(maskURL(m.to.Blobs), "?")
	}
	if state.Server == "" || state.Bytes != where {
		if err := m.unclaimed(ctx, rows, to); err != nil {
			return care.Moved{}, err
		}
		*state = begun{Server: server, Bytes: where}
		if err := m.keep(*state); err != nil {
			return care.Moved{}, err
		}
	}
	bar := newProgress(cmd, "bytes", rows.Bytes, shownSize)
	defer bar.end()
	return rows.CopyBytes(ctx, from, to, m.online, func(done care.Moved) { bar.set(done.Done()) })
}

// unclaimed refuses a store in which bytes of the server's domains lie that nobody
// has said to be on their way here: whose they are would sweep what comes.
func (m *migration) unclaimed(ctx context.Context, rows *care.Migration, to registry.Blobs) error {
	for _, d := range rows.Domains {
		for _, err := range to.List(ctx, d) {
			if err != nil {
				return err
			}
			return fmt.Errorf("the target's blob store has bytes of a domain %s already which this migration did not put there: name an empty bucket, or another prefix in it, with --to-blobs, or a new folder with --to-data", d.Name)
		}
	}
	return nil
}

// copyRows ends the migration. Keys come first: a database with rows has all that
// it needs to be served.
func (m *migration) copyRows(cmd *cobra.Command, rows *care.Migration, state begun) error {
	if m.to.Data != m.from.Data {
		if err := care.CopyKeys(m.from.Data, m.to.Data); err != nil {
			return err
		}
		if err := care.CopyFolder(dataFolder(m.from.Data).events(), dataFolder(m.to.Data).events()); err != nil {
			return fmt.Errorf("the event stream: %w", err)
		}
	}
	if !m.rowsMove() {
		return nil
	}
	state.Rows = rows.Sum
	if err := m.keep(state); err != nil {
		return err
	}
	bar := newProgress(cmd, "rows", rows.Spooled, shownSize)
	defer bar.end()
	return rows.CopyRows(cmd.Context(), m.to, bar.set)
}

func (m *migration) finish(cmd *cobra.Command, done migrated) error {
	if err := os.Remove(dataFolder(m.to.Data).path(begunName)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return m.print(cmd, done)
}

func (m *migration) print(cmd *cobra.Command, done migrated) error {
	if m.out.json() {
		return m.out.print(cmd, done)
	}
	size := func(n, bytes int64) string { return fmt.Sprintf("%d (%s)", n, shownSize(bytes)) }
	all := []field{{"rows", fmt.Sprint(done.Rows)}, {"blobs", size(done.Blobs, done.Bytes)}}
	if m.dryRun {
		all = append(all, field{"there", size(done.Kept, done.KeptBytes)}, field{"to copy", size(done.Blobs-done.Kept, done.Bytes-done.KeptBytes)})
	} else if !done.Complete || done.Copied > 0 || done.Kept > 0 {
		all = append(all, field{"copied", size(done.Copied, done.CopiedBytes)}, field{"there", size(done.Kept, done.KeptBytes)})
	}
	next := "stop the server, and run the same command without --online"
	switch {
	case m.dryRun:
		next = ""
	case done.Complete:
		next = "larder serve" + m.flags()
		if _, err := os.Stat(dataFolder(m.to.Data).masterKey()); err != nil {
			next += ", with the same --master-key as before"
		}
	}
	return fields(cmd.OutOrStdout(), append(all, field{"next", next}))
}

// flags are those of the server in its new place, without secrets.
func (m *migration) flags() string {
	text := " --data " + shellWord(m.to.Data)
	if m.to.Metadata != "" {
		text += " --metadata " + shellWord(maskURL(m.to.Metadata))
	}
	if m.to.Blobs != "" {
		text += " --blobs " + shellWord(maskURL(m.to.Blobs))
	}
	return text
}
