package httpapi

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hufu-io/hufu/api"
	"github.com/hufu-io/hufu/internal/access"
	"github.com/hufu-io/hufu/internal/broker"
)

func (a *API) getToken(ctx context.Context, c broker.Caller, r *http.Request) (answer, error) {
	q := r.URL.Query()
	if err := onlyParams(q, "min_ttl", "wait"); err != nil {
		return answer{}, err
	}
	minTTL, err := durationParam(q.Get("min_ttl"), "min_ttl")
	if err != nil {
		return answer{}, err
	}
	wait, err := durationParam(q.Get("wait"), "wait")
	if err != nil {
		return answer{}, err
	}
	seen, conditional := ifNoneMatch(r)
	app, kind := r.PathValue("app"), broker.Kind(r.PathValue("kind"))
	held, err := a.svc.Read(ctx, c, app, kind, minTTL)
	if err != nil {
		return answer{}, err
	}
	if conditional && held.Version == seen && wait > 0 {
		ctx, cancel := a.patient(ctx, min(wait, a.cfg.MaxWait))
		defer cancel()
		if held, err = a.svc.Wait(ctx, c, app, kind, seen); err != nil {
			return answer{}, err
		}
	}
	if conditional && held.Version == seen {
		return answer{status: http.StatusNotModified, etag: held.Version}, nil
	}
	return tokenAnswer(held), nil
}

func tokenAnswer(t access.Held) answer { return answer{body: tokenOf(&t), etag: t.Version} }

func tokenOf(t *access.Held) api.Token {
	promise := t.Promise()
	return api.Token{
		App: t.Key.App, Kind: string(t.Key.Kind), Token: t.Secret.Reveal(), Version: int64(t.Version),
		ExpiresIn: int64(promise / time.Second), Expiry: t.Now.Add(promise).UTC().Truncate(time.Second),
	}
}

// patient gives a context for waiting, which also ends when the server stops.
func (a *API) patient(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithTimeout(ctx, d)
	go func() {
		select {
		case <-a.stopping:
			cancel()
		case <-ctx.Done():
		}
	}()
	return ctx, cancel
}

func (a *API) renewToken(ctx context.Context, c broker.Caller, r *http.Request) (answer, error) {
	var req api.RenewRequest
	if err := decode(r, &req); err != nil && !errors.Is(err, io.EOF) { // an empty body says as much as {}
		return answer{}, err
	}
	app, kind := r.PathValue("app"), broker.Kind(r.PathValue("kind"))
	var held access.Held
	var err error
	switch {
	case req.Leaked:
		held, err = a.svc.Replace(ctx, c, app, kind)
	case req.Version > 0:
		held, err = a.svc.Report(ctx, c, app, kind, broker.Version(req.Version))
	case req.Token != "":
		held, err = a.svc.ReportToken(ctx, c, app, kind, broker.NewSecret(req.Token))
	default:
		return answer{}, &broker.Error{
			Code: api.CodeInvalid, Class: broker.Invalid, Message: "what was rejected is not said",
			Hint: `send {"version":N} or {"token":"…"}, as the token was answered here`,
		}
	}
	if err != nil {
		return answer{}, err
	}
	return tokenAnswer(held), nil
}

// onlyParams refuses parameters that do not exist: what a caller misspells must not be
// ignored. Those that begin with _ are for caches and proxies on the way.
func onlyParams(q url.Values, known ...string) error {
	for _, name := range slices.Sorted(maps.Keys(q)) {
		if !slices.Contains(known, name) && !strings.HasPrefix(name, "_") {
			return &broker.Error{
				Code: api.CodeInvalid, Class: broker.Invalid, Message: fmt.Sprintf("no parameter is called %.40q", name),
				Hint: "there are " + strings.Join(known, ", "),
			}
		}
	}
	return nil
}

func durationParam(s, name string) (time.Duration, error) {
	if s == "" {
		return 0, nil
	}
	d, err := time.ParseDuration(s)
	if err != nil || d < 0 {
		return 0, invalid("%s=%.40q: want a duration such as 60s", name, s)
	}
	return d, nil
}

// ifNoneMatch reads the version that a caller has. Of a list the first one counts.
func ifNoneMatch(r *http.Request) (broker.Version, bool) {
	h := r.Header.Get("If-None-Match")
	if h == "" {
		return 0, false
	}
	first, _, _ := strings.Cut(h, ",")
	first = strings.TrimPrefix(strings.TrimSpace(first), "W/")
	n, err := strconv.ParseInt(strings.Trim(first, `"`), 10, 64)
	return broker.Version(n), err == nil && n > 0
}
