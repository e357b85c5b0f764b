package main

import (
	"context"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"larder/registry"
	"larder/registry/guard"
)

func newGuardCooldownCommand() *cobra.Command {
	var rule guard.Cooldown
	cmd := &cobra.Command{
		Use:   "cooldown AGE [PATTERN]",
		Short: "Let versions from outside wait until they are some days old",
		Long: `Let versions that come through external connections wait until they are as old as
AGE, such as 3d: bad ones are found in the first days mostly. Indexes leave
younger ones out, so that clients take the newest that is old enough; their bytes
are refused. What counts is the later of upstream's time and the time when this
server first saw the version. AGE 0 lets packages of PATTERN pass at once; "off"
takes the rule away.`,
		Example: "  larder guard cooldown 3d\n  larder guard cooldown 0 'npm:@types/*'\n  larder guard cooldown 7d 'pypi:*' --lockfiles\n  larder guard cooldown off",
		Args:    cobra.RangeArgs(1, 2),
	}
	cmd.Flags().StringVar(&rule.Connection, "connection", "", "only versions through this external `connection`")
	cmd.Flags().BoolVar(&rule.ServeBytes, "lockfiles", false, "leave them out of indexes only: what a lock file names is served")
	cmd.Flags().BoolVar(&rule.HoldFixes, "hold-fixes", false, "let a version wait even where an advisory names it as the fix")
	return apiCommand(cmd, inDomain, func(ctx context.Context, s *session, args []string) error {
		pattern, err := optionalPattern(args[1:])
		if err != nil {
			return err
		}
		off := args[0] == "off"
		if !off {
			if rule.Age, err = registry.ParseAge(args[0]); err != nil {
				return usageError{err}
			}
		}
		now, err := s.editGuard(ctx, func(d *guard.Document) error {
			d.Cooldown = slices.DeleteFunc(d.Cooldown, func(c guard.Cooldown) bool {
				return firstOf(c.Package, registry.RootPattern) == pattern && c.Connection == rule.Connection
			})
			if !off {
				rule.Package = pattern
				d.Cooldown = append(d.Cooldown, rule)
			}
			return nil
		})
		if err != nil {
			return err
		}
		if off {
			return s.changed(now, "packages %s of domain %s have no cooldown of their own now", pattern, s.domain)
		}
		if rule.Age == 0 {
			return s.changed(now, "versions of packages %s in domain %s may be of any age now", pattern, s.domain)
		}
		return s.changed(now, "versions of packages %s in domain %s have to be %s old now", pattern, s.domain, rule.Age)
	})
}

func newGuardExemptCommand() *cobra.Command {
	var rule guard.Exemption
	var remove bool
	cmd := &cobra.Command{
		Use:     "exempt PATTERN",
		Short:   "Take versions out of the cooldown, or out of other rules",
		Example: "  larder guard exempt 'npm:left-pad' --versions '>=1.3 <2' --reason 'reviewed by us'\n  larder guard exempt 'pypi:requests' --from advisories --versions '=2.31.0'\n  larder guard exempt 'npm:left-pad' --remove",
		Args:    exactly("PATTERN", "such as 'npm:left-pad'"),
	}
	cmd.Flags().StringVar(&rule.Versions, "versions", "", "`range` of versions, such as '>=1.0 <2.0' (default: all)")
	cmd.Flags().StringSliceVar(&rule.From, "from", nil, "`rules` that do not count: cooldown, block, advisories, attest (default: cooldown)")
	cmd.Flags().StringVar(&rule.Reason, "reason", "", "why")
	cmd.Flags().BoolVar(&remove, "remove", false, "take the exemptions of PATTERN away again")
	_ = cmd.RegisterFlagCompletionFunc("from", completeWords(guard.KindCooldown, guard.KindBlock, guard.KindAdvisories, guard.KindAttest))
	return apiCommand(cmd, inDomain, func(ctx context.Context, s *session, args []string) error {
		pattern, err := parsePattern(args[0])
		if err != nil {
			return err
		}
		now, err := s.editGuard(ctx, func(d *guard.Document) error {
			if remove {
				before := len(d.Exempt)
				d.Exempt = slices.DeleteFunc(d.Exempt, func(x guard.Exemption) bool { return x.Package == pattern })
				if len(d.Exempt) == before {
					return usagef("no exemption is for %s; the rules: larder guard show%s", pattern, s.again(false))
				}
				return nil
			}
			rule.Package = pattern
			d.Exempt = append(d.Exempt, rule)
			return nil
		})
		if err != nil {
			return err
		}
		if remove {
			return s.changed(now, "%s is exempt from nothing now", pattern)
		}
		return s.changed(now, "%s is exempt from: %s", pattern, firstOf(strings.Join(rule.From, ", "), guard.KindCooldown))
	})
}

