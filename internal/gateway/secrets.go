package gateway

import (
	"slices"
	"sync"

	"github.com/hufu-io/hufu/internal/broker"
)

// secretBook remembers which of an app's secrets the platform took last, for apps that
// have several.
type secretBook struct {
	mu     sync.Mutex
	latest map[string]string // app → fingerprint
}

// of lists an app's secrets, the one that worked last first.
func (b *secretBook) of(a *broker.App) []broker.Secret {
	if len(a.Secrets) < 2 {
		return a.Secrets
	}
	b.mu.Lock()
	latest := b.latest[a.ID]
	b.mu.Unlock()
	i := slices.IndexFunc(a.Secrets, func(s broker.Secret) bool { return s.Fingerprint() == latest })
	if i <= 0 {
		return a.Secrets
	}
	return append([]broker.Secret{a.Secrets[i]}, slices.Delete(slices.Clone(a.Secrets), i, i+1)...)
}

// worked remembers that the platform took a secret.
func (b *secretBook) worked(app string, s broker.Secret) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.latest == nil {
		b.latest = map[string]string{}
	}
	b.latest[app] = s.Fingerprint()
}
