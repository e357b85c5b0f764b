package sqlmeta

import (
	"database/sql"
	"slices"
	"time"

	"larder/registry"
)

// UnroutedEvents implements registry.RuleRows.
func (t *Tx) UnroutedEvents(limit int) ([]registry.OutboxEvent, error) {
	return t.events(`WHERE routed IS NULL`, limit)
}

// MarkRouted implements registry.RuleRows.
func (t *Tx) MarkRouted(rows ...int64) ([]int64, error) {
	var marked []int64
	for len(rows) > 0 {
		n := min(len(rows), linkBatch)
		err := t.each("mark routed events", `UPDATE outbox SET routed = ? WHERE routed IS NULL AND seq IN (`+marks(n)+`) RETURNING seq`,
			fill([]any{millis(t.now)}, rows[:n]), func(row *sql.Rows) error {
				var seq int64
				err := row.Scan(&seq)
				marked = append(marked, seq)
				return err
			})
		if err != nil {
			return nil, err
		}
		rows = rows[n:]
	}
	slices.Sort(marked)
	return marked, nil
}

// AppendDeliveries implements registry.RuleRows.
func (t *Tx) AppendDeliveries(deliveries ...registry.Delivery) error {
	for _, d := range deliveries {
		due := d.Created
		if !d.Due.IsZero() {
			due = d.Due
		}
		if _, err := t.exec("append delivery", `INSERT INTO deliveries (target, event_id, body, created, attempts, due) VALUES (?, ?, ?, ?, 0, ?)`,
			d.Target, d.ID, present(d.Body), millis(d.Created), millis(due)); err != nil {
			return err
		}
	}
	return nil
}

// TakeDeliveries implements registry.RuleRows.
func (t *Tx) TakeDeliveries(target int64, limit int) ([]registry.Delivery, error) {
	var all []registry.Delivery
	err := t.each("take deliveries", `
		SELECT seq, target, event_id, body, created, attempts, due FROM deliveries WHERE target = ? AND due <= ? ORDER BY due, seq LIMIT ?`,
		[]any{target, millis(t.now), limit}, func(row *sql.Rows) error {
			var d registry.Delivery
			var created, due int64
			err := row.Scan(&d.Row, &d.Target, &d.ID, &d.Body, &created, &d.Attempts, &due)
			d.Created, d.Due = instant(created), instant(due)
			all = append(all, d)
			return err
		})
	return all, err
}

// NextDelivery implements registry.RuleRows.
func (t *Tx) NextDelivery(target int64) (time.Time, error) {
	var due int64
	found, err := t.one("next delivery", `SELECT due FROM deliveries WHERE target = ? ORDER BY due, seq LIMIT 1`, []any{target}, &due)
	if err != nil || !found {
		return time.Time{}, err
	}
	return instant(due), nil
}

// RetryDelivery implements registry.RuleRows.
func (t *Tx) RetryDelivery(row int64, attempts int, due time.Time) error {
	_, err := t.exec("put delivery off", `UPDATE deliveries SET attempts = ?, due = ? WHERE seq = ?`, attempts, millis(due), row)
	return err
}

// FinishDeliveries implements registry.RuleRows.
func (t *Tx) FinishDeliveries(rows ...int64) error {
	for len(rows) > 0 {
		n := min(len(rows), linkBatch)
		if _, err := t.exec("finish deliveries", `DELETE FROM deliveries WHERE seq IN (`+marks(n)+`)`, fill(nil, rows[:n])...); err != nil {
			return err
		}
		rows = rows[n:]
	}
	return nil
}

// DropDeliveries implements registry.RuleRows.
func (t *Tx) DropDeliveries(target int64) error {
	_, err := t.exec("drop deliveries", `DELETE FROM deliveries WHERE target = ?`, target)
	return err
}

// HastenDeliveries implements registry.RuleRows.
func (t *Tx) HastenDeliveries(target int64) error {
	_, err := t.exec("hasten deliveries", `UPDATE deliveries SET due = ? WHERE target = ? AND due > ?`, millis(t.now), target, millis(t.now))
	return err
}

// WaitingTargets implements registry.RuleRows. Targets that are gone while
// something was on its way to them are among them.
func (t *Tx) WaitingTargets() ([]int64, error) {
	var all []int64
	// A step from one target to the next: what waits for one is not read.
	at := int64(-1)
	for {
		var next int64
		found, err := t.one("next waiting target", `SELECT target FROM deliveries WHERE target > ? ORDER BY target LIMIT 1`, []any{at}, &next)
		if err != nil || !found {
			return all, err
		}
		all, at = append(all, next), next
	}
}

// DeliveriesWaiting implements registry.RuleRows.
func (t *Tx) DeliveriesWaiting() (int, error) {
	var n int
	_, err := t.one("count deliveries", `SELECT COUNT(*) FROM deliveries`, nil, &n)
	return n, err
}
