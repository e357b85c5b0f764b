package sqlmeta

import (
	"database/sql"
	"encoding/json"
	"time"

	"larder/registry"
)

// storedEvent is how an event is kept: its own spelling, so that a member of
// registry.Event may be renamed while rows of the old build wait.
type storedEvent struct {
	Deduplication string           `json:"dedup"`
	Account       string           `json:"account"`
	Time          int64            `json:"time"`
	DomainOwner   string           `json:"domainOwner"`
	Domain        string           `json:"domain"`
	Repository    string           `json:"repository"`
	Administrator string           `json:"administrator"`
	Format        string           `json:"format"`
	Namespace     string           `json:"namespace"`
	Package       string           `json:"package"`
	Version       string           `json:"version"`
	State         string           `json:"state"`
	Revision      string           `json:"revision"`
	Operation     string           `json:"operation"`
	Changes       registry.Changes `json:"changes"`
	Sequence      int64            `json:"sequence"`

	Own *registry.OwnEvent `json:"own,omitempty"`
}

func eventText(e registry.Event) string {
	return text(storedEvent{
		Deduplication: e.DeduplicationID, Account: e.Account, Time: millis(e.Time),
		DomainOwner: e.Repo.Domain.Owner, Domain: e.Repo.Domain.Name, Repository: e.Repo.Name, Administrator: e.Administrator,
		Format: e.Version.Package.Format, Namespace: e.Version.Package.Namespace, Package: e.Version.Package.Name, Version: e.Version.Version,
		State: string(e.State), Revision: e.Revision, Operation: string(e.Operation), Changes: e.Changes, Sequence: e.Sequence, Own: e.Own,
	})
}

func eventOf(id string, stored []byte) (registry.Event, error) {
	var s storedEvent
	err := json.Unmarshal(stored, &s)
	return registry.Event{
		ID: id, DeduplicationID: s.Deduplication, Account: s.Account, Time: instant(s.Time),
		Repo:          registry.RepoID{Domain: registry.DomainID{Owner: s.DomainOwner, Name: s.Domain}, Name: s.Repository},
		Administrator: s.Administrator,
		Version:       registry.VersionID{Package: registry.PackageID{Format: s.Format, Namespace: s.Namespace, Name: s.Package}, Version: s.Version},
		State:         registry.Status(s.State), Revision: s.Revision, Operation: registry.Operation(s.Operation), Changes: s.Changes, Sequence: s.Sequence, Own: s.Own,
	}, err
}

// AppendEvents implements registry.OutboxRows. They are written when the
// transaction ends, or looks into the outbox.
func (t *Tx) AppendEvents(events ...registry.Event) error {
	t.pending = append(t.pending, events...)
	return t.usable()
}

// append writes the events that were appended.
func (t *Tx) append() error {
	if len(t.pending) == 0 {
		return nil
	}
	if err := t.claimOutbox(); err != nil {
		return err
	}
	events := t.pending
	t.pending = nil
	for _, e := range events {
		if _, err := t.exec("append event", `INSERT INTO outbox (event_id, event) VALUES (?, ?)`, e.ID, eventText(e)); err != nil {
			return err
		}
	}
	return nil
}

// UnsentEvents implements registry.OutboxRows.
func (t *Tx) UnsentEvents(limit int) ([]registry.OutboxEvent, error) {
	return t.events(`WHERE sent IS NULL`, limit)
}

// EventsAfter implements registry.OutboxRows.
func (t *Tx) EventsAfter(id string, limit int) ([]registry.OutboxEvent, error) {
	if id == "" {
		return t.events("", limit)
	}
	if err := t.outboxAsItIs(); err != nil {
		return nil, err
	}
	var row int64
	found, err := t.one("find event", `SELECT seq FROM outbox WHERE event_id = ?`, []any{id}, &row)
	if err != nil {
		return nil, err
	}
	if !found && id != "" {
		return nil, registry.Errorf(registry.NotFound, "event %s is not kept any more", id)
	}
	return t.events(`WHERE seq > ?`, limit, row)
}

// outboxAsItIs makes the outbox hold all that was appended here, and nothing
// that comes beside this update.
func (t *Tx) outboxAsItIs() error {
	if err := t.claimOutbox(); err != nil {
		return err
	}
	return t.append()
}

func (t *Tx) events(condition string, limit int, args ...any) ([]registry.OutboxEvent, error) {
	if err := t.outboxAsItIs(); err != nil {
		return nil, err
	}
	var all []registry.OutboxEvent
	err := t.each("read events", `SELECT seq, event_id, event FROM outbox `+condition+` ORDER BY seq LIMIT ?`, append(args, limit),
		func(row *sql.Rows) error {
			var e registry.OutboxEvent
			var id string
			var stored sql.RawBytes
			err := row.Scan(&e.Row, &id, &stored)
			if err != nil {
				return err
			}
			e.Event, err = eventOf(id, stored)
			all = append(all, e)
			return err
		})
	return all, err
}

// MarkSent implements registry.OutboxRows.
func (t *Tx) MarkSent(rows ...int64) error {
	for len(rows) > 0 {
		n := min(len(rows), linkBatch)
		if _, err := t.exec("mark events", `UPDATE outbox SET sent = ? WHERE sent IS NULL AND seq IN (`+marks(n)+`)`,
			fill([]any{millis(t.now)}, rows[:n])...); err != nil {
			return err
		}
		rows = rows[n:]
	}
	return nil
}

// PruneEvents implements registry.OutboxRows.
func (t *Tx) PruneEvents(before time.Time) (int, error) {
	n, err := t.exec("prune events", `DELETE FROM outbox WHERE sent IS NOT NULL AND sent < ? AND routed IS NOT NULL`, millis(before))
	return int(n), err
}

// OutboxDepth implements registry.OutboxRows.
func (t *Tx) OutboxDepth() (int, error) {
	if err := t.outboxAsItIs(); err != nil {
		return 0, err
	}
	var n int
	_, err := t.one("count events", `SELECT COUNT(*) FROM outbox WHERE sent IS NULL`, nil, &n)
	return n, err
}
