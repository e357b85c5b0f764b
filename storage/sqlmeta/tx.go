package sqlmeta

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"larder/registry"
)

// Tx is registry.Tx over a session on which a transaction has begun. It is for
// one goroutine, and for as long as that transaction.
type Tx struct {
	ctx          context.Context
	uncut        context.Context
	session      *Session
	now          time.Time
	over         bool
	moved        moves
	grown        map[int64]int64 // bytes by domain that its size does not count yet
	pending      []registry.Event
	repositories map[registry.RepoID]repositoryKey

	locks   *Locks // nil: a view, or the only writer
	alone   bool
	wants   bool
	outbox  bool
	claimed map[string]bool
}

var _ registry.Tx = (*Tx)(nil)

// Tx gives the transaction that has begun on the session. When ctx is over no
// further statement begins; one that runs is short and ends by itself. (Drivers
// watch a context that can be cancelled by a goroutine for each statement, which
// costs as much as the statement.)
func (s *Session) Tx(ctx context.Context, now time.Time) *Tx {
	return &Tx{ctx: ctx, uncut: context.WithoutCancel(ctx), session: s, now: now.UTC().Truncate(time.Millisecond)}
}

// Within runs the statements of the transaction under ctx instead, which is
// for a limit of time: what ends it may cost the connection.
func (t *Tx) Within(ctx context.Context) { t.uncut = ctx }

// Now implements registry.Tx.
func (t *Tx) Now() time.Time { return t.now }

// Finish writes what the transaction as a whole has to leave behind: sizes,
// the counters that it moves, events. It is called once, after f and before the commit;
// the moves are applied to a [Counters] once the commit has succeeded.
func (t *Tx) Finish() (Moved, error) {
	if t.wants {
		return Moved{}, internal("lock", ErrAlone)
	}
	if err := t.size(); err != nil {
		return Moved{}, err
	}
	m, err := t.persist()
	if err != nil {
		return m, err
	}
	return m, t.append()
}

// End makes further use of the transaction an error. It is called whatever became of it.
func (t *Tx) End() { t.over = true }

func (t *Tx) usable() error {
	if t.over {
		return errOver
	}
	if t.wants {
		return ErrAlone
	}
	return t.ctx.Err()
}

var errOver = errors.New("the transaction is over")

func (t *Tx) exec(doing, text string, args ...any) (int64, error) {
	if err := t.usable(); err != nil {
		return 0, internal(doing, err)
	}
	r, err := t.session.Exec(t.uncut, text, args...)
	if err != nil {
		return 0, internal(doing, err)
	}
	n, err := r.RowsAffected()
	if err != nil {
		return 0, internal(doing, err)
	}
	return n, nil
}

// each calls scan for each row.
func (t *Tx) each(doing, text string, args []any, scan func(row *sql.Rows) error) error {
	if err := t.usable(); err != nil {
		return internal(doing, err)
	}
	rows, err := t.session.query(t.uncut, text, args...)
	if err != nil {
		return internal(doing, err)
	}
	defer rows.Close()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return internal(doing, err)
		}
	}
	if err := rows.Err(); err != nil {
		return internal(doing, err)
	}
	return nil
}

// one scans the only row and reports whether there is one.
func (t *Tx) one(doing, text string, args []any, dest ...any) (bool, error) {
	found := false
	err := t.each(doing, text, args, func(row *sql.Rows) error {
		found = true
		return row.Scan(dest...)
	})
	return found, err
}

func internal(doing string, err error) error {
	return &registry.Error{Code: registry.Internal, Msg: "metadata: " + doing, Err: err}
}

func notFound(r registry.Resource, what string) error {
	return registry.Errorf(registry.NotFound, "%s does not exist", what).About(r)
}

func conflict(r registry.Resource, what string) error {
	return registry.Errorf(registry.Conflict, "%s exists already", what).About(r)
}

func millis(t time.Time) int64 { return t.UnixMilli() }

func instant(ms int64) time.Time { return time.UnixMilli(ms).UTC() }

// mapText is a map as JSON that gives a map again when it is read, also for nil.
func mapText[K comparable, V any](m map[K]V) string {
	if len(m) == 0 {
		return "{}"
	}
	return text(m)
}

func tagsOf(s string) (map[string]string, error) {
	m := map[string]string{}
	if s == "{}" {
		return m, nil
	}
	err := json.Unmarshal([]byte(s), &m)
	return m, err
}

// text is the JSON of a value that cannot fail to have one.
func text(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(b)
}

// marks gives n placeholders for an IN list, rounded up to a power of two, so
// that lists of any length share a few prepared statements; fill pads the
// arguments by repeating the last one.
func marks(n int) string {
	return strings.Repeat("?, ", roundUp(n)-1) + "?"
}

func fill[T any](args []any, list []T) []any {
	for i := range roundUp(len(list)) {
		args = append(args, list[min(i, len(list)-1)])
	}
	return args
}

func roundUp(n int) int {
	p := 1
	for p < n {
		p *= 2
	}
	return p
}
