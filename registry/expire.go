package registry

import (
	"context"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	// expireBatch is how many versions go in one transaction.
	expireBatch = 25
	// expirePackages is how many packages are planned in one view, and
	// expireLooked how many for one page.
	expirePackages = 50
	expireLooked   = 1000
	// expirePage is how many versions go before a run is noted to be so far.
	expirePage = 500
	// expireTries is how often a package is planned that is busy.
	expireTries = 3

	// retentionRest is between two runs of a repository, give or take half of
	// retentionJitter; retentionNotice is until the first one of new rules.
	retentionRest   = 24 * time.Hour
	retentionJitter = 2 * time.Hour
	retentionNotice = time.Hour
	// retentionAgain is until a run that failed goes on.
	retentionAgain = time.Hour
)

// RetentionPage is a part of what the rules of a repository let go, by package.
type RetentionPage struct {
	Expired  []Expired
	Packages int    // that were looked at
	Next     string // empty: that was all
}

// ApplyRetention applies the retention rules of all repositories that are due,
// and returns when none is. It is run now and then, by one process at a time.
// A run that was cut off goes on where it was.
func (s *Service) ApplyRetention(ctx context.Context) error {
	for {
		var due []Retention
		err := s.Metadata.View(ctx, func(tx Tx) error {
			var err error
			due, err = tx.DueRetentions(1)
			return err
		})
		if err != nil || len(due) == 0 {
			return err
		}
		r := due[0]
		err = s.applyRetention(ctx, &r)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err == nil, errors.Is(err, errRulesChanged):
			continue
		}
		s.Logger.WarnContext(ctx, "retention rules are not applied for now", "domain", r.Repo.Domain.Name, "repo", r.Repo.Name, "err", err)
		if err := s.stepRetention(ctx, r, s.Clock().Add(retentionAgain)); err != nil {
			return err
		}
	}
}

