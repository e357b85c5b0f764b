package api

import (
	"context"
	"net/url"
	"slices"
	"strings"

	"larder/internal/awswire"
	"larder/registry"
)

// Where external connections lead is no part of CodeArtifact's API: there they
// lead where AWS says.

// connectionDescription is what is shown of a connection.
type connectionDescription struct {
	Name   string `json:"name"`
	Format string `json:"format"`
	URL    string `json:"url,omitempty"` // without secrets; absent: it leads nowhere
	Source string `json:"source,omitempty"`
}

func describeConnection(c registry.Connection) connectionDescription {
	return connectionDescription{c.Name, c.Format, maskURL(c.URL), c.Source}
}

// maskURL hides what in a URL may be a secret: user and password, for a token
// can stand as either, and the query.
func maskURL(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		return masked // nothing of what cannot be told apart
	}
	if u.User != nil {
		u.User = url.User(masked)
	}
	if u.RawQuery != "" {
		u.RawQuery = masked
	}
	return u.String()
}

// masked stands for what is not shown.
const masked = "xxxxx"

type listConnectionsInput struct{}

type connectionsAnswer struct {
	Connections []connectionDescription `json:"connections"`
}

func listConnections(ctx context.Context, c *call, _ *listConnectionsInput) (any, error) {
	connections, err := c.core.ListConnections(ctx, c.actor)
	if err != nil {
		return nil, err
	}
	answer := connectionsAnswer{[]connectionDescription{}}
	for _, connection := range connections {
		answer.Connections = append(answer.Connections, describeConnection(connection))
	}
	return answer, nil
}

type putConnectionInput struct {
	Name string `query:"name" required:"true" json:"-"`
	URL  string `json:"url"` // FORMAT+URL for a custom name; empty: it leads nowhere
}

type connectionAnswer struct {
	Connection connectionDescription `json:"connection"`
}

// connectionSource says of a connection why it leads there.
const connectionSource = "set"

func putConnection(ctx context.Context, c *call, in *putConnectionInput) (any, error) {
	connection := registry.Connection{Name: in.Name, URL: in.URL, Source: connectionSource}
	if format, rest, found := strings.Cut(in.URL, "+"); found && slices.Contains(formats, format) {
		connection.Format, connection.URL = format, rest
	} else {
		connection.Format = registry.PublicConnections[in.Name]
	}
	if strings.Contains(in.URL, masked+"@") {
		return nil, awswire.Invalid(awswire.FieldValidation, "url has %s where user and password stand: it is the masked form; give the whole URL", masked)
	}
	if err := c.core.PutConnection(ctx, c.actor, connection); err != nil {
		return nil, err
	}
	return connectionAnswer{describeConnection(connection)}, nil
}
