package sqlmeta

import (
	"errors"

	"larder/registry"
)

// Locks are the statements by which updates that run side by side stay
// serializable, each until its transaction ends.
//
// A change of contents holds Shared, and Package for each package that it
// reads or writes, whatever the repository. A change of anything else (graph,
// identities, connections, keys) holds Alone, beside which nothing else
// changes: such changes are rare. Each sees what was committed before it had
// its lock, because every statement reads anew (READ COMMITTED). What all
// changes have in common is written last, so that they wait for each other only
// while they commit: sizes of domains, counters, and, under Outbox, events,
// whose order is thereby that of the commits.
type Locks struct {
	Shared  string
	Alone   string
	Upgrade string // from Shared to Alone, where that can be had at once; gives whether it could
	Outbox  string
	Package string // takes the package's name
}

// ErrAlone ends an update that began with [Locks.Shared] and needs
// [Locks.Alone]: it is to be run again from its start. f may have wrapped it or
// given another error in its place: ask [Tx.WantsAlone].
var ErrAlone = errors.New("the change needs the database alone")

// Concurrent says that the transaction is an update beside others, which has
// run the dialect's Shared or, with alone, its Alone.
func (t *Tx) Concurrent(alone bool) {
	t.locks, t.alone = t.session.dialect.Locks, alone
}

// WantsAlone reports whether the transaction has met [ErrAlone].
func (t *Tx) WantsAlone() bool { return t.wants }

// own makes the update the only one. Where that takes waiting, the update is
// run again: two that wait for each other to leave would wait for ever.
func (t *Tx) own() error {
	if t.locks == nil || t.alone {
		return nil
	}
	_, err := t.one("lock", t.locks.Upgrade, nil, &t.alone)
	if err == nil && !t.alone {
		t.wants = true
		err = internal("lock", ErrAlone)
	}
	return err
}

// claim keeps other updates from the package, in all repositories of the domain.
func (t *Tx) claim(d registry.DomainID, p registry.PackageID) error {
	if t.locks == nil || t.alone {
		return nil
	}
	name := "\x01" + d.Owner + "\x01" + d.Name + "\x01" + p.Format + "\x01" + p.Namespace + "\x01" + p.Name
	if t.claimed[name] {
		return nil
	}
	if _, err := t.exec("lock package", t.locks.Package, name); err != nil {
		return err
	}
	if t.claimed == nil {
		t.claimed = map[string]bool{}
	}
	t.claimed[name] = true
	return nil
}

// claimOutbox keeps other updates from appending events.
func (t *Tx) claimOutbox() error {
	if t.locks == nil || t.outbox {
		return nil
	}
	if _, err := t.exec("lock outbox", t.locks.Outbox); err != nil {
		return err
	}
	t.outbox = true
	return nil
}
