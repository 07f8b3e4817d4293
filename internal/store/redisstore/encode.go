package redisstore

import (
	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/store/nanos"
)

// What stands in Redis, as JSON. Zero fields are left out, and fields that are not known
// are passed over, so that servers of two versions can work side by side. A field keeps
// its name and its meaning for ever. Times are unix nanoseconds. JSON takes any text: what
// is no UTF-8 is replaced.

type storedToken struct {
	Version int64  `json:"version,omitzero"`
	Box     []byte `json:"box,omitempty"`
	Issued  int64  `json:"issued,omitzero"`
	Expiry  int64  `json:"expiry,omitzero"`
	Until   int64  `json:"until,omitzero"`
}

type storedFailure struct {
	Class           string `json:"class,omitzero"`
	Code            string `json:"code,omitzero"`
	Message         string `json:"message,omitzero"`
	Hint            string `json:"hint,omitzero"`
	PlatformCode    string `json:"platform_code,omitzero"`
	PlatformMessage string `json:"platform_message,omitzero"`
	Attempts        int    `json:"attempts,omitzero"`
	First           int64  `json:"first,omitzero"`
	Last            int64  `json:"last,omitzero"`
	NotBefore       int64  `json:"not_before,omitzero"`
	UnknownAt       int64  `json:"unknown_at,omitzero"`
}

type storedBudget struct {
	Day           int   `json:"day,omitzero"`
	Issues        int   `json:"issues,omitzero"`
	Unplanned     int   `json:"unplanned,omitzero"`
	Forced        int   `json:"forced,omitzero"`
	Streak        int   `json:"streak,omitzero"`
	LastUnplanned int64 `json:"last_unplanned,omitzero"`
	LastForced    int64 `json:"last_forced,omitzero"`
}

type storedForeign struct {
	Count int   `json:"count,omitzero"`
	Last  int64 `json:"last,omitzero"`
}

// storedRecord is a record without its key and its version, which stand beside it.
type storedRecord struct {
	Current  storedToken   `json:"current,omitzero"`
	Previous storedToken   `json:"previous,omitzero"`
	Due      int64         `json:"due,omitzero"`
	Rejected int64         `json:"rejected,omitzero"`
	Failure  storedFailure `json:"failure,omitzero"`
	Budget   storedBudget  `json:"budget,omitzero"`
	Foreign  storedForeign `json:"foreign,omitzero"`
	Secret   string        `json:"secret,omitzero"`
	Source   string        `json:"source,omitzero"`
	Refresh  []byte        `json:"refresh,omitempty"`
	Seed     string        `json:"seed,omitzero"`
}

func storedRecordOf(r *broker.Record) *storedRecord {
	f, b := &r.Failure, &r.Budget
	return &storedRecord{
		Current: storedTokenOf(&r.Current), Previous: storedTokenOf(&r.Previous),
		Due: nanos.Of(r.Due), Rejected: int64(r.Rejected),
		Failure: storedFailureOf(f),
		Budget: storedBudget{
			Day: b.Day, Issues: b.Issues, Unplanned: b.Unplanned, Forced: b.Forced, Streak: b.Streak,
			LastUnplanned: nanos.Of(b.LastUnplanned), LastForced: nanos.Of(b.LastForced),
		},
		Foreign: storedForeign{r.Foreign.Count, nanos.Of(r.Foreign.Last)},
		Secret:  r.Secret, Source: r.Source, Refresh: r.Refresh, Seed: r.Seed,
	}
}

func (s *storedRecord) record() broker.Record {
	f, b := &s.Failure, &s.Budget
	return broker.Record{
		Current: s.Current.token(), Previous: s.Previous.token(),
		Due: nanos.Time(s.Due), Rejected: broker.Version(s.Rejected),
		Failure: f.failure(),
		Budget: broker.Budget{
			Day: b.Day, Issues: b.Issues, Unplanned: b.Unplanned, Forced: b.Forced, Streak: b.Streak,
			LastUnplanned: nanos.Time(b.LastUnplanned), LastForced: nanos.Time(b.LastForced),
		},
		Foreign: broker.Foreign{Count: s.Foreign.Count, Last: nanos.Time(s.Foreign.Last)},
		Secret:  s.Secret, Source: s.Source, Refresh: s.Refresh, Seed: s.Seed,
	}
}

func storedFailureOf(f *broker.Failure) storedFailure {
	return storedFailure{
		Class: string(f.Class), Code: f.Code, Message: f.Message, Hint: f.Hint,
		PlatformCode: f.PlatformCode, PlatformMessage: f.PlatformMessage, Attempts: f.Attempts,
		First: nanos.Of(f.First), Last: nanos.Of(f.Last), NotBefore: nanos.Of(f.NotBefore), UnknownAt: nanos.Of(f.UnknownAt),
	}
}

