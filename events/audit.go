package events

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"larder/registry"
)

const (
	// AuditStreamName is the stream that holds audit records.
	AuditStreamName = "LARDER_AUDIT"
	// auditRoot and an account's id are the subject of its records.
	auditRoot = "larder.audit."
	// noAccount stands in the subject for callers that are not known.
	noAccount = "unknown"
)

// PublishAudit adds a record to the stream LARDER_AUDIT, on the subject
// larder.audit.{account}, and returns when it is there; the same record once,
// however often it is handed over within two minutes. The stream is made where
// there is none; it takes no deletions, and lets the oldest records go after a
// year or 1 GiB unless an administrator of NATS gives it other limits. Conflict
// for a stream of that name with other subjects.
func (b *JetStream) PublishAudit(ctx context.Context, account string, record []byte) error {
	if !accountID(account) {
		account = noAccount
	}
	// Looked for before: where somebody listens, a publish that no stream takes
	// would be known by its silence only.
	if !b.audits.Load() {
		if err := b.findAuditStream(ctx); err != nil {
			return err
		}
		b.audits.Store(true)
	}
	id := sha256.Sum256(record)
	if _, err := b.js.Publish(ctx, auditRoot+account, record, jetstream.WithMsgID(hex.EncodeToString(id[:16]))); err != nil {
		b.audits.Store(false)
		return fmt.Errorf("publish to the stream of audit records: %w", err)
	}
	return nil
}

// findAuditStream finds the stream or makes it.
func (b *JetStream) findAuditStream(ctx context.Context) error {
	s, err := b.js.Stream(ctx, AuditStreamName)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		s, err = b.js.CreateStream(ctx, jetstream.StreamConfig{
			Name:        AuditStreamName,
			Description: "Who did what",
			Subjects:    []string{auditRoot + ">"},
			Storage:     jetstream.FileStorage,
			Retention:   jetstream.LimitsPolicy,
			Discard:     jetstream.DiscardOld,
			Replicas:    b.copies(),
			MaxAge:      365 * 24 * time.Hour,
			MaxBytes:    1 << 30,
			DenyDelete:  true,
			DenyPurge:   true,
			AllowDirect: true,
		})
		if errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) { // another process was faster
			s, err = b.js.Stream(ctx, AuditStreamName)
		}
	}
	if err != nil {
		return b.placement("stream of audit records", err)
	}
	if !slices.Contains(s.CachedInfo().Config.Subjects, auditRoot+">") {
		return registry.Errorf(registry.Conflict, "the NATS server has a stream %s that does not take %s>: rename or remove it", AuditStreamName, auditRoot)
	}
	return nil
}

// auditSubjects covers the audit records that the account may see.
func auditSubjects(account string) string {
	if account == firstAccount {
		return auditRoot + ">"
	}
	return auditRoot + account
}