// applyRetention goes through a repository, noting how far it is.
func (s *Service) applyRetention(ctx context.Context, r *Retention) error {
	s.Downloads.Flush(ctx)
	rules, err := s.compileRetention(r.Policy)
	if err != nil {
		return err
	}
	if r.Run.After == "" {
		r.Run = RetentionRun{Started: s.Clock().UTC()}
	}
	for {
		n, _, err := s.node(ctx, r.Repo)
		if err == nil && n == nil {
			err = noRepository(r.Repo)
		}
		if err != nil {
			return err
		}
		began := time.Now()
		page, err := s.expire(ctx, n, rules, Page{After: r.Run.After, Limit: expirePage}, true)
		if err != nil {
			return err
		}
		r.Run.After = page.Next
		r.Run.Packages += page.Packages
		r.Run.Versions += len(page.Expired)
		for _, x := range page.Expired {
			r.Run.Bytes += x.Size
		}
		due := r.Due
		if page.Next == "" {
			r.Run.Finished = s.Clock().UTC()
			due = r.Run.Finished.Add(retentionRest - retentionJitter/2 + rand.N(retentionJitter))
		}
		if err := s.stepRetention(ctx, *r, due); err != nil {
			return err
		}
		if page.Next == "" {
			s.Logger.InfoContext(ctx, "retention rules were applied", "domain", r.Repo.Domain.Name, "repo", r.Repo.Name,
				"packages", r.Run.Packages, "versions", r.Run.Versions, "bytes", r.Run.Bytes, "dur", r.Run.Finished.Sub(r.Run.Started).String())
			return nil
		}
		// Others want to work, too.
		select {
		case <-time.After(min(time.Since(began), time.Second)):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// stepRetention notes how far a run is; nothing where its rules are gone.
func (s *Service) stepRetention(ctx context.Context, r Retention, due time.Time) error {
	err := s.Metadata.Update(ctx, func(tx Tx) error { return tx.StepRetention(r.Repo, r.Revision, due, r.Run) })
	if IsNotFound(err) {
		return nil
	}
	return err
}

// planned is what goes of one package as it was at a revision.
type planned struct {
	pkg      PackageID
	revision int64
	expired  []Expired
}

// expire gives a page of what the rules let go; with apply it goes. A page ends
// at its limit, or when enough was looked at.
func (s *Service) expire(ctx context.Context, n *node, rules *retentionRules, p Page, apply bool) (RetentionPage, error) {
	var out RetentionPage
	skip, after, err := retentionCursor(p.After)
	if err != nil {
		return out, err
	}
	if apply {
		defer func() {
			if len(out.Expired) > 0 {
				s.sweep(ctx, n.ID.Domain)
			}
		}()
	}
	for {
		plans, next, err := s.planPackages(ctx, n, rules, Page{After: after, Limit: expirePackages})
		if err != nil {
			return out, err
		}
		for i, plan := range plans {
			room := p.Limit - len(out.Expired)
			var some []Expired
			more := false
			if apply {
				some, more, err = s.expirePackage(ctx, n, rules, plan, room)
			} else {
				some, more, err = s.foretell(ctx, n, plan, skip, room)
			}
			out.Expired = append(out.Expired, some...)
			if err != nil {
				return out, err
			}
			if more {
				if !apply {
					skip += len(some)
				}
				out.Next, err = s.cursorBefore(ctx, n, after, i, skip)
				return out, err
			}
			skip = 0
			out.Packages++
		}
		if after = next; next == "" {
			return out, ctx.Err()
		}
		if out.Packages >= expireLooked || len(out.Expired) >= p.Limit {
			out.Next = retentionToken(0, next)
			return out, ctx.Err()
		}
	}
}

// A cursor is a number of versions of one package to pass over, and the key of
// the package before it.
func retentionToken(skip int, after string) string { return strconv.Itoa(skip) + ":" + after }

func retentionCursor(token string) (skip int, after string, err error) {
	if token == "" {
		return 0, "", nil
	}
	number, after, ok := strings.Cut(token, ":")
	skip, err = strconv.Atoi(number)
	if !ok || err != nil || skip < 0 {
		return 0, "", Errorf(Invalid, "the page token is not one that this server gave")
	}
	return skip, after, nil
}

// cursorBefore is the cursor before the package at the place i of the list that
// begins after a key.
func (s *Service) cursorBefore(ctx context.Context, n *node, after string, i, skip int) (string, error) {
	if i == 0 {
		return retentionToken(skip, after), nil
	}
	var next string
	err := s.Metadata.View(ctx, func(tx Tx) error {
		var err error
		_, next, err = tx.Packages(n.ID, PackageFilter{}, Page{After: after, Limit: i})
		return err
	})
	if err != nil || next == "" { // it is gone meanwhile, and was the last
		return "", err
	}
	return retentionToken(skip, next), nil
}

// planPackages plans a page of the repository's packages in one view.
func (s *Service) planPackages(ctx context.Context, n *node, rules *retentionRules, p Page) (plans []planned, next string, err error) {
	err = s.Metadata.View(ctx, func(tx Tx) error {
		plans = nil
		var packages []Package
		if packages, next, err = tx.Packages(n.ID, PackageFilter{}, p); err != nil {
			return err
		}
		watched, err := tx.DownloadsWatched()
		if err != nil {
			return err
		}
		for _, pkg := range packages {
			plan := planned{pkg: pkg.ID, revision: pkg.Revision}
			if plan.expired, err = s.planPackage(tx, n, rules, pkg.ID, watched); err != nil {
				return err
			}
			plans = append(plans, plan)
		}
		return nil
	})
	return plans, next, err
}

func (s *Service) planPackage(tx Tx, n *node, rules *retentionRules, p PackageID, watched time.Time) ([]Expired, error) {
	which := rules.of(p)
	format := s.Rules[p.Format]
	if len(which) == 0 || format == nil {
		return nil, nil
	}
	versions, _, err := tx.ListVersions(n.ID, p, VersionFilter{}, Page{})
	if err != nil {
		return nil, err
	}
	q := retainable{
		pkg: p, versions: versions, rules: format, now: tx.Now(), watched: watched,
		again: func(o Origin) bool {
			return o.Type == OriginExternal || (o.Type == OriginInternal && o.Repository != n.ID.Name && slices.Contains(n.chain, o.Repository))
		},
	}
	// What is known later only keeps more: mostly nothing goes, and it ends here.
	if len(rules.plan(&q)) == 0 {
		return nil, nil
	}
	if q.tagged, err = tagsOf(tx, n, p); err != nil {
		return nil, err
	}
	if !rules.needsDownloads(which) {
		return rules.plan(&q), nil
	}
	if q.downloads, err = tx.LastDownloads(n.ID.Domain, p); err != nil {
		return nil, err
	}
	// An older build beside this one keeps no last downloads: what goes is looked
	// up where that one notes it, too. It goes once, so that costs little.
	plan := rules.plan(&q)
	for _, x := range plan {
		at, err := tx.LastDownload(n.ID.Domain, x.ID)
		if err != nil {
			return nil, err
		}
		if at.After(q.downloads[x.ID.Version]) {
			q.downloads[x.ID.Version] = at
		}
	}
	if len(plan) > 0 {
		plan = rules.plan(&q)
	}
	return plan, nil
}

// foretell gives as much of the plan as there is room for, with sizes.
func (s *Service) foretell(ctx context.Context, n *node, plan planned, skip, room int) (some []Expired, more bool, err error) {
	all := plan.expired[min(skip, len(plan.expired)):]
	if more = len(all) > room; more {
		all = all[:room]
	}
	if len(all) == 0 {
		return nil, more, nil
	}
	err = s.Metadata.View(ctx, func(tx Tx) error {
		some = nil
		for _, x := range all {
			v, err := tx.Version(n.ID, x.ID)
			if IsNotFound(err) {
				continue
			}
			if err != nil {
				return err
			}
			x.Size = sizeOf(v)
			some = append(some, x)
		}
		return nil
	})
	return some, more, err
}

func sizeOf(v Version) int64 {
	var n int64
	for _, a := range v.Assets {
		n += a.Size
	}
	return n
}

// expirePackage lets go what is planned, in small transactions. Where the
// package has changed since it was planned, it is planned again.
func (s *Service) expirePackage(ctx context.Context, n *node, rules *retentionRules, plan planned, room int) (gone []Expired, more bool, err error) {
	for tries := 1; ; tries++ {
		for batch := range slices.Chunk(plan.expired, expireBatch) {
			if room <= len(gone) {
				return gone, true, nil
			}
			var some []Expired
			var revision int64
			err = s.update(ctx, func(c *change) error {
				var err error
				some, revision, err = c.expire(n, rules, plan.pkg, plan.revision, batch[:min(len(batch), room-len(gone))])
				return err
			})
			if err != nil {
				break
			}
			gone = append(gone, some...)
			plan.revision = revision
			if len(some) < len(batch) {
				return gone, true, nil
			}
		}
		switch {
		case IsNotFound(err):
			return gone, false, nil // the package is gone, and what it had with it
		case CodeOf(err) != Conflict, errors.Is(err, errRulesChanged):
			return gone, false, err
		case tries == expireTries:
			s.Logger.InfoContext(ctx, "a package changes while retention rules are applied to it; it is left for the next time",
				"domain", n.ID.Domain.Name, "repo", n.ID.Name, "format", plan.pkg.Format, "package", plan.pkg.DisplayName())
			return gone, false, nil
		}
		err = s.Metadata.View(ctx, func(tx Tx) error {
			pkg, err := tx.Package(n.ID, plan.pkg)
			if err != nil {
				return err
			}
			watched, err := tx.DownloadsWatched()
			if err != nil {
				return err
			}
			plan.revision = pkg.Revision
			plan.expired, err = s.planPackage(tx, n, rules, plan.pkg, watched)
			return err
		})
		if err != nil && !IsNotFound(err) {
			return gone, false, err
		}
	}
}

// errRulesChanged ends a run whose rules are not those of the repository any more.
var errRulesChanged = &Error{Code: Conflict, Msg: "the retention rules have changed meanwhile; begin anew"}

// expire lets versions of a package go, which is as it was at the revision, and
// gives them with the package's new revision. Conflict: it is not, or a tag has
// come to one of them; NotFound: the package is gone.
func (c *change) expire(n *node, rules *retentionRules, p PackageID, revision int64, batch []Expired) ([]Expired, int64, error) {
	have, err := c.Retention(n.ID)
	switch {
	case IsNotFound(err), err == nil && have.Revision != rules.revision:
		return nil, 0, errRulesChanged
	case err != nil:
		return nil, 0, err
	}
	pkg, err := c.heldPackage(n, p, revision)
	if err != nil {
		return nil, 0, err
	}
	tagged, err := tagsOf(c, n, p)
	if err != nil {
		return nil, 0, err
	}
	gone := slices.Clone(batch)
	for i, x := range gone {
		if tagged[x.ID.Version] {
			return nil, 0, Errorf(Conflict, "a tag has come to version %s", x.ID.Version)
		}
		v, err := c.Version(n.ID, x.ID)
		if err != nil {
			return nil, 0, err
		}
		gone[i].Size = sizeOf(v)
		if x.Action == ActionDispose {
			_, err = c.dispose(n, pkg, v)
		} else {
			err = c.remove(n, pkg, x.ID)
		}
		if err != nil {
			return nil, 0, err
		}
	}
	c.tellExpired(n, p, gone)
	now, err := c.Package(n.ID, p)
	return gone, now.Revision, err
}

// RetentionSource is the source of the events by which the retention rules tell
// what they did, beside the event of each version.
const RetentionSource = "larder.retention"

// expiredDetail is the detail of such an event, in the words of spec 6.
type expiredDetail struct {
	DomainName       string           `json:"domainName"`
	DomainOwner      string           `json:"domainOwner"`
	RepositoryName   string           `json:"repositoryName"`
	PackageFormat    string           `json:"packageFormat"`
	PackageNamespace *string          `json:"packageNamespace"`
	PackageName      string           `json:"packageName"`
	PackageVersions  []expiredVersion `json:"packageVersions"`
}

type expiredVersion struct {
	Version string `json:"packageVersion"`
	Action  string `json:"action"`
	Rule    string `json:"rule"`
	Reason  string `json:"reason"`
}

// tellExpired notes who did it, and why.
func (c *change) tellExpired(n *node, p PackageID, gone []Expired) {
	d := expiredDetail{
		DomainName: n.ID.Domain.Name, DomainOwner: n.ID.Domain.Owner, RepositoryName: n.ID.Name,
		PackageFormat: p.Format, PackageName: p.Name,
	}
	if p.Namespace != "" {
		d.PackageNamespace = &p.Namespace
	}
	for _, x := range gone {
		d.PackageVersions = append(d.PackageVersions, expiredVersion{x.ID.Version, x.Action, x.Rule, x.Reason})
	}
	detail, err := json.Marshal(d)
	if err != nil {
		panic(err) // it has text only
	}
	for _, account := range n.receivers() {
		c.events = append(c.events, Event{
			ID: newID(), Account: account, Time: c.Now(),
			Own: &OwnEvent{Source: RetentionSource, DetailType: "Larder Retention Rules Applied", Detail: string(detail)},
		})
	}
}
