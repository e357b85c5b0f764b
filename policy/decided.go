package policy

import (
	"net/netip"
	"time"

	"larder/internal/bounded"
	"larder/registry"
)

// decisionKey is what a decision depends on besides the stored policies and
// the time. Address and secure are there only for a decision that looked at
// them.
type decisionKey struct {
	principal, session string
	action             registry.Action
	resource           registry.Resource
	anyPackage         bool
	whence             bool // address and secure count
	address            netip.Addr
	secure             bool
}

// near tells most of the keys apart that are asked for in turn.
func (k decisionKey) near() uint {
	return bounded.Ends(k.principal) + 3*bounded.Ends(k.session) + 5*bounded.Ends(string(k.action)) + 7*bounded.Ends(k.resource.Repository) + 11*bounded.Ends(k.resource.Package.Name)
}

// decided is a kept decision.
type decided struct {
	graph, identities int64     // counters before the policies were read
	until             time.Time // zero: as long as the counters stand still
	err               error     // nil: allowed
	whence            bool      // no decision: it depends on where the request comes from
}

func (d *decided) holds(c registry.Counters, now time.Time) bool {
	return d.graph == c.Graph && d.identities == c.Identities && (d.until.IsZero() || now.Before(d.until))
}
