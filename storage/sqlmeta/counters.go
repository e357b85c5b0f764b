package sqlmeta

import (
	"cmp"
	"context"
	"database/sql"
	"maps"
	"slices"
	"sync"
	"sync/atomic"

	"larder/registry"
)

// moves says which counters a transaction moves.
type moves struct {
	domains     map[registry.DomainID]domainMoves
	identities  bool
	connections bool
}

type domainMoves struct{ contents, graph bool }

func (t *Tx) moveContents(d registry.DomainID) {
	m := t.moved.domains[d]
	m.contents = true
	t.moveDomain(d, m)
}

func (t *Tx) moveGraph(d registry.DomainID) {
	m := t.moved.domains[d]
	m.graph = true
	t.moveDomain(d, m)
	t.own() //nolint:errcheck // where it fails, so does the next statement
}

func (t *Tx) moveDomain(d registry.DomainID, m domainMoves) {
	if t.moved.domains == nil {
		t.moved.domains = map[registry.DomainID]domainMoves{}
	}
	t.moved.domains[d] = m
}

// Moved holds the new values of counters that a transaction moved.
type Moved struct {
	domains     []domainValue
	identities  int64
	connections int64
}

type domainValue struct {
	id              registry.DomainID
	contents, graph int64
}

// Nothing reports whether no counter was moved.
func (m Moved) Nothing() bool {
	return len(m.domains) == 0 && m.identities == 0 && m.connections == 0
}

// persist moves the counters in the database: the last statements of the
// transaction, so that nothing is changed after them.
func (t *Tx) persist() (Moved, error) {
	var m Moved
	// In one order: changes that move several wait for each other's rows.
	for _, d := range slices.SortedFunc(maps.Keys(t.moved.domains), compareDomains) {
		moved := t.moved.domains[d]
		v := domainValue{id: d}
		_, err := t.one("move counters", `
			INSERT INTO counters (owner, name, contents, graph) VALUES (?, ?, ?, ?)
			ON CONFLICT (owner, name) DO UPDATE
			SET contents = counters.contents + excluded.contents, graph = counters.graph + excluded.graph
			RETURNING contents, graph`,
			[]any{d.Owner, d.Name, bit(moved.contents), bit(moved.graph)}, &v.contents, &v.graph)
		if err != nil {
			return m, err
		}
		m.domains = append(m.domains, v)
	}
	var err error
	if t.moved.identities {
		if m.identities, err = t.next("identities"); err != nil {
			return m, err
		}
	}
	if t.moved.connections {
		if m.connections, err = t.next("connections"); err != nil {
			return m, err
		}
	}
	return m, nil
}

func compareDomains(a, b registry.DomainID) int {
	return cmp.Or(cmp.Compare(a.Owner, b.Owner), cmp.Compare(a.Name, b.Name))
}

// revision gives the next revision of a package or listing.
func (t *Tx) revision() (v int64, err error) {
	_, err = t.one("next revision", t.session.dialect.Revision, nil, &v)
	return v, err
}

// next moves one of the server's values on.
func (t *Tx) next(name string) (int64, error) {
	var v int64
	_, err := t.one("move "+name, `UPDATE server SET value = value + 1 WHERE name = ? RETURNING value`, []any{name}, &v)
	return v, err
}

func bit(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// Counters are registry.Counters in memory, for a database that one process
// has to itself. Reading takes no lock.
type Counters struct {
	identities  atomic.Int64
	connections atomic.Int64
	domains     atomic.Pointer[map[registry.DomainID]*domainCounters]
	mu          sync.Mutex // held to add a domain
}

type domainCounters struct{ contents, graph atomic.Int64 }

// LoadCounters reads the persisted values.
func LoadCounters(ctx context.Context, conn *sql.Conn) (*Counters, error) {
	c := &Counters{}
	c.domains.Store(&map[registry.DomainID]*domainCounters{})
	m := Moved{}
	err := conn.QueryRowContext(ctx, `SELECT
		(SELECT value FROM server WHERE name = 'identities'),
		(SELECT value FROM server WHERE name = 'connections')`).Scan(&m.identities, &m.connections)
	if err != nil {
		return nil, err
	}
	rows, err := conn.QueryContext(ctx, `SELECT owner, name, contents, graph FROM counters`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var v domainValue
		if err := rows.Scan(&v.id.Owner, &v.id.Name, &v.contents, &v.graph); err != nil {
			return nil, err
		}
		m.domains = append(m.domains, v)
	}
	c.Apply(m)
	return c, rows.Err()
}

// Apply takes over what a committed transaction moved. Values only grow.
func (c *Counters) Apply(m Moved) {
	for _, v := range m.domains {
		d := c.domain(v.id)
		raise(&d.contents, v.contents)
		raise(&d.graph, v.graph)
	}
	raise(&c.connections, m.connections)
	raise(&c.identities, m.identities)
}

// Of gives the counters of the domain. Where a connection leads concerns every
// domain, so that counter is part of each one's graph.
func (c *Counters) Of(id registry.DomainID) registry.Counters {
	v := registry.Counters{Identities: c.identities.Load()}
	if d := (*c.domains.Load())[id]; d != nil {
		v.Contents = d.contents.Load()
		v.Graph = d.graph.Load() + c.connections.Load()
	}
	return v
}

func (c *Counters) domain(id registry.DomainID) *domainCounters {
	if d := (*c.domains.Load())[id]; d != nil {
		return d
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	have := *c.domains.Load()
	if d := have[id]; d != nil {
		return d
	}
	// Readers go on with the old map: it is never written to.
	grown := maps.Clone(have)
	d := &domainCounters{}
	grown[id] = d
	c.domains.Store(&grown)
	return d
}

func raise(a *atomic.Int64, v int64) {
	for {
		have := a.Load()
		if v <= have || a.CompareAndSwap(have, v) {
			return
		}
	}
}
