package login

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/query"
)

const (
	// exchangeTime bounds an exchange, retries with other secrets among them, and storeTime a
	// write to the store.
	exchangeTime = 20 * time.Second
	storeTime    = 5 * time.Second
	// maxCode is far more than platforms' codes have.
	maxCode = 512
)

// Bounds on the logins of one app that are at the platform or at the store: a crowd, or a
// platform that hangs, must not take all connections. A login that finds no place waits a
// little for one.
const (
	atOnce   = 64
	patience = 2 * time.Second
)

// callback ends a login: the platform has sent the browser back.
func (r *Relay) callback(ctx context.Context, v visit) {
	p, ok := parseParams(v.r.URL.RawQuery, "code", "state")
	if !ok || len(p["code"]) > maxCode || !printable(p["code"]) {
		r.end(ctx, v, nil, forged.as(nil, ""))
		return
	}
	state, err := r.openState(v.app, p["state"])
	if err != nil {
		r.end(ctx, v, nil, forged.as(err, ""))
		return
	}
	f := r.found(v, state)
	switch now := r.cfg.Now(); {
	case state.old(now):
		r.end(ctx, v, f, tooOld.as(nil, ""))
	case f == nil:
		r.end(ctx, v, nil, elsewhere.as(nil, ""))
	case !f.foreign() && !v.app.Login.Allows(string(f.Redirect)):
		// It was allowed when the login began.
		r.end(ctx, v, nil, badRedirect.as(nil, "redirect_uri is not among the app's login.redirect_uris any more"))
	default:
		r.finish(ctx, v, f, broker.NewSecret(p["code"]))
	}
}

// finish ends a login that this browser began, once.
//
// What is to be done is done to its end when the browser goes away meanwhile: the platform
// takes its code once, and the grant that it gives is worth keeping.
func (r *Relay) finish(ctx context.Context, v visit, f *flow, code broker.Secret) {
	waiting, cancel := context.WithTimeout(ctx, patience)
	leave, ok := r.turns.Take(waiting, v.app.ID)
	cancel()
	if !ok {
		r.end(ctx, v, f, fault{ending: busy, unused: true})
		return
	}
	defer leave()
	ctx = context.WithoutCancel(ctx)
	if fault := r.use(ctx, f); fault != nil {
		r.end(ctx, v, f, *fault)
		return
	}
	switch {
	case code.IsZero() || code.Reveal() == "authdeny":
		r.end(ctx, v, f, refused.as(nil, ""))
	case f.Raw:
		r.passOn(ctx, v, f, code)
	default:
		r.exchange(ctx, v, f, code)
	}
}

// passOn sends the browser on with the platform's own code. Others know it from then on, and the
// platform ties its codes to no browser: whoever brought it back with a login of his own would be
// taken for the user, at another site too. So it is noted before, and not exchanged here any more.
func (r *Relay) passOn(ctx context.Context, v visit, f *flow, code broker.Secret) {
	short, cancel := context.WithTimeout(ctx, storeTime)
	defer cancel()
	switch err := r.cfg.OneTime.Add(short, passedName(code), []byte{}, lifetime+skew); {
	case err == nil:
		r.sendBack(ctx, v, f, code, relayed)
	case errors.Is(err, broker.ErrConflict):
		r.end(ctx, v, f, spent.as(nil, ""))
	default:
		r.end(ctx, v, f, storeAway.as(err, ""))
	}
}

// passed says why a code cannot be exchanged: it was sent on as it is, by whichever server.
func (r *Relay) passed(ctx context.Context, code broker.Secret) *fault {
	ctx, cancel := context.WithTimeout(ctx, storeTime)
	defer cancel()
	switch _, err := r.cfg.OneTime.Look(ctx, passedName(code)); {
	case err == nil:
		return new(spent.as(nil, ""))
	case errors.Is(err, broker.ErrNotFound):
		return nil
	default:
		return new(storeAway.as(err, ""))
	}
}

// use uses a login up. Nothing has been done before it, and nothing is done after it has failed.
func (r *Relay) use(ctx context.Context, f *flow) *fault {
	ctx, cancel := context.WithTimeout(ctx, storeTime)
	defer cancel()
	err := r.cfg.OneTime.Add(ctx, usedName(f), []byte{}, lifetime+skew)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, broker.ErrConflict):
		return new(used.as(nil, ""))
	default:
		// It may have been used up or not, and nothing more is known when the browser comes again.
		return &fault{ending: storeAway, cause: err, unused: true}
	}
}

// exchange has the platform's code turned into a grant, and that into a code of ours, in this order (I5).
func (r *Relay) exchange(ctx context.Context, v visit, f *flow, code broker.Secret) {
	if fault := r.passed(ctx, code); fault != nil {
		r.end(ctx, v, f, *fault)
		return
	}
	ctx, cancel := context.WithTimeout(ctx, exchangeTime+storeTime)
	defer cancel()
	u, err := r.ask(ctx, v, f.Scope, code)
	if err != nil {
		r.end(ctx, v, f, faultOf(err))
		return
	}
	if f.foreign() {
		if r.cont == nil {
			r.end(ctx, v, f, broken.as(nil, "a login came back that nobody can go on with"))
			return
		}
		r.drop(v, f)
		r.succeeded(ctx, v, f, loggedIn)
		r.cont.Done(v.w, v.r, v.app, string(f.Ref), u)
		return
	}
	ours, err := r.addCode(ctx, v.app, f, u)
	if err != nil {
		r.end(ctx, v, f, storeAway.as(err, ""))
		return
	}
	r.sendBack(ctx, v, f, ours, loggedIn)
}

// ask is the one time that the platform's code is sent there.
func (r *Relay) ask(ctx context.Context, v visit, scope string, code broker.Secret) (broker.User, error) {
	ctx, cancel := context.WithTimeout(ctx, exchangeTime)
	defer cancel()
	u, err := r.cfg.Exchange(ctx, v.app, scope, code)
	if r.cfg.Audit != nil {
		r.cfg.Audit(v.r, v.app.ID, v.id, u, err)
	}
	return u, err //nolint:wrapcheck // it says what it was doing
}

// sendBack sends the browser to the business' page with a code.
func (r *Relay) sendBack(ctx context.Context, v visit, f *flow, code broker.Secret, outcome string) {
	r.drop(v, f)
	r.succeeded(ctx, v, f, outcome)
	send(v.w, with(string(f.Redirect), query.Param{Name: "code", Value: code.Reveal()}, query.Param{Name: "state", Value: string(f.State)}))
}

func (r *Relay) succeeded(ctx context.Context, v visit, f *flow, outcome string) {
	r.metrics.logins.WithLabelValues(outcome).Inc()
	level := slog.LevelInfo
	if outcome == relayed {
		level = r.spared(level) // nobody has looked at that code yet
	}
	r.cfg.Logger.Log(ctx, level, "a user logged in", "app", v.app.ID, "scope", f.Scope, "outcome", outcome, "request_id", v.id)
}
