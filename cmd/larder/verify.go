package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"larder/registry"
	"larder/registry/upstream"
	"larder/storage"
	"larder/storage/care"
	"larder/storage/sealed"
)

func newVerifyCommand() *cobra.Command {
	var p place
	var out output
	var replicas []string
	var from connectionFlags
	v := care.Verify{}
	cmd := &cobra.Command{
		Use:   "verify",
		Short: "Read every byte that a server keeps, compare it with its digest, and repair it",
		Long: `Read the bytes of every asset and compare them with size and digest. Each asset
whose bytes are missing or damaged is one line; the exit status is 1 if any is
left. The server may run meanwhile, on every kind of storage.

With --repair, what came through an external connection is fetched anew from
there, and taken only if it has the digest of before. With --replica, bytes come
from a backup, from a folder of blobs, or from another store; that is asked
first. Damaged bytes that nobody has better are set aside: they are not served any
more, and lie in the folder damaged of the store.

--repair reads where connections lead as the server does: with its master key, and
its --external-connection settings.`,
		Example: "  larder verify --data /var/lib/larder\n  larder verify --data /var/lib/larder --repair --replica /backup/larder",
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
		// What is sealed in a replica is so by keys that the server has, too.
		if v.Replicas, err = openReplicas(cmd.Context(), replicas, p.Ring(sealed.Metadata{Metadata: m})); err != nil {
			return err
		}
		if v.Repair {
			puller, err := from.puller(cmd, p, m, care.Mending(b))
			if err != nil {
				return err
			}
			defer puller.Close(cmd.Context()) //nolint:errcheck // nothing is under way then
			v.Puller = puller
		}
		v.Repair = v.Repair || len(v.Replicas) > 0
		total, err := care.Held(cmd.Context(), m)
		if err != nil {
			return told(err)
		}
		bar := newProgress(cmd, "verify", total, shownSize)
		report := verified{Found: []foundProblem{}}
		v.Progress = func(s care.Verified) { bar.set(s.Bytes) }
		v.Problem = func(found care.Problem) {
			bar.end()
			fmt.Fprintln(cmd.ErrOrStderr(), printable(found.String()))
			if out.json() {
				report.Found = append(report.Found, shownProblem(found))
			}
		}
		report.Verified, err = v.Run(cmd.Context(), m, b)
		bar.end()
		if err != nil {
			return told(err)
		}
		if err := report.print(cmd, &out, v.Repair); err != nil {
			return err
		}
		if left := report.Problems - report.Repaired; left > 0 {
			next := ""
			if !v.Repair {
				next = "; repair them with: larder verify --repair, or with --replica and a backup"
			}
			return fmt.Errorf("%s not whole%s", count(int(left), "asset is", "assets are"), next)
		}
		return nil
	}
	p.add(cmd)
	p.addKeys(cmd)
	from.add(cmd)
	out.add(cmd)
	cmd.Flags().BoolVar(&v.Repair, "repair", false, "fetch what is missing or damaged anew from where it came")
	cmd.Flags().StringArrayVar(&replicas, "replica", nil, "`folder` of a backup or of blobs, or URL of another blob store, to repair from; repeatable")
	return cmd
}

// verified is the answer of verify.
type verified struct {
	care.Verified
	Found []foundProblem `json:"found"`
}

type foundProblem struct {
	Domain     string `json:"domain"`
	Repository string `json:"repository"`
	Format     string `json:"format"`
	Namespace  string `json:"namespace,omitempty"`
	Package    string `json:"package"`
	Version    string `json:"version"`
	Asset      string `json:"asset"`
	SHA256     string `json:"sha256"`
	Problem    string `json:"problem"`
	From       string `json:"repairedFrom,omitempty"`
	Why        string `json:"notRepaired,omitempty"`
}

func shownProblem(p care.Problem) foundProblem {
	id := p.Version.Package
	f := foundProblem{
		Domain: p.Repository.Domain.Name, Repository: p.Repository.Name, Format: id.Format, Namespace: id.Namespace, Package: id.Name,
		Version: p.Version.Version, Asset: p.Asset.Name, SHA256: p.Asset.Hashes.SHA256.String(), Problem: p.Err.Error(), From: p.From,
	}
	if p.Unrepaired != nil {
		f.Why = p.Unrepaired.Error()
	}
	return f
}

func (r *verified) print(cmd *cobra.Command, out *output, repair bool) error {
	if out.json() {
		return out.print(cmd, r)
	}
	n := func(n int64) string { return fmt.Sprint(n) }
	rows := [][]string{
		{"ASSETS", "BLOBS", "SIZE", "WHOLE", "MISSING", "DAMAGED"},
		{n(r.Assets), n(r.Blobs), shownSize(r.Bytes), n(r.Assets - r.Problems), n(r.Missing), n(r.Damaged)},
	}
	if repair {
		rows[0] = append(rows[0], "REPAIRED", "SET ASIDE")
		rows[1] = append(rows[1], n(r.Repaired), n(r.SetAside))
	}
	return table(cmd.OutOrStdout(), rows)
}

// openReplicas opens what --replica names.
func openReplicas(ctx context.Context, names []string, ring *sealed.Ring) ([]care.Replica, error) {
	var all []care.Replica
	for _, name := range names {
		b, err := storage.Replica(ctx, name, ring)
		if err != nil {
			return nil, fmt.Errorf("--replica: %w", told(err))
		}
		all = append(all, care.Replica{Name: "replica " + maskURL(name), Blobs: b})
	}
	return all, nil
}

// connectionFlags are the server's flags by which it knows where connections lead.
type connectionFlags struct {
	connections []string
	private     bool
}

func (f *connectionFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringArrayVar(&f.connections, "external-connection", nil, "`NAME=URL` as the server has it (LARDER_EXTERNAL_CONNECTION); repeatable")
	cmd.Flags().BoolVar(&f.private, "allow-private-targets", false, "connections may lead to loopback and private addresses (LARDER_ALLOW_PRIVATE_TARGETS)")
}

// puller makes what asks external connections, and brings what they answer into
// the store.
func (f *connectionFlags) puller(cmd *cobra.Command, p place, m registry.Metadata, to registry.Blobs) (*upstream.Puller, error) {
	var c Config
	if err := c.addConnections(f.connections, fromFlag); err != nil {
		return nil, fmt.Errorf("--external-connection: %w", err)
	}
	if err := c.addConnections(splitList(os.Getenv(envName("external-connection"))), fromEnvironment); err != nil {
		return nil, fmt.Errorf("%s: %w", envName("external-connection"), err)
	}
	private := f.private || (!cmd.Flags().Changed("allow-private-targets") && os.Getenv(envName("allow-private-targets")) == "true")
	sealer, err := p.keys.sealer(dataFolder(p.Data))
	if err == nil && sealer == nil {
		err = errors.New("there is no master key in the data folder")
	}
	if err != nil {
		return nil, fmt.Errorf("--repair asks external connections, whose URLs are sealed: %w; name the server's --master-key, or repair from a --replica alone", err)
	}
	adapters := map[string]registry.Upstream{}
	for _, format := range wireFormats(&c) {
		if format.Upstream != nil {
			adapters[format.Name] = format.Upstream
		}
	}
	known := &registry.Connections{Metadata: m, Given: c.Connections, Sealer: sealer}
	return upstream.New(upstream.Config{
		Metadata: m, Blobs: to, Adapters: adapters, Connections: known.Find, Version: version(), AllowPrivate: private,
	}), nil
}
