package renew

import (
	"math"
	"slices"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
)

// snapshot is what readers see of one key. It is small, because there may be a
// million, and never changes; a new one replaces it.
type snapshot struct {
	secret   broker.Secret
	version  broker.Version // of the token; zero: there is none
	record   broker.Version // of the record it was read from
	rejected broker.Version
	issued   int64 // instants in nanoseconds since 1970 on the store's clock
	expiry   int64
	until    int64
	due      int64
	day      int32 // of the budget, and the issues that were made on it
	issues   int32
	leaked   bool            // the token before this one was
	failure  *broker.Failure // nil while all is well
	seldom   *seldom         // nil for most
}

// seldom is what most keys do not have.
type seldom struct {
	budget broker.Budget // more than its day and issues, where something out of the plan was asked of the platform
	// refresh and seed are those of the record. What is in memory is all that is left of
	// them where the store has lost writes.
	refresh []byte
	seed    string
}

// noSnapshot stands for a key of which nothing is known yet.
var noSnapshot = &snapshot{}

func stamp(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixNano()
}

func unstamp(n int64) time.Time {
	if n == 0 {
		return time.Time{}
	}
	return time.Unix(0, n)
}

func newSnapshot(r *broker.Record, secret broker.Secret) *snapshot {
	s := &snapshot{
		secret: secret, version: r.Current.Version, record: r.Version, rejected: r.Rejected,
		issued: stamp(r.Current.Issued), expiry: stamp(r.Current.Expiry), until: stamp(r.Current.Until), due: stamp(r.Due),
	}
	s.day, s.issues, s.leaked = int32(r.Budget.Day), int32(min(r.Budget.Issues, math.MaxInt32)), leaked(*r) //nolint:gosec // days since 1970
	if !r.Failure.IsZero() {
		f := r.Failure
		s.failure = &f
	}
	if !r.Budget.LastUnplanned.IsZero() || !r.Budget.LastForced.IsZero() || len(r.Refresh) > 0 {
		s.seldom = &seldom{r.Budget, slices.Clone(r.Refresh), r.Seed}
	}
	return s
}

// usable reports whether the token may be handed out.
func (s *snapshot) usable(now time.Time) bool {
	return s.version != 0 && s.version != s.rejected && !s.secret.IsZero() && now.UnixNano() < s.expiry
}

func (s *snapshot) token(k broker.Key) broker.Token {
	return broker.Token{
		Key: k, Secret: s.secret, Version: s.version,
		Issued: unstamp(s.issued), Expiry: unstamp(s.expiry), Until: unstamp(s.until),
	}
}

// outline is the part of the record that the snapshot knows: enough to decide
// whether anything has to be done at all.
func (s *snapshot) outline(k broker.Key, source string) broker.Record {
	r := broker.Record{
		Key: k, Version: s.record, Due: unstamp(s.due), Rejected: s.rejected, Source: source,
		Current: broker.SealedToken{
			Version: s.version, Issued: unstamp(s.issued), Expiry: unstamp(s.expiry), Until: unstamp(s.until),
		},
	}
	if s.failure != nil {
		r.Failure = *s.failure
	}
	r.Budget.Day, r.Budget.Issues = int(s.day), int(s.issues)
	if s.seldom != nil {
		r.Budget, r.Refresh, r.Seed = s.seldom.budget, s.seldom.refresh, s.seldom.seed
	}
	return r
}
