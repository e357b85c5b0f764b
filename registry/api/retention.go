package api

import (
	"context"
	"encoding/json"

	"larder/internal/awswire"
	"larder/registry"
)

// Retention rules are no part of CodeArtifact's API.

// retentionAnswer is a repository's rules. Revision is empty where there are none.
type retentionAnswer struct {
	Retention json.RawMessage `json:"retention"`
	Revision  string          `json:"revision"`
	NextRun   awswire.Epoch   `json:"nextRun,omitzero"`
	Run       *retentionRun   `json:"run,omitempty"`
}

// retentionRun is the run that is under way, or the last one.
type retentionRun struct {
	Started  awswire.Epoch `json:"started"`
	Finished awswire.Epoch `json:"finished,omitzero"` // absent: it is under way
	Packages int           `json:"packages"`
	Versions int           `json:"versions"`
	Bytes    int64         `json:"assetSizeBytes"`
}

func describeRetention(r registry.Retention, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	if r.Document == "" {
		r.Document = "{}"
	}
	out := retentionAnswer{Retention: json.RawMessage(r.Document), Revision: r.Revision}
	if r.Revision != "" {
		out.NextRun = awswire.Epoch(r.Due)
	}
	if run := r.Run; !run.Started.IsZero() {
		out.Run = &retentionRun{awswire.Epoch(run.Started), awswire.Epoch(run.Finished), run.Packages, run.Versions, run.Bytes}
	}
	return out, nil
}

func getRetention(ctx context.Context, c *call, in *inRepository) (any, error) {
	id, err := in.repository(c)
	if err != nil {
		return nil, err
	}
	return describeRetention(c.core.RetentionRules(ctx, c.actor, id))
}

type putRetentionInput struct {
	inRepository
	Retention json.RawMessage `json:"retention" required:"true"`
	Revision  *string         `json:"revision"` // absent: whatever is there
}

func putRetention(ctx context.Context, c *call, in *putRetentionInput) (any, error) {
	id, err := in.repository(c)
	if err != nil {
		return nil, err
	}
	return describeRetention(c.core.PutRetentionRules(ctx, c.actor, id, string(in.Retention), in.Revision))
}

func deleteRetention(ctx context.Context, c *call, in *inRepository) (any, error) {
	id, err := in.repository(c)
	if err != nil {
		return nil, err
	}
	return describeRetention(c.core.DeleteRetentionRules(ctx, c.actor, id))
}

// expiredVersion is a version that goes, or went.
type expiredVersion struct {
	namedVersion
	Status     registry.Status `json:"status"` // that it has, or had
	Origin     string          `json:"originType"`
	Published  awswire.Epoch   `json:"publishedTime"`
	Downloaded awswire.Epoch   `json:"lastDownloadedTime,omitzero"`
	Size       int64           `json:"assetSizeBytes"`
	Action     string          `json:"action"`
	Rule       string          `json:"rule"`
	Reason     string          `json:"reason"`
}

type expiredAnswer struct {
	Versions []expiredVersion `json:"versions"`
	Packages int              `json:"packagesScanned"`
	Next     string           `json:"nextToken,omitempty"`
}

func (c *call) expired(p registry.RetentionPage, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	out := expiredAnswer{Versions: []expiredVersion{}, Packages: p.Packages, Next: c.next(p.Next)}
	for _, x := range p.Expired {
		of := x.ID.Package
		out.Versions = append(out.Versions, expiredVersion{
			namedVersion: namedVersion{of.Format, of.Namespace, of.Name, x.ID.Version},
			Status:       x.Version.Status, Origin: string(x.Version.Origin.Type),
			Published: awswire.Epoch(x.Version.Published), Downloaded: awswire.Epoch(x.Downloaded),
			Size: x.Size, Action: x.Action, Rule: x.Rule, Reason: x.Reason,
		})
	}
	return out, nil
}

type previewRetentionInput struct {
	inRepository
	paged
	Retention json.RawMessage `json:"retention"` // absent: the rules that are there
}

func previewRetention(ctx context.Context, c *call, in *previewRetentionInput) (any, error) {
	id, err := in.repository(c)
	if err != nil {
		return nil, err
	}
	page, err := in.page(c, maxPageSize)
	if err != nil {
		return nil, err
	}
	var document *string
	if in.Retention != nil {
		text := string(in.Retention)
		document = &text
	}
	return c.expired(c.core.PreviewRetention(ctx, c.actor, id, document, page))
}

type runRetentionInput struct {
	inRepository
	paged
}

func runRetention(ctx context.Context, c *call, in *runRetentionInput) (any, error) {
	id, err := in.repository(c)
	if err != nil {
		return nil, err
	}
	page, err := in.page(c, maxPageSize)
	if err != nil {
		return nil, err
	}
	return c.expired(c.core.RunRetention(ctx, c.actor, id, page))
}
