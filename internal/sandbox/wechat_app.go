package sandbox

import (
	"crypto/subtle"
	"fmt"
	"net/netip"
	"slices"
	"time"
)

// wechatApp is everything the platform knows of one app. The platform's lock
// guards it.
type wechatApp struct {
	id         string
	secret     string
	whitelist  []string
	confirmIPs bool
	quotas     Quotas
	frozen     Frozen
	company    string
	domains    []string        // of callbacks; empty: any
	people     map[string]User // by open id; made when it is first needed

	classic    lineage
	stable     lineage
	lastForced time.Time
	tickets    map[string]ticket

	day    tally
	minute tally
	month  tally
	risks  map[netip.Addr]risk

	counts   Counts
	arrivals arrivals
	issues   []IssueEvent
	recent   []*token // tokens remembered, the oldest first
}

// maxRecent is how many tokens of an app are remembered. A token forgotten is
// refused as unknown, so it must be larger than what any test looks back on.
const maxRecent = 4096

// add registers an app, or changes the one that has the id.
func (w *wechat) add(a App) {
	app, ok := w.apps[a.ID]
	if !ok {
		app = &wechatApp{id: a.ID}
		w.apps[a.ID] = app
		w.order = append(w.order, a.ID)
	}
	app.secret = a.Secret
	app.whitelist = slices.Clone(a.Whitelist)
	app.confirmIPs = a.ConfirmIPs
	app.company = a.Company
	app.domains = slices.Clone(a.CallbackDomains)
	app.quotas = a.Quotas.or(w.cfg.Quotas)
}

func (a *wechatApp) lineage(m Mode) *lineage {
	if m == Stable {
		return &a.stable
	}
	return &a.classic
}

func (a *wechatApp) hasSecret(s string) bool {
	return subtle.ConstantTimeCompare([]byte(a.secret), []byte(s)) == 1
}

// issue makes a new token for the app.
func (w *wechat) issue(app *wechatApp, m Mode, at time.Time, forced, outside bool) *token {
	t := app.lineage(m).next(token{
		value: newTokenValue(), app: app.id, mode: m,
		issued: at, expiry: at.Add(w.cfg.Lifetime), outside: outside,
	}, w.cfg.Overlap)
	w.tokens[t.value] = t
	w.remember(app, t, at)
	app.issues = appendBounded(app.issues, IssueEvent{
		At: at, Mode: m, Generation: t.generation, Forced: forced, Outside: outside,
	}, maxIssues)
	if outside {
		app.counts.Outside++
	} else {
		app.counts.Issues++
	}
	return t
}

// remember keeps the token among those that can be told from tokens made up,
// and forgets the older half of the dead ones when there are too many. Tokens
// that live are never forgotten: at most four of an app do.
func (w *wechat) remember(app *wechatApp, t *token, at time.Time) {
	if len(app.recent) >= maxRecent {
		older := app.recent[:maxRecent/2]
		keep := app.recent[maxRecent/2:]
		app.recent = make([]*token, 0, maxRecent)
		for _, o := range older {
			if o.live(at) {
				app.recent = append(app.recent, o)
			} else {
				delete(w.tokens, o.value)
			}
		}
		app.recent = append(app.recent, keep...)
	}
	app.recent = append(app.recent, t)
}

// newTokenValue looks like the platform's tokens of today.
func newTokenValue() string { return "83_" + randomText(100) }

// markLost notes that the answer with the token never arrived.
func (w *wechat) markLost(t *token) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if t.lost {
		return
	}
	t.lost = true
	app := w.apps[t.app]
	app.counts.Lost++
	for i, e := range slices.Backward(app.issues) {
		if e.Mode == t.mode && e.Generation == t.generation {
			app.issues[i].Lost = true
			return
		}
	}
}

func deadTokenMisuse(t *token) MisuseKind {
	switch {
	case t.end == endKilled:
		return KilledToken
	case t.outsiders:
		return OutsideToken
	case t.end == endSuperseded:
		return SupersededToken
	default:
		return ExpiredToken
	}
}

// describe tells a token's story without showing it.
func describe(t *token) words {
	mode := string(t.mode) + " "
	if t.mode == onlyMode {
		mode = ""
	}
	w := words{
		fmt.Sprintf("%stoken %d, issued %s, ", mode, t.generation, t.issued.UTC().Format(time.RFC3339)),
		fmt.Sprintf("%s第 %d 代令牌，签发于 %s，", mode, t.generation, t.issued.UTC().Format(time.RFC3339)),
	}
	died := t.dies.UTC().Format(time.RFC3339)
	switch t.end {
	case endKilled:
		return w.and(words{"killed " + died, "作废于 " + died})
	case endSuperseded:
		return w.and(words{
			fmt.Sprintf("superseded by token %d, dead since %s", t.by, died),
			fmt.Sprintf("已被第 %d 代令牌替换，失效于 %s", t.by, died),
		})
	case endExpiry:
		return w.and(words{"expired " + died, "过期于 " + died})
	default:
		return w
	}
}
