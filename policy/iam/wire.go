package iam

import (
	"encoding/xml"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"larder/internal/awswire"
	"larder/policy"
	"larder/registry"
)

// isoTime is a time as IAM writes it; the zero time is left out.
type isoTime time.Time

// MarshalXML writes ISO 8601 in seconds.
func (t isoTime) MarshalXML(e *xml.Encoder, start xml.StartElement) error {
	if time.Time(t).IsZero() {
		return nil
	}
	return e.EncodeElement(time.Time(t).UTC().Format("2006-01-02T15:04:05Z"), start)
}

// encodedPolicy is a document as IAM answers it: URL-encoded (RFC 3986).
type encodedPolicy string

// MarshalXML encodes the document.
func (p encodedPolicy) MarshalXML(e *xml.Encoder, start xml.StartElement) error {
	return e.EncodeElement(strings.ReplaceAll(url.QueryEscape(string(p)), "+", "%20"), start)
}

type tag struct{ Key, Value string }

func tagList(tags map[string]string) []tag {
	var all []tag
	for _, k := range slices.Sorted(maps.Keys(tags)) {
		all = append(all, tag{k, tags[k]})
	}
	return all
}

type tagsResult struct {
	IsTruncated bool
	Tags        []tag `xml:"Tags>member"`
}

const maxTags = 50

// tags reads the member Tags. Limits: IAM User Guide, "Tags for IAM resources".
func (c *call) tags() map[string]string {
	tags := map[string]string{}
	for _, f := range c.form.Structs("Tags") {
		tags[f.Required("Key")] = f.String("Value")
	}
	return tags
}

func checkTags(tags map[string]string) error {
	if len(tags) > maxTags {
		return limitExceeded("tags of one thing", maxTags)
	}
	spelled := map[string]bool{}
	for k, v := range tags {
		// Condition keys do not tell upper from lower case: a policy could be asked about either.
		if spelled[strings.ToLower(k)] {
			return invalid("the tag key %s is there twice: letter case does not count", clip(k))
		}
		spelled[strings.ToLower(k)] = true
		if k == "" || len([]rune(k)) > 128 || len([]rune(v)) > 256 || strings.HasPrefix(strings.ToLower(k), "aws:") {
			return invalid("a tag's key has 1 to 128 characters and does not begin with aws:, its value up to 256")
		}
	}
	return nil
}

// requestTags are the condition keys of tags in a request.
func requestTags(tags map[string]string) map[string]string {
	keys := map[string]string{}
	for k, v := range tags {
		keys["aws:RequestTag/"+k] = v
	}
	return keys
}

// page reads Marker and MaxItems.
func (c *call) page() (registry.Page, awswire.PageScope, error) {
	scope := awswire.ScopeOfPages(c.operation, c.actor.Account, url.Values{})
	after, err := scope.Cursor(c.form.String("Marker"))
	limit := c.form.Int("MaxItems", 100)
	if limit < 1 || limit > 1000 {
		err = invalid("MaxItems is %d; it must be from 1 to 1000", limit)
	}
	return registry.Page{After: after, Limit: limit}, scope, err
}

// paged ends an answer that is a part of a list.
type paged struct {
	IsTruncated bool
	Marker      string `xml:",omitempty"`
}

func pagedAt(scope awswire.PageScope, next string) paged {
	return paged{next != "", scope.Token(next)}
}

// Names and paths (IAM User Guide, "IAM and AWS STS quotas").
var (
	namePattern = regexp.MustCompile(`^[\w+=,.@-]+$`)
	pathPattern = regexp.MustCompile(`^/([\x21-\x7e]+/)?$`)
)

// name reads a required name of at most so many characters.
func (c *call) name(member string, most int) string {
	v := c.form.Required(member)
	if err := checkName(member, v, most); err != nil && c.form.Err() == nil {
		c.form.Fail(err)
	}
	return v
}

func checkName(member, v string, most int) error {
	if len(v) > most || !namePattern.MatchString(v) {
		return invalid("%s is %q; it must have 1 to %d letters, digits and characters of _+=,.@-", member, clip(v), most)
	}
	return nil
}

// path reads the member Path, "/" where it was not sent.
func (c *call) path() string {
	p := c.form.String("Path")
	if p == "" {
		p = "/"
	}
	if len(p) > 512 || !pathPattern.MatchString(p) {
		c.form.Fail(invalid("Path is %q; it must begin and end with a slash", clip(p)))
	}
	return p
}

// document reads a policy document and holds it to its grammar.
func (c *call) document(member string, kind policy.Kind) string {
	text := c.form.Required(member)
	if c.form.Err() == nil {
		if err := malformed(policy.Check(kind, text)); err != nil {
			c.form.Fail(err)
		}
	}
	return text
}

// malformed gives a refused document IAM's name for it.
func malformed(err error) error {
	if err == nil {
		return nil
	}
	return exception("MalformedPolicyDocument", http.StatusBadRequest, "%s", registry.MessageOf(err))
}

func invalid(format string, args ...any) error {
	return awswire.Invalid(awswire.FieldValidation, format, args...)
}

// exception is an error that IAM has a name of its own for.
func exception(name string, status int, format string, args ...any) error {
	return &registry.Error{Code: registry.Invalid, Msg: fmt.Sprintf(format, args...), Err: &awswire.Exception{Name: name, Status: status}}
}

func deleteConflict(format string, args ...any) error {
	return exception("DeleteConflict", http.StatusConflict, format, args...)
}

func limitExceeded(what string, limit int) error {
	return exception("LimitExceeded", http.StatusConflict, "Cannot exceed the quota of %d %s.", limit, what)
}

// noEntity names what is not there as IAM does.
func noEntity(err error, format string, args ...any) error {
	if !registry.IsNotFound(err) {
		return err
	}
	return registry.Errorf(registry.NotFound, format, args...)
}
