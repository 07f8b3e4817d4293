package renew_test

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/platform/wechat"
	"github.com/hufu-io/hufu/internal/sandbox"
)

// TestI1ToI8StateMachine drives a fleet with everything that can happen to it, in any
// order, and checks after each step what must always hold.
func TestI1ToI8StateMachine(t *testing.T) {
	t.Parallel()
	for _, mode := range modes() {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			rapid.Check(t, func(t *rapid.T) {
				rapid.SyncTest(t, func(t *rapid.T) {
					m := newMachine(t, mode)
					t.Cleanup(m.end)
					t.Repeat(m.actions())
					m.converge(t)
				})
			})
		})
	}
}

// machine is a fleet and what is known of it from outside.
type machine struct {
	*fleet
	mode    string
	begun   time.Time
	lost    bool              // the store is, for all
	cut     map[*replica]bool // from the store
	offline bool              // a replica has been without a store
	seen    map[*replica]broker.Token
	old     []broker.Token // tokens that were handed out
	pledges []pledge
	// hurt are the tokens that were there when an outsider, the platform or a report
	// meddled: they are promised in vain.
	hurt     map[string]bool
	meddling int
	trouble  int // faults, crashes and the like, each of which may cost an issue
}

// pledge is one promise that was given.
type pledge struct {
	tok   broker.Token
	by    string
	at    time.Time
	until time.Time
}

func newMachine(t *rapid.T, mode string) *machine {
	return &machine{
		fleet: newFleet(t, fleetConfig{
			replicas: rapid.IntRange(1, 4).Draw(t, "replicas"), mode: mode, quiet: true,
			seed: rapid.Uint64Range(1, 1<<20).Draw(t, "seed"),
		}),
		mode: mode, begun: time.Now(), seen: map[*replica]broker.Token{}, hurt: map[string]bool{}, cut: map[*replica]bool{},
	}
}

// end lets go of everything that hangs, so that the fleet can be closed.
func (m *machine) end() {
	m.heal()
	m.close()
}

func (m *machine) heal() {
	m.sandbox.ClearFaults()
	m.lost = false
	clear(m.cut)
	for _, r := range m.replicas {
		r.calls.resume()
		r.calls.plugIn()
		r.keepFrom(nil)
	}
}

func (m *machine) actions() map[string]func(*rapid.T) {
	steps := map[string]func(*rapid.T){
		"read":          func(t *rapid.T) { m.read(t, m.draw(t), 0) },
		"read from all": func(t *rapid.T) { m.readAll(t) },
		"demand": func(t *rapid.T) {
			m.read(t, m.draw(t), time.Duration(rapid.IntRange(1, 25).Draw(t, "minTTL"))*time.Second)
		},
		"report":         m.report,
		"report a value": m.reportValue,
		"renew":          m.renew,
		"leak":           m.leak,
		"crash":          m.crashOne,
		"start":          m.startOne,
		"pause":          func(t *rapid.T) { m.draw(t).calls.pause(); m.trouble++ },
		"resume":         func(t *rapid.T) { m.draw(t).calls.resume() },
		"jump ahead":     m.jump,
		"fault":          m.fault,
		"mend":           func(*rapid.T) { m.sandbox.ClearFaults() },
		"kill":           m.kill,
		"outsider":       m.outsider,
		"partition":      m.partition,
		"lose the store": m.loseStore,
		"heal":           func(*rapid.T) { m.heal() },
		"wait":           func(t *rapid.T) { time.Sleep(time.Duration(rapid.IntRange(1, 30).Draw(t, "seconds")) * time.Second) },
	}
	for name, step := range steps {
		steps[name] = func(t *rapid.T) {
			step(t)
			time.Sleep(time.Duration(rapid.IntRange(0, 3000).Draw(t, "pause")) * time.Millisecond)
			synctest.Wait()
		}
	}
	steps[""] = m.check
	return steps
}

func (m *machine) draw(t *rapid.T) *replica {
	return m.replicas[rapid.IntRange(0, len(m.replicas)-1).Draw(t, "replica")]
}

// read reads a token and notes what was promised.
func (m *machine) read(t *rapid.T, r *replica, minTTL time.Duration) {
	_, _, usable := r.Peek(accessToken.App, accessToken.Kind)
	begun := time.Now()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	tok, err := r.Lasting(ctx, accessToken, minTTL)
	waited := time.Since(begun)
	if waited > 0 && minTTL > 0 {
		// It may have run out while the reader waited for one that lasts longer.
		_, _, usable = r.Peek(accessToken.App, accessToken.Kind)
	}
	if usable && (err != nil || minTTL == 0 && waited > 0) {
		t.Fatalf("I3: %s has a usable token, but a reader waited %v and got %v", r.name, waited, err)
	}
	if err == nil {
		m.note(t, r, tok)
	}
}

func (m *machine) readAll(t *rapid.T) {
	for _, r := range m.replicas {
		m.read(t, r, 0)
	}
}

