package login

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/url"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/query"
)

// ending is a way in which a login does not succeed: what is shown, told and counted.
type ending struct {
	outcome string // in the metric; empty: it is no login that ends
	status  int
	page    Page
	// oauth is the error that the protocol which began the login is told. Empty: the user
	// is shown a page even so.
	oauth       string
	description string
	level       slog.Level
}

// fault is an ending as it has come about.
type fault struct {
	*ending
	detail string // for those who build the business' page; a constant of ours
	cause  error  // for the log
	unused bool   // nothing was done, so that the browser may come again as it came
}

func (e *ending) as(cause error, detail string) fault {
	return fault{ending: e, cause: cause, detail: detail}
}

// The endings. Those of users and of strangers are no matter for an operator, and are
// logged at a level that nobody is woken by.
var (
	nowhere = &ending{status: http.StatusNotFound, page: pageNowhere, level: slog.LevelDebug}
	// badMethod and unseen are of programs, not of users.
	badMethod = &ending{status: http.StatusMethodNotAllowed, page: pageNowhere, level: slog.LevelDebug}
	unseen    = &ending{status: http.StatusServiceUnavailable, page: pageBusy, level: slog.LevelDebug}

	noLogin     = &ending{outcome: "no_login", status: http.StatusNotFound, page: pageNoLogin, level: slog.LevelInfo}
	badRequest  = &ending{outcome: "bad_request", status: http.StatusBadRequest, page: pageBadRequest, level: slog.LevelInfo}
	badRedirect = &ending{outcome: "bad_redirect", status: http.StatusBadRequest, page: pageBadRedirect, level: slog.LevelInfo}
	badScope    = &ending{
		outcome: "bad_request", status: http.StatusBadRequest, page: pageBadRequest, level: slog.LevelInfo,
		oauth: "invalid_scope", description: "the app's users are not asked for this scope",
	}

	forged    = &ending{outcome: "forged", status: http.StatusBadRequest, page: pageForged, level: slog.LevelInfo}
	tooOld    = &ending{outcome: "too_old", status: http.StatusGone, page: pageTooOld, level: slog.LevelInfo}
	elsewhere = &ending{outcome: "elsewhere", status: http.StatusForbidden, page: pageElsewhere, level: slog.LevelInfo}
	// used has no error for the protocol: it was told already what became of the login.
	used = &ending{outcome: "used", status: http.StatusConflict, page: pageUsed, level: slog.LevelInfo}

	refused = &ending{
		outcome: "refused", status: http.StatusForbidden, page: pageRefused, level: slog.LevelInfo,
		oauth: "access_denied", description: "the user did not agree",
	}
	denied = &ending{
		outcome: "denied", status: http.StatusForbidden, page: pageDenied, level: slog.LevelWarn,
		oauth: "access_denied", description: "the platform does not let the user log in to this app",
	}
	spent = &ending{
		outcome: "spent", status: http.StatusGone, page: pageTooOld, level: slog.LevelInfo,
		oauth: "server_error", description: "the login took too long or was used before; log in again",
	}
	busy = &ending{
		outcome: "busy", status: http.StatusServiceUnavailable, page: pageBusy, level: slog.LevelWarn,
		oauth: "temporarily_unavailable", description: "too many users are logging in to the app at once",
	}
	platformAway = &ending{
		outcome: "platform_away", status: http.StatusServiceUnavailable, page: pagePlatformAway, level: slog.LevelWarn,
		oauth: "temporarily_unavailable", description: "the platform does not answer; log in again",
	}
	storeAway = &ending{
		outcome: "store_away", status: http.StatusServiceUnavailable, page: pageAway, level: slog.LevelError,
		oauth: "temporarily_unavailable", description: "the server's store does not answer; log in again",
	}
	misconfigured = &ending{
		outcome: "misconfigured", status: http.StatusBadGateway, page: pageMisconfigured, level: slog.LevelError,
		oauth: "server_error", description: "the app is not set up as its platform wants it",
	}
	broken = &ending{
		outcome: "error", status: http.StatusInternalServerError, page: pageBroken, level: slog.LevelError,
		oauth: "server_error", description: "internal error",
	}
)

