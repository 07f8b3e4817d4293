package login_test

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"errors"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/login"
	"github.com/hufu-io/hufu/internal/store/memstore"
)

const (
	public   = "https://hufu.example.com"
	business = "https://www.example.com/login/"
)

// sealer makes boxes of the size that the keyset's have.
type sealer struct{ aead cipher.AEAD }

func newSealer(t testing.TB) sealer {
	key := make([]byte, 32)
	_, _ = rand.Read(key)
	block, err := aes.NewCipher(key)
	if err != nil {
		t.Fatal(err)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		t.Fatal(err)
	}
	return sealer{aead}
}

func (s sealer) Seal(plain, ad []byte) ([]byte, error) {
	return s.aead.Seal([]byte("\x01keys"), nil, plain, ad), nil
}

func (s sealer) Open(box, ad []byte) ([]byte, error) {
	if len(box) < 5 {
		return nil, errors.New("no box")
	}
	return s.aead.Open(nil, nil, box[5:], ad)
}

// platform hands out codes as users agree, and takes each once.
type platform struct {
	broker.WebAuthorization // the rest is not used here

	mu     sync.Mutex
	codes  map[string]broker.User
	asked  map[string]int
	fail   error
	before func() // runs in each exchange
	page   error  // of AuthorizeURL
}

func (p *platform) Scopes() []string { return []string{"snsapi_base", "snsapi_userinfo"} }

func (p *platform) DefaultScopes() []string { return p.Scopes() }

func (p *platform) KindOf(scope string) broker.Kind {
	if scope == "snsapi_base" || scope == "snsapi_userinfo" {
		return broker.Kind(scope)
	}
	return ""
}

func (p *platform) AuthorizeURL(r broker.AuthorizeRequest) (string, error) {
	if p.page != nil {
		return "", p.page
	}
	q := url.Values{"appid": {r.App.AppID}, "redirect_uri": {r.Callback}, "response_type": {"code"}, "scope": {r.Scope}, "state": {r.State}}
	return "https://open.weixin.qq.com/connect/oauth2/authorize?" + q.Encode() + "#wechat_redirect", nil
}

// agree is a user who agrees, and the code that the platform sends her back with.
func (p *platform) agree(app, openID, scope string) string {
	code := "0" + rand.Text()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.codes[code] = broker.User{Key: broker.Key{App: app, Kind: p.KindOf(scope), Subject: openID}, UnionID: "u-" + openID, Scope: scope}
	return code
}

func (p *platform) exchange(ctx context.Context, app *broker.App, scope string, code broker.Secret) (broker.User, error) {
	if p.KindOf(scope) == "" {
		return broker.User{}, errors.New("the scope that the user was asked for got lost on the way")
	}
	if p.before != nil {
		p.before()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked[code.Reveal()]++
	if p.fail != nil {
		return broker.User{}, p.fail
	}
	u, ok := p.codes[code.Reveal()]
	if !ok || u.Key.App != app.ID {
		return broker.User{}, &broker.Error{Code: "bad_login_code", Class: broker.Invalid, Message: "the login code is wrong"}
	}
	delete(p.codes, code.Reveal())
	return u, ctx.Err()
}

// exchanges is how often the platform was asked, and whether it was shown a code twice.
func (p *platform) exchanges(t testing.TB) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	sum := 0
	for _, n := range p.asked {
		sum += n
		if n > 1 {
			t.Errorf("a code was sent to the platform %d times", n)
		}
	}
	return sum
}

// oneTime counts what is done to the store, and fails as it is told.
type oneTime struct {
	broker.OneTimeStore

	mu    sync.Mutex
	calls map[string]int // by operation and first part of the name
	// fail returns what an operation ends with; where done is set, it happened nevertheless.
	fail func(op string) (done bool, err error)
}

func (o *oneTime) call(op, name string) (done bool, err error) {
	sort, _, _ := strings.Cut(name, "/")
	o.mu.Lock()
	defer o.mu.Unlock()
	o.calls[op+" "+sort]++
	if o.fail == nil {
		return true, nil
	}
	return o.fail(op + " " + sort)
}

func (o *oneTime) Add(ctx context.Context, name string, value []byte, ttl time.Duration) error {
	done, err := o.call("add", name)
	if done {
		if e := o.OneTimeStore.Add(ctx, name, value, ttl); e != nil {
			return e
		}
	}
	return err
}

func (o *oneTime) Look(ctx context.Context, name string) ([]byte, error) {
	if done, err := o.call("look", name); !done {
		return nil, err
	}
	return o.OneTimeStore.Look(ctx, name)
}

func (o *oneTime) Take(ctx context.Context, name string) ([]byte, error) {
	done, err := o.call("take", name)
	if !done {
		return nil, err
	}
	v, e := o.OneTimeStore.Take(ctx, name)
	if e != nil {
		return nil, e
	}
	return v, err
}

func (o *oneTime) done() map[string]int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return maps.Clone(o.calls)
}

// audited is one call of the audit.
type audited struct {
	app, id string
	user    broker.User
	err     error
}

// stack is a relay and what stands around it.
type stack struct {
	relay    *login.Relay
	cfg      login.Config
	platform *platform
	oneTime  *oneTime
	apps     map[string]*broker.App
	log      *lockedBuffer
	metrics  *prometheus.Registry

	mu    sync.Mutex
	audit []audited
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func newStack(t testing.TB, change ...func(*login.Config)) *stack {
	t.Helper()
	s := &stack{
		platform: &platform{codes: map[string]broker.User{}, asked: map[string]int{}},
		oneTime:  &oneTime{OneTimeStore: memstore.New(memstore.Config{}).OneTime(), calls: map[string]int{}},
		log:      &lockedBuffer{}, metrics: prometheus.NewRegistry(),
		apps: map[string]*broker.App{
			"shop":  {ID: "shop", Platform: "wechat", AppID: "wx1", Login: &broker.Login{Redirects: []string{business, "https://m.example.cn"}}},
			"club":  {ID: "club", Platform: "wechat", AppID: "wx2", Login: &broker.Login{Redirects: []string{business}, Scopes: []string{"snsapi_userinfo"}}},
			"plain": {ID: "plain", Platform: "wechat", AppID: "wx3"},
			"other": {ID: "other", Platform: "none", AppID: "x", Login: &broker.Login{Redirects: []string{business}}},
		},
	}
	s.cfg = login.Config{
		PublicURL: public, Sealer: newSealer(t), OneTime: s.oneTime, Exchange: s.platform.exchange,
		Platforms:  []broker.Platform{{Name: "wechat", Web: s.platform}, {Name: "none"}},
		App:        func(id string) *broker.App { return s.apps[id] },
		Logger:     slog.New(slog.NewTextHandler(s.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Registerer: s.metrics,
		Audit: func(_ *http.Request, app, id string, u broker.User, err error) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.audit = append(s.audit, audited{app, id, u, err})
		},
	}
	for _, c := range change {
		c(&s.cfg)
	}
	s.relay = s.replica(t)
	return s
}

// replica is another server with the same keyset and store.
func (s *stack) replica(t testing.TB) *login.Relay {
	t.Helper()
	cfg := s.cfg
	if s.relay != nil {
		cfg.Registerer = nil
	}
	r, err := login.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// count is how many logins had an outcome.
func (s *stack) count(t testing.TB, outcome string) int {
	t.Helper()
	families, err := s.metrics.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if f.GetName() == "hufu_logins_total" && m.GetLabel()[0].GetValue() == outcome {
				return int(m.GetCounter().GetValue())
			}
		}
	}
	t.Errorf("there is no series for the outcome %q", outcome)
	return 0
}
