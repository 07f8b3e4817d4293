package sqlstore

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/store/nanos"
)

// Audit implements [broker.Store].
func (s *Store) Audit() broker.AuditLog { return auditLog{s} }

type auditLog struct{ s *Store }

func (l auditLog) Append(ctx context.Context, entries ...broker.AuditEntry) error {
	if len(entries) == 0 {
		return nil
	}
	entries = slices.Clone(entries) // the write may outlast this call
	write := l.s.write
	if len(entries) > l.s.dialect.rows {
		write = l.s.writeTogether
	}
	err := write(ctx, func(ctx context.Context, r runner) error {
		for some := range slices.Chunk(entries, l.s.dialect.rows) {
			if err := l.append(ctx, r, some); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("append to the audit: %w", err)
	}
	return nil
}

// append writes entries in one statement.
func (l auditLog) append(ctx context.Context, r runner, entries []broker.AuditEntry) error {
	args := l.s.once(len(entries))
	for _, e := range entries {
		args = append(args,
			nanos.Of(e.At), clean(e.Client), clean(e.Action), clean(e.App), clean(string(e.Kind)), clean(e.Target),
			int64(e.Version), clean(e.Remote), clean(e.RequestID), clean(e.Result), int64(e.Count))
	}
	_, err := r.exec(ctx, l.s.queries.appendAudit.of(len(entries)), args...)
	return err
}

func (l auditLog) Prune(ctx context.Context, before time.Time, limit int) (int, error) {
	var n int64
	err := l.s.write(ctx, func(ctx context.Context, r runner) error {
		var err error
		n, err = r.exec(ctx, l.s.queries.pruneAudit, nanos.Of(before), int64(limit))
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("prune the audit: %w", err)
	}
	return int(n), nil
}

func (l auditLog) Query(ctx context.Context, f broker.AuditFilter) ([]broker.AuditEntry, error) {
	found, err := l.query(ctx, f)
	if err != nil {
		return nil, fmt.Errorf("query the audit: %w", l.s.readFault(ctx, err))
	}
	return found, nil
}

func (l auditLog) query(ctx context.Context, f broker.AuditFilter) ([]broker.AuditEntry, error) {
	query, args := l.s.auditQuery(f)
	rows, err := l.s.auditReaders.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }() // what went wrong, Err tells
	var found []broker.AuditEntry
	for rows.Next() {
		e, err := scanEntry(rows.Scan)
		if err != nil {
			return nil, err
		}
		found = append(found, e)
	}
	return found, rows.Err()
}

func scanEntry(scan func(...any) error) (e broker.AuditEntry, err error) {
	var at int64
	err = scan(&e.ID, &at, &e.Client, &e.Action, &e.App, &e.Kind, &e.Target,
		&e.Version, &e.Remote, &e.RequestID, &e.Result, &e.Count)
	e.At = nanos.Time(at)
	return e, err
}

// auditQuery builds the statement for a filter. All that comes from the filter is
// an argument.
func (s *Store) auditQuery(f broker.AuditFilter) (query string, args []any) {
	var where []string
	add := func(condition string, arg any) {
		where = append(where, condition)
		args = append(args, arg)
	}
	if f.Client != "" {
		add("client = ?", f.Client)
	}
	if f.Action != "" {
		add("action = ?", f.Action)
	}
	if f.App != "" {
		add("app = ?", f.App)
	}
	if !f.From.IsZero() {
		add("at >= ?", nanos.Of(f.From))
	}
	if !f.To.IsZero() {
		add("at < ?", nanos.Of(f.To))
	}
	if f.Before != 0 {
		add("id < ?", f.Before)
	}
	query = s.queries.queryAudit
	if len(where) > 0 {
		query += " WHERE " + strings.Join(where, " AND ")
	}
	query += " ORDER BY id DESC"
	if f.Limit > 0 {
		query += " LIMIT ?"
		args = append(args, f.Limit)
	}
	return s.dialect.bind(query), args
}
