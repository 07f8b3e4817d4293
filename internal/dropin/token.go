package dropin

import (
	"context"
	"net/http"
	"time"

	"github.com/hufu-io/hufu/internal/access"
	"github.com/hufu-io/hufu/internal/broker"
)

// hurryFor is how long a client waits for no check after one that took too long.
const hurryFor = 30 * time.Second

// giveToken hands out the app's token of the kind that was asked for, whatever its mode is.
func (h *Handler) giveToken(w http.ResponseWriter, r request, v *visit) outcome {
	held, err := h.held(r.Context(), v)
	if err == nil {
		err = h.svc.Moved(v.app)
	}
	if err != nil {
		return h.fail(w, r, v, err)
	}
	writeToken(w, r.rid, v.at.Answer, held.Secret.Reveal(), h.expiresIn(v.caller.Client, &held))
	return succeeded
}

// held reads the token. Where it is suspected to be dead, it is checked first.
func (h *Handler) held(ctx context.Context, v *visit) (access.Held, error) {
	c, app, kind := v.caller, v.app.ID, v.asked.Kind
	t, ok := h.svc.ReadNow(c, app, kind)
	if !ok {
		// Nothing that lives is here, so that the platform is asked at any rate.
		t, err := h.svc.Read(ctx, c, app, kind, 0)
		if err == nil && !t.Virtual {
			h.told.again(c.Client.Name, &t)
		}
		return t, err
	}
	if t.Virtual && !v.asked.Force {
		// To ask early for what never changes says nothing; rejections of the token behind
		// it are seen by the gateway.
		return t, nil
	}
	early, hurried := h.told.again(c.Client.Name, &t)
	switch {
	case v.asked.Force:
		h.metrics.suspicions[forceRefresh].Inc()
		return h.suspect(ctx, c, t, hurried, func(ctx context.Context) access.Held {
			if checked, err := h.svc.Suspect(ctx, c, app, kind); err == nil {
				return checked
			}
			return t
		}), nil
	case early:
		h.metrics.suspicions[earlyReask].Inc()
		return h.suspect(ctx, c, t, hurried, func(ctx context.Context) access.Held { return h.svc.Recheck(ctx, c, t) }), nil
	default:
		return t, nil
	}
}

// suspect has a token checked, for a bounded time: a platform that does not answer must
// not be felt by somebody who has a token that may live (I3).
func (h *Handler) suspect(caller context.Context, c broker.Caller, t access.Held, hurried bool, check func(context.Context) access.Held) access.Held {
	if hurried {
		return t
	}
	ctx, cancel := context.WithTimeout(caller, h.cfg.Patience)
	defer cancel()
	checked := check(ctx)
	checked.Now = h.svc.Now() // the check took its time, which is off the promise
	if ctx.Err() != nil && caller.Err() == nil {
		h.told.hurry(c.Client.Name, t.Key, t.Now.Add(hurryFor))
	}
	if checked.Version != t.Version {
		h.told.again(c.Client.Name, &checked)
	}
	return checked
}

// expiresIn is what a client is told of how long a token lasts. All SDKs can live with
// what is said of virtual ones, and nothing breaks if one keeps them longer.
func (h *Handler) expiresIn(c *broker.Client, t *access.Held) int64 {
	if t.Virtual {
		return int64(t.Promise() / time.Second)
	}
	return h.profile(c).ExpiresIn(t.Promise())
}

// profile is how the client's SDK treats expires_in.
func (h *Handler) profile(c *broker.Client) broker.SDKProfile {
	if p, ok := h.profiles[c.SDK]; ok {
		return p
	}
	return h.profiles["generic"]
}
