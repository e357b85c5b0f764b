package guard

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"larder/registry"
)

// ruling implements registry.Ruling: the rules that concern one package, those
// of the most specific pattern first.
type ruling struct {
	pkg        registry.PackageID
	rules      order
	cooldowns  []cooldown
	exempt     []exemption
	blocks     []block
	advisories []AdvisoryRule
	attests    []attest // of the most specific pattern alone
}

// Advised implements registry.Ruling: a fix need not wait.
func (r *ruling) Advised() bool {
	return len(r.advisories) > 0 || slices.ContainsFunc(r.cooldowns, func(c cooldown) bool { return !c.HoldFixes && c.Age > 0 })
}

// Judge implements registry.Ruling. Blocks and attestations are for every
// version; advisories and ages for those that came from elsewhere, which public
// names are about.
func (r *ruling) Judge(s registry.Subject) registry.Verdict {
	var v registry.Verdict
	if !r.exempted(s, KindBlock) && r.blocked(s, &v) {
		return v
	}
	internal := s.Version.Origin.Type == registry.OriginInternal
	if !internal && !r.exempted(s, KindAdvisories) && r.advised(s, &v) {
		return v
	}
	wait := false
	if !r.exempted(s, KindAttest) {
		var over bool
		if wait, over = r.unattested(s, &v); over {
			return v
		}
	}
	if !internal && !r.exempted(s, KindCooldown) {
		r.tooNew(s, &v)
	}
	if wait && !v.Refuse {
		v.Refuse, v.Unverified = true, true
		if v.Reason == "" {
			v.Reason = r.name(s) + " has to be attested by " + r.signers() + ", and nobody has looked at its attestations yet: fetch it"
		}
	}
	return v
}

func (r *ruling) exempted(s registry.Subject, kind string) bool {
	return slices.ContainsFunc(r.exempt, func(x exemption) bool {
		return slices.Contains(x.From, kind) && x.versions.holds(s.Version.Version, r.rules)
	})
}

// blocked applies the block lists; true ends the judgement.
func (r *ruling) blocked(s registry.Subject, v *registry.Verdict) bool {
	for i := range r.blocks {
		b := &r.blocks[i]
		if !r.fits(b, s) {
			continue
		}
		why := b.Reason
		if why == "" && b.License != "" {
			why = "its licence is " + b.License
		}
		if b.Action == ActionWarn {
			v.Warning = r.name(s) + " " + sentence("has a warning", cmp.Or(why, "see the guard rules of this registry"))
			continue
		}
		v.Hide, v.Refuse = true, true
		v.Reason = r.name(s) + " " + sentence("is blocked by this registry", why)
		return true
	}
	return false
}

func (r *ruling) fits(b *block, s registry.Subject) bool {
	switch {
	case !b.versions.holds(s.Version.Version, r.rules):
		return false
	case b.listed != nil && !b.listed[r.rules.key(s.Version.Version)] && !b.listed[short(s.Version.Version)]:
		return false
	case b.digest != nil && !slices.ContainsFunc(s.Digests, b.digest.of):
		return false
	}
	return b.License == "" || slices.ContainsFunc(r.rules.Describe(s.Version.Manifest).Licenses, func(l registry.License) bool {
		name, want := strings.ToLower(l.Name), strings.ToLower(b.License)
		prefix, open := strings.CutSuffix(want, "*")
		return name == want || (open && strings.HasPrefix(name, prefix))
	})
}

// advised applies the advisories; true ends the judgement.
func (r *ruling) advised(s registry.Subject, v *registry.Verdict) bool {
	for _, a := range s.Advisories {
		action := r.action(a)
		if action == "" || !r.affects(a, s.Version.Version) {
			continue
		}
		what := sentence(fmt.Sprintf("%s (%s)", a.ID, a.Severity), a.Summary)
		if action == ActionWarn {
			v.Warning = r.name(s) + " has a known problem: " + what
			continue
		}
		v.Hide, v.Refuse = true, true
		v.Reason = r.name(s) + " is blocked by this registry: " + what
		return true
	}
	return false
}

func (r *ruling) action(a registry.Advisory) string {
	for _, rule := range r.advisories {
		if (rule.Source == "" || rule.Source == a.Source) && (len(rule.Severities) == 0 || slices.Contains(rule.Severities, a.Severity)) {
			return rule.Action
		}
	}
	return ""
}

func (r *ruling) affects(a registry.Advisory, version string) bool {
	for _, v := range a.Versions {
		if v == version || r.rules.Compare(version, v) == 0 {
			return true
		}
	}
	return slices.ContainsFunc(a.Ranges, func(x registry.AdvisoryRange) bool {
		switch {
		case x.Introduced != "" && x.Introduced != "0" && r.rules.Compare(version, x.Introduced) < 0:
			return false
		case x.Fixed != "":
			return r.rules.Compare(version, x.Fixed) < 0
		case x.Last != "":
			return r.rules.Compare(version, x.Last) <= 0
		}
		return true
	})
}

