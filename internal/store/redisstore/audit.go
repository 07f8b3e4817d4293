package redisstore

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/redis/rueidis"

	"github.com/hufu-io/hufu/internal/broker"
)

// auditPage is how many entries are read at once.
const auditPage = 1000

// Audit implements [broker.Store].
func (s *Store) Audit() broker.AuditLog { return auditLog{s} }

type auditLog struct{ s *Store }

func (l auditLog) Append(ctx context.Context, entries ...broker.AuditEntry) error {
	if len(entries) == 0 {
		return nil
	}
	if err := l.append(ctx, entries); err != nil {
		return fmt.Errorf("append to the audit: %w", err)
	}
	return nil
}

func (l auditLog) append(ctx context.Context, entries []broker.AuditEntry) error {
	args := make([]string, len(entries))
	for i := range entries {
		b, err := json.Marshal(storedEntryOf(&entries[i]))
		if err != nil {
			return err
		}
		args[i] = string(b)
	}
	_, err := runInt(ctx, l.s, l.s.scripts.append, []string{l.s.names.audit, l.s.names.auditLast}, args...)
	return err
}

func (l auditLog) Query(ctx context.Context, f broker.AuditFilter) ([]broker.AuditEntry, error) {
	found, err := l.query(ctx, f)
	if err != nil {
		return nil, fmt.Errorf("query the audit: %w", err)
	}
	return found, nil
}

// query goes through the pages from the newest, for as long as more is wanted.
func (l auditLog) query(ctx context.Context, f broker.AuditFilter) ([]broker.AuditEntry, error) {
	var found []broker.AuditEntry
	for before := ceiling(f.Before); ; {
		page, err := l.page(ctx, func(b rueidis.Builder) rueidis.Completed {
			return b.Xrevrange().Key(l.s.names.audit).End(text(before - 1)).Start("-").Count(auditPage).Build()
		})
		if err != nil {
			return nil, err
		}
		for _, e := range page {
			before = e.ID
			if !matches(f, e) {
				continue
			}
			found = append(found, e)
			if len(found) == f.Limit {
				return found, nil
			}
		}
		if len(page) < auditPage {
			return found, nil
		}
	}
}

// ceiling is above every id where there is no limit to them.
func ceiling(before int64) int64 {
	if before == 0 {
		return math.MaxInt64
	}
	return before
}

// Prune goes through the pages from the oldest. It ends with a page that has nothing to be
// removed in it: what stands behind it is older than that only where the clocks of servers
// disagree, and is removed when its neighbours are.
func (l auditLog) Prune(ctx context.Context, before time.Time, limit int) (int, error) {
	n, err := l.prune(ctx, before, limit)
	if err != nil {
		return n, fmt.Errorf("prune the audit: %w", err)
	}
	return n, nil
}

func (l auditLog) prune(ctx context.Context, before time.Time, limit int) (int, error) {
	s, removed := l.s, 0
	for after := int64(0); removed < limit; {
		page, err := l.page(ctx, func(b rueidis.Builder) rueidis.Completed {
			return b.Xrange().Key(s.names.audit).Start(text(after + 1)).End("+").Count(auditPage).Build()
		})
		if err != nil {
			return removed, err
		}
		var ids []string
		for _, e := range page {
			after = e.ID
			if e.At.Before(before) && removed+len(ids) < limit {
				ids = append(ids, text(e.ID)+"-0")
			}
		}
		if len(ids) == 0 {
			return removed, nil
		}
		n, err := call(ctx, s, func(ctx context.Context) (int64, error) {
			return s.client.Do(ctx, s.client.B().Xdel().Key(s.names.audit).Id(ids...).Build()).AsInt64()
		})
		if err != nil {
			return removed, err
		}
		removed += int(n)
	}
	return removed, nil
}

// page reads and decodes some entries.
func (l auditLog) page(ctx context.Context, command func(rueidis.Builder) rueidis.Completed) ([]broker.AuditEntry, error) {
	stored, err := call(ctx, l.s, func(ctx context.Context) ([]rueidis.XRangeEntry, error) {
		return l.s.client.Do(ctx, command(l.s.client.B())).AsXRange()
	})
	if err != nil {
		return nil, err
	}
	entries := make([]broker.AuditEntry, len(stored))
	for i, x := range stored {
		id, err := strconv.ParseInt(strings.TrimSuffix(x.ID, "-0"), 10, 64)
		if err != nil {
			return nil, fmt.Errorf("an entry has the id %q", x.ID)
		}
		var e storedEntry
		if err := json.Unmarshal([]byte(x.FieldValues["entry"]), &e); err != nil {
			return nil, fmt.Errorf("decode entry %d: %w", id, err)
		}
		entries[i] = e.entry(id)
	}
	return entries, nil
}

func matches(f broker.AuditFilter, e broker.AuditEntry) bool {
	return (f.Client == "" || f.Client == e.Client) &&
		(f.Action == "" || f.Action == e.Action) &&
		(f.App == "" || f.App == e.App) &&
		(f.From.IsZero() || !e.At.Before(f.From)) &&
		(f.To.IsZero() || e.At.Before(f.To))
}
