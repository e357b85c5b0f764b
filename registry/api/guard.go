package api

import (
	"context"
	"encoding/json"
	"strconv"
	"time"

	"larder/internal/awswire"
	"larder/registry"
)

// The guard is no part of CodeArtifact's API.

// guardAnswer is a domain's rules. Revision is empty where there are none yet.
type guardAnswer struct {
	Guard    json.RawMessage `json:"guard"`
	Revision string          `json:"revision"`
}

func guardOf(p registry.Policy, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	if p.Document == "" {
		p.Document = "{}"
	}
	return guardAnswer{json.RawMessage(p.Document), p.Revision}, nil
}

func getGuard(ctx context.Context, c *call, in *inDomain) (any, error) {
	d, err := in.domain(c)
	if err != nil {
		return nil, err
	}
	return guardOf(c.core.GuardRules(ctx, c.actor, d))
}

type putGuardInput struct {
	inDomain
	Guard    json.RawMessage `json:"guard" required:"true"`
	Revision *string         `json:"revision"` // absent: whatever is there
}

func putGuard(ctx context.Context, c *call, in *putGuardInput) (any, error) {
	d, err := in.domain(c)
	if err != nil {
		return nil, err
	}
	return guardOf(c.core.PutGuardRules(ctx, c.actor, d, string(in.Guard), in.Revision))
}

// guardedVersion is a version that the guard says something about.
type guardedVersion struct {
	Version    string        `json:"version"`
	Origin     string        `json:"originType"`
	Connection string        `json:"externalConnection,omitempty"`
	Held       bool          `json:"held"`
	Released   awswire.Epoch `json:"released,omitzero"`
	Seen       awswire.Epoch `json:"firstSeen,omitzero"`
	Hidden     bool          `json:"hidden"`
	Refused    bool          `json:"refused"`
	Reason     string        `json:"reason,omitempty"`
	Warning    string        `json:"warning,omitempty"`
	Until      awswire.Epoch `json:"until,omitzero"`
}

type explanation struct {
	Format    string           `json:"format"`
	Namespace string           `json:"namespace,omitempty"`
	Package   string           `json:"package"`
	Rules     []string         `json:"rules"`
	Shown     int              `json:"shown"`
	Newest    string           `json:"newest,omitempty"`
	Versions  []guardedVersion `json:"versions"`
}

func explainGuard(ctx context.Context, c *call, in *ofPackage) (any, error) {
	r, p, err := in.pkg(c)
	if err != nil {
		return nil, err
	}
	x, err := c.core.ExplainGuard(ctx, c.actor, r, p)
	if err != nil {
		return nil, err
	}
	out := explanation{
		Format: x.Package.Format, Namespace: x.Package.Namespace, Package: x.Package.Name,
		Rules: append([]string{}, x.Rules...), Shown: x.Shown, Newest: x.Newest, Versions: []guardedVersion{},
	}
	for _, v := range x.Versions {
		out.Versions = append(out.Versions, guardedVersion{
			Version: v.Version.Version, Origin: string(v.Origin.Type), Connection: v.Origin.Connection, Held: v.Held,
			Released: awswire.Epoch(v.Released), Seen: awswire.Epoch(v.Seen),
			Hidden: v.Verdict.Hide, Refused: v.Verdict.Refuse, Reason: v.Verdict.Reason, Warning: v.Verdict.Warning,
			Until: awswire.Epoch(v.Verdict.Until),
		})
	}
	return out, nil
}

// namedVersion names a version of a package.
type namedVersion struct {
	Format    string `json:"format"`
	Namespace string `json:"namespace,omitempty"`
	Package   string `json:"package"`
	Version   string `json:"version"`
}

type respondGuardInput struct {
	inDomain
	Versions  []namedVersion `json:"versions" required:"true"`
	Reason    string         `json:"reason" required:"true"`
	KeepBytes bool           `json:"keepBytes"`
	Rehearse  bool           `json:"rehearse"`
}

type respondedVersion struct {
	namedVersion
	Problem   string     `json:"problem,omitempty"`
	Disposed  []string   `json:"disposed"`
	Kept      []string   `json:"kept"`
	Downloads []download `json:"downloads"`
}

type download struct {
	Actor  string        `json:"actor"`
	Since  awswire.Epoch `json:"since"`
	Latest awswire.Epoch `json:"latest"`
	Times  int           `json:"times"`
}

