package access

import (
	"context"
	"crypto/rand"

	"github.com/hufu-io/hufu/internal/broker"
)

// Signed is a signature by which a page may use an app's JS-SDK, with what was signed
// beside what the caller knows.
type Signed struct {
	AppID     string // the platform's name for the app
	AgentID   string // which agent of a corp the app is, where the page was signed for that
	Timestamp int64
	Nonce     string
	Signature string
}

// SignPage signs a page of an app. It needs read on the app, as reading the ticket does;
// the ticket itself is not given away.
func (s *Service) SignPage(ctx context.Context, c broker.Caller, app, page string) (Signed, error) {
	a, err := s.onApp(c, broker.Read, app)
	if err != nil {
		return Signed{}, err
	}
	return s.signPage(ctx, c, a, broker.JSAPITicket, page)
}

// SignAgentPage signs a page for the one agent of a corp that the app is, as WeCom's
// wx.agentConfig wants it beside what wx.config wants. It needs read on the app.
func (s *Service) SignAgentPage(ctx context.Context, c broker.Caller, app, page string) (Signed, error) {
	a, err := s.onApp(c, broker.Read, app)
	if err != nil {
		return Signed{}, err
	}
	p, ok := s.platforms[a.Platform]
	if !ok || p.Kinds(a.Mode)[broker.AgentConfigTicket].Issuer == nil {
		return Signed{}, s.refuse(broker.ErrUnknownKind)
	}
	agent := a.Params[broker.ParamAgentID]
	if agent == "" {
		return Signed{}, s.counted(c, "sign_page", app, "", 0, broker.ErrNoAgent)
	}
	x, err := s.signPage(ctx, c, a, broker.AgentConfigTicket, page)
	x.AgentID = agent
	return x, err
}

// signPage signs a page with the app's ticket of a kind.
func (s *Service) signPage(ctx context.Context, c broker.Caller, a *broker.App, kind broker.Kind, page string) (Signed, error) {
	page, err := a.Page(page)
	if err != nil {
		return Signed{}, s.counted(c, "sign_page", a.ID, "", 0, err)
	}
	return s.sign(ctx, c, "sign_page", a, kind, func(p broker.PageSigner, ticket broker.Secret, x *Signed) {
		x.Signature = p.SignPage(ticket, page, x.Nonce, x.Timestamp)
	})
}

// SignCard signs what a page does with cards: the values that f makes of what is signed
// with them. It needs read on the app.
func (s *Service) SignCard(ctx context.Context, c broker.Caller, app string, values func(*Signed) []string) (Signed, error) {
	a, err := s.onApp(c, broker.Read, app)
	if err != nil {
		return Signed{}, err
	}
	cards, ok := s.platforms[a.Platform].Pages.(broker.CardSigner)
	if !ok {
		return Signed{}, s.refuse(broker.ErrUnknownKind)
	}
	return s.sign(ctx, c, "sign_card", a, broker.WxCardTicket, func(_ broker.PageSigner, ticket broker.Secret, x *Signed) {
		x.Signature = cards.SignCard(ticket, values(x)...)
	})
}

// sign makes a signature with the app's ticket of a kind.
func (s *Service) sign(ctx context.Context, c broker.Caller, action string, a *broker.App, kind broker.Kind, f func(broker.PageSigner, broker.Secret, *Signed)) (Signed, error) {
	p := s.platforms[a.Platform].Pages
	if p == nil {
		return Signed{}, s.refuse(broker.ErrUnknownKind)
	}
	t, err := s.tokens.Of(a).Token(ctx, broker.Key{App: a.ID, Kind: kind})
	if err != nil {
		return Signed{}, s.counted(c, action, a.ID, kind, 0, err)
	}
	x := Signed{AppID: a.AppID, Timestamp: p.Stamp(s.tokens.Now()), Nonce: rand.Text()}
	f(p, t.Secret, &x)
	return x, s.counted(c, action, a.ID, kind, t.Version, nil)
}
