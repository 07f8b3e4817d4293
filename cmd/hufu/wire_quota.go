package main

import (
	"context"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/quota"
	"github.com/hufu-io/hufu/internal/renew"
)

// keeper tells the meter of apps that are no longer what was counted.
type keeper struct {
	*renew.Manager
	meter *quota.Meter
}

// SetApp registers an app. Quotas belong to a registration at a platform: another one
// begins with none of them used.
func (k keeper) SetApp(ctx context.Context, a *broker.App) error {
	return k.set(ctx, a, k.Manager.SetApp)
}

// HearOfApp registers an app that another server has stored.
func (k keeper) HearOfApp(ctx context.Context, a *broker.App) error {
	return k.set(ctx, a, k.Manager.HearOfApp)
}

func (k keeper) set(ctx context.Context, a *broker.App, set func(context.Context, *broker.App) error) error {
	old := k.App(a.ID)
	err := set(ctx, a)
	if now := k.App(a.ID); old != nil && now != nil && (old.Platform != now.Platform || old.AppID != now.AppID || old.BaseURL != now.BaseURL) {
		k.meter.Forget(a.ID)
	}
	return err
}

// RemoveApp removes an app.
func (k keeper) RemoveApp(ctx context.Context, id string) error {
	err := k.Manager.RemoveApp(ctx, id)
	k.meter.Forget(id)
	return err
}

// HearOfRemoval removes an app that another server has removed.
func (k keeper) HearOfRemoval(ctx context.Context, id string) error {
	err := k.Manager.HearOfRemoval(ctx, id)
	k.meter.Forget(id)
	return err
}
