package dropin

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/hufu-io/hufu/internal/access"
	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/query"
)

const (
	platformName = "wechat"
	// The singular is right, unlike in RFC 6749.
	grantType = "client_credential"
	// hurryFor is how long a client waits for no check after one that took too long.
	hurryFor = 30 * time.Second
	// What callers are told who show something else than a key, most often the app secret
	// that they showed the platform. It follows from what they sent alone, and says
	// nothing of what is here.
	hintKey      = "this is a Hufu server: put a Hufu key in the place of the app secret, one of a client that is there and was not revoked"
	hintMistyped = "this Hufu client key is mistyped: copy the whole key, from hufu_ to its last character"
)

// credentials are what a caller of a token path shows.
type credentials struct {
	grant, appID, key string
	force             bool
}

// serveToken is GET /cgi-bin/token.
func (h *Handler) serveToken(w http.ResponseWriter, r request) outcome {
	q := r.URL.RawQuery
	return h.token(w, r, credentials{grant: query.Value(q, "grant_type"), appID: query.Value(q, "appid"), key: query.Value(q, "secret")})
}

// serveStable is POST /cgi-bin/stable_token. A body that is a form is refused as the
// platform does: no SDK sends one.
func (h *Handler) serveStable(w http.ResponseWriter, r request) outcome {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, h.cfg.MaxBody))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return h.refuse(w, r, refusal{code: codeBadJSON, more: fmt.Sprintf("the body is over %d bytes", tooLarge.Limit)})
	case err != nil:
		return h.refuse(w, r, refusal{code: codeBadJSON, reason: "the body ended early"})
	}
	cr, code := parseStable(body)
	if code != 0 {
		return h.refuse(w, r, refusal{code: code})
	}
	return h.token(w, r, cr)
}

// parseStable reads the body of stable_token. It does not mind fields it does not know.
func parseStable(body []byte) (credentials, int) {
	body = bytes.Trim(body, " \t\r\n")
	if len(body) == 0 {
		return credentials{}, codeEmptyBody
	}
	var in struct {
		GrantType    string          `json:"grant_type"`
		AppID        string          `json:"appid"`
		Secret       string          `json:"secret"`
		ForceRefresh json.RawMessage `json:"force_refresh"`
	}
	if body[0] != '{' || json.Unmarshal(body, &in) != nil {
		return credentials{}, codeBadJSON
	}
	cr := credentials{grant: in.GrantType, appID: in.AppID, key: in.Secret}
	switch string(in.ForceRefresh) {
	case "", "null", "false", `"false"`, "0", `"0"`, `""`:
	case "true", `"true"`, "1", `"1"`:
		// Some languages write booleans like this.
		cr.force = true
	default:
		return credentials{}, codeBadJSON
	}
	return cr, 0
}

// token hands out the app's access token, whatever its mode is.
func (h *Handler) token(w http.ResponseWriter, r request, cr credentials) outcome {
	c, app, no := h.admit(r, cr)
	if no.err != nil {
		return h.fail(w, r, c, "", no.err)
	}
	if no.code != 0 {
		return h.refuse(w, r, no.refusal)
	}
	held, err := h.held(r.Context(), c, app, cr.force)
	if err != nil {
		return h.fail(w, r, c, app.ID, err)
	}
	writeToken(w, r.rid, `{"access_token":`, held.Secret.Reveal(), h.expiresIn(c.Client, &held))
	return succeeded
}

// no is why a caller was not admitted: a refusal or a fault of ours.
type no struct {
	refusal
	err error
}

// admit checks credentials in the platform's order, but for an unknown key.
func (h *Handler) admit(r request, cr credentials) (broker.Caller, *broker.App, no) {
	c := broker.Caller{Remote: r.RemoteAddr, RequestID: r.rid}
	if key := r.bearer(); key != "" {
		// The header and the base URL say all that there is to say.
		cr.key, cr.grant = key, cmp.Or(cr.grant, grantType)
	}
	switch {
	case cr.appID == "" && r.bearer() == "":
		return c, nil, no{refusal: refusal{code: codeNoAppID}}
	case cr.key == "":
		return c, nil, no{refusal: refusal{code: codeNoSecret}}
	}
	c.Client = h.svc.Authenticate(cr.key)
	var app *broker.App
	if c.Client != nil {
		var err error
		if r.app != "" {
			app, err = h.svc.DropInAt(c, platformName, cr.appID, r.app)
		} else {
			app, err = h.svc.DropIn(c, platformName, cr.appID)
		}
		switch {
		case errors.Is(err, broker.ErrUnknownApp):
			return c, nil, no{refusal: refusal{code: codeBadAppID, reason: "no app with this app id that the client may read", client: c.Client}}
		case err != nil:
			return c, nil, no{err: err}
		}
	}
	switch {
	case cr.grant != grantType:
		return c, app, no{refusal: refusal{code: codeBadGrant, client: c.Client}}
	case c.Client != nil:
		return c, app, no{}
	case h.svc.Mistyped(cr.key):
		return c, nil, no{refusal: refusal{code: codeBadSecret, more: hintMistyped, reason: "the client key is mistyped: its checksum is wrong"}}
	default:
		return c, nil, no{refusal: refusal{code: codeBadSecret, more: hintKey, reason: "no client has this key; clients send their Hufu key in the place of the app secret"}}
	}
}

// held reads the app's token. Where it is suspected to be dead, it is checked first.
func (h *Handler) held(ctx context.Context, c broker.Caller, app *broker.App, force bool) (access.Held, error) {
	t, ok := h.svc.ReadNow(c, app.ID, broker.AccessToken)
	if !ok {
		// Nothing that lives is here, so that the platform is asked at any rate.
		t, err := h.svc.Read(ctx, c, app.ID, broker.AccessToken, 0)
		if err == nil && !t.Virtual {
			h.told.again(c.Client.Name, app.ID, &t)
		}
		return t, err
	}
	if t.Virtual && !force {
		// To ask early for what never changes says nothing; rejections of the token behind
		// it are seen by the gateway.
		return t, nil
	}
	early, hurried := h.told.again(c.Client.Name, app.ID, &t)
	switch {
	case force:
		h.metrics.suspicions[forceRefresh].Inc()
		return h.suspect(ctx, c, t, hurried, func(ctx context.Context) access.Held {
			if checked, err := h.svc.Suspect(ctx, c, app.ID, broker.AccessToken); err == nil {
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
		h.told.hurry(c.Client.Name, t.Key.App, t.Now.Add(hurryFor))
	}
	if checked.Version != t.Version {
		h.told.again(c.Client.Name, t.Key.App, &checked)
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
