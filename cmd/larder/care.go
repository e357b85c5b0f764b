package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/mattn/go-isatty"
	"github.com/spf13/cobra"

	"larder/registry"
	"larder/storage"
	"larder/storage/care"
)

// place is the flags by which backup, restore, verify and gc find what a server
// keeps. They are the server's own, and so are their variables.
type place struct{ storage.Place }

func (p *place) add(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&p.Data, "data", defaultData, "the server's data `folder` (LARDER_DATA)")
	f.StringVar(&p.Metadata, "metadata", "", "`URL` of its database (LARDER_METADATA; default: SQLite in the data folder)")
	f.StringVar(&p.Blobs, "blobs", "", "`URL` of its blob store (LARDER_BLOBS; default: files in the data folder)")
	_ = cmd.MarkFlagDirname("data")
}

// complete fills what was not said from the environment.
func (p *place) complete(cmd *cobra.Command) (err error) {
	for name, to := range map[string]*string{"data": &p.Data, "metadata": &p.Metadata, "blobs": &p.Blobs} {
		if value := os.Getenv(envName(name)); value != "" && !cmd.Flags().Changed(name) {
			*to = value
		}
	}
	p.Data, err = absolute(p.Data)
	return err
}

// open takes the data folder, which it makes where it is missing.
func (p *place) open(cmd *cobra.Command) (*os.File, error) {
	log, _ := newLogger(cmd.ErrOrStderr(), cmd.ErrOrStderr())
	return dataFolder(p.Data).open(log)
}

// take keeps servers out of the data folder where rows or bytes lie in it.
func (p *place) take(cmd *cobra.Command) (func() error, error) {
	if p.Metadata != "" && p.Blobs != "" {
		return func() error { return nil }, nil
	}
	lock, err := p.open(cmd)
	if err != nil {
		return nil, err
	}
	return lock.Close, nil
}

// ticker shows on a terminal, once in a while, how far a command of unknown
// length is.
func ticker(cmd *cobra.Command) (show func(format string, args ...any), end func()) {
	f, ok := cmd.ErrOrStderr().(*os.File)
	if !ok || !isatty.IsTerminal(f.Fd()) || os.Getenv("TERM") == "dumb" {
		return func(string, ...any) {}, func() {}
	}
	var mu sync.Mutex
	var last time.Time
	show = func(format string, args ...any) {
		mu.Lock()
		defer mu.Unlock()
		if time.Since(last) > barInterval {
			last = time.Now()
			fmt.Fprintf(f, "\r"+format+"\x1b[K", args...)
		}
	}
	return show, func() { fmt.Fprint(f, "\r\x1b[K") }
}

func newBackupCommand() *cobra.Command {
	var p place
	var out output
	cmd := &cobra.Command{
		Use:   "backup FOLDER",
		Short: "Copy rows, bytes and keys of a server to a folder",
		Long: `Copy what a server keeps to a folder: all rows as they are at one moment, the
bytes that they refer to, and the master key and credentials where they lie in
the data folder. The server may run meanwhile. A second backup into the same
folder copies only bytes that are new, and replaces the rows at its end.

Whoever has the folder has the server's secrets: keep it as you keep those.`,
		Example: "  larder backup --data /var/lib/larder /backup/larder",
		Args:    cobra.ExactArgs(1),
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := p.complete(cmd); err != nil {
			return err
		}
		show, end := ticker(cmd)
		done, err := care.Backup(cmd.Context(), p.Place, args[0], func(c care.Copied) {
			show("%d blobs, %s", c.Blobs, humanize.IBytes(uint64(c.Bytes)))
		})
		end()
		if err == nil {
			err = care.BackupKeys(p.Data, args[0])
		}
		if err != nil {
			return fmt.Errorf("the backup is not complete: %w", told(err))
		}
		return printCopied(cmd, &out, done)
	}
	p.add(cmd)
	out.add(cmd)
	return cmd
}

func printCopied(cmd *cobra.Command, out *output, c care.Copied) error {
	if out.json() {
		return out.print(cmd, c)
	}
	_, err := fmt.Fprintf(cmd.OutOrStdout(), "%d rows; %d blobs copied (%s), %d were there\n", c.Rows, c.Blobs, humanize.IBytes(uint64(c.Bytes)), c.Kept)
	return err
}

func newRestoreCommand() *cobra.Command {
	var p place
	var out output
	cmd := &cobra.Command{
		Use:   "restore FOLDER",
		Short: "Make a server of a backup, of the same or another kind of storage",
		Long: `Copy a backup into an empty database and a blob store, and its keys into the
data folder. Database and store may be of another kind than those that the
backup was made of: so a server moves from files to PostgreSQL and S3, and back.
After a failure, run it again: bytes that are there are not copied twice.`,
		Example: "  larder restore /backup/larder --data /var/lib/larder\n  larder restore /backup/larder --data /var/lib/larder --metadata postgres://larder@db.example.com/larder --blobs 's3://packages?endpoint=https://s3.example.com'",
		Args:    cobra.ExactArgs(1),
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) (err error) {
		if err := p.complete(cmd); err != nil {
			return err
		}
		unlock, err := p.open(cmd)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, unlock.Close()) }()
		if err := care.RestoreKeys(args[0], p.Data); err != nil {
			return told(err)
		}
		bytes, err := storage.Blobs(cmd.Context(), p.Blobs, p.Data, nil)
		if err != nil {
			return told(err)
		}
		show, end := ticker(cmd)
		done, err := care.Restore(cmd.Context(), args[0], p.Place, bytes, func(c care.Copied) {
			show("%d blobs, %s", c.Blobs, humanize.IBytes(uint64(c.Bytes)))
		})
		end()
		if err != nil {
			return fmt.Errorf("nothing serves yet: %w", told(err))
		}
		return printCopied(cmd, &out, done)
	}
	p.add(cmd)
	out.add(cmd)
	return cmd
}

