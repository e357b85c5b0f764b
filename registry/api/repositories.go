package api

import (
	"context"

	"larder/internal/awswire"
	"larder/registry"
)

// repositorySummary is RepositorySummary of spec 2.9.
type repositorySummary struct {
	Name          string        `json:"name"`
	Administrator string        `json:"administratorAccount"`
	DomainName    string        `json:"domainName"`
	DomainOwner   string        `json:"domainOwner"`
	ARN           string        `json:"arn"`
	Description   string        `json:"description,omitempty"`
	Created       awswire.Epoch `json:"createdTime,omitzero"`
}

// repositoryDescription is RepositoryDescription.
type repositoryDescription struct {
	repositorySummary
	Upstreams   []upstreamRepository `json:"upstreams"`
	Connections []externalConnection `json:"externalConnections"`
}

type upstreamRepository struct {
	Name string `json:"repositoryName"`
}

type externalConnection struct {
	Name   string `json:"externalConnectionName"`
	Format string `json:"packageFormat,omitempty"`
	Status string `json:"status"`
}

// connectionStatus is what the live service sends, unlike its model (spec 1.3).
const connectionStatus = "AVAILABLE"

func (s *server) summarizeRepository(r registry.Repository) repositorySummary {
	return repositorySummary{
		Name:          r.ID.Name,
		Administrator: r.Administrator,
		DomainName:    r.ID.Domain.Name,
		DomainOwner:   r.ID.Domain.Owner,
		ARN:           r.ID.Resource().ARN(s.Region),
		Description:   r.Description,
		Created:       awswire.Epoch(r.Created),
	}
}

func (s *server) describeRepository(ctx context.Context, r registry.Repository) (repositoryDescription, error) {
	d := repositoryDescription{s.summarizeRepository(r), []upstreamRepository{}, []externalConnection{}}
	for _, name := range r.Upstreams {
		d.Upstreams = append(d.Upstreams, upstreamRepository{name})
	}
	for _, name := range r.Connections {
		connection, err := s.core.Connections.Find(ctx, name)
		if err != nil && !registry.IsNotFound(err) {
			return d, err
		}
		d.Connections = append(d.Connections, externalConnection{name, connection.Format, connectionStatus})
	}
	return d, nil
}

type repositoryAnswer struct {
	Repository repositoryDescription `json:"repository"`
}

func describeRepository(ctx context.Context, c *call, in *inRepository) (any, error) {
	id, err := in.repository(c)
	if err != nil {
		return nil, err
	}
	r, err := c.core.DescribeRepository(ctx, c.actor, id)
	if err != nil {
		return nil, err
	}
	d, err := c.describeRepository(ctx, r)
	return repositoryAnswer{d}, err
}

type repositoriesAnswer struct {
	Repositories []repositorySummary `json:"repositories"`
	Next         string              `json:"nextToken,omitempty"`
}

func (c *call) listRepositories(repositories []registry.Repository, next string) repositoriesAnswer {
	answer := repositoriesAnswer{Repositories: []repositorySummary{}, Next: c.next(next)}
	for _, r := range repositories {
		answer.Repositories = append(answer.Repositories, c.summarizeRepository(r))
	}
	return answer
}

type listRepositoriesInput struct {
	paged
	Prefix string `query:"repository-prefix" json:"-"`
}

func listRepositories(ctx context.Context, c *call, in *listRepositoriesInput) (any, error) {
	page, err := in.page(c, pageSize)
	if err != nil {
		return nil, err
	}
	if err := prefix("repository-prefix", in.Prefix, 100); err != nil {
		return nil, err
	}
	repositories, next, err := c.core.ListRepositories(ctx, c.actor, in.Prefix, page)
	if err != nil {
		return nil, err
	}
	return c.listRepositories(repositories, next), nil
}

type listRepositoriesInDomainInput struct {
	inDomain
	paged
	Administrator string `query:"administrator-account" json:"-"`
	Prefix        string `query:"repository-prefix" json:"-"`
}

func listRepositoriesInDomain(ctx context.Context, c *call, in *listRepositoriesInDomainInput) (any, error) {
	id, err := in.domain(c)
	if err != nil {
		return nil, err
	}
	page, err := in.page(c, pageSize)
	if err != nil {
		return nil, err
	}
	if in.Administrator != "" {
		if err := matching("administrator-account", in.Administrator, accountID, "an account id of 12 digits"); err != nil {
			return nil, err
		}
	}
	if err := prefix("repository-prefix", in.Prefix, 100); err != nil {
		return nil, err
	}
	filter := registry.RepositoryFilter{Domain: id, Administrator: in.Administrator, Prefix: in.Prefix}
	repositories, next, err := c.core.ListRepositoriesInDomain(ctx, c.actor, filter, page)
	if err != nil {
		return nil, err
	}
	return c.listRepositories(repositories, next), nil
}

