package api

import (
	"context"

	"larder/internal/awswire"
)

type tokenInput struct {
	inDomain
	Duration *int `query:"duration" json:"-"`
}

type tokenAnswer struct {
	Token      string        `json:"authorizationToken"`
	Expiration awswire.Epoch `json:"expiration"`
}

// getAuthorizationToken answers spec 4.1. The right is looked at with the
// duration, by which policies may cap it.
func getAuthorizationToken(ctx context.Context, c *call, in *tokenInput) (any, error) {
	id, err := in.domain(c)
	if err != nil {
		return nil, err
	}
	life, err := c.Tokens.TokenLife(c.actor, in.Duration)
	if err != nil {
		return nil, err
	}
	if err := c.core.AuthorizeToken(ctx, c.actor, id, life); err != nil {
		return nil, err
	}
	token, expires, err := c.Tokens.IssueToken(ctx, c.actor, id, life)
	if err != nil {
		return nil, err
	}
	return tokenAnswer{token, awswire.Epoch(expires)}, nil
}
