package main

import (
	"context"
	"fmt"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/fleet"
	"github.com/hufu-io/hufu/internal/renew"
)

// share completes the manager's configuration for a store that several servers share. It
// leaves it alone where the store is this process's own.
func (s *server) share(c *renew.Config, reg prometheus.Registerer) error {
	notifier, tells := s.store.(broker.Notifier)
	roll, lists := s.store.(broker.Roll)
	if !tells || !lists {
		return nil
	}
	var err error
	s.members, err = fleet.New(fleet.Config{
		Roll: roll, Name: s.name, Logger: s.log, Registerer: reg,
		Forgotten: func(ctx context.Context) error { return s.manager.Resync(ctx) },
	})
	if err != nil {
		return err
	}
	c.Notifier, c.Rank = notifier, s.members.Rank
	return nil
}

// join makes this server known to those that share its store, before it renews anything.
func (s *server) join(ctx context.Context) error {
	if s.members == nil {
		return nil
	}
	if err := s.members.Join(ctx); err != nil {
		return fmt.Errorf("join the servers that share the store: %w", err)
	}
	s.work.Go(func() { s.members.Run(s.working) })
	return nil
}
