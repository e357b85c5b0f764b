package audit

import (
	"context"
	"encoding/json"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"larder/internal/httpx"
	"larder/registry"
)

// Config is what a Log is made of.
type Config struct {
	// File takes a record on each line. It is opened for each record, so that it
	// may be moved away at any time. Empty: no file.
	File   string
	Region string         // in records
	Clock  registry.Clock // nil: time.Now
	Logger *slog.Logger   // told when records cannot be kept; nil: slog.Default

	// Publish hands a record on, such as to a bus. It is called by Run alone, one
	// record after the other; with an error, again, for a minute: what takes
	// records takes the same one once. Nil: nowhere.
	Publish func(ctx context.Context, account string, record []byte) error
}

// Log writes records. A request never fails because its record cannot be
// kept. Safe for concurrent use.
type Log struct {
	Config
	mu     sync.Mutex // of the file
	queue  chan queued
	lost   atomic.Int64
	warned atomic.Int64 // Unix seconds
}

type queued struct {
	account string
	record  []byte
}

const (
	queueLength = 1024
	warnEvery   = 60 // seconds
	// tryFor is how long a record is tried to be handed on; those behind it wait.
	tryFor             = time.Minute
	firstWait, maxWait = 100 * time.Millisecond, 5 * time.Second
	// endTime bounds handing on what waits when the server ends.
	endTime = 5 * time.Second
)

// New makes a Log.
func New(c Config) *Log {
	if c.Clock == nil {
		c.Clock = time.Now
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	return &Log{Config: c, queue: make(chan queued, queueLength)}
}

// Run hands records on until ctx ends, then those that wait, for a few seconds.
// Without Publish it only waits.
func (l *Log) Run(ctx context.Context) error {
	var left []queued
	for ctx.Err() == nil {
		select {
		case q := <-l.queue:
			if !l.publish(ctx, q) {
				left = append(left, q)
			}
		case <-ctx.Done():
		}
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), endTime)
	defer cancel()
	for len(l.queue) > 0 {
		left = append(left, <-l.queue)
	}
	for _, q := range left {
		if !l.publish(last, q) {
			l.lose(last.Err())
		}
	}
	return nil
}

// publish hands a record on, or gives it up after a while. It reports false
// where ctx ended before.
func (l *Log) publish(ctx context.Context, q queued) bool {
	end := time.Now().Add(tryFor)
	for wait := firstWait; ctx.Err() == nil; wait = min(2*wait, maxWait) {
		err := l.Publish(ctx, q.account, q.record)
		if err == nil {
			return true
		}
		if ctx.Err() == nil && time.Now().After(end) {
			l.lose(err)
			return true
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
		}
	}
	return false
}

// lose counts a record that is not kept, and says so now and then.
func (l *Log) lose(err error) {
	n := l.lost.Add(1)
	now := l.Clock().Unix()
	if last := l.warned.Load(); now-last >= warnEvery && l.warned.CompareAndSwap(last, now) {
		l.Logger.Warn("audit records are not kept", "lost", n, "error", err)
	}
}

// Lost is how many records could not be kept since the start.
func (l *Log) Lost() int64 { return l.lost.Load() }

// write completes a record with what is known of its request, and keeps it.
func (l *Log) write(ctx context.Context, r Record) {
	request := httpx.RecordOf(ctx)
	r.EventVersion, r.EventType = "1.11", "AwsApiCall"
	r.EventTime, r.AWSRegion = l.Clock().UTC().Format(timeForm), l.Region
	r.EventID, r.RequestID = uuid.NewString(), request.ID
	r.RecipientAccountID = r.UserIdentity.AccountID
	r.EventCategory = "Data"
	if r.ManagementEvent {
		r.EventCategory = "Management"
	}
	if request.Peer.Addr.IsValid() {
		r.SourceIPAddress = request.Peer.Addr.String()
	}
	if request.Request != nil {
		r.UserAgent = clip(request.Request.UserAgent())
	}
	line, err := json.Marshal(r)
	if err != nil {
		l.lose(err)
		return
	}
	if l.File != "" {
		if err := l.append(line); err != nil {
			l.lose(err)
		}
	}
	if l.Publish == nil {
		return
	}
	select {
	case l.queue <- queued{r.RecipientAccountID, line}:
	default:
		l.lose(errFull)
	}
}

type fullError struct{}

func (fullError) Error() string { return "too many wait to be handed on" }

var errFull = fullError{}

// append writes a line with one call, so that processes may share the file.
func (l *Log) append(line []byte) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	f, err := os.OpenFile(l.File, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(append(line, '\n'))
	if closing := f.Close(); err == nil {
		err = closing
	}
	return err
}

func clip(s string) string {
	if len(s) > 512 {
		return s[:512]
	}
	return s
}
