package guard

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"larder/registry"
)

// Guard implements registry.Guard.
type Guard struct {
	rules map[string]registry.Rules
}

// New makes a Guard that compares versions by the rules of their formats.
func New(rules map[string]registry.Rules) *Guard { return &Guard{rules} }

// Compile implements registry.Guard.
func (g *Guard) Compile(document string) (registry.Rulings, error) {
	d, err := Parse(document)
	if err != nil {
		return nil, err
	}
	r := &rulings{formats: g.rules, by: map[string]*entry{}, advisories: d.Advisories}
	for _, add := range []func(*Document) error{r.addCooldowns, r.addExemptions, r.addBlocks, r.addAttests, r.checkAdvisories} {
		if err := add(d); err != nil {
			return nil, err
		}
	}
	if len(r.by) == 0 && len(r.advisories) == 0 {
		return nil, nil
	}
	return r, nil
}

// rulings are compiled rules, found by pattern.
type rulings struct {
	formats    map[string]registry.Rules
	by         map[string]*entry
	advisories []AdvisoryRule
}

// entry is what stands under one pattern.
type entry struct {
	cooldowns []cooldown
	exempt    []exemption
	blocks    []block
	attests   []attest
}

type cooldown struct {
	Cooldown
	pattern string
}

type exemption struct {
	Exemption
	versions span
}

type block struct {
	Block
	versions span
	digest   digest
	listed   map[string]bool
}

func (r *rulings) at(pattern string) (*entry, string, error) {
	pattern = cmp.Or(pattern, registry.RootPattern)
	if _, err := registry.ParsePattern(pattern); err != nil {
		return nil, "", err
	}
	e := r.by[pattern]
	if e == nil {
		e = &entry{}
		r.by[pattern] = e
	}
	return e, pattern, nil
}

func (r *rulings) addCooldowns(d *Document) error {
	for _, c := range d.Cooldown {
		e, pattern, err := r.at(c.Package)
		if err != nil {
			return err
		}
		if slices.ContainsFunc(e.cooldowns, func(have cooldown) bool { return have.Connection == c.Connection }) {
			return registry.Errorf(registry.Invalid, "two cooldowns are for packages %s and the same connection", pattern)
		}
		e.cooldowns = append(e.cooldowns, cooldown{c, pattern})
		slices.SortStableFunc(e.cooldowns, func(a, b cooldown) int { // those that name a connection first
			return cmp.Compare(b.Connection, a.Connection)
		})
	}
	return nil
}

func (r *rulings) addExemptions(d *Document) error {
	for _, x := range d.Exempt {
		e, _, err := r.at(x.Package)
		if err != nil {
			return err
		}
		versions, err := parseSpan(x.Versions)
		if err != nil {
			return err
		}
		if len(x.From) == 0 {
			x.From = []string{KindCooldown}
		}
		for _, kind := range x.From {
			if kind != KindCooldown && kind != KindBlock && kind != KindAdvisories && kind != KindAttest {
				return registry.Errorf(registry.Invalid, "%q is no kind of rule: an exemption is from cooldown, block, advisories or attest", kind)
			}
		}
		e.exempt = append(e.exempt, exemption{x, versions})
	}
	return nil
}

func (r *rulings) addBlocks(d *Document) error {
	for _, b := range d.Block {
		e, pattern, err := r.at(b.Package)
		if err != nil {
			return err
		}
		if pattern == registry.RootPattern && b.Versions == "" && len(b.List) == 0 && b.Digest == "" && b.License == "" {
			return registry.Errorf(registry.Invalid, "a block rule without any condition would block everything: give package, versions, digest or license")
		}
		out := block{Block: b}
		if out.versions, err = parseSpan(b.Versions); err != nil {
			return err
		}
		if out.digest, err = parseDigest(b.Digest); err != nil {
			return err
		}
		if err := checkAction(cmp.Or(b.Action, ActionBlock)); err != nil {
			return err
		}
		if len(b.List) > 0 {
			out.listed = make(map[string]bool, len(b.List))
			spelled := r.orderUnder(pattern)
			for _, v := range b.List {
				out.listed[spelled.key(v)] = true
			}
		}
		e.blocks = append(e.blocks, out)
	}
	return nil
}

// orderUnder gives the order of the format that a pattern is of; that of the
// root spells no version otherwise.
func (r *rulings) orderUnder(pattern string) order {
	format, _, _ := strings.Cut(strings.TrimPrefix(pattern, "/"), "/")
	return newOrder(format, r.formats[format])
}

func (r *rulings) checkAdvisories(d *Document) error {
	for _, a := range d.Advisories {
		if err := checkAction(a.Action); err != nil {
			return err
		}
		for _, s := range a.Severities {
			if !slices.Contains(registry.Severities, s) {
				return registry.Errorf(registry.Invalid, "%q is no severity: they are malware, critical, high, medium, low and unrated", s)
			}
		}
	}
	return nil
}

func checkAction(action string) error {
	if action != ActionBlock && action != ActionWarn {
		return registry.Errorf(registry.Invalid, "%q is no action of a rule: it blocks or warns", action)
	}
	return nil
}

// Of implements registry.Rulings.
func (r *rulings) Of(p registry.PackageID) registry.Ruling {
	rules := r.formats[p.Format]
	if rules == nil {
		return nil
	}
	out := &ruling{pkg: p, rules: newOrder(p.Format, rules), advisories: r.advisories}
	for _, pattern := range registry.PatternsOf(p) {
		e := r.by[pattern]
		if e == nil {
			continue
		}
		out.cooldowns = append(out.cooldowns, e.cooldowns...)
		out.exempt = append(out.exempt, e.exempt...)
		out.blocks = append(out.blocks, e.blocks...)
		if len(out.attests) == 0 {
			out.attests = e.attests
		}
	}
	if len(out.cooldowns)+len(out.blocks)+len(out.advisories)+len(out.attests) == 0 {
		return nil
	}
	return out
}

// Block implements registry.Guard.
func (g *Guard) Block(document string, versions []registry.VersionID, reason string) (string, error) {
	d, err := Parse(document)
	if err != nil {
		return "", err
	}
	at := map[string]int{}
	for i, b := range d.Block {
		if len(b.List) > 0 && b.Reason == reason && b.Versions == "" && b.Digest == "" && b.License == "" && cmp.Or(b.Action, ActionBlock) == ActionBlock {
			at[b.Package] = i
		}
	}
	for _, v := range versions {
		pattern := Exact(v.Package)
		i, ok := at[pattern]
		if !ok {
			i = len(d.Block)
			d.Block = append(d.Block, Block{Package: pattern, Reason: reason})
			at[pattern] = i
		}
		if b := &d.Block[i]; !slices.Contains(b.List, v.Version) {
			b.List = append(b.List, v.Version)
		}
	}
	out := d.String()
	_, err = g.Compile(out)
	return out, err
}

// Exact is the pattern of one package.
func Exact(p registry.PackageID) string {
	return "/" + p.Format + "/" + p.Namespace + "/" + p.Name + "$"
}

// stamp is how instants are told to people.
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }

func sentence(parts ...string) string {
	return strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), ": ")
}