func (f *storedFailure) failure() broker.Failure {
	return broker.Failure{
		Class: broker.Class(f.Class), Code: f.Code, Message: f.Message, Hint: f.Hint,
		PlatformCode: f.PlatformCode, PlatformMessage: f.PlatformMessage, Attempts: f.Attempts,
		First: nanos.Time(f.First), Last: nanos.Time(f.Last), NotBefore: nanos.Time(f.NotBefore), UnknownAt: nanos.Time(f.UnknownAt),
	}
}

func storedTokenOf(t *broker.SealedToken) storedToken {
	return storedToken{int64(t.Version), t.Box, nanos.Of(t.Issued), nanos.Of(t.Expiry), nanos.Of(t.Until)}
}

func (s *storedToken) token() broker.SealedToken {
	return broker.SealedToken{
		Version: broker.Version(s.Version), Box: s.Box,
		Issued: nanos.Time(s.Issued), Expiry: nanos.Time(s.Expiry), Until: nanos.Time(s.Until),
	}
}

// storedGrant is a grant without its key and its version.
type storedGrant struct {
	Box        []byte        `json:"box,omitempty"`
	Token      int64         `json:"token,omitzero"`
	UnionID    string        `json:"union_id,omitzero"`
	Scope      string        `json:"scope,omitzero"`
	Snapshot   bool          `json:"snapshot,omitzero"`
	Authorized int64         `json:"authorized,omitzero"`
	Issued     int64         `json:"issued,omitzero"`
	Expiry     int64         `json:"expiry,omitzero"`
	Deadline   int64         `json:"deadline,omitzero"`
	Ended      int64         `json:"ended,omitzero"`
	Failure    storedFailure `json:"failure,omitzero"`
	Claim      storedClaim   `json:"claim,omitzero"`
	Source     string        `json:"source,omitzero"`
}

type storedClaim struct {
	Holder string `json:"holder,omitzero"`
	Until  int64  `json:"until,omitzero"`
}

func storedGrantOf(g *broker.Grant) *storedGrant {
	return &storedGrant{
		Box: g.Box, Token: int64(g.Token), UnionID: g.UnionID, Scope: g.Scope, Snapshot: g.Snapshot,
		Authorized: nanos.Of(g.Authorized), Issued: nanos.Of(g.Issued), Expiry: nanos.Of(g.Expiry),
		Deadline: nanos.Of(g.Deadline), Ended: nanos.Of(g.Ended), Failure: storedFailureOf(&g.Failure),
		Claim: storedClaim{g.Claim.Holder, nanos.Of(g.Claim.Until)}, Source: g.Source,
	}
}

func (s *storedGrant) grant() broker.Grant {
	return broker.Grant{
		Box: s.Box, Token: broker.Version(s.Token), UnionID: s.UnionID, Scope: s.Scope, Snapshot: s.Snapshot,
		Authorized: nanos.Time(s.Authorized), Issued: nanos.Time(s.Issued), Expiry: nanos.Time(s.Expiry),
		Deadline: nanos.Time(s.Deadline), Ended: nanos.Time(s.Ended), Failure: s.Failure.failure(),
		Claim: broker.RenewalClaim{Holder: s.Claim.Holder, Until: nanos.Time(s.Claim.Until)}, Source: s.Source,
	}
}

// storedDefinition is a definition without its name and its version. Its settings are a
// text that stays as it is, in which operators can read.
type storedDefinition struct {
	Spec   string `json:"spec,omitzero"`
	Sealed []byte `json:"sealed,omitempty"`
}

// storedEntry is an entry of the audit without its id.
type storedEntry struct {
	At        int64  `json:"at,omitzero"`
	Client    string `json:"client,omitzero"`
	Action    string `json:"action,omitzero"`
	App       string `json:"app,omitzero"`
	Kind      string `json:"kind,omitzero"`
	Target    string `json:"target,omitzero"`
	Version   int64  `json:"version,omitzero"`
	Remote    string `json:"remote,omitzero"`
	RequestID string `json:"request_id,omitzero"`
	Result    string `json:"result,omitzero"`
	Count     int    `json:"count,omitzero"`
}

func storedEntryOf(e *broker.AuditEntry) *storedEntry {
	return &storedEntry{
		At: nanos.Of(e.At), Client: e.Client, Action: e.Action, App: e.App, Kind: string(e.Kind), Target: e.Target,
		Version: int64(e.Version), Remote: e.Remote, RequestID: e.RequestID, Result: e.Result, Count: e.Count,
	}
}

func (s *storedEntry) entry(id int64) broker.AuditEntry {
	return broker.AuditEntry{
		ID: id, At: nanos.Time(s.At), Client: s.Client, Action: s.Action, App: s.App, Kind: broker.Kind(s.Kind), Target: s.Target,
		Version: broker.Version(s.Version), Remote: s.Remote, RequestID: s.RequestID, Result: s.Result, Count: s.Count,
	}
}
