package storecopy

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"iter"
	"math/bits"
	"strings"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
)

// sum stands for any number of things in any order: it is how many there are, and the sum
// of their hashes. Sums and not exclusive ors, in which two that are equal would be none.
type sum struct {
	n     int
	total [4]uint64
}

func (s *sum) add(form []byte) {
	s.n++
	h := sha256.Sum256(form)
	var carry uint64
	for i := range s.total {
		s.total[i], carry = bits.Add64(s.total[i], binary.BigEndian.Uint64(h[8*i:]), carry)
	}
}

// former gives the one form of a thing, whichever store it came from. No two things that
// differ share a form.
type former[T any] func(T) (any, bool)

// digest sums up a table. What has no form is passed over.
func digest[T any](seq iter.Seq2[T, error], form former[T]) (s sum, err error) {
	for v, err := range seq {
		if err != nil {
			return s, err
		}
		f, counts := form(v)
		if !counts {
			continue
		}
		data, err := json.Marshal(f)
		if err != nil {
			return s, fmt.Errorf("digest: %w", err)
		}
		s.add(data)
	}
	return s, nil
}

// inOrder makes a thing's place a part of its form.
func inOrder[T any](form func() former[T]) func() former[T] {
	return func() former[T] {
		n, of := 0, form()
		return func(v T) (any, bool) {
			n++
			f, counts := of(v)
			return []any{n, f}, counts
		}
	}
}

func recordForm() former[broker.Record] {
	return func(r broker.Record) (any, bool) {
		key := r.Key.String()
		r.Key = broker.Key{}
		r.Current.Box, r.Previous.Box, r.Refresh = bare(r.Current.Box), bare(r.Previous.Box), bare(r.Refresh)
		r.Failure = failure(r.Failure)
		r.Secret, r.Source, r.Seed = text(r.Secret), text(r.Source), text(r.Seed)
		return struct {
			Key string
			broker.Record
		}{key, r}, true
	}
}

func grantForm() former[broker.Grant] {
	return func(g broker.Grant) (any, bool) {
		key := g.Key.String() // JSON would make one of users whose names are no text
		g.Key = broker.Key{}
		g.Box = bare(g.Box)
		g.Failure = failure(g.Failure)
		for _, s := range []*string{&g.UnionID, &g.Scope, &g.Claim.Holder, &g.Source} {
			*s = text(*s)
		}
		return struct {
			Key string
			broker.Grant
		}{key, g}, true
	}
}

func failure(f broker.Failure) broker.Failure {
	f.Class = broker.Class(text(string(f.Class)))
	for _, s := range []*string{&f.Code, &f.Message, &f.Hint, &f.PlatformCode, &f.PlatformMessage} {
		*s = text(*s)
	}
	return f
}

func definitionForm() former[broker.Definition] {
	return func(d broker.Definition) (any, bool) {
		d.Spec, d.Sealed = bare(d.Spec), bare(d.Sealed)
		return d, true
	}
}

func settingForm() former[broker.Setting] {
	return func(s broker.Setting) (any, bool) {
		s.Value = bare(s.Value)
		return s, s.Name != unfinished
	}
}

func entryForm() former[broker.AuditEntry] {
	return func(e broker.AuditEntry) (any, bool) {
		e.ID = 0 // the copy has its own
		e.Kind = broker.Kind(text(string(e.Kind)))
		for _, s := range []*string{&e.Client, &e.Action, &e.App, &e.Target, &e.Remote, &e.RequestID, &e.Result} {
			*s = text(*s)
		}
		return e, true
	}
}

func doubtForm() former[broker.Lease] {
	return func(l broker.Lease) (any, bool) {
		l.Acquired = l.Acquired.Truncate(time.Microsecond) // Redis knows no more
		l.Expiry = time.Time{}
		return l, true
	}
}

// bare makes no difference between nothing and an empty value: stores do not.
func bare(b []byte) []byte {
	if len(b) == 0 {
		return nil
	}
	return b
}

// text is a text as every store takes it. Databases take no zero byte.
func text(s string) string { return strings.ReplaceAll(s, "\x00", "\uFFFD") }