// counted are the endings that have a series in the metric from the start.
func counted() []*ending {
	return []*ending{
		noLogin, badRequest, badRedirect, forged, tooOld, elsewhere, used, refused, denied, spent, busy, platformAway, storeAway,
		misconfigured, broken,
	}
}

// faultOf is the ending that the error of an exchange makes. One that says nothing is a
// fault of ours.
func faultOf(err error) fault {
	e, said := errors.AsType[*broker.Error](err)
	switch {
	case !said:
		return broken.as(err, "")
	case errors.Is(e, broker.ErrStoreAway):
		return storeAway.as(err, "")
	}
	switch e.Class {
	case broker.Transient, broker.Throttled:
		return platformAway.as(err, "")
	case broker.Invalid:
		return spent.as(err, "")
	case broker.Denied:
		return denied.as(err, "")
	case broker.BadCredential, broker.Misconfigured:
		return misconfigured.as(err, "")
	case broker.NotFound:
	}
	return broken.as(err, "")
}

// end ends a login that did not succeed. A flow is known where the browser has shown that it
// is its own, or is just beginning it.
func (r *Relay) end(ctx context.Context, v visit, f *flow, by fault) {
	r.note(ctx, v, by)
	if f != nil && f.proven && (!by.unused || f.foreign()) {
		r.drop(v, f)
	}
	if by.status == http.StatusServiceUnavailable {
		v.w.Header().Set("Retry-After", "2")
	}
	if f != nil && f.foreign() && by.oauth != "" && r.cont != nil {
		r.cont.Failed(v.w, v.r, v.app, string(f.Ref), by.oauth, by.description)
		return
	}
	p := by.page
	p.Detail = by.detail
	if f != nil && !f.foreign() {
		p.Again = again(v.app, f)
		if f.proven {
			p.Back = back(v.app, f, by.ending)
		}
	}
	r.Page(v.w, v.r, by.status, p)
}

func (r *Relay) note(ctx context.Context, v visit, by fault) {
	if by.outcome == "" {
		return
	}
	r.metrics.logins.WithLabelValues(by.outcome).Inc()
	attrs := []slog.Attr{slog.String("outcome", by.outcome), slog.String("request_id", v.id)}
	if v.app != nil {
		attrs = append(attrs, slog.String("app", v.app.ID))
	}
	if by.detail != "" {
		attrs = append(attrs, slog.String("detail", by.detail))
	}
	if by.cause != nil {
		attrs = append(attrs, slog.Any("error", by.cause))
	}
	level := by.level
	if level < slog.LevelError {
		level = r.spared(level)
	}
	r.cfg.Logger.LogAttrs(ctx, level, "a login did not succeed", attrs...)
}

// spared is the level at which something is logged that strangers can bring about.
func (r *Relay) spared(level slog.Level) slog.Level {
	if r.notes.may(r.cfg.Now()) {
		return level
	}
	return slog.LevelDebug
}

// back is the business' page with what became of the login, as OAuth 2 has it. The user goes there
// by a link: nobody is sent there by an error that a stranger can bring about.
func back(app *broker.App, f *flow, e *ending) string {
	to := string(f.Redirect)
	if !app.Login.Allows(to) {
		return ""
	}
	code, description := e.oauth, e.description
	if code == "" {
		code, description = "server_error", "the login was not finished in time, or was finished before"
	}
	return with(to, query.Param{Name: "error", Value: code}, query.Param{Name: "error_description", Value: description},
		query.Param{Name: "state", Value: string(f.State)})
}

// hostOf is what a user is shown of where a link goes.
func hostOf(link string) string {
	u, err := url.Parse(link)
	if err != nil {
		return ""
	}
	return u.Host
}
