package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"larder/events/rules"
	"larder/internal/atomicfile"
	"larder/policy/identity"
	"larder/registry"
	"larder/storage/sealed"
)

// rekeying replaces what seals the keys of a server.
type rekeying struct {
	cmd      *cobra.Command
	place    *place
	from, to seals
}

func (r *rekeying) run(ctx context.Context, m registry.Metadata, newMaster string) error {
	sameMaster := bytes.Equal(r.from.text, r.to.text)
	if err := confirmMasterKey(ctx, m, r.from.own); err != nil {
		if sameMaster || !errors.Is(err, identity.ErrOtherMasterKey) || confirmMasterKey(ctx, m, r.to.own) != nil {
			return err
		}
		// A run before this one was cut off when only the file was left to replace.
		r.from.own, r.from.vault.Master, sameMaster = r.to.own, r.to.own, true
	}
	var domains []registry.DomainID
	err := everyDomain(ctx, m, func(d registry.DomainID) error {
		domains = append(domains, d)
		return nil
	})
	if err != nil {
		return err
	}
	anew, err := sealed.Rekey(ctx, m, domains, r.from.vault, r.to.vault)
	if err != nil {
		return err
	}
	id, err := serverIDOf(ctx, m, r.from.text)
	if err != nil {
		return err
	}
	err = m.Update(ctx, func(tx registry.Tx) error {
		if err := anew.Put(tx); err != nil || sameMaster {
			return err
		}
		return errors.Join(
			identity.Reseal(tx, r.from.own, r.to.own), registry.ResealConnections(tx, r.from.own, r.to.own),
			rules.Reseal(tx, r.from.own, r.to.own), replaceMasterCheck(tx, r.to.own), keepServerID(tx, id),
		)
	})
	if err != nil {
		return err
	}
	by := "the master key"
	if r.to.vault.Command != nil {
		by = "the key command"
	}
	if _, err := fmt.Fprintf(r.cmd.OutOrStdout(), "%s sealed by %s\n", count(anew.Len(), "data key is", "data keys are"), by); err != nil || newMaster == "" {
		return err
	}
	return r.keepMasterKey(newMaster)
}

// keepMasterKey puts the new master key in the place of the old one where that
// lies in the data folder.
func (r *rekeying) keepMasterKey(newMaster string) error {
	if r.place.keys.master != "" {
		_, err := fmt.Fprintf(r.cmd.OutOrStdout(), "start servers with --master-key %s from now on, and make a backup\n", shellWord(newMaster))
		return err
	}
	data := dataFolder(r.place.Data)
	if err := atomicfile.Write(data.masterKey(), []byte(base64.StdEncoding.EncodeToString(r.to.text)+"\n"), 0o600); err != nil {
		return fmt.Errorf("everything is sealed by the new master key, and %s is still the old one: run it again (%w)", data.masterKey(), err)
	}
	_, err := fmt.Fprintf(r.cmd.OutOrStdout(), "%s is the new master key; make a backup, and keep the old key with the old ones\n", data.masterKey())
	return err
}

// replaceMasterCheck seals the row anew by which other master keys are refused. Its
// id stays: by that, rows are known to be this server's.
func replaceMasterCheck(tx registry.Tx, s *identity.Sealer) error {
	rows, err := tx.Keys(masterCheck)
	if err != nil {
		return err
	}
	for _, row := range rows {
		if err := tx.DeleteKey(row.Purpose, row.ID); err != nil {
			return err
		}
		row.Sealed = s.Seal(masterCheck, row.ID, []byte(masterCheck))
		if err := tx.CreateKey(row); err != nil {
			return err
		}
	}
	return nil
}

// keepServerID writes down the id that was made of the first master key.
func keepServerID(tx registry.Tx, id string) error {
	rows, err := tx.Keys(serverIDPurpose)
	if err != nil || len(rows) > 0 {
		return err
	}
	return tx.CreateKey(registry.Key{Purpose: serverIDPurpose, ID: id, Created: tx.Now()})
}
