package whole_test

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/sandbox"
)

// I8, I6: whatever credential of whatever app is shown wherever one can stand at whatever
// platform's door, in whatever order renewals, expiries, troubles and restarts happen around
// it: nothing comes to a platform that is not of the very app at that very platform, nothing is
// handed out to who may not have it, and a call is answered by the app that it was made on.
func TestI8ThePlatformsNeverMix(t *testing.T) {
	t.Parallel()
	keys := testKeys(t)
	rapid.Check(t, func(t *rapid.T) {
		rapid.SyncTest(t, func(t *rapid.T) {
			m := newMany(t, keys)
			t.Cleanup(func() { m.close(t) })
			t.Repeat(m.actions())
		})
	})
}

func (m *many) actions() map[string]func(*rapid.T) {
	steps := map[string]func(*rapid.T){
		"read a token":         m.readToken,
		"log a user in":        m.logIn,
		"trouble an app":       m.troubleApp,
		"restart":              func(t *rapid.T) { m.restart(t) },
		"wait":                 m.wait,
		"put something around": m.putAnywhere,
	}
	for name, place := range m.places() {
		steps["put: "+name] = func(t *rapid.T) { place(t, m.drawFor(t, name)) }
	}
	return settled(steps, func(t *rapid.T) { m.check(t) })
}

// places are where a credential can stand, by name.
func (m *many) places() map[string]func(*rapid.T, *cred) {
	return map[string]func(*rapid.T, *cred){
		"key of a read":           m.putKeyOfRead,
		"reported token":          m.putReported,
		"imported token":          m.putImported,
		"secret of a token path":  m.putSecret,
		"token of a ticket path":  m.putTicketToken,
		"token of a call":         m.putCallToken,
		"key of a call":           m.putCallKey,
		"secret of an exchange":   m.putExchangeSecret,
		"token of a user's call":  m.putUserToken,
		"somewhere inside a call": m.putInside,
	}
}

// drawFor draws a credential for a place: as often as any, one of the sort that belongs there,
// of whomever and whatever it may be.
func (m *many) drawFor(t *rapid.T, place string) *cred {
	belongs := map[string][]sort{
		"key of a read": {clientKey}, "secret of a token path": {clientKey}, "key of a call": {clientKey}, "secret of an exchange": {clientKey},
		"reported token": {sandbox.AppToken, virtualToken}, "imported token": {sandbox.AppToken}, "token of a ticket path": {sandbox.AppToken, virtualToken},
		"token of a call": {sandbox.AppToken, virtualToken}, "token of a user's call": {sandbox.UserToken},
	}[place]
	if rapid.Bool().Draw(t, "what belongs there") {
		if c := m.drawOf(t, belongs...); c != nil {
			return c
		}
	}
	return m.drawOf(t)
}

// drawOf draws a credential of one of some sorts, or of any, with the same chance for each sort.
func (m *many) drawOf(t *rapid.T, of ...sort) *cred {
	bySort := map[sort][]*cred{}
	var names []sort
	for _, c := range m.creds {
		if len(of) > 0 && !slices.Contains(of, c.sort) {
			continue
		}
		if bySort[c.sort] == nil {
			names = append(names, c.sort)
		}
		bySort[c.sort] = append(bySort[c.sort], c)
	}
	if len(names) == 0 {
		return nil
	}
	slices.Sort(names)
	those := bySort[rapid.SampledFrom(names).Draw(t, "sort")]
	// The latest are the likeliest to live.
	return those[len(those)-1-min(rapid.IntRange(0, 2*len(those)).Draw(t, "which"), len(those)-1)]
}

func (m *many) drawReg(t *rapid.T) *reg { return rapid.SampledFrom(m.regs).Draw(t, "app") }

// near draws the app that a credential is of as often as any.
func (m *many) near(t *rapid.T, c *cred) *reg {
	if c.app != "" && rapid.Bool().Draw(t, "its app") {
		return m.reg(c.app)
	}
	return m.drawReg(t)
}

// able draws a client that may do something as often as any.
func (m *many) able(t *rapid.T, may func(*client) bool) *client {
	if rapid.Bool().Draw(t, "able") {
		var able []*client
		for _, k := range m.clients {
			if may(k) {
				able = append(able, k)
			}
		}
		return rapid.SampledFrom(able).Draw(t, "able client")
	}
	return rapid.SampledFrom(m.clients).Draw(t, "client")
}

func (m *many) putAnywhere(t *rapid.T) {
	places := m.places()
	var names []string
	for name := range places {
		names = append(names, name)
	}
	slices.Sort(names)
	c := m.drawOf(t, sandbox.AppToken, virtualToken, sandbox.UserToken, sandbox.Ticket)
	if c == nil {
		t.Skip("there is none yet")
	}
	places[rapid.SampledFrom(names).Draw(t, "place")](t, c)
}

// ownTo says which credentials of an app a client may be handed as a kind.
func (m *many) ownTo(k *client, a *reg, kind broker.Kind) func(*cred) bool {
	return func(c *cred) bool {
		switch {
		case !k.mayHaveKind(a.id, kind):
			return false
		case c.sort == sandbox.Ticket:
			return m.isOf(c, a) && c.scope == string(kind)
		case k.virtual && opensCalls(kind):
			return c.of(virtualToken, a.id) && c.client == k.name && c.scope == string(kind)
		default:
			return c.of(sandbox.AppToken, a.id) && c.scope == string(kind)
		}
	}
}

// virtualTo makes what a virtual token is that a client got for an app.
func virtualTo(k *client, a *reg, kind broker.Kind) func(string) *cred {
	return func(v string) *cred {
		return &cred{sort: virtualToken, app: a.id, client: k.name, scope: string(kind), value: v}
	}
}

func (m *many) readToken(t *rapid.T) {
	a := m.drawReg(t)
	kind := rapid.SampledFrom(a.kinds()).Draw(t, "kind")
	m.read(t, m.able(t, func(k *client) bool { return k.mayHaveKind(a.id, kind) }), a, kind)
}

func (m *many) read(t rapid.TB, k *client, a *reg, kind broker.Kind) *answer {
	got := m.do(t, get("/v1/apps/"+a.id+"/tokens/"+string(kind)).as(k.key), nil)
	m.handed(t, "the read of a token", got, nil, m.ownTo(k, a, kind), virtualTo(k, a, kind))
	return got
}

// logIn has a user's token handed out.
func (m *many) logIn(t *rapid.T) {
	for {
		if a := m.drawReg(t); len(a.site.exchanges) > 0 {
			k := m.able(t, func(k *client) bool { return k.may(broker.Call, a.id) })
			m.putExchangeSecret(t, m.byValue[k.key])
			return
		}
	}
}

func (m *many) troubleApp(t *rapid.T) {
	a := m.drawReg(t)
	tok, err := m.trouble(a, rapid.SampledFrom([]string{"kill", "outside"}).Draw(t, "how"))
	if err != nil {
		t.Fatal(err)
	}
	if tok != "" {
		m.mu.Lock()
		c := m.byValue[tok] // some platforms give the same one again
		m.mu.Unlock()
		if c == nil {
			c = m.whose(a.site, tok)
			c.outside = true
		}
		m.hold(c)
	}
}

func (m *many) wait(t *rapid.T) {
	time.Sleep(rapid.SampledFrom([]time.Duration{time.Second, time.Minute, 6 * time.Minute, time.Hour, 2*time.Hour + time.Minute}).Draw(t, "for"))
}
