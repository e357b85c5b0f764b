package upstream

import (
	"context"
	"errors"
	"time"

	"larder/registry"
)

// Fetch implements registry.Puller. NotFound when the connection's format
// passes nothing on; UpstreamFailed when the connection leads nowhere. It ends
// with ctx. Who asks for the same at once shares one request, which then goes on
// without its first asker; what is posted is each asker's own.
func (p *Puller) Fetch(ctx context.Context, connection string, r registry.AuxiliaryRequest) (registry.AuxiliaryAnswer, error) {
	var none registry.AuxiliaryAnswer
	c, err := p.client(ctx, connection)
	if err != nil {
		return none, err
	}
	if c == nil {
		return none, leadsNowhere(connection)
	}
	adapter, err := p.adapter(connection, c.format)
	if err != nil {
		return none, err
	}
	aux, ok := adapter.(registry.Auxiliary)
	if !ok {
		return none, registry.Errorf(registry.NotFound, "external connection %s passes no such requests on", connection)
	}
	if !p.begin() {
		return none, errClosing
	}
	if r.Body != nil {
		defer p.work.Done()
		return p.fetch(ctx, c, aux, r)
	}
	type fetched struct {
		answer registry.AuxiliaryAnswer
		err    error
	}
	key := connection + "\x00" + string(c.source[:]) + "\x00" + r.Kind + "\x00" + r.Path + "\x00" + r.Query
	shared := p.fetches.DoChan(key, func() (any, error) {
		ctx, cancel := p.detach(ctx)
		defer cancel()
		answer, err := p.fetch(ctx, c, aux, r)
		return fetched{answer, p.ended(err)}, nil
	})
	done := make(chan fetched, 1)
	go func() {
		defer p.work.Done()
		done <- (<-shared).Val.(fetched)
	}()
	select {
	case f := <-done:
		return f.answer, f.err
	case <-ctx.Done():
		return none, ctx.Err()
	}
}

// fetch makes one auxiliary request.
func (p *Puller) fetch(ctx context.Context, c *client, aux registry.Auxiliary, r registry.AuxiliaryRequest) (registry.AuxiliaryAnswer, error) {
	limit := p.cfg.Timeouts.Document
	ctx, cancel := context.WithTimeoutCause(ctx, limit, errOverall{limit})
	defer cancel()
	began := time.Now()
	answer, err := p.auxiliary(ctx, c, aux, r)
	if !errors.Is(err, context.Canceled) { // an asker who leaves says nothing about upstream
		p.cfg.Observe(Observation{Connection: c.name, Kind: KindAuxiliary, Outcome: outcome(err), Duration: time.Since(began)})
	}
	return answer, err
}

func (p *Puller) auxiliary(ctx context.Context, c *client, aux registry.Auxiliary, r registry.AuxiliaryRequest) (answer registry.AuxiliaryAnswer, err error) {
	if err := c.documents.take(ctx); err != nil {
		return answer, c.failed(err, "too many requests to upstream are under way")
	}
	defer c.documents.give()
	err = p.safely(ctx, func() (err error) {
		answer, err = aux.Auxiliary(ctx, &getter{p: p, c: c}, r)
		return err
	})
	var known *registry.Error
	switch {
	case err == nil && int64(len(answer.Body)) > p.cfg.Limits.Document:
		err = c.failed(nil, "upstream sends more than the limit of %d bytes", p.cfg.Limits.Document)
	case err != nil && !(errors.As(err, &known) && known.Code != registry.Internal) && ctx.Err() == nil:
		err = c.failed(err, "upstream's answer cannot be read")
	}
	if err != nil {
		return registry.AuxiliaryAnswer{}, err
	}
	return answer, nil
}

// Locate implements registry.Puller. It asks nobody.
func (p *Puller) Locate(connection string, v registry.VersionID, asset string) (registry.ListedAsset, error) {
	adapter := p.cfg.Adapters[v.Package.Format]
	if adapter == nil {
		return registry.ListedAsset{}, registry.Errorf(registry.NotFound, "external connection %s has no layout for %s", connection, v.Package)
	}
	return adapter.Locate(v, asset)
}
