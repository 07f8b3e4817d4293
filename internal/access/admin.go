package access

import (
	"context"
	"errors"
	"slices"

	"github.com/hufu-io/hufu/internal/acl"
	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/registry"
	"github.com/hufu-io/hufu/internal/renew"
)

// AppState is an app and how its tokens stand.
type AppState struct {
	App    *broker.App
	Tokens []renew.State
}

// App returns one app. It needs admin on it.
func (s *Service) App(c broker.Caller, id string) (AppState, error) {
	if err := s.may(c, broker.Admin, id); err != nil {
		return AppState{}, err
	}
	a := s.registry.App(id)
	if a == nil {
		return AppState{}, broker.ErrUnknownApp
	}
	st := AppState{App: a}
	for _, k := range s.tokens.Held(id) {
		if t, err := s.tokens.State(broker.Key{App: id, Kind: k}); err == nil {
			st.Tokens = append(st.Tokens, t)
		}
	}
	return st, nil
}

// Apps lists, in the order of their ids, the apps after the given id that the caller
// may manage.
func (s *Service) Apps(c broker.Caller, after string, limit int) ([]AppState, error) {
	if c.Client == nil || !c.Client.Rights.Has(broker.Admin) {
		return nil, s.refuse(s.lacks(c, broker.Admin, "", "some app", hintRights))
	}
	ids := s.registry.AppIDs()
	first, found := slices.BinarySearch(ids, after)
	if found {
		first++
	}
	list := []AppState{}
	prefixes := acl.Prefixes(c.Client)
	for ids = ids[first:]; len(ids) > 0 && len(list) < limit; {
		id := ids[0]
		if !acl.Allow(c.Client, broker.Admin, id) {
			ids = ids[acl.Skip(ids, prefixes):]
			continue
		}
		ids = ids[1:]
		if st, err := s.App(c, id); err == nil { // it may have been removed meanwhile
			list = append(list, st)
		}
	}
	return list, nil
}

// DeleteApp removes an app and its tokens.
func (s *Service) DeleteApp(ctx context.Context, c broker.Caller, id string) error {
	if err := s.may(c, broker.Admin, id); err != nil {
		return err
	}
	err := s.registry.DeleteApp(ctx, id)
	return s.changed(ctx, entryOf(c, "delete_app", id, err), err)
}

// Clients lists all clients. It needs admin on every app.
func (s *Service) Clients(c broker.Caller) ([]*broker.Client, error) {
	if err := s.may(c, broker.Admin, ""); err != nil {
		return nil, err
	}
	return s.registry.Clients(), nil
}

// AddClient adds a client and returns its new key, which is shown this once.
func (s *Service) AddClient(ctx context.Context, c broker.Caller, n *broker.Client) (broker.Secret, error) {
	if err := s.may(c, broker.Admin, ""); err != nil {
		return broker.Secret{}, err
	}
	key, err := s.registry.AddClient(ctx, n)
	e := entryOf(c, "add_client", "", err)
	e.Target = n.Name
	return key, s.changed(ctx, e, err)
}

// DeleteClient revokes a client.
func (s *Service) DeleteClient(ctx context.Context, c broker.Caller, name string) error {
	if err := s.may(c, broker.Admin, ""); err != nil {
		return err
	}
	err := s.registry.DeleteClient(ctx, name)
	e := entryOf(c, "delete_client", "", err)
	e.Target = name
	return s.changed(ctx, e, err)
}

// Audit reads the audit. It needs admin on the app that is asked for, or on every app.
func (s *Service) Audit(ctx context.Context, c broker.Caller, f broker.AuditFilter) ([]broker.AuditEntry, error) {
	if err := s.may(c, broker.Admin, f.App); err != nil {
		return nil, err
	}
	entries, err := s.audit.Query(ctx, f)
	if _, said := errors.AsType[*broker.Error](err); err != nil && !said && ctx.Err() == nil {
		err = broker.StoreAway(err)
	}
	return entries, err
}

// RotateKeys has the keyset rotated, if the caller may, and records what came of it.
func (s *Service) RotateKeys(ctx context.Context, c broker.Caller, rotate func() error) error {
	if err := s.may(c, broker.Admin, ""); err != nil {
		return err
	}
	err := rotate()
	// It may have taken longer than the caller waits.
	return s.changed(context.WithoutCancel(ctx), entryOf(c, "rotate_keys", "", err), err)
}

// changed records a change before it is answered. A change that cannot be accounted
// for is reported as a failure, although it was made. What was refused is counted: it
// changed nothing, and who asks for it without end is not to fill the audit.
func (s *Service) changed(ctx context.Context, e broker.AuditEntry, err error) error {
	return s.allChanged(ctx, err, e)
}

// allChanged is changed for a change that has several entries. The last one is that of a
// change that was refused.
func (s *Service) allChanged(ctx context.Context, err error, entries ...broker.AuditEntry) error {
	if refused(err) {
		e := entries[len(entries)-1]
		if said := broker.AsError(err); said.Class == broker.NotFound {
			e.Target = "" // it names nothing
			if !errors.Is(said, broker.ErrNoGrant) {
				e.App = ""
			}
		}
		s.audit.Count(e)
		return s.refuse(err)
	}
	if aerr := s.recorded(s.audit.Record(ctx, entries...)); aerr != nil && err == nil {
		return aerr
	}
	return err
}

// recorded is the failure of a change whose entry could not be written.
func (s *Service) recorded(err error) error {
	if err == nil {
		return nil
	}
	return &broker.Error{
		Code: "audit_failed", Class: broker.Transient, Err: err,
		Message: "the change was made, but its audit entry could not be stored yet", Hint: "look at the store; the entry is kept and written later",
	}
}

// refused reports whether an error says that nothing was changed.
func refused(err error) bool {
	if err == nil {
		return false
	}
	class := broker.AsError(err).Class
	return class == broker.NotFound || class == broker.Invalid || class == broker.Denied
}

// Health is how the tokens of all apps stand.
func (s *Service) Health() renew.Health { return s.tokens.Health() }

var _ registry.Keeper = (*renew.Manager)(nil)
