package api

import (
	"context"

	"larder/internal/awswire"
	"larder/registry"
)

// domainSummary is DomainSummary of spec 2.9.
type domainSummary struct {
	Name          string        `json:"name"`
	Owner         string        `json:"owner"`
	ARN           string        `json:"arn"`
	Status        string        `json:"status"`
	Created       awswire.Epoch `json:"createdTime,omitzero"`
	EncryptionKey string        `json:"encryptionKey,omitempty"`
}

// domainDescription is DomainDescription. There is no bucket to name.
type domainDescription struct {
	domainSummary
	RepositoryCount int   `json:"repositoryCount"`
	AssetSizeBytes  int64 `json:"assetSizeBytes"`
}

func (s *server) summarizeDomain(d registry.Domain) domainSummary {
	return domainSummary{
		Name:          d.ID.Name,
		Owner:         d.ID.Owner,
		ARN:           d.ID.Resource().ARN(s.Region),
		Status:        "Active",
		Created:       awswire.Epoch(d.Created),
		EncryptionKey: d.EncryptionKey,
	}
}

func (s *server) describeDomain(d registry.Domain) domainDescription {
	return domainDescription{s.summarizeDomain(d), d.RepositoryCount, d.AssetSize}
}

type domainAnswer struct {
	Domain domainDescription `json:"domain"`
}

func describeDomain(ctx context.Context, c *call, in *inDomain) (any, error) {
	id, err := in.domain(c)
	if err != nil {
		return nil, err
	}
	d, err := c.core.DescribeDomain(ctx, c.actor, id)
	if err != nil {
		return nil, err
	}
	return domainAnswer{c.describeDomain(d)}, nil
}

// listDomainsInput has its paging in the body, unlike every other list.
type listDomainsInput struct {
	Max   *int   `json:"maxResults"`
	Token string `json:"nextToken"`
}

type domainsAnswer struct {
	Domains []domainSummary `json:"domains"`
	Next    string          `json:"nextToken,omitempty"`
}

func listDomains(ctx context.Context, c *call, in *listDomainsInput) (any, error) {
	page, err := paged(*in).page(c, pageSize)
	if err != nil {
		return nil, err
	}
	domains, next, err := c.core.ListDomains(ctx, c.actor, page)
	if err != nil {
		return nil, err
	}
	answer := domainsAnswer{Domains: []domainSummary{}, Next: c.next(next)}
	for _, d := range domains {
		answer.Domains = append(answer.Domains, c.summarizeDomain(d))
	}
	return answer, nil
}

type createDomainInput struct {
	Domain        string `query:"domain" required:"true" json:"-"`
	EncryptionKey string `json:"encryptionKey"`
	Tags          []tag  `json:"tags"`
}

func createDomain(ctx context.Context, c *call, in *createDomainInput) (any, error) {
	id, err := inDomain{Domain: in.Domain}.domain(c)
	if err != nil {
		return nil, err
	}
	tags, err := tagsOf(in.Tags)
	if err != nil {
		return nil, err
	}
	d, err := c.core.CreateDomain(ctx, c.actor, id.Name, in.EncryptionKey, tags)
	if err != nil {
		return nil, err
	}
	return domainAnswer{c.describeDomain(d)}, nil
}

// deleteDomain answers ResourceNotFoundException for a missing domain, which
// the operation does not declare: clients take that name for "gone" (spec 2.2),
// and there is no description to answer.
func deleteDomain(ctx context.Context, c *call, in *inDomain) (any, error) {
	id, err := in.domain(c)
	if err != nil {
		return nil, err
	}
	d, err := c.core.DeleteDomain(ctx, c.actor, id)
	if err != nil {
		return nil, err
	}
	answer := domainAnswer{c.describeDomain(d)}
	answer.Domain.Status = "Deleted"
	return answer, nil
}
