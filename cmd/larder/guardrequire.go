package main

import (
	"context"
	"slices"

	"github.com/spf13/cobra"

	"larder/registry/guard"
)

func newGuardRequireCommand() *cobra.Command {
	var rule guard.Attest
	var remove bool
	cmd := &cobra.Command{
		Use:   "require PATTERN",
		Short: "Let in only what somebody has attested",
		Long: `Let in only those versions of npm or PyPI packages of which every file has an
attestation (npm provenance, PEP 740) by the signer that is named, published here
or elsewhere. Several rules for one PATTERN are alternatives; those of the most
specific PATTERN count. Indexes leave out what has no attestation; one that does
not verify is found out when a file is first fetched, and hidden from then on.

The server needs to know whose signatures to believe: larder serve --trust-root
FILE, the trusted_root.json of a Sigstore instance. Without it, what has to be
attested is refused.`,
		Example: "  larder guard require 'npm:@acme/*' --issuer https://token.actions.example --repository https://git.example/acme/lib --workflow release.yml\n" +
			"  larder guard require 'pypi:acme-~' --issuer https://login.example --identity 'release@acme.example'\n  larder guard require 'npm:@acme/*' --remove",
		Args: exactly("PATTERN", "such as 'npm:@acme/*'"),
	}
	cmd.Flags().StringVar(&rule.Issuer, "issuer", "", "`URL` of the identity provider by which the signer was known")
	cmd.Flags().StringVar(&rule.Identity, "identity", "", "the signer's `identity`: an e-mail address or a URL; * at its end stands for anything")
	cmd.Flags().StringVar(&rule.Repository, "repository", "", "`URL` of the source that it was built from; * at its end stands for anything")
	cmd.Flags().StringVar(&rule.Workflow, "workflow", "", "`file` of the build's instructions in that source, with or without its folder")
	cmd.Flags().StringVar(&rule.Predicate, "predicate", "", "`type` of the statement (default: any)")
	cmd.Flags().StringVar(&rule.Reason, "reason", "", "what clients are told besides")
	cmd.Flags().BoolVar(&remove, "remove", false, "take the rules of PATTERN away again")
	return apiCommand(cmd, inDomain, func(ctx context.Context, s *session, args []string) error {
		pattern, err := parsePattern(args[0])
		if err != nil {
			return err
		}
		now, err := s.editGuard(ctx, func(d *guard.Document) error {
			if remove {
				before := len(d.Attest)
				d.Attest = slices.DeleteFunc(d.Attest, func(a guard.Attest) bool { return a.Package == pattern })
				if len(d.Attest) == before {
					return usagef("no such rule is for %s; the rules: larder guard show%s", pattern, s.again(false))
				}
				return nil
			}
			rule.Package = pattern
			d.Attest = append(d.Attest, rule)
			return nil
		})
		if err != nil {
			return err
		}
		if remove {
			return s.changed(now, "%s need not be attested now", pattern)
		}
		return s.changed(now, "%s: every file has to be attested by %s now", pattern, rule.Signer())
	})
}