func newGuardBlockCommand() *cobra.Command {
	var rule guard.Block
	var warn bool
	cmd := &cobra.Command{
		Use:   "block [PATTERN]",
		Short: "Block versions, or warn of them",
		Long: `Block versions in all repositories of a domain: those published here, those kept,
and those not fetched yet. A version has to match all that is given. Clients are
told the reason.`,
		Example: "  larder guard block npm:axios --versions '=1.14.1 || =0.30.4' --reason 'stolen token, see INC-12'\n  larder guard block --digest sha512-… --reason 'known payload'\n  larder guard block 'pypi:*' --license 'AGPL-*' --warn",
		Args:    cobra.MaximumNArgs(1),
	}
	cmd.Flags().StringVar(&rule.Versions, "versions", "", "`range` of versions, such as '>=1.0 <2.0 || =3.1' (default: all)")
	cmd.Flags().StringVar(&rule.Digest, "digest", "", "`digest` of a file: hex, or sha512-… as in a lock file")
	cmd.Flags().StringVar(&rule.License, "license", "", "`licence` that the version names; * at its end stands for anything")
	cmd.Flags().StringVar(&rule.Reason, "reason", "", "what clients are told")
	cmd.Flags().BoolVar(&warn, "warn", false, "show it in explanations only")
	return apiCommand(cmd, inDomain, func(ctx context.Context, s *session, args []string) error {
		pattern, err := optionalPattern(args)
		if err != nil {
			return err
		}
		if len(args) == 0 && rule.Digest == "" && rule.License == "" {
			return usagef("say what to block: a PATTERN such as npm:axios, a --digest or a --license")
		}
		now, err := s.editGuard(ctx, func(d *guard.Document) error {
			rule.Package, rule.Action = pattern, ""
			if warn {
				rule.Action = guard.ActionWarn
			}
			d.Block = append(d.Block, rule)
			return nil
		})
		if err != nil {
			return err
		}
		return s.changed(now, "%s: %s in domain %s", pattern, map[bool]string{false: "blocked", true: "warned of"}[warn], s.domain)
	})
}

func newGuardUnblockCommand() *cobra.Command {
	var digest, license string
	cmd := &cobra.Command{
		Use:   "unblock [PATTERN] [VERSION]...",
		Short: "Take block rules away",
		Long: `Take the block rules of exactly this PATTERN away, or single versions out of the
lists that larder guard respond makes. Bytes that were disposed of come back only
after: larder package delete`,
		Example: "  larder guard unblock npm:axios\n  larder guard unblock npm:axios 1.14.1\n  larder guard unblock --license 'AGPL-*'",
		Args:    cobra.ArbitraryArgs,
	}
	cmd.Flags().StringVar(&digest, "digest", "", "the rule with this `digest`")
	cmd.Flags().StringVar(&license, "license", "", "the rule with this `licence`")
	return apiCommand(cmd, inDomain, func(ctx context.Context, s *session, args []string) error {
		pattern, err := optionalPattern(args[:min(len(args), 1)])
		if err != nil {
			return err
		}
		if len(args) == 0 && digest == "" && license == "" {
			return usagef("say which rule: a PATTERN such as npm:axios, a --digest or a --license")
		}
		var versions []string
		if len(args) > 1 {
			versions = args[1:]
		}
		found := false
		now, err := s.editGuard(ctx, func(d *guard.Document) error {
			found = false
			d.Block = slices.DeleteFunc(d.Block, func(b guard.Block) bool {
				if (firstOf(b.Package, registry.RootPattern) != pattern) || (digest != "" && b.Digest != digest) || (license != "" && b.License != license) {
					return false
				}
				found = found || versions == nil
				return versions == nil
			})
			for i := range d.Block {
				b := &d.Block[i]
				if versions == nil || b.Package != pattern || len(b.List) == 0 {
					continue
				}
				before := len(b.List)
				b.List = slices.DeleteFunc(b.List, func(v string) bool { return slices.Contains(versions, v) })
				found = found || len(b.List) < before
			}
			// A rule whose list is empty would mean every version.
			if versions != nil {
				d.Block = slices.DeleteFunc(d.Block, func(b guard.Block) bool {
					return b.Package == pattern && len(b.List) == 0 && b.Versions == "" && b.Digest == "" && b.License == ""
				})
			}
			if !found {
				return usagef("no such block rule is for %s; the rules: larder guard show%s", pattern, s.again(false))
			}
			return nil
		})
		if err != nil {
			return err
		}
		return s.changed(now, "%s: no longer blocked by that rule in domain %s", pattern, s.domain)
	})
}

// optionalPattern reads a pattern, that of all packages where there is none.
func optionalPattern(args []string) (string, error) {
	if len(args) == 0 {
		return registry.RootPattern, nil
	}
	return parsePattern(args[0])
}
