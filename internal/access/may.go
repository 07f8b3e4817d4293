package access

import (
	"log/slog"
	"strings"

	"github.com/hufu-io/hufu/internal/acl"
	"github.com/hufu-io/hufu/internal/broker"
)

// hintRights is what to do about most rights that are missing.
const hintRights = "a client's allow says what it may do, and its apps say where; an administrator of the server can change them"

// may checks a right on an app, or on the server as a whole where the app is "". Who may
// not see an app is told the same whether it exists or not: what is said follows from
// the client's own rights and from what it asked for.
func (s *Service) may(c broker.Caller, r broker.Right, app string) error {
	if acl.Allow(c.Client, r, app) {
		return nil
	}
	return s.refuse(s.lacks(c, r, app, placeOf(app), hintRights))
}

// placeOf says where a right is needed; "" is the server as a whole.
func placeOf(app string) string {
	switch {
	case app == "":
		return "every app"
	case broker.ValidAppID(app):
		return "the app " + app
	default:
		return "this app" // it is none, and not repeated
	}
}

// lacks is the refusal of a client without a right. Misconfigured clients ask again and
// again, so that it is logged for who looks for them only. What is no app is not
// written down: it may be anything that went to the wrong place. It is not counted.
func (s *Service) lacks(c broker.Caller, r broker.Right, app, where, hint string) error {
	right := strings.Join(broker.Rights(r).Names(), ", ")
	if app != "" && s.registry.App(app) == nil {
		app = "(none)"
	}
	s.log.Debug("a client may not do what it asks for",
		slog.String("client", c.Name()), slog.String("app", app), slog.String("right", right),
		slog.String("request_id", c.RequestID), slog.String("remote", c.Remote))
	return &broker.Error{
		Code: broker.ErrNotAllowed.Code, Class: broker.ErrNotAllowed.Class,
		Message: broker.ErrNotAllowed.Message + ": it needs the right " + right + " on " + where,
		Hint:    hint,
	}
}
