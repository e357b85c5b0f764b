package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/mattn/go-isatty"
	"github.com/spf13/cobra"

	"larder/registry"
	"larder/storage"
	"larder/storage/care"
)

// place is the flags by which backup, restore, verify and gc find what a server
// keeps. They are the server's own, and so are their variables.
type place struct {
	storage.Place
	keys keys
}

func (p *place) add(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&p.Data, "data", defaultData, "the server's data `folder` (LARDER_DATA)")
	f.StringVar(&p.Metadata, "metadata", "", "`URL` of its database (LARDER_METADATA; default: SQLite in the data folder)")
	f.StringVar(&p.Blobs, "blobs", "", "`URL` of its blob store (LARDER_BLOBS; default: files in the data folder)")
	_ = cmd.MarkFlagDirname("data")
}

// addKeys adds those that reading bytes needs where they are encrypted.
func (p *place) addKeys(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&p.keys.master, "master-key", "", "`file` with its master key (LARDER_MASTER_KEY; default: the one in the data folder)")
	f.StringVar(&p.keys.command, "key-command", "", "`program` that unseals the keys of encrypted bytes (LARDER_KEY_COMMAND)")
	_ = cmd.MarkFlagFilename("master-key")
}

// complete fills what was not said from the environment.
func (p *place) complete(cmd *cobra.Command) (err error) {
	for name, to := range map[string]*string{"data": &p.Data, "metadata": &p.Metadata, "blobs": &p.Blobs} {
		if value := os.Getenv(envName(name)); value != "" && !cmd.Flags().Changed(name) {
			*to = value
		}
	}
	if p.Data, err = absolute(p.Data); err != nil || cmd.Flags().Lookup("master-key") == nil {
		return err
	}
	p.keys.complete(cmd.Flags().Changed)
	p.Vault, err = p.keys.vault(dataFolder(p.Data))
	return err
}

// open takes the data folder, which it makes where it is missing.
func (p *place) open(cmd *cobra.Command) (*os.File, error) {
	log, _ := newLogger(cmd.ErrOrStderr(), cmd.ErrOrStderr())
	return dataFolder(p.Data).open(log)
}

// look is Look, and says what to do where there is no server.
func (p *place) look(ctx context.Context) (m registry.Metadata, b registry.Blobs, close func() error, err error) {
	if m, b, close, err = p.Look(ctx); errors.Is(err, os.ErrNotExist) {
		err = fmt.Errorf("there is no server: name its --data, --metadata and --blobs as it has them (%w)", err)
	}
	return m, b, close, err
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
folder copies only bytes that are new, and replaces the rows at its end. Bytes
that are encrypted are encrypted in the copy, too, and read for it.

Whoever has the folder has the server's secrets: keep it as you keep those.`,
		Example: "  larder backup --data /var/lib/larder /backup/larder",
		Args:    cobra.ExactArgs(1),
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := p.complete(cmd); err != nil {
			return err
		}
		if err := p.confirmBackup(cmd.Context(), args[0]); err != nil {
			return told(err)
		}
		show, end := ticker(cmd)
		done, err := care.Backup(cmd.Context(), p.Place, args[0], func(c care.Copied) {
			show("%d blobs, %s", c.Blobs, shownSize(c.Bytes))
		})
		end()
		if err == nil {
			err = care.CopyKeys(p.Data, args[0])
		}
		if err != nil {
			return fmt.Errorf("the backup is not complete: %w", told(err))
		}
		return printCopied(cmd, &out, done)
	}
	p.add(cmd)
	p.addKeys(cmd)
	out.add(cmd)
	return cmd
}

// confirmBackup refuses a folder whose backup would be lost to rows that its keys
// do not open, or that are another server's. Nothing is written.
func (p *place) confirmBackup(ctx context.Context, folder string) error {
	if err := care.ConfirmKeys(p.Data, folder); err != nil {
		return err
	}
	of, there := care.Holder(folder, masterCheck)
	if !there || of == "" {
		return nil
	}
	own, held, err := p.Holder(ctx, masterCheck)
	if err == nil && held && own != "" && own != of {
		err = registry.Errorf(registry.Conflict, "the folder %s has a backup of another server: name a new folder", folder)
	}
	return err
}

func printCopied(cmd *cobra.Command, out *output, c care.Copied) error {
	if out.json() {
		return out.print(cmd, c)
	}
	_, err := fmt.Fprintf(cmd.OutOrStdout(), "%d rows; %d blobs copied (%s), %d were there\n", c.Rows, c.Blobs, shownSize(c.Bytes), c.Kept)
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
		if err := care.CopyKeys(args[0], p.Data); err != nil {
			return told(err)
		}
		if p.Vault, err = p.keys.vault(dataFolder(p.Data)); err != nil {
			return err
		}
		keys, err := care.DataKeysOf(args[0])
		if err != nil {
			return told(err)
		}
		bytes, err := p.Prepare(cmd.Context(), p.ringOf(keys))
		if err != nil {
			return told(err)
		}
		show, end := ticker(cmd)
		done, err := care.Restore(cmd.Context(), args[0], p.Place, bytes, func(c care.Copied) {
			show("%d blobs, %s", c.Blobs, shownSize(c.Bytes))
		})
		end()
		if err != nil {
			return fmt.Errorf("nothing serves yet: %w", told(err))
		}
		return printCopied(cmd, &out, done)
	}
	p.add(cmd)
	p.addKeys(cmd)
	out.add(cmd)
	return cmd
}

// told gives the sentence that a domain error has for people.
func told(err error) error {
	var e *registry.Error
	if errors.As(err, &e) && e.Msg != "" && !errors.Is(err, context.Canceled) {
		if e.Err != nil && (e.Code == registry.Internal || e.Code == registry.Unavailable) {
			return fmt.Errorf("%s: %w", e.Msg, e.Err)
		}
		return errors.New(e.Msg)
	}
	return err
}
