package sink

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/redis/rueidis"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/redisurl"
)

// redisServers opens sinks that are keys of a Redis. Sinks with the same URL share one
// client, which is made when the first of them writes.
type redisServers struct {
	now   func() time.Time
	write *rueidis.Lua
	clock *rueidis.Lua

	mu     sync.Mutex
	byURL  map[string]*redisServer
	closed bool
}

func newRedisServers(now func() time.Time) *redisServers {
	return &redisServers{
		now: now, byURL: make(map[string]*redisServer),
		// Writing the same once more does no harm, so a lost connection is tried again at once.
		write: rueidis.NewLuaScriptRetryable(redisWriteScript), clock: rueidis.NewLuaScriptRetryable(redisClockScript),
	}
}

// open returns the target of a sink that was checked.
func (r *redisServers) open(s broker.Sink) (Target, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	server, ok := r.byURL[s.URL.Reveal()]
	if !ok {
		option, err := redisOption(s.URL)
		if err != nil {
			return nil, err
		}
		server = &redisServer{option: option, closed: r.closed}
		r.byURL[s.URL.Reveal()] = server
	}
	return &redisKey{server: server, sink: s, now: r.now, write: r.write, clock: r.clock}, nil
}

func (r *redisServers) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	for _, s := range r.byURL {
		s.close()
	}
}

// redisOption says how to connect.
func redisOption(secret broker.Secret) (rueidis.ClientOption, error) {
	o, err := redisurl.Option(secret)
	if err != nil {
		return rueidis.ClientOption{}, fmt.Errorf("the sink's url %w", err)
	}
	o.ClientName = "hufu"
	// Nothing is read, and what is written is small: one connection is enough.
	o.PipelineMultiplex, o.RingScaleEachConn = -1, 8
	o.ReadBufferEachConn, o.WriteBufferEachConn = 4<<10, 4<<10
	if o.Sentinel.MasterSet != "" {
		// What Sentinels tell of a change may be missed.
		o.Sentinel.TopologyRefreshInterval, o.Sentinel.ClientName = 10*time.Second, "hufu"
	}
	return o, nil
}

// redisServer is one Redis, whatever it consists of.
type redisServer struct {
	option rueidis.ClientOption // with passwords: it is never printed

	mu      sync.Mutex // not held while connecting
	got     rueidis.Client
	dialing *redisDial // under way
	closed  bool
	clock   reading
}

// redisDial is one attempt to connect. Its fields are set before done is closed.
type redisDial struct {
	done   chan struct{}
	client rueidis.Client
	err    error
}

// secrets are what no error may quote.
func (s *redisServer) secrets() []broker.Secret {
	return []broker.Secret{broker.NewSecret(s.option.Password), broker.NewSecret(s.option.Sentinel.Password)}
}

var errRedisClosed = errors.New("sinks are closed")

// client returns the client, and makes it where there is none. Connecting knows no
// context and may take longer than the attempt that began it; then the next one finds
// the client made.
func (s *redisServer) client(ctx context.Context) (rueidis.Client, error) {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil, errRedisClosed
	}
	if s.got != nil {
		defer s.mu.Unlock()
		return s.got, nil
	}
	if s.dialing == nil {
		s.dialing = &redisDial{done: make(chan struct{})}
		go s.dial(s.dialing)
	}
	d := s.dialing
	s.mu.Unlock()
	select {
	case <-d.done:
		return d.client, d.err
	case <-ctx.Done():
		return nil, fmt.Errorf("connect: %w", ctx.Err())
	}
}

// connect makes the client. A panic of it must not take the process along.
func (s *redisServer) connect() (_ rueidis.Client, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = panicError(v)
		}
	}()
	return rueidis.NewClient(s.option)
}

func (s *redisServer) dial(d *redisDial) {
	client, err := s.connect()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dialing = nil
	switch {
	case err != nil:
		d.err = fmt.Errorf("connect: %w", err)
	case s.closed:
		client.Close()
		d.err = errRedisClosed
	default:
		s.got, d.client = client, client
	}
	close(d.done)
}

func (s *redisServer) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	if s.got != nil {
		s.got.Close()
		s.got = nil
	}
}
