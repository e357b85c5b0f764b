package identity

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"larder/internal/awswire"
)

// AWS's generic names for refused signatures and credentials (design.md
// section 2), all answered with 403.
const (
	missingToken     = "MissingAuthenticationTokenException"
	incomplete       = "IncompleteSignatureException"
	invalidSignature = "InvalidSignatureException"
	unrecognized     = "UnrecognizedClientException"
	expired          = "ExpiredTokenException"
)

const (
	signingAlgorithm = "AWS4-HMAC-SHA256"
	signingEnd       = "aws4_request"
	amzTime          = "20060102T150405Z"

	maxAuthorization = 8192 // bytes of the header
	maxSignedHeaders = 100
	maxScopePart     = 64                     // characters of region and service
	maxPresigned     = 7 * 24 * 60 * 60       // seconds
	clockSkew        = 5 * time.Minute        // either way
	signatureSize    = 64                     // hex digits
	sessionToken     = "X-Amz-Security-Token" // header and query parameter
	contentHash      = "X-Amz-Content-Sha256" // header
	targetHeader     = "X-Amz-Target"         // header
	presignedMark    = "X-Amz-Signature"      // query parameter
	presignedHash    = "UNSIGNED-PAYLOAD"     // instead of a hash
	emptyHash        = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
)

// signature is what a request says about its own signature: the parts of AWS
// Signature Version 4, from the Authorization header or from the query.
type signature struct {
	keyID    string
	date     string // of the scope, YYYYMMDD
	region   string
	service  string
	headers  []string // lower case, host among them
	value    string   // 64 lower-case hex digits
	signedAt time.Time
	// presigned says that the parts stood in the query; life is how long it holds.
	presigned bool
	life      time.Duration
}

// signatureOf reads the signature of a request; query is the request's own.
func signatureOf(r *http.Request, query url.Values) (signature, error) {
	header := r.Header.Values("Authorization")
	presigned := query.Has(presignedMark) || query.Has("X-Amz-Algorithm") || query.Has("X-Amz-Credential")
	switch {
	case len(header) > 1:
		return signature{}, awswire.Refused(incomplete, "The request has %d Authorization headers; send one.", len(header))
	case len(header) == 1 && presigned:
		return signature{}, awswire.Refused(incomplete, "The request is signed twice, in the Authorization header and in the query; sign it once.")
	case len(header) == 1:
		s, err := parseAuthorization(header[0])
		if err != nil {
			return signature{}, err
		}
		return s, s.readTime(r.Header.Values("X-Amz-Date"), "header X-Amz-Date")
	case presigned:
		return parsePresigned(query)
	}
	return signature{}, awswire.Refused(missingToken, "Missing Authentication Token: the request is not signed with an access key.")
}

// parseAuthorization reads "AWS4-HMAC-SHA256 Credential=…, SignedHeaders=…,
// Signature=…" (AWS General Reference, "Signature Version 4"). The time is
// not in it.
func parseAuthorization(header string) (signature, error) {
	var s signature
	if len(header) > maxAuthorization {
		return s, awswire.Refused(incomplete, "The Authorization header is longer than %d bytes.", maxAuthorization)
	}
	algorithm, rest, _ := strings.Cut(header, " ")
	if algorithm != signingAlgorithm {
		return s, awswire.Refused(incomplete, "The Authorization header must begin with %q: this interface takes requests that are signed with AWS Signature Version 4.", signingAlgorithm)
	}
	parts := map[string]string{}
	for part := range strings.SplitSeq(rest, ",") {
		name, value, found := strings.Cut(strings.TrimSpace(part), "=")
		if !found || value == "" {
			return s, awswire.Refused(incomplete, "The Authorization header has a part without a value.")
		}
		if _, again := parts[name]; again {
			return s, awswire.Refused(incomplete, "The Authorization header has a part twice.")
		}
		parts[name] = value
	}
	for _, name := range []string{"Credential", "SignedHeaders", "Signature"} {
		if parts[name] == "" {
			return s, awswire.Refused(incomplete, "Authorization header requires '%s' parameter.", name)
		}
	}
	if len(parts) != 3 {
		return s, awswire.Refused(incomplete, "The Authorization header has parts besides Credential, SignedHeaders and Signature.")
	}
	return s, s.readParts(parts["Credential"], parts["SignedHeaders"], parts["Signature"])
}

