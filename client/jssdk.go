package client

import (
	"context"
	"net/http"
	"net/url"

	"github.com/hufu-io/hufu/api"
)

// SignPage signs a page for the app's JS-SDK: the answer is what wx.config wants. The page's
// host has to be one of the app's page_hosts. It needs the right read on the app.
func (c *Client) SignPage(ctx context.Context, app, page string) (api.PageSignature, error) {
	var s api.PageSignature
	err := c.do(ctx, call{method: http.MethodGet, path: []string{"v1", "apps", app, "jssdk"}, query: url.Values{"url": {page}}, answer: &s})
	return s, err
}

// SignAgentPage signs a page for the agent of a WeCom corp that the app is: the answer is
// what wx.agentConfig wants. It needs the right read on the app.
func (c *Client) SignAgentPage(ctx context.Context, app, page string) (api.AgentSignature, error) {
	var s api.AgentSignature
	err := c.do(ctx, call{method: http.MethodGet, path: []string{"v1", "apps", app, "jssdk", "agent"}, query: url.Values{"url": {page}}, answer: &s})
	return s, err
}

// SignCard signs an element of the cardList of wx.addCard. Code and openID may be empty.
func (c *Client) SignCard(ctx context.Context, app, cardID, code, openID string) (api.CardSignature, error) {
	var s api.CardSignature
	err := c.do(ctx, call{
		method: http.MethodGet, path: []string{"v1", "apps", app, "jssdk", "card"},
		query: given("card_id", cardID, "code", code, "openid", openID), answer: &s,
	})
	return s, err
}

// SignChoice signs what wx.chooseCard wants. All three may be empty.
func (c *Client) SignChoice(ctx context.Context, app, shopID, cardType, cardID string) (api.CardChoice, error) {
	var s api.CardChoice
	err := c.do(ctx, call{
		method: http.MethodGet, path: []string{"v1", "apps", app, "jssdk", "choose-card"},
		query: given("shop_id", shopID, "card_type", cardType, "card_id", cardID), answer: &s,
	})
	return s, err
}

// given makes a query of names and values, without those that are empty.
func given(pairs ...string) url.Values {
	q := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			q.Set(pairs[i], pairs[i+1])
		}
	}
	return q
}