// fixes gives the advisory that names the version as the fix. A package that is
// malware is not mended by a newer version of itself.
func (r *ruling) fixes(s registry.Subject) string {
	for _, a := range s.Advisories {
		if a.Severity != registry.Malware && slices.ContainsFunc(a.Ranges, func(x registry.AdvisoryRange) bool {
			return x.Fixed != "" && r.rules.Compare(s.Version.Version, x.Fixed) == 0
		}) {
			return a.ID
		}
	}
	return ""
}

// cooldown gives the rule that counts for a version.
func (r *ruling) cooldown(connection string) (cooldown, bool) {
	for _, c := range r.cooldowns {
		if c.Connection == "" || c.Connection == connection {
			return c, c.Age > 0
		}
	}
	return cooldown{}, false
}

// tooNew applies the cooldown. What counts is the later of upstream's time and
// the time that the version was first seen here. Without either its bytes are too
// new; indexes show it, for by now it may be known not to be the newest.
func (r *ruling) tooNew(s registry.Subject, v *registry.Verdict) {
	c, ok := r.cooldown(s.Version.Origin.Connection)
	if !ok {
		return
	}
	since := s.Version.Released
	if s.Version.Seen.After(since) {
		since = s.Version.Seen
	}
	old := since.Add(time.Duration(c.Age))
	if !since.IsZero() && !s.Now.Before(old) {
		return
	}
	if !c.HoldFixes && r.fixes(s) != "" {
		return
	}
	v.Hide, v.Refuse, v.Undated = true, !c.ServeBytes, s.Version.Released.IsZero()
	if since.IsZero() {
		v.Hide = false // its files tell its age when they are asked for
		v.Reason = r.name(s) + fmt.Sprintf(" is too new for this registry: nobody says when it was published, and versions have to be %s old", c.Age)
		return
	}
	v.Until = old
	how := "published"
	if since.After(s.Version.Released) {
		how = "first seen here"
	}
	v.Reason = r.name(s) + fmt.Sprintf(" is too new for this registry: it was %s %s, has to be %s old, and is served from %s on; take an older version until then",
		how, stamp(since), c.Age, stamp(old))
}

func (r *ruling) name(s registry.Subject) string {
	return fmt.Sprintf("version %s of %s package %s", s.Version.Version, r.pkg.Format, r.pkg.DisplayName())
}

// Explain implements registry.Ruling.
func (r *ruling) Explain() []string {
	var out []string
	for _, c := range r.cooldowns {
		through := "any external connection"
		if c.Connection != "" {
			through = "external connection " + c.Connection
		}
		if c.Age == 0 {
			out = append(out, fmt.Sprintf("cooldown of %s: none for versions through %s", c.pattern, through))
			continue
		}
		line := fmt.Sprintf("cooldown of %s: versions through %s have to be %s old", c.pattern, through, c.Age)
		if c.ServeBytes {
			line += ", though lock files may name them"
		}
		if !c.HoldFixes {
			line += ", unless an advisory names them as the fix"
		}
		out = append(out, line)
		if c.Connection == "" {
			break // the others, more general, never count
		}
	}
	for _, x := range r.exempt {
		out = append(out, sentence(fmt.Sprintf("exempt from %s: versions %s", strings.Join(x.From, ", "), cmp.Or(x.Versions, "all")), x.Reason))
	}
	for _, b := range r.blocks {
		of := []string{"versions " + cmp.Or(b.Versions, "all")}
		if len(b.List) > 0 {
			of = []string{"versions " + strings.Join(b.List, ", ")}
		}
		if b.Digest != "" {
			of = append(of, "with digest "+b.Digest)
		}
		if b.License != "" {
			of = append(of, "with licence "+b.License)
		}
		out = append(out, sentence(cmp.Or(b.Action, ActionBlock)+" "+cmp.Or(b.Package, registry.RootPattern), strings.Join(of, " "), b.Reason))
	}
	for _, a := range r.attests {
		line := fmt.Sprintf("every file of %s has to be attested by %s, known to %s", a.pattern, a.Signer(), a.Issuer)
		if a.Predicate != "" {
			line += ", in a statement of type " + a.Predicate
		}
		out = append(out, sentence(line, a.Reason))
	}
	for _, a := range r.advisories {
		severities := "any severity"
		if len(a.Severities) > 0 {
			words := make([]string, len(a.Severities))
			for i, s := range a.Severities {
				words[i] = string(s)
			}
			severities = strings.Join(words, ", ")
		}
		out = append(out, fmt.Sprintf("%s what advisories of %s say is of %s", a.Action, cmp.Or(a.Source, "any source"), severities))
	}
	return out
}
