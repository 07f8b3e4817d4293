package sink

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
)

// PlacesConfig is what [Places] are made of.
type PlacesConfig struct {
	// Now is the time on the store's clock, by which promises are counted. Required.
	Now func() time.Time
	// Transport takes webhooks to their receivers. Required.
	Transport http.RoundTripper
}

// Places opens sinks of every type.
type Places struct {
	files    *Files
	redis    *redisServers
	webhooks *webhooks
}

// NewPlaces returns Places with nothing open.
func NewPlaces(c PlacesConfig) (*Places, error) {
	if c.Now == nil || c.Transport == nil {
		return nil, errors.New("make sinks: Now and Transport are required")
	}
	return &Places{files: NewFiles(), redis: newRedisServers(c.Now), webhooks: newWebhooks(c)}, nil
}

// Open returns the target that a sink describes. It does no I/O.
func (p *Places) Open(s broker.Sink) (Target, error) {
	if err := Check(s); err != nil {
		return nil, err
	}
	s = withDefaults(s)
	switch s.Type {
	case Redis:
		return p.redis.open(s)
	case Webhook:
		return p.webhooks.open(s)
	case Properties, JSON:
		return p.files.Open(s)
	default:
		return nil, fmt.Errorf("no place is known for a sink of type %q", s.Type)
	}
}

// Close ends the connections. Targets fail from then on.
func (p *Places) Close() { p.redis.close() }