// note checks a token that was handed out and remembers what was promised.
func (m *machine) note(t *rapid.T, r *replica, tok broker.Token) {
	last := m.seen[r]
	switch {
	case tok.Version < last.Version:
		t.Fatalf("%s went back from version %d to %d", r.name, last.Version, tok.Version)
	case tok.Version == last.Version && !tok.Secret.Equal(last.Secret):
		t.Fatalf("%s gave two tokens as version %d", r.name, tok.Version)
	case tok.Version > last.Version:
		m.old = append(m.old, tok)
	}
	m.seen[r] = tok
	if promise := tok.Promise(r.Now()); promise > 0 {
		m.pledges = append(m.pledges, pledge{tok: tok, by: r.name, at: time.Now(), until: time.Now().Add(promise)})
	}
}

// meddle notes that something hurts the tokens that there are.
func (m *machine) meddle() {
	m.meddling++
	m.hurt[m.sandbox.Current(appID, sandbox.Mode(m.mode))] = true
	for _, tok := range m.old {
		m.hurt[tok.Secret.Reveal()] = true
	}
	for _, r := range m.replicas {
		if tok, _, ok := r.Peek(accessToken.App, accessToken.Kind); ok {
			m.hurt[tok.Secret.Reveal()] = true
		}
	}
}

func (m *machine) drawOld(t *rapid.T) broker.Token {
	if len(m.old) == 0 {
		t.Skip("no token was handed out yet")
	}
	return m.old[rapid.IntRange(max(0, len(m.old)-4), len(m.old)-1).Draw(t, "token")]
}

// report is a client's word, which is checked.
func (m *machine) report(t *rapid.T) {
	r, tok := m.draw(t), m.drawOld(t)
	stale := tok.Version + broker.Version(rapid.SampledFrom([]int{0, 0, 0, -1, 1, 1 << 30}).Draw(t, "off"))
	m.call(t, r, func(ctx context.Context) (broker.Token, error) { return r.Report(ctx, accessToken, stale) })
}

func (m *machine) reportValue(t *rapid.T) {
	r, value := m.draw(t), broker.NewSecret("made up")
	if rapid.IntRange(0, 3).Draw(t, "real") > 0 {
		value = m.drawOld(t).Secret
	}
	m.call(t, r, func(ctx context.Context) (broker.Token, error) { return r.ReportToken(ctx, accessToken, value) })
}

// renew is the gateway's word, which is believed, true or not.
func (m *machine) renew(t *rapid.T) {
	r, tok := m.draw(t), m.drawOld(t)
	stale := tok.Version + broker.Version(rapid.SampledFrom([]int{0, 0, 0, -1, 1, 1 << 30}).Draw(t, "off"))
	m.meddle()
	m.call(t, r, func(ctx context.Context) (broker.Token, error) { return r.Renew(ctx, accessToken, stale) })
}

func (m *machine) leak(t *rapid.T) {
	r := m.draw(t)
	m.meddle()
	m.call(t, r, func(ctx context.Context) (broker.Token, error) { return r.Replace(ctx, accessToken) })
}

func (m *machine) call(t *rapid.T, r *replica, f func(context.Context) (broker.Token, error)) {
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if tok, err := f(ctx); err == nil {
		m.note(t, r, tok)
	}
}

func (m *machine) crashOne(t *rapid.T) {
	r := m.draw(t)
	r.calls.resume()
	m.crash(r)
	m.trouble++
	delete(m.seen, r)
	if len(m.replicas) == 0 {
		m.lost = false
		m.start()
	}
}

func (m *machine) startOne(t *rapid.T) {
	if m.lost || len(m.replicas) >= 4 {
		t.Skip("no room for another replica, or no store")
	}
	m.start()
}

// jump makes a clock jump ahead, which the replica notices at its next reading of the
// store's. Where it cannot read that, or leaves the store alone after an outage, it would
// believe its clock.
func (m *machine) jump(t *rapid.T) {
	r := m.draw(t)
	if m.lost || m.cut[r] || time.Since(time.Unix(0, r.back.Load())) < 3*time.Second {
		t.Skip("the store's clock cannot be read")
	}
	r.skew.Add(int64(time.Duration(rapid.IntRange(1, 300).Draw(t, "by")) * time.Second))
}

func (m *machine) fault(t *rapid.T) {
	kinds := []sandbox.FaultKind{
		sandbox.FaultSlow, sandbox.FaultLate, sandbox.FaultLost, sandbox.FaultTruncated, sandbox.FaultHang,
		sandbox.FaultStatus, sandbox.FaultReset, sandbox.FaultGarbage, sandbox.FaultErrcode,
	}
	fault := sandbox.Fault{
		Path: "/cgi-bin/", Kind: rapid.SampledFrom(kinds).Draw(t, "kind"), Times: rapid.IntRange(1, 3).Draw(t, "times"),
		Errcode: rapid.SampledFrom([]int{-1, 45011}).Draw(t, "errcode"),
		Delay:   time.Duration(rapid.IntRange(0, 3000).Draw(t, "delay")) * time.Millisecond,
	}
	m.trouble += fault.Times
	if fault.Kind != sandbox.FaultErrcode {
		m.sandbox.Inject(fault)
		return
	}
	// A platform that will not check a token has reports believed, which hurts it.
	fault.Path = map[string]string{wechat.Classic: "/cgi-bin/token", wechat.Stable: "/cgi-bin/stable_token"}[m.mode]
	m.sandbox.Inject(fault)
}

