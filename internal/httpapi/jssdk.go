package httpapi

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"

	"github.com/hufu-io/hufu/api"
	"github.com/hufu-io/hufu/internal/access"
	"github.com/hufu-io/hufu/internal/broker"
)

func (a *API) signPage(ctx context.Context, c broker.Caller, r *http.Request) (answer, error) {
	q := r.URL.Query()
	if err := onlyParams(q, "url"); err != nil {
		return answer{}, err
	}
	x, err := a.svc.SignPage(ctx, c, r.PathValue("app"), q.Get("url"))
	if err != nil {
		return answer{}, err
	}
	return answer{body: api.PageSignature{AppID: x.AppID, Timestamp: x.Timestamp, NonceStr: x.Nonce, Signature: x.Signature}}, nil
}

func (a *API) signAgentPage(ctx context.Context, c broker.Caller, r *http.Request) (answer, error) {
	q := r.URL.Query()
	if err := onlyParams(q, "url"); err != nil {
		return answer{}, err
	}
	x, err := a.svc.SignAgentPage(ctx, c, r.PathValue("app"), q.Get("url"))
	if err != nil {
		return answer{}, err
	}
	return answer{body: api.AgentSignature{CorpID: x.AppID, AgentID: x.AgentID, Timestamp: x.Timestamp, NonceStr: x.Nonce, Signature: x.Signature}}, nil
}

// cardExt is what wx.addCard wants in a string. Its timestamp is one too.
type cardExt struct {
	Code      string `json:"code,omitempty"`
	OpenID    string `json:"openid,omitempty"`
	Timestamp string `json:"timestamp"`
	NonceStr  string `json:"nonce_str"`
	Signature string `json:"signature"`
}

func (a *API) signCard(ctx context.Context, c broker.Caller, r *http.Request) (answer, error) {
	q := r.URL.Query()
	if err := onlyParams(q, "card_id", "code", "openid"); err != nil {
		return answer{}, err
	}
	card, code, user := q.Get("card_id"), q.Get("code"), q.Get("openid")
	if card == "" {
		return answer{}, invalid("card_id is missing")
	}
	if err := cardParams(card, code, user); err != nil {
		return answer{}, err
	}
	x, err := a.svc.SignCard(ctx, c, r.PathValue("app"), func(x *access.Signed) []string {
		return []string{strconv.FormatInt(x.Timestamp, 10), x.Nonce, card, code, user}
	})
	if err != nil {
		return answer{}, err
	}
	ext, err := json.Marshal(cardExt{
		Code: code, OpenID: user, Timestamp: strconv.FormatInt(x.Timestamp, 10), NonceStr: x.Nonce, Signature: x.Signature,
	})
	if err != nil {
		return answer{}, fmt.Errorf("encode a card's extension: %w", err)
	}
	return answer{body: api.CardSignature{CardID: card, CardExt: string(ext)}}, nil
}

func (a *API) signChoice(ctx context.Context, c broker.Caller, r *http.Request) (answer, error) {
	q := r.URL.Query()
	if err := onlyParams(q, "shop_id", "card_type", "card_id"); err != nil {
		return answer{}, err
	}
	shop, sort, card := q.Get("shop_id"), q.Get("card_type"), q.Get("card_id")
	if err := cardParams(shop, sort, card); err != nil {
		return answer{}, err
	}
	x, err := a.svc.SignCard(ctx, c, r.PathValue("app"), func(x *access.Signed) []string {
		return []string{x.AppID, strconv.FormatInt(x.Timestamp, 10), x.Nonce, shop, sort, card}
	})
	if err != nil {
		return answer{}, err
	}
	return answer{body: api.CardChoice{
		ShopID: shop, CardType: sort, CardID: card, Timestamp: x.Timestamp, NonceStr: x.Nonce, SignType: "SHA1", CardSign: x.Signature,
	}}, nil
}

// cardParams checks the form of what is signed with a card: values that run into each
// other could be read as others.
func cardParams(values ...string) error {
	for _, v := range values {
		if v != "" && !plain(v, maxCode) {
			return invalid("a parameter has white space or other characters that none of WeChat's cards has, or more than %d of them", maxCode)
		}
	}
	return nil
}
