package formats

import (
	"strconv"
	"strings"

	"larder/internal/bounded"
)

// Offers are the media types ("type/subtype") of an answer, the server's
// favourite first. Clients send a handful of Accept headers: what each means is
// remembered. Safe for concurrent use.
type Offers struct {
	types []string
	known *bounded.Map[string, string]
}

// Headers that are remembered; a longer one is read each time.
const (
	knownAccepts = 256
	knownAccept  = 256 // bytes
)

// NewOffers makes them; there is at least one.
func NewOffers(types ...string) *Offers {
	return &Offers{types, bounded.NewMap[string, string](knownAccepts).Near(bounded.Ends)}
}

// Accepted chooses by an Accept header: quality as the client gave it to the
// most specific range that matches, ties to the earlier offer (RFC 9110,
// section 12.5.1). An empty header accepts all. "" where nothing is acceptable.
// Parameters of ranges other than q do not matter.
func (o *Offers) Accepted(header string) string {
	if known, ok := o.known.Get(header); ok {
		return known
	}
	best, bestQ := "", 0
	if strings.TrimSpace(header) == "" {
		best = o.types[0]
	} else {
		for _, offer := range o.types {
			if q := quality(header, offer); q > bestQ {
				best, bestQ = offer, q
			}
		}
	}
	if len(header) <= knownAccept {
		o.known.Put(strings.Clone(header), best) // the header is part of a larger buffer
	}
	return best
}

// quality is what the header gives an offer, in thousandths.
func quality(header, offer string) int {
	kind, _, _ := strings.Cut(offer, "/")
	q, specific := 0, -1
	for r := range strings.SplitSeq(header, ",") {
		name, params, _ := strings.Cut(r, ";")
		name = strings.TrimSpace(name)
		level := -1
		switch {
		case strings.EqualFold(name, offer):
			level = 2
		case len(name) > 2 && strings.HasSuffix(name, "/*") && strings.EqualFold(name[:len(name)-2], kind):
			level = 1
		case name == "*/*" || name == "*":
			level = 0
		}
		if level > specific {
			q, specific = qvalue(params), level
		}
	}
	return q
}

// AcceptsGzip reports whether an Accept-Encoding header asks for gzip at least
// as much as for the plain form (RFC 9110, section 12.5.3).
func AcceptsGzip(header string) bool {
	if header == "" {
		return false
	}
	gzip, identity, any := -1, -1, -1
	for r := range strings.SplitSeq(header, ",") {
		name, params, _ := strings.Cut(r, ";")
		switch name = strings.TrimSpace(name); {
		case strings.EqualFold(name, "gzip"), strings.EqualFold(name, "x-gzip"):
			gzip = qvalue(params)
		case strings.EqualFold(name, "identity"):
			identity = qvalue(params)
		case name == "*":
			any = qvalue(params)
		}
	}
	if gzip < 0 {
		gzip = any
	}
	return gzip > 0 && gzip >= identity
}

// qvalue reads q of a range's parameters, in thousandths: 1000 where there is
// none, 0 for one that cannot be read.
func qvalue(params string) int {
	if params == "" {
		return 1000
	}
	for p := range strings.SplitSeq(params, ";") {
		k, v, _ := strings.Cut(p, "=")
		if !strings.EqualFold(strings.TrimSpace(k), "q") {
			continue
		}
		f, err := strconv.ParseFloat(strings.TrimSpace(v), 64)
		if err != nil || !(f >= 0 && f <= 1) {
			return 0
		}
		return int(f*1000 + 0.5)
	}
	return 1000
}

// matches reports whether an If-None-Match header names etag or "*", compared
// weakly: a proxy that compresses makes our strong tags weak.
func matches(header, etag string) bool {
	for header != "" {
		header = strings.TrimLeft(header, " \t,")
		if header == "*" {
			return true
		}
		tag := strings.TrimPrefix(header, "W/")
		if tag == "" || tag[0] != '"' {
			return false
		}
		end := strings.IndexByte(tag[1:], '"')
		if end < 0 {
			return false
		}
		if tag[:end+2] == etag {
			return true
		}
		header = tag[end+2:]
	}
	return false
}
