package storage

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"

	"larder/registry"
	"larder/storage/fs"
	"larder/storage/postgres"
	"larder/storage/s3"
	"larder/storage/sealed"
	"larder/storage/sqlite"
)

// Place is where a server keeps rows and bytes, for what is done to them beside
// the server or while it is stopped. The URLs are those of [Metadata] and [Blobs].
type Place struct {
	Metadata, Blobs, Data string
	KeyOf                 s3.KeyOf      // nil: domains name no keys
	Vault                 *sealed.Vault // opens data keys; nil: sealed bytes are an error to read
}

// Ring has the data keys of the rows.
func (p Place) Ring(rows sealed.Rows) *sealed.Ring { return sealed.NewRing(rows, p.Vault) }

// Dump writes all rows as they are at one moment, also while servers run.
func (p Place) Dump(ctx context.Context, w io.Writer) error {
	if p.Metadata == "" {
		return sqlite.Dump(ctx, p.database(), w)
	}
	if err := p.known(); err != nil {
		return err
	}
	return postgres.Dump(ctx, p.Metadata, w)
}

// Restore fills an empty database from a dump. Conflict: it is not empty.
func (p Place) Restore(ctx context.Context, r io.Reader) error {
	if p.Metadata == "" {
		return sqlite.Restore(ctx, p.database(), r)
	}
	if err := p.known(); err != nil {
		return err
	}
	return postgres.Restore(ctx, p.Metadata, r)
}

// Holder says whose rows are kept: the id of the oldest key of that purpose. Not
// held: nobody's. Nothing is made.
func (p Place) Holder(ctx context.Context, purpose string) (id string, held bool, err error) {
	if p.Metadata == "" {
		return sqlite.Holder(ctx, p.database(), purpose)
	}
	if err := p.known(); err != nil {
		return "", false, err
	}
	return postgres.Holder(ctx, p.Metadata, purpose)
}

// Led reports whether a process leads work of that name ([registry.Leader]): where
// rows are shared, that is how a server is known to run.
func (p Place) Led(ctx context.Context, name string) (bool, error) {
	if p.Metadata == "" {
		return false, nil
	}
	if err := p.known(); err != nil {
		return false, err
	}
	return postgres.Led(ctx, p.Metadata, name)
}

// InData reports whether something is kept in the data folder that one process has
// to itself.
func (p Place) InData() bool { return p.Metadata == "" || p.Blobs == "" }

// Prepare opens the bytes for writing, without local copies, and makes their folder
// where it is missing. Files are sealed where a domain has a data key in the ring;
// nil: none. No server runs there.
func (p Place) Prepare(ctx context.Context, ring *sealed.Ring) (registry.Blobs, error) {
	if p.Blobs != "" {
		return p.Bytes(ctx, ring)
	}
	b, err := Blobs(ctx, "", p.Data, p.KeyOf)
	if err != nil || ring == nil {
		return b, err
	}
	return Sealed(b, p.Data, ring, sealed.Keyed)
}

func (p Place) database() string { return filepath.Join(p.Data, "larder.db") }

// known refuses a URL that [Metadata] does not take.
func (p Place) known() error {
	switch schemeOf(p.Metadata) {
	case "postgres", "postgresql":
		return nil
	}
	_, err := Metadata(context.Background(), p.Metadata, p.Data)
	return err
}

// Open opens rows and bytes as a server does: files are for one process at a time.
// close closes both.
func (p Place) Open(ctx context.Context) (m registry.Metadata, b registry.Blobs, close func() error, err error) {
	if m, err = Metadata(ctx, p.Metadata, p.Data); err != nil {
		return nil, nil, nil, err
	}
	if b, err = p.Bytes(ctx, p.Ring(sealed.Metadata{Metadata: m})); err != nil {
		m.Close() //nolint:errcheck // the first error is the one to tell
		return nil, nil, nil, err
	}
	return m, b, m.Close, nil
}

// Look opens rows and bytes also while servers run. Nothing is made or brought up
// to date, and rows in a file are for reading but for the lists of bytes, which no
// server remembers.
func (p Place) Look(ctx context.Context) (m registry.Metadata, b registry.Blobs, close func() error, err error) {
	if p.Metadata != "" {
		return p.Open(ctx)
	}
	db, err := sqlite.OpenBeside(ctx, p.database())
	if err != nil {
		return nil, nil, nil, err
	}
	if b, err = p.Bytes(ctx, p.Ring(sealed.Metadata{Metadata: db})); err != nil {
		db.Close() //nolint:errcheck // the first error is the one to tell
		return nil, nil, nil, err
	}
	return db, b, db.Close, nil
}

// Replica opens bytes that are kept elsewhere, for reading: of a backup or another
// data folder (a folder that has the folder blobs), of a folder of blobs, or of
// the store at a URL. What is sealed is opened with the ring's keys. Invalid: a URL
// that no engine of this build takes.
func Replica(ctx context.Context, where string, ring *sealed.Ring) (registry.Blobs, error) {
	if strings.Contains(where, "://") {
		return Place{Blobs: where}.Bytes(ctx, ring)
	}
	b, err := Place{Data: where}.Bytes(ctx, ring)
	if !errors.Is(err, os.ErrNotExist) {
		return b, err
	}
	if b, err := fs.Existing(where); err == nil {
		return b, nil
	}
	return nil, registry.Errorf(registry.NotFound, "%s is neither a backup nor a folder of blobs", where)
}

// Bytes opens the bytes without local copies, also while servers run. What is
// sealed is opened with the ring's keys, and sealed where a domain has one.
func (p Place) Bytes(ctx context.Context, ring *sealed.Ring) (registry.Blobs, error) {
	if p.Blobs == "" {
		plain, err := fs.Existing(filepath.Join(p.Data, plainName))
		if err != nil {
			return nil, err
		}
		b, err := fs.Existing(filepath.Join(p.Data, sealedName))
		if errors.Is(err, os.ErrNotExist) {
			return plain, nil
		}
		if err != nil {
			return nil, err
		}
		return sealed.New(plain, b, ring, sealed.Keyed), nil
	}
	if schemeOf(p.Blobs) != "s3" {
		return Blobs(ctx, p.Blobs, p.Data, p.KeyOf)
	}
	config, err := s3.Parse(p.Blobs)
	if err != nil {
		return nil, err
	}
	b, err := s3.Open(ctx, config, p.KeyOf)
	if err != nil {
		return nil, err
	}
	return b, nil
}