func newVerifyCommand() *cobra.Command {
	var p place
	var out output
	var replica string
	cmd := &cobra.Command{
		Use:   "verify",
		Short: "Read every byte that a server keeps and compare it with its digest",
		Long: `Read the bytes of every asset and compare them with size and digest. Each that
is missing or damaged is one line; the exit status is 1 then. The server may run
meanwhile.

With --replica, bytes are taken from a backup (its folder blobs lies in the data
folder that is named: the backup itself) or from another store, in the place of
those that are wrong; a server whose bytes are files is stopped for that.`,
		Example: "  larder verify --data /var/lib/larder\n  larder verify --data /var/lib/larder --replica /backup/larder",
		Args:    cobra.NoArgs,
	}
	cmd.RunE = func(cmd *cobra.Command, _ []string) (err error) {
		if err := p.complete(cmd); err != nil {
			return err
		}
		v := care.Verify{}
		if replica != "" {
			from := storage.Place{Data: replica}
			if strings.Contains(replica, "://") {
				from = storage.Place{Blobs: replica}
			}
			if v.Replica, err = from.Bytes(cmd.Context()); err != nil {
				return fmt.Errorf("--replica: %w", told(err))
			}
			unlock, err := p.take(cmd)
			if err != nil {
				return err
			}
			defer unlock() //nolint:errcheck // nothing is lost with it
		}
		m, b, closeBoth, err := p.Look(cmd.Context())
		if err != nil {
			return told(err)
		}
		defer func() { err = errors.Join(err, closeBoth()) }()
		show, end := ticker(cmd)
		v.Problem = func(problem care.Problem) { fmt.Fprintln(cmd.ErrOrStderr(), printable(problem.String())) }
		v.Progress = func(s care.Verified) {
			show("%d assets, %s, %d problems", s.Assets, humanize.IBytes(uint64(s.Bytes)), s.Problems)
		}
		sum, err := v.Run(cmd.Context(), m, b)
		end()
		if err != nil {
			return told(err)
		}
		if out.json() {
			err = out.print(cmd, sum)
		} else {
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%d assets in %d blobs (%s): %d problems, %d repaired\n",
				sum.Assets, sum.Blobs, humanize.IBytes(uint64(sum.Bytes)), sum.Problems, sum.Repaired)
		}
		if left := sum.Problems - sum.Repaired; err == nil && left > 0 {
			return fmt.Errorf("%d assets are not whole", left)
		}
		return err
	}
	p.add(cmd)
	out.add(cmd)
	cmd.Flags().StringVar(&replica, "replica", "", "`folder` of a backup, or URL of another blob store, to repair from")
	return cmd
}

func newGCCommand() *cobra.Command {
	var p place
	var out output
	g := care.GC{}
	cmd := &cobra.Command{
		Use:   "gc",
		Short: "Delete bytes that nothing refers to",
		Long: `Delete bytes that no asset refers to and that are older than --grace. A server
does this by itself when it starts and twice a day; this command is for now. It
runs beside servers that share a database; one whose rows are in its data folder
is stopped for it.`,
		Example: "  larder gc --dry-run --data /var/lib/larder",
		Args:    cobra.NoArgs,
	}
	cmd.RunE = func(cmd *cobra.Command, _ []string) (err error) {
		if err := p.complete(cmd); err != nil {
			return err
		}
		if g.Grace < 0 {
			return errors.New("--grace: a time such as 1h, not below zero")
		}
		look := p.Open
		if g.DryRun {
			look = p.Look
		} else {
			unlock, err := p.take(cmd)
			if err != nil {
				return err
			}
			defer unlock() //nolint:errcheck // nothing is lost with it
		}
		m, b, closeBoth, err := look(cmd.Context())
		if err != nil {
			return told(err)
		}
		defer func() { err = errors.Join(err, closeBoth()) }()
		show, end := ticker(cmd)
		g.Progress = func(f care.Garbage) { show("%d blobs, %d unused", f.Blobs, f.Unused) }
		found, err := g.Run(cmd.Context(), m, b)
		end()
		if err != nil {
			return told(err)
		}
		if out.json() {
			return out.print(cmd, found)
		}
		what := "deleted"
		if g.DryRun {
			what = "to be deleted"
		}
		_, err = fmt.Fprintf(cmd.OutOrStdout(), "%d blobs; %d %s (%s)\n", found.Blobs, found.Unused, what, humanize.IBytes(uint64(found.Bytes)))
		return err
	}
	p.add(cmd)
	out.add(cmd)
	cmd.Flags().DurationVar(&g.Grace, "grace", care.DefaultGrace, "how `old` bytes must be that nothing refers to")
	cmd.Flags().BoolVar(&g.DryRun, "dry-run", false, "only say what would be deleted; the server may run")
	return cmd
}

// told gives the sentence that a domain error has for people.
func told(err error) error {
	var e *registry.Error
	if errors.As(err, &e) && e.Msg != "" && !errors.Is(err, context.Canceled) {
		if e.Err != nil && e.Code == registry.Internal {
			return fmt.Errorf("%s: %w", e.Msg, e.Err)
		}
		return errors.New(e.Msg)
	}
	return err
}
