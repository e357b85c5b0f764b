package registry

import (
	"context"
	"regexp"
)

// Advisories takes advisories in. Its methods authorize nothing: they are for
// the server itself; Service has those for actors.
type Advisories struct {
	Metadata Metadata
	Rules    map[string]Rules // by format
}

var sourceName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$`)

// AdvisoriesPerCall is how many advisories one call takes at most.
const AdvisoriesPerCall = 1000

const maxAdvisory = 64 << 10 // bytes of one, as far as they are kept

// Put keeps advisories of a source, as those of the import that the stamp names:
// a number that is greater than that of the source's last import. It returns how
// many it passed over: of packages that no served format can have. They are
// asked for by then, but cached documents learn of them by Settle.
func (a *Advisories) Put(ctx context.Context, source string, stamp int64, all []Advisory) (skipped int, err error) {
	if err := checkSource(source, stamp); err != nil {
		return 0, err
	}
	if len(all) > AdvisoriesPerCall {
		return 0, Errorf(Invalid, "one call takes at most %d advisories", AdvisoriesPerCall)
	}
	known := make([]Advisory, 0, len(all))
	for _, x := range all {
		x.Source = source
		if ok, err := a.spell(&x); err != nil {
			return 0, err
		} else if !ok {
			skipped++
			continue
		}
		known = append(known, x)
	}
	return skipped, a.Metadata.Update(ctx, func(tx Tx) error { return tx.PutAdvisories(stamp, known...) })
}

// spell checks an advisory and spells its package as the format does; false for
// one that nobody can ask for.
func (a *Advisories) spell(x *Advisory) (bool, error) {
	rules := a.Rules[x.Package.Format]
	if rules == nil || x.ID == "" || len(x.ID) > 128 {
		return false, nil
	}
	if x.Severity == "" {
		x.Severity = Unrated
	}
	size := len(x.Summary)
	for _, v := range x.Versions {
		size += len(v)
	}
	for _, r := range x.Ranges {
		size += len(r.Introduced) + len(r.Fixed) + len(r.Last)
	}
	if size > maxAdvisory {
		return false, Errorf(Invalid, "advisory %s is longer than %d bytes", x.ID, maxAdvisory)
	}
	id, err := rules.Canonical(VersionID{Package: x.Package})
	if err != nil || checkNames(id) != nil {
		return false, nil
	}
	x.Package = id.Package
	for i, v := range x.Versions {
		if id, err := rules.Canonical(VersionID{x.Package, v}); err == nil {
			x.Versions[i] = id.Version
		}
	}
	return true, nil
}

// Settle ends an import: what the source had before and has no more goes, and
// the next request of every domain is judged by what there is now.
func (a *Advisories) Settle(ctx context.Context, source string, stamp int64) (AdvisorySource, error) {
	if err := checkSource(source, stamp); err != nil {
		return AdvisorySource{}, err
	}
	var out AdvisorySource
	err := a.Metadata.Update(ctx, func(tx Tx) error {
		var err error
		out, err = tx.SettleAdvisories(source, stamp)
		return err
	})
	return out, err
}

func checkSource(source string, stamp int64) error {
	if !sourceName.MatchString(source) {
		return Errorf(Invalid, "%q cannot be a source's name: letters, digits, dots, dashes and underscores, at most 63", source)
	}
	if stamp <= 0 {
		return Errorf(Invalid, "an import has a positive number")
	}
	return nil
}

// PutAdvisories is Advisories.Put for an actor.
func (s *Service) PutAdvisories(ctx context.Context, actor Actor, source string, stamp int64, all []Advisory) (skipped int, err error) {
	if err := s.authorize(ctx, actor, PutAdvisories, advisoryResource(source)); err != nil {
		return 0, err
	}
	return s.advisories().Put(ctx, source, stamp, all)
}

// SettleAdvisories is Advisories.Settle for an actor.
func (s *Service) SettleAdvisories(ctx context.Context, actor Actor, source string, stamp int64) (AdvisorySource, error) {
	if err := s.authorize(ctx, actor, PutAdvisories, advisoryResource(source)); err != nil {
		return AdvisorySource{}, err
	}
	return s.advisories().Settle(ctx, source, stamp)
}

// ListAdvisorySources gives where the advisories came from, by name.
func (s *Service) ListAdvisorySources(ctx context.Context, actor Actor) ([]AdvisorySource, error) {
	if err := s.authorize(ctx, actor, ListAdvisorySources, advisoryResource("")); err != nil {
		return nil, err
	}
	var all []AdvisorySource
	err := s.Metadata.View(ctx, func(tx Tx) error {
		var err error
		all, err = tx.AdvisorySources()
		return err
	})
	return all, err
}

// advisoryResource is a source of advisories as a resource: it concerns every
// account, as an external connection does, and is the first one's to set.
func advisoryResource(source string) Resource {
	return Resource{Type: ConnectionResource, Name: "advisories:" + source}
}

func (s *Service) advisories() *Advisories { return &Advisories{s.Metadata, s.Rules} }
