package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"larder/policy/identity"
	"larder/registry"
	"larder/storage"
	"larder/storage/sealed"
)

func newEncryptionCommand() *cobra.Command {
	return nounCommand("encryption", "The keys of bytes that are encrypted on disk",
		`Look after the keys by which a server encrypts the bytes of packages on disk
(larder serve --encrypt-blobs): each domain has data keys, and the master key, or
a key command, seals these. None of these commands writes bytes of packages.

Bytes that were there before encryption was turned on are encrypted by the
server, behind its requests, from its next start on.`,
		newEncryptionStatusCommand(), newEncryptionRotateCommand(), newEncryptionRekeyCommand())
}

// protection is how a domain's bytes are kept.
type protection struct {
	Domain string `json:"domain"`
	Owner  string `json:"owner"`
	sealed.Tally
	Keys     int        `json:"keys"`
	Newest   *time.Time `json:"newest,omitempty"`
	SealedBy string     `json:"sealedBy,omitempty"`
}

func newEncryptionStatusCommand() *cobra.Command {
	var p place
	var out output
	cmd := &cobra.Command{
		Use:     "status",
		Short:   "Show how much is encrypted, and by which keys",
		Long:    "Show for each domain how much of its bytes is encrypted and how much is not,\nhow many data keys it has, and since when it has the newest. The server may run.",
		Example: "  larder encryption status --data /var/lib/larder",
		Args:    cobra.NoArgs,
	}
	cmd.RunE = func(cmd *cobra.Command, _ []string) (err error) {
		if err := p.complete(cmd); err != nil {
			return err
		}
		m, b, closeBoth, err := p.look(cmd.Context())
		if err != nil {
			return told(err)
		}
		defer func() { err = errors.Join(err, closeBoth()) }()
		all := []protection{}
		err = everyDomain(cmd.Context(), m, func(d registry.DomainID) error {
			one, err := protectionOf(cmd.Context(), m, b, d)
			all = append(all, one)
			return err
		})
		if err != nil {
			return told(err)
		}
		if out.json() {
			return out.print(cmd, all)
		}
		rows := [][]string{{"DOMAIN", "OWNER", "ENCRYPTED", "IN CLEAR", "DATA KEYS", "NEWEST", "SEALED BY"}}
		for _, one := range all {
			newest := "-"
			if one.Newest != nil {
				newest = one.Newest.Format(time.DateOnly)
			}
			rows = append(rows, []string{
				one.Domain, one.Owner, amount(one.Sealed, one.SealedBytes), amount(one.Plain, one.PlainBytes),
				strconv.Itoa(one.Keys), newest, cmp.Or(one.SealedBy, "-"),
			})
		}
		return table(cmd.OutOrStdout(), rows)
	}
	p.add(cmd)
	out.add(cmd)
	return cmd
}

func amount(blobs, bytes int64) string {
	if blobs == 0 {
		return "-"
	}
	return fmt.Sprintf("%d blobs, %s", blobs, shownSize(bytes))
}

func protectionOf(ctx context.Context, m registry.Metadata, b registry.Blobs, d registry.DomainID) (protection, error) {
	one := protection{Domain: d.Name, Owner: d.Owner}
	keys, err := sealed.Metadata{Metadata: m}.Keys(ctx, d)
	if err != nil {
		return one, err
	}
	if one.Keys = len(keys); one.Keys > 0 {
		newest := keys[one.Keys-1]
		one.Newest, one.SealedBy = &newest.Created, sealed.SealedBy(newest)
	}
	if s, ok := b.(*sealed.Blobs); ok {
		one.Tally, err = s.Tally(ctx, d)
		return one, err
	}
	for i, err := range b.List(ctx, d) {
		if err != nil {
			return one, err
		}
		one.Plain++
		one.PlainBytes += i.Size
	}
	return one, nil
}

// rows opens the rows of a server to change them, where no server has them to
// itself.
func (p *place) rows(cmd *cobra.Command) (m registry.Metadata, close func() error, err error) {
	_, held, err := p.Holder(cmd.Context(), masterCheck)
	if err == nil && !held {
		err = errors.New("there is no server: name its --data and --metadata as it has them")
	}
	if err != nil {
		return nil, nil, told(err)
	}
	unlock := func() error { return nil }
	if p.Metadata == "" {
		lock, err := p.open(cmd)
		if err != nil {
			return nil, nil, err
		}
		unlock = lock.Close
	}
	if m, err = storage.Metadata(cmd.Context(), p.Metadata, p.Data); err != nil {
		return nil, nil, errors.Join(told(err), unlock())
	}
	return m, func() error { return errors.Join(m.Close(), unlock()) }, nil
}

