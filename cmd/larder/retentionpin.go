package main

import (
	"context"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"larder/registry"
)

// exactPattern is the pattern of the one package.
func (a address) exactPattern() string {
	return "/" + string(a.format) + "/" + a.namespace + "/" + canonicalName(a.format, a.name) + "$"
}

func newRetentionPinCommand() *cobra.Command {
	var reason string
	cmd := &cobra.Command{
		Use:   "pin ADDRESS [VERSION]...",
		Short: "Keep versions whatever the retention rules say",
		Long: `Keep versions of a package whatever the retention rules of the repository say; all
of it where none is named. A pin is part of the rules' document: larder retention show`,
		Example:           "  larder retention pin npm/@acme/ui@1.4.0 --reason 'in firmware 7'\n  larder retention pin maven/org.example:lib 1.0 1.1 --repository releases\n  larder retention pin pypi/tool",
		Args:              atLeast(1, "a package, and versions of it"),
		ValidArgsFunction: first(completePackage),
	}
	cmd.Flags().StringVar(&reason, "reason", "", "why")
	return apiCommand(cmd, inRepository, func(ctx context.Context, s *session, args []string) error {
		a, versions, err := parseVersions(args)
		if err != nil {
			return err
		}
		now, err := s.editRetention(ctx, func(d *registry.RetentionDocument) error {
			d.Pins = append(d.Pins, registry.RetentionPin{Package: a.exactPattern(), Versions: versions, Reason: reason})
			return nil
		})
		if err != nil {
			return err
		}
		return s.changed(now, "pinned: %s of %s in %s", firstOf(strings.Join(versions, ", "), "all versions"), a, s.where())
	})
}

func newRetentionUnpinCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:               "unpin ADDRESS [VERSION]...",
		Short:             "Take pins away: the retention rules decide again",
		Long:              "Take pins of exactly this package away, those of single versions or all: the retention\nrules decide again.",
		Example:           "  larder retention unpin npm/@acme/ui@1.4.0\n  larder retention unpin pypi/tool",
		Args:              atLeast(1, "a package, and versions of it"),
		ValidArgsFunction: first(completePackage),
	}
	return apiCommand(cmd, inRepository, func(ctx context.Context, s *session, args []string) error {
		a, versions, err := parseVersions(args)
		if err != nil {
			return err
		}
		pattern := a.exactPattern()
		now, err := s.editRetention(ctx, func(d *registry.RetentionDocument) error {
			if !unpin(d, pattern, versions) {
				return usagef("no such pin is for %s; the pins: larder retention show%s", pattern, s.toRepository())
			}
			return nil
		})
		if err != nil {
			return err
		}
		return s.changed(now, "no longer pinned: %s of %s in %s", firstOf(strings.Join(versions, ", "), "all versions"), a, s.where())
	})
}

// unpin takes the pins of exactly this pattern away, or versions out of them,
// and reports whether there were any.
func unpin(d *registry.RetentionDocument, pattern string, versions []string) (found bool) {
	var left []registry.RetentionPin
	for _, p := range d.Pins {
		if p.Package != pattern {
			left = append(left, p)
			continue
		}
		if len(versions) == 0 {
			found = true
			continue
		}
		before := len(p.Versions)
		p.Versions = slices.DeleteFunc(p.Versions, func(v string) bool { return slices.Contains(versions, v) })
		found = found || len(p.Versions) < before
		if before == 0 || len(p.Versions) > 0 { // without versions it is for all of them
			left = append(left, p)
		}
	}
	d.Pins = left
	return found
}