type endpointInput struct {
	inRepository
	Format   string `query:"format" required:"true" json:"-"`
	Endpoint string `query:"endpointType" json:"-"`
}

type endpointAnswer struct {
	Endpoint string `json:"repositoryEndpoint"`
}

// getRepositoryEndpoint answers in CodeArtifact's path style. The URL ends
// with a slash: clients append to it (spec 1.5). Both endpoint types lead to
// the one server.
func getRepositoryEndpoint(ctx context.Context, c *call, in *endpointInput) (any, error) {
	id, err := in.repository(c)
	if err != nil {
		return nil, err
	}
	if err := oneOf("format", in.Format, formats...); err != nil {
		return nil, err
	}
	if err := optionalOneOf("endpointType", in.Endpoint, "dualstack", "ipv4"); err != nil {
		return nil, err
	}
	if err := c.core.AuthorizeEndpoint(ctx, c.actor, id, in.Format); err != nil {
		return nil, err
	}
	return endpointAnswer{c.Base(c.request) + "/" + in.Format + "/d/" + id.Domain.Name + "-" + id.Domain.Owner + "/" + id.Name + "/"}, nil
}

func (c *call) repositoryAnswer(ctx context.Context, r registry.Repository, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	d, err := c.describeRepository(ctx, r)
	return repositoryAnswer{d}, err
}

// namesOf gives the names of a list of UpstreamRepository.
func namesOf(upstreams []upstreamRepository) ([]string, error) {
	names := []string{}
	for _, u := range upstreams {
		if err := matching("upstreams.repositoryName", u.Name, repositoryName, "2 to 100 letters, digits, and . _ -"); err != nil {
			return nil, err
		}
		names = append(names, u.Name)
	}
	return names, nil
}

type createRepositoryInput struct {
	inRepository
	Description string               `json:"description"`
	Upstreams   []upstreamRepository `json:"upstreams"`
	Tags        []tag                `json:"tags"`
}

func createRepository(ctx context.Context, c *call, in *createRepositoryInput) (any, error) {
	id, err := in.repository(c)
	if err != nil {
		return nil, err
	}
	upstreams, err := namesOf(in.Upstreams)
	if err != nil {
		return nil, err
	}
	tags, err := tagsOf(in.Tags)
	if err != nil {
		return nil, err
	}
	r, err := c.core.CreateRepository(ctx, c.actor, registry.Repository{ID: id, Description: in.Description, Upstreams: upstreams, Tags: tags})
	return c.repositoryAnswer(ctx, r, err)
}

type updateRepositoryInput struct {
	inRepository
	Description *string               `json:"description"`
	Upstreams   *[]upstreamRepository `json:"upstreams"`
}

func updateRepository(ctx context.Context, c *call, in *updateRepositoryInput) (any, error) {
	id, err := in.repository(c)
	if err != nil {
		return nil, err
	}
	u := registry.RepositoryUpdate{Description: in.Description}
	if in.Upstreams != nil {
		names, err := namesOf(*in.Upstreams)
		if err != nil {
			return nil, err
		}
		u.Upstreams = &names
	}
	r, err := c.core.UpdateRepository(ctx, c.actor, id, u)
	return c.repositoryAnswer(ctx, r, err)
}

func deleteRepository(ctx context.Context, c *call, in *inRepository) (any, error) {
	id, err := in.repository(c)
	if err != nil {
		return nil, err
	}
	r, err := c.core.DeleteRepository(ctx, c.actor, id)
	return c.repositoryAnswer(ctx, r, err)
}

type connectionInput struct {
	inRepository
	Connection string `query:"external-connection" required:"true" json:"-"`
}

func associateExternalConnection(ctx context.Context, c *call, in *connectionInput) (any, error) {
	id, err := in.repository(c)
	if err != nil {
		return nil, err
	}
	r, err := c.core.AssociateExternalConnection(ctx, c.actor, id, in.Connection)
	return c.repositoryAnswer(ctx, r, err)
}

func disassociateExternalConnection(ctx context.Context, c *call, in *connectionInput) (any, error) {
	id, err := in.repository(c)
	if err != nil {
		return nil, err
	}
	r, err := c.core.DisassociateExternalConnection(ctx, c.actor, id, in.Connection)
	return c.repositoryAnswer(ctx, r, err)
}
