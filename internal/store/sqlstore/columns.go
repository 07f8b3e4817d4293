package sqlstore

import (
	"time"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/store/nanos"
)

// The columns of a record besides its key, by how they are read. Statements, their
// arguments and the decoding of rows are all made from these tables, so that they
// cannot disagree.

type numberColumn struct {
	name string
	get  func(*broker.Record) int64
	set  func(*broker.Record, int64)
}

type textColumn struct {
	name string
	get  func(*broker.Record) string
	set  func(*broker.Record, string)
}

type boxColumn struct {
	name string
	box  func(*broker.Record) *[]byte
}

// columns is the layout of the records table. Version comes first.
type columns struct {
	numbers []numberColumn
	texts   []textColumn
	boxes   []boxColumn
}

func recordColumns() columns {
	type R = *broker.Record
	return columns{
		numbers: []numberColumn{
			number("version", func(r R) *broker.Version { return &r.Version }),
			number("current_version", func(r R) *broker.Version { return &r.Current.Version }),
			instant("current_issued", func(r R) *time.Time { return &r.Current.Issued }),
			instant("current_expiry", func(r R) *time.Time { return &r.Current.Expiry }),
			instant("current_until", func(r R) *time.Time { return &r.Current.Until }),
			number("previous_version", func(r R) *broker.Version { return &r.Previous.Version }),
			instant("previous_issued", func(r R) *time.Time { return &r.Previous.Issued }),
			instant("previous_expiry", func(r R) *time.Time { return &r.Previous.Expiry }),
			instant("previous_until", func(r R) *time.Time { return &r.Previous.Until }),
			instant("due", func(r R) *time.Time { return &r.Due }),
			number("rejected", func(r R) *broker.Version { return &r.Rejected }),
			number("failure_attempts", func(r R) *int { return &r.Failure.Attempts }),
			instant("failure_first", func(r R) *time.Time { return &r.Failure.First }),
			instant("failure_last", func(r R) *time.Time { return &r.Failure.Last }),
			instant("failure_not_before", func(r R) *time.Time { return &r.Failure.NotBefore }),
			instant("failure_unknown_at", func(r R) *time.Time { return &r.Failure.UnknownAt }),
			number("budget_day", func(r R) *int { return &r.Budget.Day }),
			number("budget_issues", func(r R) *int { return &r.Budget.Issues }),
			number("budget_unplanned", func(r R) *int { return &r.Budget.Unplanned }),
			number("budget_forced", func(r R) *int { return &r.Budget.Forced }),
			number("budget_streak", func(r R) *int { return &r.Budget.Streak }),
			instant("budget_last_unplanned", func(r R) *time.Time { return &r.Budget.LastUnplanned }),
			instant("budget_last_forced", func(r R) *time.Time { return &r.Budget.LastForced }),
			number("foreign_count", func(r R) *int { return &r.Foreign.Count }),
			instant("foreign_last", func(r R) *time.Time { return &r.Foreign.Last }),
		},
		texts: []textColumn{
			text("failure_class", func(r R) *broker.Class { return &r.Failure.Class }),
			text("failure_code", func(r R) *string { return &r.Failure.Code }),
			text("failure_message", func(r R) *string { return &r.Failure.Message }),
			text("failure_hint", func(r R) *string { return &r.Failure.Hint }),
			text("failure_platform_code", func(r R) *string { return &r.Failure.PlatformCode }),
			text("failure_platform_message", func(r R) *string { return &r.Failure.PlatformMessage }),
			text("secret", func(r R) *string { return &r.Secret }),
			text("source", func(r R) *string { return &r.Source }),
		},
		boxes: []boxColumn{
			{"current_box", func(r R) *[]byte { return &r.Current.Box }},
			{"previous_box", func(r R) *[]byte { return &r.Previous.Box }},
		},
	}
}

// names lists the columns in the order of args.
func (c columns) names() []string {
	var names []string
	for _, n := range c.numbers {
		names = append(names, n.name)
	}
	for _, t := range c.texts {
		names = append(names, t.name)
	}
	for _, b := range c.boxes {
		names = append(names, b.name)
	}
	return names
}

func (c columns) count() int { return len(c.numbers) + len(c.texts) + len(c.boxes) }

// args appends the values of r.
func (c columns) args(args []any, r *broker.Record) []any {
	for _, n := range c.numbers {
		args = append(args, n.get(r))
	}
	for _, t := range c.texts {
		args = append(args, clean(t.get(r)))
	}
	for _, b := range c.boxes {
		args = append(args, *b.box(r))
	}
	return args
}

func number[T ~int | ~int64](name string, field func(*broker.Record) *T) numberColumn {
	return numberColumn{
		name: name,
		get:  func(r *broker.Record) int64 { return int64(*field(r)) },
		set:  func(r *broker.Record, n int64) { *field(r) = T(n) },
	}
}

func instant(name string, field func(*broker.Record) *time.Time) numberColumn {
	return numberColumn{
		name: name,
		get:  func(r *broker.Record) int64 { return nanos.Of(*field(r)) },
		set:  func(r *broker.Record, n int64) { *field(r) = nanos.Time(n) },
	}
}

func text[T ~string](name string, field func(*broker.Record) *T) textColumn {
	return textColumn{
		name: name,
		get:  func(r *broker.Record) string { return string(*field(r)) },
		set:  func(r *broker.Record, s string) { *field(r) = T(s) },
	}
}
