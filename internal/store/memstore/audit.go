package memstore

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
)

// Audit implements [broker.Store].
func (s *Store) Audit() broker.AuditLog { return auditLog{s} }

type auditLog struct{ s *Store }

func (l auditLog) Append(ctx context.Context, entries ...broker.AuditEntry) error {
	if err := l.s.usable(ctx); err != nil {
		return fmt.Errorf("append to the audit: %w", err)
	}
	d := l.s.data
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, e := range entries {
		d.lastAudit++
		e.ID = d.lastAudit
		e.At = utc(e.At)
		d.audit = append(d.audit, e)
	}
	return nil
}

func (l auditLog) Query(ctx context.Context, f broker.AuditFilter) ([]broker.AuditEntry, error) {
	if err := l.s.usable(ctx); err != nil {
		return nil, fmt.Errorf("query the audit: %w", err)
	}
	d := l.s.data
	d.mu.Lock()
	all := slices.Clip(d.audit) // only ever appended to
	d.mu.Unlock()
	var found []broker.AuditEntry
	for _, e := range slices.Backward(all) {
		if f.Limit > 0 && len(found) == f.Limit {
			break
		}
		if matches(f, e) {
			found = append(found, e)
		}
	}
	return found, nil
}

func (l auditLog) Prune(ctx context.Context, before time.Time, limit int) (int, error) {
	if err := l.s.usable(ctx); err != nil {
		return 0, fmt.Errorf("prune the audit: %w", err)
	}
	d := l.s.data
	d.mu.Lock()
	defer d.mu.Unlock()
	n := 0
	// A new slice: queries go on with the old one.
	kept := make([]broker.AuditEntry, 0, len(d.audit))
	for _, e := range d.audit {
		if n < limit && e.At.Before(before) {
			n++
			continue
		}
		kept = append(kept, e)
	}
	d.audit = kept
	return n, nil
}

func matches(f broker.AuditFilter, e broker.AuditEntry) bool {
	return (f.Client == "" || f.Client == e.Client) &&
		(f.Action == "" || f.Action == e.Action) &&
		(f.App == "" || f.App == e.App) &&
		(f.From.IsZero() || !e.At.Before(f.From)) &&
		(f.To.IsZero() || e.At.Before(f.To)) &&
		(f.Before == 0 || e.ID < f.Before)
}
