package awswire

import (
	"crypto/sha256"
	"encoding/base64"
	"net/url"
	"strings"
)

// Page tokens are base64url of: one byte of version, eight bytes of a digest
// over scope and cursor, the cursor. The digest is no secret and grants
// nothing (each page is authorized anew): it catches tokens that were cut,
// mistyped, or belong to another list.
const (
	pageTokenVersion = 1
	pageTokenDigest  = 8
	// pageTokenMax bounds what is read, in characters. The API says 2,000 (spec
	// 1.2), which tokens keep to unless names are long and far from ASCII.
	pageTokenMax = 4000
)

// PageScope is the list that a page token belongs to.
type PageScope string

// ScopeOfPages gives the scope of an operation called by an account: its
// parameters count, except for the token itself, the page size, and what
// signs the request.
func ScopeOfPages(operation, account string, query url.Values) PageScope {
	kept := url.Values{}
	for name, values := range query {
		if name != "next-token" && name != "max-results" && !strings.HasPrefix(name, "X-Amz-") {
			kept[name] = values
		}
	}
	return PageScope(operation + "\n" + account + "\n" + kept.Encode())
}

// Token makes the opaque token for the page after cursor; empty for an empty
// cursor: there is no further page.
func (s PageScope) Token(cursor string) string {
	if cursor == "" {
		return ""
	}
	b := append(make([]byte, 0, 1+pageTokenDigest+len(cursor)), pageTokenVersion)
	b = append(b, s.digest(cursor)...)
	return base64.RawURLEncoding.EncodeToString(append(b, cursor...))
}

// Cursor reads a token that Token made; empty for an empty one. Invalid for a
// token that is not whole or was given for another list.
func (s PageScope) Cursor(token string) (string, error) {
	if token == "" {
		return "", nil
	}
	if len(token) > pageTokenMax {
		return "", Invalid(FieldValidation, "nextToken is longer than %d characters", pageTokenMax)
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(token)
	if err != nil || len(b) <= 1+pageTokenDigest || b[0] != pageTokenVersion {
		return "", Invalid(FieldValidation, "nextToken is not a token of this server; start again without it")
	}
	cursor := string(b[1+pageTokenDigest:])
	if string(b[1:1+pageTokenDigest]) != string(s.digest(cursor)) {
		return "", Invalid(FieldValidation, "nextToken does not belong to this list; pass it with the same parameters, or start again without it")
	}
	return cursor, nil
}

func (s PageScope) digest(cursor string) []byte {
	h := sha256.New()
	h.Write([]byte(s))
	h.Write([]byte{0})
	h.Write([]byte(cursor))
	return h.Sum(nil)[:pageTokenDigest]
}
