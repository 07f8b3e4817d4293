package httpapi

import (
	"context"
	"net/http"

	"github.com/hufu-io/hufu/api"
	"github.com/hufu-io/hufu/internal/broker"
)

func (a *API) getQuota(_ context.Context, c broker.Caller, r *http.Request) (answer, error) {
	if err := noParams(r); err != nil {
		return answer{}, err
	}
	q, err := a.cfg.Quotas.Quota(c, r.PathValue("app"))
	if err != nil {
		return answer{}, err
	}
	out := api.Quota{App: q.App, Day: q.Day, Resets: utc(q.Resets), Since: utc(q.Since), Paths: make([]api.QuotaPath, len(q.Paths))}
	for i, u := range q.Paths {
		p := api.QuotaPath{Path: u.Path, Today: u.Today, ThisMinute: u.Minute}
		if e := u.Throttled; e != nil {
			p.Throttled = &api.QuotaThrottled{Code: e.PlatformCode, Message: e.PlatformMessage, Until: utc(u.Until)}
		}
		out.Paths[i] = p
	}
	return answer{body: out}, nil
}

// noParams refuses every parameter.
func noParams(r *http.Request) error {
	if r.URL.RawQuery == "" {
		return nil
	}
	err := onlyParams(r.URL.Query())
	if err != nil {
		broker.AsError(err).Hint = "the call has no parameters"
	}
	return err
}
