package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hufu-io/hufu/api"
	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/fleetkey"
	"github.com/hufu-io/hufu/internal/grant"
	"github.com/hufu-io/hufu/internal/login"
	"github.com/hufu-io/hufu/internal/oidc"
	"github.com/hufu-io/hufu/internal/registry"
	"github.com/hufu-io/hufu/internal/renew"
	"github.com/hufu-io/hufu/internal/seal"
	"github.com/hufu-io/hufu/internal/virtual"
)

// rotateTimeout bounds a rotation. A million records take minutes.
const rotateTimeout = time.Hour

// keyRotation rotates the keyset of a running server.
//
// The key before the new one stays in the keyset for one generation more, although
// nothing is sealed with it any more: a renewal that was under way may yet store a box
// of it, and a backup of the store from before the rotation still opens. Of the keys
// before that one, those go that no stored box names. A rotation that fails half way
// removes nothing and can be repeated.
type keyRotation struct {
	path     string
	keyring  *seal.Keyring
	store    broker.Store
	manager  *renew.Manager
	grants   *grant.Keeper
	registry *registry.Registry
	log      *slog.Logger
	name     string // of this server, among those that share the store
	shared   bool   // others do

	mu sync.Mutex // taken by the rotation that runs; nobody waits for it
}

// rotate adds a key, seals everything with it and removes keys that are not used.
func (k *keyRotation) rotate() (api.KeyRotation, error) {
	if !k.mu.TryLock() {
		return api.KeyRotation{}, &broker.Error{
			Code: api.CodeConflict, Class: broker.Invalid, Message: "the keys are being rotated already", Hint: "wait until that has ended",
		}
	}
	defer k.mu.Unlock()
	// Whoever asked may be gone before a long rotation ends, which is no reason to stop.
	ctx, cancel := context.WithTimeout(context.Background(), rotateTimeout)
	defer cancel()
	end, err := k.begin(ctx)
	if err != nil {
		return api.KeyRotation{}, err
	}
	defer end()
	res, err := k.steps(ctx)
	if err != nil {
		return api.KeyRotation{}, fmt.Errorf("rotate the keys: %w", explainRotation(err))
	}
	k.log.InfoContext(ctx, "the keyset was rotated; make a backup of it", "primary", res.Primary, "resealed", res.Resealed, "removed", res.Removed, "file", k.path)
	return res, nil
}

const (
	// rotationLease is the name of the lease on rotating, and rotationTTL how long it is
	// taken for at a time.
	rotationLease = "rotate/keys"
	rotationTTL   = time.Minute
	// rotationGap is how long servers that share a store have to take up a rotation before
	// the next one: each looks at the file every half a minute.
	rotationGap     = 2 * time.Minute
	rotationSetting = "keys_rotated" // when, on the store's clock
)

// begin makes this the only rotation of all servers that share the store, and refuses one
// that comes before they can have taken up the last one. The other one could remove a key
// that a server still seals with.
func (k *keyRotation) begin(ctx context.Context) (end func(), err error) {
	lease, err := k.store.Acquire(ctx, rotationLease, k.name, rotationTTL)
	switch {
	case errors.Is(err, broker.ErrLeaseHeld):
		return nil, &broker.Error{
			Code: api.CodeConflict, Class: broker.Invalid, Message: "another server rotates the keys", Hint: "wait until that has ended",
		}
	case err != nil:
		return nil, broker.StoreAway(err)
	}
	extend, stop := context.WithCancel(ctx)
	var wg sync.WaitGroup
	wg.Go(func() { k.hold(extend, lease) })
	end = func() {
		stop()
		wg.Wait()
		if err := k.store.Release(ctx, lease); err != nil {
			k.log.WarnContext(ctx, "lease not released, it will run out", "lease", lease.Name, "error", err)
		}
	}
	if err := k.mayBegin(ctx, lease.Acquired); err != nil {
		end()
		return nil, err
	}
	return end, nil
}

// hold keeps the lease while the rotation goes on.
func (k *keyRotation) hold(ctx context.Context, l broker.Lease) {
	tick := time.NewTicker(rotationTTL / 4)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			if err := k.store.Extend(ctx, l, rotationTTL); err != nil && ctx.Err() == nil {
				k.log.WarnContext(ctx, "the lease on rotating the keys was not extended", "error", err)
			}
		case <-ctx.Done():
			return
		}
	}
}

// mayBegin refuses a rotation that comes too soon after the last one, and notes this one.
func (k *keyRotation) mayBegin(ctx context.Context, now time.Time) error {
	if !k.shared {
		return nil
	}
	text, err := k.store.Setting(ctx, rotationSetting)
	if err != nil && !errors.Is(err, broker.ErrNotFound) {
		return broker.StoreAway(err)
	}
	if last, err := time.Parse(time.RFC3339, string(text)); err == nil && now.Sub(last) < rotationGap {
		return &broker.Error{
			Code: api.CodeConflict, Class: broker.Invalid, RetryAfter: rotationGap - now.Sub(last),
			Message: "the keys were rotated a moment ago, and not every server that shares the keyset may know it yet",
			Hint:    "rotate again when two minutes have passed",
		}
	}
	if err := k.store.PutSetting(ctx, rotationSetting, []byte(now.Format(time.RFC3339))); err != nil {
		return broker.StoreAway(err)
	}
	return nil
}

