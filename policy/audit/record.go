package audit

import (
	"strings"

	"larder/registry"
)

// Record is one event. Members that CloudTrail has and Larder has nothing for
// are left out.
type Record struct {
	EventVersion        string            `json:"eventVersion"`
	UserIdentity        Identity          `json:"userIdentity"`
	EventTime           string            `json:"eventTime"`
	EventSource         string            `json:"eventSource"`
	EventName           string            `json:"eventName"`
	AWSRegion           string            `json:"awsRegion"`
	SourceIPAddress     string            `json:"sourceIPAddress"`
	UserAgent           string            `json:"userAgent,omitempty"`
	ErrorCode           string            `json:"errorCode,omitempty"`
	ErrorMessage        string            `json:"errorMessage,omitempty"`
	RequestParameters   map[string]string `json:"requestParameters"`
	AdditionalEventData *Exchange         `json:"additionalEventData,omitempty"`
	RequestID           string            `json:"requestID,omitempty"`
	EventID             string            `json:"eventID"`
	ReadOnly            bool              `json:"readOnly"`
	Resources           []Resource        `json:"resources,omitempty"`
	EventType           string            `json:"eventType"`
	ManagementEvent     bool              `json:"managementEvent"`
	RecipientAccountID  string            `json:"recipientAccountId,omitempty"`
	EventCategory       string            `json:"eventCategory"`
}

// Exchange is the HTTP request of a package client.
type Exchange struct {
	HTTPMethod string `json:"httpMethod"`
	RequestURI string `json:"requestUri"`
}

// Resource is what a request was about.
type Resource struct {
	ARN       string `json:"ARN"`
	AccountID string `json:"accountId,omitempty"`
}

// Identity is who asked (CloudTrail User Guide, "CloudTrail userIdentity element").
type Identity struct {
	Type           string          `json:"type"`
	PrincipalID    string          `json:"principalId,omitempty"`
	ARN            string          `json:"arn,omitempty"`
	AccountID      string          `json:"accountId,omitempty"`
	AccessKeyID    string          `json:"accessKeyId,omitempty"`
	UserName       string          `json:"userName,omitempty"`
	SessionContext *SessionContext `json:"sessionContext,omitempty"`
}

// SessionContext is what is known of a temporary credential.
type SessionContext struct {
	SessionIssuer       *Issuer           `json:"sessionIssuer,omitempty"`
	WebIDFederationData *Federation       `json:"webIdFederationData,omitempty"`
	Attributes          map[string]string `json:"attributes"`
	SourceIdentity      string            `json:"sourceIdentity,omitempty"`
}

// Issuer is the role that a session is of.
type Issuer struct {
	Type        string `json:"type"`
	PrincipalID string `json:"principalId"`
	ARN         string `json:"arn"`
	AccountID   string `json:"accountId"`
	UserName    string `json:"userName"`
}

// Federation says by which provider a web identity was known.
type Federation struct {
	FederatedProvider string            `json:"federatedProvider"`
	Attributes        map[string]string `json:"attributes"`
}

// identityOf describes an actor; subject is that of a web identity which is
// no actor yet.
func identityOf(a registry.Actor, subject string) Identity {
	switch {
	case a.Anonymous() && subject != "":
		return Identity{Type: "WebIdentityUser", PrincipalID: subject, UserName: subject}
	case a.Anonymous():
		return Identity{Type: "Unknown"}
	}
	id := Identity{Type: "IAMUser", ARN: a.Principal, AccountID: a.Account, AccessKeyID: a.AccessKey, UserName: a.User}
	if strings.HasSuffix(a.Principal, ":root") {
		id.Type, id.PrincipalID, id.UserName = "Root", a.Account, ""
	}
	s := a.Session
	if s == nil {
		return id
	}
	id.SessionContext = &SessionContext{
		Attributes:     map[string]string{"creationDate": s.Issued.UTC().Format(timeForm), "mfaAuthenticated": "false"},
		SourceIdentity: s.SourceIdentity,
	}
	if s.Role != "" {
		id.Type, id.UserName, id.PrincipalID = "AssumedRole", "", s.RoleID+":"+s.Name
		id.SessionContext.SessionIssuer = &Issuer{"Role", s.RoleID, s.Role, a.Account, s.Role[strings.LastIndexByte(s.Role, '/')+1:]}
	}
	if s.Provider != "" {
		id.SessionContext.WebIDFederationData = &Federation{s.Provider, map[string]string{"sub": s.Subject}}
	}
	return id
}

const timeForm = "2006-01-02T15:04:05Z"

// readOnly reports whether an operation changes nothing, by its name.
func readOnly(name string) bool {
	for _, prefix := range []string{"Get", "List", "Describe", "Read", "Simulate"} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}
