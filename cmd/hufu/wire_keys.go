package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/hufu-io/hufu/api"
	"github.com/hufu-io/hufu/internal/broker"
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
	registry *registry.Registry
	log      *slog.Logger

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
	res, err := k.steps(ctx)
	if err != nil {
		return api.KeyRotation{}, fmt.Errorf("rotate the keys: %w", explainRotation(err))
	}
	k.log.InfoContext(ctx, "the keyset was rotated; make a backup of it", "primary", res.Primary, "resealed", res.Resealed, "removed", res.Removed, "file", k.path)
	return res, nil
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
	res.Resealed = records + definitions
	if err := virtual.Reseal(ctx, k.store, k.keyring); err != nil {
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
	for _, defs := range []broker.DefinitionStore{k.store.Apps(), k.store.Clients()} {
		for d, err := range defs.All(ctx) {
			if err != nil {
				return nil, fmt.Errorf("read stored apps and clients: %w", err)
			}
			used[seal.SealedWith(d.Sealed)] = true
		}
	}
	box, err := k.store.Setting(ctx, virtual.Setting)
	if err != nil {
		return nil, fmt.Errorf("read the key of virtual tokens: %w", err)
	}
	used[seal.SealedWith(box)] = true
	return used, nil
}

// keysetLook is how often a server looks whether another one that shares its keyset file
// has rotated the keys. A box of a key that is new to it has it look at once; this is for
// one that meets none, so that it does not go on sealing with a key that is about to go.
const keysetLook = 30 * time.Second

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
		switch err := s.keyring.Reload(); {
		case err == nil:
			told = ""
		case err.Error() != told:
			told = err.Error()
			s.log.ErrorContext(ctx, "the keyset file cannot be read again; the keys in use stay in use", "file", s.cfg.KeysetFile, "error", err)
		}
	}
}
