package postgres

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"larder/registry"
)

// counterTimeout bounds one reading of counters.
const counterTimeout = 5 * time.Second

// counters reads counters for all who ask. Who asks while a query runs waits
// for the next, which begins afterwards and is for all of them: the database
// has one such query at a time of each process, however many requests there are.
type counters struct {
	read func(context.Context, []registry.DomainID) (map[registry.DomainID]registry.Counters, error)

	mu      sync.Mutex
	running bool
	next    *reading
}

// reading is one query and those who wait for it.
type reading struct {
	domains map[registry.DomainID]bool
	done    chan struct{}
	values  map[registry.DomainID]registry.Counters
	err     error
}

func (c *counters) of(ctx context.Context, id registry.DomainID) (registry.Counters, error) {
	if err := ctx.Err(); err != nil {
		return registry.Counters{}, err
	}
	c.mu.Lock()
	if c.next == nil {
		c.next = &reading{domains: map[registry.DomainID]bool{}, done: make(chan struct{})}
	}
	r := c.next
	r.domains[id] = true
	if !c.running {
		c.running = true
		go c.run()
	}
	c.mu.Unlock()
	select {
	case <-r.done:
		return r.values[id], r.err
	case <-ctx.Done():
		return registry.Counters{}, ctx.Err()
	}
}

func (c *counters) run() {
	for {
		c.mu.Lock()
		r := c.next
		c.next = nil
		c.running = r != nil
		c.mu.Unlock()
		if r == nil {
			return
		}
		ctx, cancel := context.WithTimeout(context.Background(), counterTimeout)
		r.values, r.err = c.read(ctx, slices.Collect(maps.Keys(r.domains)))
		cancel()
		close(r.done)
	}
}

const readCounters = `
	SELECT i.value, k.value, COALESCE(c.owner, ''), COALESCE(c.name, ''), COALESCE(c.contents, 0), COALESCE(c.graph, 0)
	FROM server i JOIN server k ON k.name = 'connections'
	LEFT JOIN counters c ON c.owner = ANY($1) AND c.name = ANY($2)
	WHERE i.name = 'identities'`

// readCounters reads the counters of the domains with one query.
func (d *DB) readCounters(ctx context.Context, ids []registry.DomainID) (map[registry.DomainID]registry.Counters, error) {
	owners, names := make([]string, len(ids)), make([]string, len(ids))
	for i, id := range ids {
		owners[i], names[i] = id.Owner, id.Name
	}
	rows, err := d.sql.QueryContext(ctx, readCounters, owners, names)
	if err != nil {
		return nil, failure("read counters", err)
	}
	defer rows.Close()
	found := map[registry.DomainID]registry.Counters{}
	var identities, connections int64
	for rows.Next() {
		var id registry.DomainID
		var v registry.Counters
		if err := rows.Scan(&identities, &connections, &id.Owner, &id.Name, &v.Contents, &v.Graph); err != nil {
			return nil, failure("read counters", err)
		}
		found[id] = v
	}
	if err := rows.Err(); err != nil {
		return nil, failure("read counters", err)
	}
	all := make(map[registry.DomainID]registry.Counters, len(ids))
	for _, id := range ids {
		v, there := found[id]
		v.Identities = identities
		if there {
			// Where a connection leads concerns every domain.
			v.Graph += connections
		}
		all[id] = v
	}
	return all, nil
}