// parsePresigned reads the query of a presigned request.
func parsePresigned(query url.Values) (signature, error) {
	s := signature{presigned: true}
	one := map[string]string{}
	for _, name := range []string{"X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Date", "X-Amz-Expires", "X-Amz-SignedHeaders", presignedMark} {
		if len(query[name]) != 1 || query.Get(name) == "" {
			return s, awswire.Refused(incomplete, "A presigned request must have the query parameter '%s' once.", name)
		}
		one[name] = query.Get(name)
	}
	if one["X-Amz-Algorithm"] != signingAlgorithm {
		return s, awswire.Refused(incomplete, "X-Amz-Algorithm must be %s.", signingAlgorithm)
	}
	seconds, err := strconv.ParseUint(one["X-Amz-Expires"], 10, 32)
	if err != nil || seconds == 0 || seconds > maxPresigned {
		return s, awswire.Refused(incomplete, "X-Amz-Expires must be from 1 to %d seconds.", maxPresigned)
	}
	s.life = time.Duration(seconds) * time.Second
	if err := s.readParts(one["X-Amz-Credential"], one["X-Amz-SignedHeaders"], one[presignedMark]); err != nil {
		return s, err
	}
	return s, s.readTime(query["X-Amz-Date"], "query parameter X-Amz-Date")
}

func (s *signature) readParts(credential, headers, value string) error {
	scope := strings.Split(credential, "/")
	if len(scope) != 5 || slices.Contains(scope, "") {
		return awswire.Refused(incomplete, "Credential must be KEY/DATE/REGION/SERVICE/%s.", signingEnd)
	}
	s.keyID, s.date, s.region, s.service = scope[0], scope[1], scope[2], scope[3]
	if scope[4] != signingEnd || len(s.region) > maxScopePart || len(s.service) > maxScopePart {
		return awswire.Refused(incomplete, "Credential must be KEY/DATE/REGION/SERVICE/%s.", signingEnd)
	}
	s.headers = strings.Split(headers, ";")
	if len(s.headers) > maxSignedHeaders {
		return awswire.Refused(incomplete, "SignedHeaders lists more than %d headers.", maxSignedHeaders)
	}
	seen := map[string]bool{}
	for _, name := range s.headers {
		if name == "" || name != strings.ToLower(name) || seen[name] {
			return awswire.Refused(incomplete, "SignedHeaders must list each header once, in lower case, separated by semicolons.")
		}
		seen[name] = true
	}
	if !seen["host"] {
		return awswire.Refused(invalidSignature, "'Host' must be a 'SignedHeader' in the AWS Authorization.")
	}
	if seen["authorization"] {
		return awswire.Refused(incomplete, "The Authorization header cannot be among the signed ones.")
	}
	if len(value) != signatureSize || strings.Trim(value, "0123456789abcdef") != "" {
		return awswire.Refused(incomplete, "Signature must be %d lower-case hex digits.", signatureSize)
	}
	s.value = value
	return nil
}

func (s *signature) readTime(values []string, where string) error {
	if len(values) != 1 {
		return awswire.Refused(incomplete, "The request must have the %s once.", where)
	}
	at, err := time.Parse(amzTime, values[0])
	if err != nil {
		return awswire.Refused(incomplete, "The %s must have the form YYYYMMDD'T'HHMMSS'Z'.", where)
	}
	if at.Format("20060102") != s.date {
		return awswire.Refused(invalidSignature, "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: %q != %q.", clip(s.date), at.Format("20060102"))
	}
	s.signedAt = at
	return nil
}

// current checks the time of signing: not more than clockSkew off, and for a
// presigned request not past its life.
func (s *signature) current(now time.Time) error {
	life := clockSkew
	if s.presigned {
		life = s.life
	}
	const advice = "Check the clocks of both machines, or sign anew."
	if s.signedAt.After(now.Add(clockSkew)) {
		return awswire.Refused(invalidSignature, "Signature not yet current: %s is still later than %s (%s + 5 min.). %s",
			s.signedAt.Format(amzTime), now.Add(clockSkew).UTC().Format(amzTime), now.UTC().Format(amzTime), advice)
	}
	if ends := s.signedAt.Add(life); now.After(ends) {
		return awswire.Refused(invalidSignature, "Signature expired: %s is now later than %s, until when the signature of %s holds. %s",
			now.UTC().Format(amzTime), ends.Format(amzTime), s.signedAt.Format(amzTime), advice)
	}
	return nil
}

func clip(s string) string {
	if len(s) > maxScopePart {
		return s[:maxScopePart]
	}
	return s
}
