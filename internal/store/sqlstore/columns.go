package sqlstore

import (
	"strings"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/store/nanos"
)

// The columns of a record or a grant besides its key, by how they are read. Statements,
// their arguments and the decoding of rows are all made from these tables, so that they
// cannot disagree.

type numberColumn[T any] struct {
	name string
	get  func(*T) int64
	set  func(*T, int64)
}

type textColumn[T any] struct {
	name string
	get  func(*T) string
	set  func(*T, string)
}

type boxColumn[T any] struct {
	name string
	box  func(*T) *[]byte
}

// columns is the layout of a table. Version comes first.
type columns[T any] struct {
	numbers []numberColumn[T]
	texts   []textColumn[T]
	boxes   []boxColumn[T]
}

func recordColumns() columns[broker.Record] {
	type R = *broker.Record
	failed := failureColumns(func(r R) *broker.Failure { return &r.Failure })
	return columns[broker.Record]{
		numbers: append([]numberColumn[broker.Record]{
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
			number("budget_day", func(r R) *int { return &r.Budget.Day }),
			number("budget_issues", func(r R) *int { return &r.Budget.Issues }),
			number("budget_unplanned", func(r R) *int { return &r.Budget.Unplanned }),
			number("budget_forced", func(r R) *int { return &r.Budget.Forced }),
			number("budget_streak", func(r R) *int { return &r.Budget.Streak }),
			instant("budget_last_unplanned", func(r R) *time.Time { return &r.Budget.LastUnplanned }),
			instant("budget_last_forced", func(r R) *time.Time { return &r.Budget.LastForced }),
			number("foreign_count", func(r R) *int { return &r.Foreign.Count }),
			instant("foreign_last", func(r R) *time.Time { return &r.Foreign.Last }),
		}, failed.numbers...),
		texts: append([]textColumn[broker.Record]{
			text("secret", func(r R) *string { return &r.Secret }),
			text("source", func(r R) *string { return &r.Source }),
			text("seed", func(r R) *string { return &r.Seed }),
		}, failed.texts...),
		boxes: []boxColumn[broker.Record]{
			{"current_box", func(r R) *[]byte { return &r.Current.Box }},
			{"previous_box", func(r R) *[]byte { return &r.Previous.Box }},
			{"refresh_box", func(r R) *[]byte { return &r.Refresh }},
		},
	}
}

func grantColumns() columns[broker.Grant] {
	type G = *broker.Grant
	failed := failureColumns(func(g G) *broker.Failure { return &g.Failure })
	return columns[broker.Grant]{
		numbers: append([]numberColumn[broker.Grant]{
			number("version", func(g G) *broker.Version { return &g.Version }),
			number("token", func(g G) *broker.Version { return &g.Token }),
			flag("snapshot", func(g G) *bool { return &g.Snapshot }),
			instant("authorized", func(g G) *time.Time { return &g.Authorized }),
			instant("issued", func(g G) *time.Time { return &g.Issued }),
			instant("expiry", func(g G) *time.Time { return &g.Expiry }),
			instant("deadline", func(g G) *time.Time { return &g.Deadline }),
			instant("ended", func(g G) *time.Time { return &g.Ended }),
			instant("claim_until", func(g G) *time.Time { return &g.Claim.Until }),
		}, failed.numbers...),
		texts: append([]textColumn[broker.Grant]{
			text("union_id", func(g G) *string { return &g.UnionID }),
			text("scope", func(g G) *string { return &g.Scope }),
			text("claim_holder", func(g G) *string { return &g.Claim.Holder }),
			text("source", func(g G) *string { return &g.Source }),
		}, failed.texts...),
		boxes: []boxColumn[broker.Grant]{
			{"box", func(g G) *[]byte { return &g.Box }},
		},
	}
}

// failureColumns are those of what went wrong.
func failureColumns[T any](of func(*T) *broker.Failure) columns[T] {
	return columns[T]{
		numbers: []numberColumn[T]{
			number("failure_attempts", func(t *T) *int { return &of(t).Attempts }),
			instant("failure_first", func(t *T) *time.Time { return &of(t).First }),
			instant("failure_last", func(t *T) *time.Time { return &of(t).Last }),
			instant("failure_not_before", func(t *T) *time.Time { return &of(t).NotBefore }),
			instant("failure_unknown_at", func(t *T) *time.Time { return &of(t).UnknownAt }),
		},
		texts: []textColumn[T]{
			text("failure_class", func(t *T) *broker.Class { return &of(t).Class }),
			text("failure_code", func(t *T) *string { return &of(t).Code }),
			text("failure_message", func(t *T) *string { return &of(t).Message }),
			text("failure_hint", func(t *T) *string { return &of(t).Hint }),
			text("failure_platform_code", func(t *T) *string { return &of(t).PlatformCode }),
			text("failure_platform_message", func(t *T) *string { return &of(t).PlatformMessage }),
		},
	}
}

// names lists the columns in the order of args.
func (c columns[T]) names() []string {
	names := c.numberNames()
	for _, t := range c.texts {
		names = append(names, t.name)
	}
	for _, b := range c.boxes {
		names = append(names, b.name)
	}
	return names
}

func (c columns[T]) numberNames() []string {
	var names []string
	for _, n := range c.numbers {
		names = append(names, n.name)
	}
	return names
}

// selected is how a row is read. What that costs is its number of columns. One column with
// all numbers as text takes two fifths of the time off.
func (c columns[T]) selected() string {
	numbers := c.numberNames()
	return "concat_ws(',', " + strings.Join(numbers, ", ") + "), " + strings.Join(c.names()[len(numbers):], ", ")
}

// assigned sets all columns to arguments.
func (c columns[T]) assigned() string { return strings.Join(c.names(), " = ?, ") + " = ?" }

func (c columns[T]) count() int { return len(c.numbers) + len(c.texts) + len(c.boxes) }

// args appends the values of t.
func (c columns[T]) args(args []any, t *T) []any {
	for _, n := range c.numbers {
		args = append(args, n.get(t))
	}
	for _, x := range c.texts {
		args = append(args, clean(x.get(t)))
	}
	for _, b := range c.boxes {
		args = append(args, *b.box(t))
	}
	return args
}

func number[T any, N ~int | ~int64](name string, field func(*T) *N) numberColumn[T] {
	return numberColumn[T]{
		name: name,
		get:  func(t *T) int64 { return int64(*field(t)) },
		set:  func(t *T, n int64) { *field(t) = N(n) },
	}
}

func flag[T any](name string, field func(*T) *bool) numberColumn[T] {
	return numberColumn[T]{
		name: name,
		get: func(t *T) int64 {
			if *field(t) {
				return 1
			}
			return 0
		},
		set: func(t *T, n int64) { *field(t) = n != 0 },
	}
}

func instant[T any](name string, field func(*T) *time.Time) numberColumn[T] {
	return numberColumn[T]{
		name: name,
		get:  func(t *T) int64 { return nanos.Of(*field(t)) },
		set:  func(t *T, n int64) { *field(t) = nanos.Time(n) },
	}
}

func text[T any, S ~string](name string, field func(*T) *S) textColumn[T] {
	return textColumn[T]{
		name: name,
		get:  func(t *T) string { return string(*field(t)) },
		set:  func(t *T, s string) { *field(t) = S(s) },
	}
}
