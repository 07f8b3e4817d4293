package httpapi

import (
	"context"
	"net/http"
	"time"

	"github.com/hufu-io/hufu/api"
	"github.com/hufu-io/hufu/internal/access"
	"github.com/hufu-io/hufu/internal/broker"
)

func (a *API) getDoctor(ctx context.Context, c broker.Caller, r *http.Request) (answer, error) {
	if err := noParams(r); err != nil {
		return answer{}, err
	}
	d, err := a.cfg.Doctor.Examine(ctx, c, r.PathValue("app"))
	if err != nil {
		return answer{}, err
	}
	out := api.Diagnosis{App: d.App, Healthy: d.Healthy(), At: utc(d.At), Findings: make([]api.Finding, len(d.Findings))}
	for i := range d.Findings {
		out.Findings[i] = findingOf(&d.Findings[i])
	}
	return answer{body: out}, nil
}

func findingOf(f *access.Finding) api.Finding {
	out := api.Finding{
		Name: f.Name, Kind: string(f.Kind), State: string(f.State), Detail: f.Detail, TookMS: int64(f.Took / time.Millisecond),
	}
	if f.Took > 0 {
		out.TookMS = max(out.TookMS, 1) // zero says that nobody was asked
	}
	if e := f.Err; e != nil {
		out.Hint, out.Code = e.Hint, e.Code
		if out.Detail == "" {
			out.Detail = e.Message
		}
		if e.PlatformCode != "" {
			out.Platform = &api.PlatformError{Code: e.PlatformCode, Message: e.PlatformMessage}
		}
	}
	return out
}