// explainRotation says of a keyset that can only be read where it is rotated.
func explainRotation(err error) error {
	if !errors.Is(err, seal.ErrUnwritable) {
		return err
	}
	return &broker.Error{
		Code: "keyset_read_only", Class: broker.Misconfigured, Message: "the keyset file cannot be replaced where this server has it",
		Hint: "where it is mounted read-only, or by itself, rotate at a server that can write the file and its folder, " +
			"and then let the others read the new file; they take it up by themselves",
		Err: err,
	}
}

func (k *keyRotation) steps(ctx context.Context) (api.KeyRotation, error) {
	var res api.KeyRotation
	// What another server has done to the file counts, also if nothing has shown it here yet.
	if err := k.keyring.Reload(); err != nil {
		return res, err
	}
	previous := k.keyring.Primary()
	var err error
	if res.Primary, err = seal.Rotate(k.path); err != nil {
		return res, err
	}
	if err := k.keyring.Reload(); err != nil {
		return res, err
	}
	records, err := k.manager.Reseal(ctx)
	if err != nil {
		return res, err
	}
	definitions, err := k.registry.Reseal(ctx)
	if err != nil {
		return res, err
	}
	grants, err := k.grants.Reseal(ctx)
	if err != nil {
		return res, err
	}
	res.Resealed = records + definitions + grants
	for _, key := range fleetKeys() {
		if err := key.Reseal(ctx, k.store, k.keyring); err != nil {
			return res, err
		}
	}
	if err := oidc.RotateKey(ctx, k.store, k.keyring, k.manager.Now()); err != nil {
		return res, err
	}
	proof, err := k.keyring.Proof()
	if err != nil {
		return res, err
	}
	if err := k.store.PutSetting(ctx, proofSetting, proof); err != nil {
		return res, fmt.Errorf("store the proof of the keyset: %w", err)
	}
	used, err := k.used(ctx)
	if err != nil {
		return res, err
	}
	drop := slices.DeleteFunc(k.keyring.Keys(), func(id uint32) bool {
		return id == res.Primary || id == previous || used[id]
	})
	removed, err := seal.Prune(k.path, drop)
	if err != nil {
		return res, err
	}
	res.Removed = len(removed)
	return res, k.keyring.Reload()
}

// used tells which keys the store's boxes name. Sealing again has replaced all that it
// could; what it passed over, such as an app that the configuration file hides, keeps
// its key.
func (k *keyRotation) used(ctx context.Context) (map[uint32]bool, error) {
	used := map[uint32]bool{}
	for r, err := range k.store.All(ctx) {
		if err != nil {
			return nil, fmt.Errorf("read stored tokens: %w", err)
		}
		used[seal.SealedWith(r.Current.Box)] = true
		used[seal.SealedWith(r.Previous.Box)] = true
	}
	for g, err := range k.store.Grants().All(ctx) {
		if err != nil {
			return nil, fmt.Errorf("read stored grants: %w", err)
		}
		used[seal.SealedWith(g.Box)] = true
	}
	for _, defs := range []broker.DefinitionStore{k.store.Apps(), k.store.Clients()} {
		for d, err := range defs.All(ctx) {
			if err != nil {
				return nil, fmt.Errorf("read stored apps and clients: %w", err)
			}
			used[seal.SealedWith(d.Sealed)] = true
		}
	}
	for _, key := range fleetKeys() {
		box, err := k.store.Setting(ctx, key.Setting)
		switch {
		case errors.Is(err, broker.ErrNotFound):
		case err != nil:
			return nil, fmt.Errorf("read %s: %w", key.What, err)
		default:
			used[seal.SealedWith(box)] = true
		}
	}
	return used, nil
}

// fleetKeys are the keys that all servers have in common beside the keyset.
func fleetKeys() []fleetkey.Key { return []fleetkey.Key{virtual.Key, login.Key, oidc.Key} }

// keysetLook is how often a server looks whether another one that shares its keyset file
// has rotated the keys. A box of a key that is new to it has it look at once; this is for
// one that meets none, so that it does not go on sealing with a key that is about to go.
const keysetLook = 30 * time.Second

// keysetFault is why the keyset file cannot be followed any more, as readiness tells; nil
// while it can.
type keysetFault = atomic.Pointer[broker.Error]

// keysetFaultOf is what is wrong with a keyset that was read again.
func keysetFaultOf(err error) *broker.Error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, seal.ErrWrongKeyset):
		// As after two rotations elsewhere, when this server's key has been removed.
		return &broker.Error{Code: "keyset_behind", Class: broker.Misconfigured, Err: err}
	default:
		return &broker.Error{Code: "keyset_unreadable", Class: broker.Misconfigured, Err: err}
	}
}

func (s *server) followKeyset(ctx context.Context) {
	tick := time.NewTicker(keysetLook)
	defer tick.Stop()
	told := ""
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		err := s.keyring.Reload()
		s.behind.Store(keysetFaultOf(err))
		switch {
		case err == nil:
			told = ""
		case err.Error() != told:
			told = err.Error()
			s.log.ErrorContext(ctx, "the keyset file cannot be read again; the keys in use stay in use", "file", s.cfg.KeysetFile, "error", err)
		}
	}
}