func (m *machine) kill(t *rapid.T) {
	m.meddle()
	value := m.sandbox.Current(appID, sandbox.Mode(m.mode))
	if rapid.Bool().Draw(t, "spoil") && m.mode == wechat.Stable {
		m.sandbox.Spoil(value)
	} else {
		m.sandbox.Kill(value)
	}
}

func (m *machine) outsider(t *rapid.T) {
	m.meddle()
	rotate := m.sandbox.RotateOutside
	if m.mode == wechat.Stable {
		rotate = m.sandbox.ForceOutside
	}
	for range rapid.IntRange(1, 2).Draw(t, "times") {
		if _, err := rotate(appID); err != nil {
			t.Fatal(err)
		}
	}
}

// partition cuts one replica off from the store and the platform. One that is cut off
// from the store alone goes on in stable mode; in classic mode it would issue once its
// token is dead, which is an outsider's doing for the others.
func (m *machine) partition(t *rapid.T) {
	r := m.draw(t)
	if wrong(r) {
		t.Skip("its clock is not set yet")
	}
	m.cut[r] = true
	if m.mode == wechat.Classic || rapid.Bool().Draw(t, "whole") {
		r.calls.unplug()
	}
	r.keepFrom(errStoreGone)
	m.offline = true
	m.trouble++
}

func wrong(r *replica) bool { return time.Until(r.Now()).Abs() > time.Second }

func (m *machine) loseStore(t *rapid.T) {
	for _, r := range m.replicas {
		if wrong(r) {
			t.Skip("a clock is not set yet")
		}
	}
	m.lost, m.offline = true, true
	m.trouble += len(m.replicas)
	m.lose(errStoreGone)
}

// check looks at what must always hold.
func (m *machine) check(t *rapid.T) {
	for _, r := range m.replicas {
		if tok, _, ok := r.Peek(accessToken.App, accessToken.Kind); ok {
			m.note(t, r, tok)
		}
	}
	if m.wentAlone() && m.mode == wechat.Classic {
		// What a replica issues without a store is like an outsider's for the others.
		m.meddle()
	}
	now := time.Now()
	m.pledges = slices.DeleteFunc(m.pledges, func(p pledge) bool {
		if m.hurt[p.tok.Secret.Reveal()] {
			return true
		}
		if dies, known := m.sandbox.Dies(p.tok.Secret.Reveal()); !known || dies.Before(p.until) {
			t.Fatalf("I2: %s promised version %d at %v until %v, but it dies at %v", p.by, p.tok.Version, p.at.Sub(m.begun), p.until.Sub(m.begun), dies.Sub(m.begun))
		}
		return p.until.Before(now)
	})
	elapsed := int(now.Sub(m.begun) / time.Second)
	bound := 3 + elapsed/8 + 3*m.meddling + m.trouble
	if m.lost || m.mode == wechat.Classic {
		bound += m.trouble * elapsed / 20 // replicas without a store issue each for itself
	}
	if n := m.issues(); n > bound {
		t.Fatalf("I1, I7: %d issues after %d s, %d times of meddling and %d of trouble", n, elapsed, m.meddling, m.trouble)
	}
	for _, misuse := range m.sandbox.Misuses() {
		// What a replica without a store has forced may die with it.
		if !m.offline && (misuse.What == sandbox.ForcedTooOften || misuse.What == sandbox.ForcedTooSoon) {
			t.Fatalf("I7: %+v", misuse)
		}
	}
}

// wentAlone reports whether a replica may have had a token issued without a store since it was
// last asked: the platform has acted, too, where its answer was lost or is still on its way.
func (m *machine) wentAlone() bool {
	went := false
	for _, r := range slices.Concat(m.replicas, m.crashed) {
		went = r.alone.Swap(0) > 0 || r.calls.astray() || went
	}
	return went
}

// converge ends all trouble: in the end every replica has the same token, and it lives.
func (m *machine) converge(t *rapid.T) {
	m.heal()
	time.Sleep(20 * time.Minute)
	synctest.Wait()
	m.check(t)
	var first broker.Token
	for i, r := range m.replicas {
		tok, err := r.Token(t.Context(), accessToken)
		if err != nil || !m.live(tok) {
			t.Fatalf("%s has no live token long after all trouble: %v", r.name, err)
		}
		if i > 0 && !tok.Secret.Equal(first.Secret) {
			t.Fatalf("I9: the replicas have versions %d and %d", first.Version, tok.Version)
		}
		first = tok
		if h := r.Health(); h.Tokens != 1 || h.Unsaved != 0 {
			t.Fatalf("%s is not well long after all trouble: %+v", r.name, h)
		}
	}
}
