package api

import (
	"larder/internal/awswire"
	"larder/registry"
)

// Page sizes (spec 2.1): what a list gives when the caller does not say, and
// the most that it gives.
const (
	pageSize         = 50
	packagesPageSize = 100
	maxPageSize      = 1000
)

// paged are the parameters of a list.
type paged struct {
	Max   *int   `query:"max-results" json:"-"`
	Token string `query:"next-token" json:"-"`
}

// page gives the part of the list that is asked for.
func (p paged) page(c *call, size int) (registry.Page, error) {
	if p.Max != nil {
		size = *p.Max
	}
	if size < 1 || size > maxPageSize {
		return registry.Page{}, awswire.Invalid(awswire.FieldValidation, "maxResults is %d; it must be from 1 to %d", size, maxPageSize)
	}
	after, err := c.pages().Cursor(p.Token)
	return registry.Page{After: after, Limit: size}, err
}

// next gives the token for the page after cursor, empty at the end.
func (c *call) next(cursor string) string { return c.pages().Token(cursor) }

func (c *call) pages() awswire.PageScope {
	return awswire.ScopeOfPages(c.operation, c.actor.Account, c.request.URL.Query())
}