type respondGuardAnswer struct {
	Versions []respondedVersion `json:"versions"`
}

func respondGuard(ctx context.Context, c *call, in *respondGuardInput) (any, error) {
	d, err := in.domain(c)
	if err != nil {
		return nil, err
	}
	q := registry.GuardResponse{Reason: in.Reason, KeepBytes: in.KeepBytes, Rehearse: in.Rehearse}
	for _, v := range in.Versions {
		q.Versions = append(q.Versions, registry.VersionID{
			Package: registry.PackageID{Format: v.Format, Namespace: v.Namespace, Name: v.Package}, Version: v.Version,
		})
	}
	responded, err := c.core.RespondGuard(ctx, c.actor, d, q)
	if err != nil {
		return nil, err
	}
	answer := respondGuardAnswer{[]respondedVersion{}}
	for _, r := range responded {
		p := r.ID.Package
		out := respondedVersion{
			namedVersion: namedVersion{p.Format, p.Namespace, p.Name, r.ID.Version}, Problem: r.Problem,
			Disposed: append([]string{}, r.Disposed...), Kept: append([]string{}, r.Kept...), Downloads: []download{},
		}
		for _, x := range r.Downloads {
			out.Downloads = append(out.Downloads, download{x.Actor, awswire.Epoch(x.Since), awswire.Epoch(x.Latest), x.Times})
		}
		answer.Versions = append(answer.Versions, out)
	}
	return answer, nil
}

// advisory is an advisory about one package.
type advisory struct {
	ID        string `json:"id"`
	Format    string `json:"format"`
	Namespace string `json:"namespace,omitempty"`
	Package   string `json:"package"`
	registry.AdvisoryBody
}

// ofImport names an import of a source. Its number is greater than that of the
// source's last one.
type ofImport struct {
	Source string `query:"source" required:"true" json:"-"`
	Import string `query:"import" required:"true" json:"-"`
}

func (in ofImport) number() (int64, error) {
	n, err := strconv.ParseInt(in.Import, 10, 64)
	if err != nil {
		return 0, awswire.Invalid(awswire.FieldValidation, "import is %q; it must be a number", clip(in.Import))
	}
	return n, nil
}

type putAdvisoriesInput struct {
	ofImport
	Advisories []advisory `json:"advisories" required:"true"`
}

type putAdvisoriesAnswer struct {
	Skipped int `json:"skipped"`
}

func putAdvisories(ctx context.Context, c *call, in *putAdvisoriesInput) (any, error) {
	number, err := in.number()
	if err != nil {
		return nil, err
	}
	all := make([]registry.Advisory, len(in.Advisories))
	for i, a := range in.Advisories {
		all[i] = registry.Advisory{
			ID: a.ID, Package: registry.PackageID{Format: a.Format, Namespace: a.Namespace, Name: a.Package}, AdvisoryBody: a.AdvisoryBody,
		}
	}
	skipped, err := c.core.PutAdvisories(ctx, c.actor, in.Source, number, all)
	return putAdvisoriesAnswer{skipped}, err
}

type advisorySource struct {
	Name     string        `json:"name"`
	Imported awswire.Epoch `json:"imported"`
	Entries  int           `json:"entries"`
	Dropped  int           `json:"dropped,omitempty"`
}

func describeSource(s registry.AdvisorySource) advisorySource {
	return advisorySource{s.Name, awswire.Epoch(s.Imported.Truncate(time.Millisecond)), s.Entries, s.Dropped}
}

type advisorySourceAnswer struct {
	Source advisorySource `json:"source"`
}

func settleAdvisories(ctx context.Context, c *call, in *ofImport) (any, error) {
	number, err := in.number()
	if err != nil {
		return nil, err
	}
	s, err := c.core.SettleAdvisories(ctx, c.actor, in.Source, number)
	return advisorySourceAnswer{describeSource(s)}, err
}

type listAdvisorySourcesInput struct{}

type advisorySourcesAnswer struct {
	Sources []advisorySource `json:"sources"`
}

func listAdvisorySources(ctx context.Context, c *call, _ *listAdvisorySourcesInput) (any, error) {
	all, err := c.core.ListAdvisorySources(ctx, c.actor)
	answer := advisorySourcesAnswer{[]advisorySource{}}
	for _, s := range all {
		answer.Sources = append(answer.Sources, describeSource(s))
	}
	return answer, err
}
