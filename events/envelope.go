package events

import (
	"bytes"
	"encoding/json"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"larder/registry"
)

const (
	detailType = "CodeArtifact Package Version State Change"
	source     = "aws.codeartifact"

	// subjectRoot is what every event's subject begins with.
	subjectRoot = "larder.events."
)

// envelope is the body of an event as EventBridge delivers it (spec 6).
type envelope struct {
	Version    string   `json:"version"`
	ID         string   `json:"id"`
	DetailType string   `json:"detail-type"`
	Source     string   `json:"source"`
	Account    string   `json:"account"`
	Time       string   `json:"time"`
	Region     string   `json:"region"`
	Resources  []string `json:"resources"`
	Detail     detail   `json:"detail"`
}

type detail struct {
	DomainName              string             `json:"domainName"`
	DomainOwner             string             `json:"domainOwner"`
	RepositoryName          string             `json:"repositoryName"`
	RepositoryAdministrator string             `json:"repositoryAdministrator"`
	PackageFormat           string             `json:"packageFormat"`
	PackageNamespace        *string            `json:"packageNamespace"` // null where the package has none
	PackageName             string             `json:"packageName"`
	PackageVersion          string             `json:"packageVersion"`
	PackageVersionState     registry.Status    `json:"packageVersionState"`
	PackageVersionRevision  string             `json:"packageVersionRevision"`
	Changes                 registry.Changes   `json:"changes"`
	OperationType           registry.Operation `json:"operationType"`
	SequenceNumber          int64              `json:"sequenceNumber"`
	EventDeduplicationID    string             `json:"eventDeduplicationId"`
}

// Body gives the event as EventBridge would deliver it in the region (spec 6):
// one line of JSON, the time in UTC and whole seconds.
func Body(e registry.Event, region string) ([]byte, error) {
	if e.Own != nil {
		return ownBody(e, region)
	}
	p := e.Version.Package
	var namespace *string
	if p.Namespace != "" {
		namespace = &p.Namespace
	}
	return encode(envelope{
		Version:    "0",
		ID:         e.ID,
		DetailType: detailType,
		Source:     source,
		Account:    e.Account,
		Time:       e.Time.UTC().Format(time.RFC3339),
		Region:     region,
		Resources:  []string{e.Repo.Package(p).ARN(region)},
		Detail: detail{
			DomainName:              e.Repo.Domain.Name,
			DomainOwner:             e.Repo.Domain.Owner,
			RepositoryName:          e.Repo.Name,
			RepositoryAdministrator: e.Administrator,
			PackageFormat:           p.Format,
			PackageNamespace:        namespace,
			PackageName:             p.Name,
			PackageVersion:          e.Version.Version,
			PackageVersionState:     e.State,
			PackageVersionRevision:  e.Revision,
			Changes:                 e.Changes,
			OperationType:           e.Operation,
			SequenceNumber:          e.Sequence,
			EventDeduplicationID:    e.DeduplicationID,
		},
	})
}

func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false) // names stay as they are read elsewhere
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// ownEnvelope is the body of an event that an account put on its bus.
type ownEnvelope struct {
	Version    string          `json:"version"`
	ID         string          `json:"id"`
	DetailType string          `json:"detail-type"`
	Source     string          `json:"source"`
	Account    string          `json:"account"`
	Time       string          `json:"time"`
	Region     string          `json:"region"`
	Resources  []string        `json:"resources"`
	Detail     json.RawMessage `json:"detail"`
}

func ownBody(e registry.Event, region string) ([]byte, error) {
	resources := e.Own.Resources
	if resources == nil {
		resources = []string{}
	}
	return encode(ownEnvelope{
		"0", e.ID, e.Own.DetailType, e.Own.Source, e.Account, e.Time.UTC().Format(time.RFC3339), region, resources, json.RawMessage(e.Own.Detail),
	})
}

// Subject gives the NATS subject of the event:
// larder.events.{account}.{domain}.{repository}.{format}.{operation}, and
// larder.events.{account}.own.{source} for what an account put on its bus.
func Subject(e registry.Event) string {
	if e.Own != nil {
		return subjectRoot + token(e.Account) + ".own." + token(e.Own.Source)
	}
	var b strings.Builder
	b.WriteString(subjectRoot)
	b.WriteString(token(e.Account))
	for _, t := range []string{e.Repo.Domain.Name, e.Repo.Name, e.Version.Package.Format, strings.ToLower(string(e.Operation))} {
		b.WriteByte('.')
		b.WriteString(token(t))
	}
	return b.String()
}

// token makes s one token of a subject: what would end, split or widen it, and
// what cannot be printed, becomes "_", each character or stray byte for itself.
func token(s string) string {
	if s == "" {
		return "_"
	}
	bad := func(r rune) bool {
		return r == '.' || r == '*' || r == '>' || r == utf8.RuneError || unicode.IsSpace(r) || !unicode.IsPrint(r)
	}
	return strings.Map(func(r rune) rune {
		if bad(r) {
			return '_'
		}
		return r
	}, s)
}
