package registry

import "time"

// Rule says which events of an account go to its targets.
type Rule struct {
	Account     string
	Name        string
	Description string
	Pattern     string // an event pattern, as it was put
	Disabled    bool
	Role        string // as it was put; nothing is done with it
	Tags        map[string]string
	Created     time.Time
}

// Target is where the events go that a rule matches. What it is (address,
// credentials, what is sent) is sealed: Key, Account, Rule and ID are all that
// storage knows of it.
type Target struct {
	Key     int64 // never used again; kept when the target is replaced
	Account string
	Rule    string
	ID      string
	Address Digest // of its Arn, to be looked up by
	Sealed  []byte
}

// Delivery is one event on its way to one target.
type Delivery struct {
	Row      int64
	Target   int64 // its Key
	ID       string
	Body     []byte
	Created  time.Time
	Attempts int
	Due      time.Time // not to be tried before
}

// OwnEvent is an event that an account put on its bus by itself (PutEvents).
type OwnEvent struct {
	Source     string   `json:"source"`
	DetailType string   `json:"detailType"`
	Detail     string   `json:"detail"` // a JSON object
	Resources  []string `json:"resources,omitempty"`
}
