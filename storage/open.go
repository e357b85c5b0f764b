// Package storage chooses where bytes and rows are kept. It owns the choice
// only; the implementations are in its folders, and storagetest has the
// contract that all of them keep.
package storage

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"larder/registry"
	"larder/storage/cache"
	"larder/storage/fs"
	"larder/storage/postgres"
	"larder/storage/s3"
	"larder/storage/sealed"
	"larder/storage/sqlite"
)

// Metadata opens the rows at the URL: empty is the SQLite file larder.db in
// dataDir, which is made where it is missing. Invalid: a URL that no engine of
// this build takes. The caller closes what it gets.
func Metadata(ctx context.Context, url, dataDir string) (registry.Metadata, error) {
	switch scheme := schemeOf(url); {
	case url == "":
		if err := os.MkdirAll(dataDir, 0o700); err != nil {
			return nil, fmt.Errorf("data folder: %w", err)
		}
		db, err := sqlite.Open(ctx, filepath.Join(dataDir, "larder.db"))
		if err != nil {
			return nil, err
		}
		return db, nil
	case scheme == "postgres", scheme == "postgresql":
		db, err := postgres.Open(ctx, url)
		if err != nil {
			return nil, err
		}
		return db, nil
	default:
		return nil, registry.Errorf(registry.Invalid, "--metadata names no engine of this build: write postgres://…, or leave it out to keep rows in SQLite in the data folder")
	}
}

// Blobs opens the bytes at the URL: empty is the folder blobs in dataDir, which
// is made where it is missing; s3://… is a bucket, with copies in the folder
// blob-cache in dataDir where the URL says so. keyOf gives the key that a domain
// names for its encryption at rest. Invalid: a URL that no engine of this build
// takes. What it gives is closed by the caller where it is an io.Closer.
func Blobs(ctx context.Context, url, dataDir string, keyOf s3.KeyOf) (registry.Blobs, error) {
	switch scheme := schemeOf(url); {
	case url == "":
		b, err := fs.Open(filepath.Join(dataDir, plainName))
		if err != nil {
			return nil, err
		}
		return b, nil
	case scheme == "s3":
		config, err := s3.Parse(url)
		if err != nil {
			return nil, err
		}
		b, err := s3.Open(ctx, config, keyOf)
		if err != nil {
			return nil, err
		}
		if config.CacheSize == 0 {
			return b, nil
		}
		c, err := cache.New(b, filepath.Join(dataDir, "blob-cache"), config.CacheSize)
		if err != nil {
			return nil, err
		}
		return c, nil
	default:
		return nil, registry.Errorf(registry.Invalid, "--blobs names no engine of this build: write s3://…, or leave it out to keep bytes as files in the data folder")
	}
}

// The folders of bytes in a data folder.
const plainName, sealedName = "blobs", "sealed"

// Sealed puts encryption around what [Blobs] has opened: new files are sealed as
// the mode says, in the folder sealed in dataDir, and those that are there can be
// read. Invalid: a mode that seals, and a store that is no folder of files.
func Sealed(b registry.Blobs, dataDir string, ring *sealed.Ring, mode sealed.Mode) (registry.Blobs, error) {
	plain, files := b.(*fs.Blobs)
	if !files {
		if mode == sealed.Off {
			return b, nil
		}
		return nil, registry.Errorf(registry.Invalid, "--encrypt-blobs is for bytes that are files in the data folder; with --blobs the store encrypts: write sse=s3 or sse=kms into its URL")
	}
	folder := filepath.Join(dataDir, sealedName)
	if _, err := os.Stat(folder); errors.Is(err, os.ErrNotExist) && mode == sealed.Off {
		return b, nil
	}
	s, err := fs.Open(folder)
	if err != nil {
		return nil, err
	}
	return sealed.New(plain, s, ring, mode), nil
}

// schemeOf is the part before "://". The rest may hold a password and is in no message.
func schemeOf(url string) string {
	scheme, _, _ := strings.Cut(url, "://")
	return strings.ToLower(scheme)
}
