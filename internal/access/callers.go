package access

import (
	"sync"

	"github.com/hufu-io/hufu/internal/acl"
	"github.com/hufu-io/hufu/internal/broker"
)

// callers knows which clients may have made a call that does not say whose it is: those
// that may call its app. Administrators are not among them: what they may do, nobody may
// do in their place.
type callers struct {
	mu    sync.RWMutex
	epoch uint64
	byApp map[string][]*broker.Client
}

// of returns the clients for an app. They are looked for once, until a client changes.
func (k *callers) of(s *Service, app string) []*broker.Client {
	epoch := s.registry.ClientsEpoch()
	k.mu.RLock()
	found, ok := k.byApp[app]
	ok = ok && k.epoch == epoch
	k.mu.RUnlock()
	if ok {
		return found
	}
	found = nil
	for c := range s.registry.EachClient() {
		if !c.Rights.Has(broker.Admin) && acl.Allow(c, broker.Call, app) {
			found = append(found, c)
		}
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.epoch != epoch || k.byApp == nil {
		k.epoch, k.byApp = epoch, map[string][]*broker.Client{}
	}
	k.byApp[app] = found
	return found
}