func newEncryptionRotateCommand() *cobra.Command {
	var p place
	var only []string
	cmd := &cobra.Command{
		Use:   "rotate",
		Short: "Give domains new data keys",
		Long: `Give each domain that has a data key a new one: what is written from now on is
encrypted by it. What is there stays as it is, and the old keys stay to read it.
It runs beside servers that share a database; one whose rows are in its data
folder is stopped for it.`,
		Example: "  larder encryption rotate --data /var/lib/larder\n  larder encryption rotate --data /var/lib/larder --domain local",
		Args:    cobra.NoArgs,
	}
	cmd.RunE = func(cmd *cobra.Command, _ []string) (err error) {
		if err := p.complete(cmd); err != nil {
			return err
		}
		m, closeRows, err := p.rows(cmd)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, closeRows()) }()
		if err := p.Vault.Confirm(cmd.Context(), m); err != nil {
			return told(err)
		}
		found := map[string]bool{}
		for _, name := range only {
			found[name] = false
		}
		n := 0
		ring, rows := p.Ring(sealed.Metadata{Metadata: m}), sealed.Metadata{Metadata: m}
		err = everyDomain(cmd.Context(), m, func(d registry.DomainID) error {
			if _, wanted := found[d.Name]; len(only) > 0 && !wanted {
				return nil
			}
			keys, err := rows.Keys(cmd.Context(), d)
			if err != nil || len(keys) == 0 {
				return err
			}
			key, err := ring.Rotate(cmd.Context(), d)
			if err != nil {
				return err
			}
			found[d.Name] = true
			n++
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s: data key %s from now on\n", d.Name, key.ID)
			return err
		})
		if err != nil {
			return told(err)
		}
		for _, name := range only {
			if !found[name] {
				return fmt.Errorf("domain %s has no data key: nothing of it is encrypted; see: larder encryption status", name)
			}
		}
		if n == 0 {
			return errors.New("no domain has a data key: nothing is encrypted here; see: larder serve --encrypt-blobs")
		}
		return nil
	}
	p.add(cmd)
	p.addKeys(cmd)
	cmd.Flags().StringArrayVar(&only, "domain", nil, "`name` of the domain; repeatable (default: all that have data keys)")
	return cmd
}

func newEncryptionRekeyCommand() *cobra.Command {
	var p place
	var to struct{ master, oldCommand string }
	cmd := &cobra.Command{
		Use:   "rekey",
		Short: "Seal keys and secrets by another master key, or another key command",
		Long: `Replace what seals the keys of a server, with the server stopped; no byte of a
package is written.

With --new-master-key everything that the master key seals is opened with the
one that the server has and sealed by the new one: data keys, access keys, keys
of tokens, URLs of connections, targets of rules. Where the key lies in the data
folder it is replaced there. Credentials of sessions (assumed roles) end with
the old key; tokens and access keys stay good.

Data keys are sealed by --key-command where it is given, and else by the master
key. Where another command has sealed them, name that with --old-key-command.`,
		Example: "  openssl rand -base64 32 > new.key\n  larder encryption rekey --data /var/lib/larder --new-master-key new.key\n  larder encryption rekey --data /var/lib/larder --key-command /usr/local/bin/larder-kms",
		Args:    cobra.NoArgs,
	}
	cmd.RunE = func(cmd *cobra.Command, _ []string) (err error) {
		if err := p.complete(cmd); err != nil {
			return err
		}
		r := rekeying{cmd: cmd, place: &p}
		if r.from, r.to, err = p.keys.replaced(dataFolder(p.Data), to.master, to.oldCommand); err != nil {
			return err
		}
		if led, err := p.Led(cmd.Context(), relayWork); err != nil {
			return told(err)
		} else if led {
			return errors.New("a server runs on this database: stop every process of it first")
		}
		m, closeRows, err := p.rows(cmd)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, closeRows()) }()
		return told(r.run(cmd.Context(), m, to.master))
	}
	p.add(cmd)
	p.addKeys(cmd)
	f := cmd.Flags()
	f.StringVar(&to.master, "new-master-key", "", "`file` with the master key from now on")
	f.StringVar(&to.oldCommand, "old-key-command", "", "`program` that sealed the domains' keys until now (default: --key-command)")
	_ = cmd.MarkFlagFilename("new-master-key")
	return cmd
}

// seals is a master key with the vault that it is part of.
type seals struct {
	text  []byte // the master key
	own   *identity.Sealer
	vault *sealed.Vault
}

// replaced gives what seals until now and from now on.
func (k *keys) replaced(data dataFolder, newMaster, oldCommand string) (from, to seals, err error) {
	named := cmp.Or(k.master, data.masterKey())
	if from.text, err = readMasterKey(named, k.inEnvironment); err != nil {
		return from, to, fmt.Errorf("cannot read the master key: %w; name the server's with --master-key", err)
	}
	to.text = from.text
	if newMaster != "" {
		if to.text, err = identity.ReadMasterKey(newMaster); err != nil {
			return from, to, fmt.Errorf("--new-master-key: %w", err)
		}
	}
	for _, s := range []struct {
		*seals
		flag, command string
	}{{&from, "--old-key-command", cmp.Or(oldCommand, k.command)}, {&to, "--key-command", k.command}} {
		if s.own, err = identity.NewSealer(s.text); err != nil {
			return from, to, err
		}
		s.vault = &sealed.Vault{Master: s.own}
		if s.vault.Command, err = parseKeyCommand(s.flag, s.command); err != nil {
			return from, to, err
		}
	}
	return from, to, nil
}
