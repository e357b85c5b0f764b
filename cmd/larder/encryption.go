package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"larder/policy/identity"
	"larder/registry"
	"larder/storage"
	"larder/storage/care"
	"larder/storage/sealed"
)

// openEncryption puts encryption around the blob store, once the master key is
// there. What is wrong with what seals data keys is an error here and not at the
// first read.
func (s *Server) openEncryption(ctx context.Context) error {
	command, err := s.Config.keyCommand()
	if err != nil {
		return err
	}
	vault := &sealed.Vault{Master: s.sealer, Command: command}
	if err := vault.Confirm(ctx, s.metadata); err != nil {
		return fmt.Errorf("cannot open the keys of encrypted bytes: %w", err)
	}
	mode := sealed.Off
	if s.Config.EncryptBlobs {
		mode = sealed.Every
	}
	s.blobs, err = storage.Sealed(s.blobs, s.Config.Data, sealed.NewRing(sealed.Metadata{Metadata: s.metadata}, vault), mode)
	if err != nil {
		return fmt.Errorf("cannot open the blob store: %w", err)
	}
	if b, ok := s.blobs.(*sealed.Blobs); ok && s.Config.EncryptBlobs {
		s.background(func(ctx context.Context) { s.sealPlain(ctx, b) })
	}
	return nil
}

// sealPlain seals what was written before encryption was turned on.
func (s *Server) sealPlain(ctx context.Context, b *sealed.Blobs) {
	var sum sealed.Sealed
	err := everyDomain(ctx, s.metadata, func(d registry.DomainID) error {
		done, err := b.SealPlain(ctx, d)
		sum.Blobs, sum.Bytes, sum.Damaged = sum.Blobs+done.Blobs, sum.Bytes+done.Bytes, sum.Damaged+done.Damaged
		return err
	})
	if sum.Blobs > 0 {
		s.log.Info("sealed bytes that lay there in clear", "blobs", sum.Blobs, "bytes", sum.Bytes)
	}
	if sum.Damaged > 0 {
		s.log.Warn("bytes that are damaged were not sealed; see: larder verify", "blobs", sum.Damaged)
	}
	if err != nil && ctx.Err() == nil {
		s.log.Warn("some bytes lie there in clear until the next start", "error", err)
	}
}

// everyDomain calls f for each domain, and goes on after an error.
func everyDomain(ctx context.Context, m registry.Metadata, f func(registry.DomainID) error) error {
	var all []error
	for after := ""; ; {
		var domains []registry.Domain
		err := m.View(ctx, func(tx registry.Tx) (err error) {
			domains, after, err = tx.Domains("", registry.Page{After: after, Limit: 100})
			return err
		})
		if err != nil {
			return errors.Join(append(all, err)...)
		}
		for _, d := range domains {
			if err := f(d.ID); err != nil {
				all = append(all, fmt.Errorf("domain %s: %w", d.ID.Name, err))
			}
		}
		if after == "" || ctx.Err() != nil {
			return errors.Join(append(all, ctx.Err())...)
		}
	}
}

// keyCommand is what seals data keys; nil: the master key.
func (c *Config) keyCommand() (*sealed.Command, error) {
	return parseKeyCommand("--key-command", c.KeyCommand)
}

func parseKeyCommand(flag, line string) (*sealed.Command, error) {
	if line == "" {
		return nil, nil
	}
	command, err := sealed.ParseCommand(line)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", flag, err)
	}
	return command, nil
}

// readMasterKey reads the key of a file, or what was said in its place where the
// environment did. What is no name of a file there may be a key with a letter too
// few, and is not repeated.
func readMasterKey(said string, inEnvironment bool) ([]byte, error) {
	if !inEnvironment {
		return identity.ReadMasterKey(said)
	}
	key, err := identity.ParseMasterKey(said)
	if err == nil {
		return key, nil
	}
	if _, none := os.Stat(said); none != nil {
		return nil, fmt.Errorf("%s names no file that is there, and is none itself: %w", envName("master-key"), err)
	}
	return identity.ReadMasterKey(said)
}

// keys is the flags by which commands beside a server find what opens its data
// keys. They are the server's own, and so are their variables.
type keys struct {
	master, command string
	inEnvironment   bool
}

// complete fills what was not said from the environment.
func (k *keys) complete(changed func(flag string) bool) {
	for name, to := range map[string]*string{"master-key": &k.master, "key-command": &k.command} {
		if value := os.Getenv(envName(name)); value != "" && !changed(name) {
			*to = value
			k.inEnvironment = k.inEnvironment || name == "master-key"
		}
	}
}

// sealer is of the master key of a server with that data folder; nil: none is found.
func (k *keys) sealer(data dataFolder) (*identity.Sealer, error) {
	var key []byte
	var err error
	if k.master != "" {
		key, err = readMasterKey(k.master, k.inEnvironment)
	} else if key, err = identity.ReadMasterKey(data.masterKey()); errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("cannot read the master key: %w", err)
	}
	return identity.NewSealer(key)
}

// vault is of the same.
func (k *keys) vault(data dataFolder) (*sealed.Vault, error) {
	var v sealed.Vault
	s, err := k.sealer(data)
	if err != nil {
		return nil, err
	}
	if s != nil {
		v.Master = s
	}
	v.Command, err = parseKeyCommand("--key-command", k.command)
	return &v, err
}

// ringOf has the data keys of rows that were taken; nil: there are none, and
// nothing is sealed.
func (p *place) ringOf(keys care.DataKeys) *sealed.Ring {
	if !keys.Any() {
		return nil
	}
	return p.Ring(keys)
}
