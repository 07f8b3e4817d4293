package wechat

import (
	"context"
	"net/url"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/platform"
)

// maxShown bounds every text that is known of a user.
const maxShown = 4 << 10

// CheckUser implements [broker.WebAuthorization]. For a token that is not good the
// platform documents "invalid openid" [A], and 40014 has been seen [C]. Whether really the
// open id is wrong shows when the token is refreshed, which changes nothing either.
func (w web) CheckUser(ctx context.Context, app *broker.App, user string, token broker.Secret) (broker.Verdict, error) {
	a, err := w.askUser(ctx, app, pathUserCheck, url.Values{"openid": {user}}, atUser, token)
	if err == nil {
		if a.Has("errcode") {
			return broker.VerdictOK, nil
		}
		err = platform.Garbage("one to a check that does not say how it went")
	}
	switch e := platform.Settled(err); {
	case rejects(e), isCode(e, codeBadOpenID), isCode(e, codeGrantOver):
		return broker.VerdictRejected, nil
	case throttles(e):
		return broker.VerdictThrottled, nil
	default:
		return broker.VerdictUnknown, e
	}
}

// Profile implements [broker.WebAuthorization].
func (w web) Profile(ctx context.Context, app *broker.App, user string, token broker.Secret, language string) (broker.Profile, error) {
	a, err := w.askUser(ctx, app, pathUserInfo, about(user, language), atProfile, token)
	if err != nil {
		return broker.Profile{}, platform.Settled(err)
	}
	r := reader{answer: a}
	p := broker.Profile{
		Nickname: r.line("nickname"), Sex: int(r.integer("sex")),
		Province: r.line("province"), City: r.line("city"), Country: r.line("country"),
		Portrait: r.line("headimgurl"), Privilege: r.lines("privilege"),
	}
	p.OpenID, p.UnionID = r.identity(user)
	if r.err != nil {
		return broker.Profile{}, platform.Settled(r.err)
	}
	return p, nil
}

// SubscriptionPath implements [broker.WebAuthorization].
func (web) SubscriptionPath() string { return pathSubscription }

// Subscription implements [broker.WebAuthorization]. Of a user who does not follow the
// app, the answer has the ids alone [A*].
func (w web) Subscription(ctx context.Context, app *broker.App, user string, token broker.Secret, language string) (broker.Subscription, error) {
	a, err := w.askUser(ctx, app, pathSubscription, about(user, language), atCall, token)
	if err != nil {
		return broker.Subscription{}, platform.Settled(err)
	}
	r := reader{answer: a}
	s := broker.Subscription{
		Subscribed: r.integer("subscribe") == 1, Language: r.line("language"), SubscribedAt: r.instant("subscribe_time"),
		Remark: r.line("remark"), GroupID: r.integer("groupid"), Tags: r.integers("tagid_list"),
		Scene: r.line("subscribe_scene"), QRScene: r.integer("qr_scene"), QRSceneText: r.line("qr_scene_str"),
	}
	s.OpenID, s.UnionID = r.identity(user)
	if r.err != nil {
		return broker.Subscription{}, platform.Settled(r.err)
	}
	return s, nil
}

func about(user, language string) url.Values {
	q := url.Values{"openid": {user}}
	if language != "" {
		q.Set("lang", language)
	}
	return q
}

// askUser makes a call about a user, with a token of hers or of the app.
func (w web) askUser(ctx context.Context, app *broker.App, path string, query url.Values, where place, token broker.Secret) (platform.Answer, error) {
	switch {
	case token.IsZero():
		return platform.Answer{}, refusalHere(codeNoToken)
	case query.Get("openid") == "":
		return platform.Answer{}, refusalHere(codeBadOpenID)
	}
	query.Set(paramToken, token.Reveal())
	return w.client.ask(ctx, app, path, query, where, token)
}

// reader reads fields until one is odd.
type reader struct {
	answer platform.Answer
	err    error
}

func (r *reader) line(name string) string {
	s, err := r.answer.Line(name, maxShown)
	r.note(err)
	return s
}

func (r *reader) lines(name string) []string {
	s, err := r.answer.Lines(name, maxShown)
	r.note(err)
	return s
}

func (r *reader) integer(name string) int64 {
	n, _, err := r.answer.Integer(name)
	r.note(err)
	return n
}

// instant reads seconds since 1970. Zero: there are none.
func (r *reader) instant(name string) time.Time {
	if n := r.integer(name); n > 0 {
		return time.Unix(n, 0)
	}
	return time.Time{}
}

func (r *reader) integers(name string) []int64 {
	n, err := r.answer.Integers(name)
	r.note(err)
	return n
}

// identity reads the ids of the user who was asked about.
func (r *reader) identity(user string) (openID, unionID string) {
	openID, unionID, err := identity(r.answer)
	if err == nil && openID != user {
		err = broker.ErrWrongUser
	}
	r.note(err)
	return openID, unionID
}

func (r *reader) note(err error) {
	if r.err == nil {
		r.err = err
	}
}
