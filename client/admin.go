package client

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/hufu-io/hufu/api"
)

// Page selects a part of a list. The zero value is the first page, as long as the
// server makes it.
type Page struct {
	After string // the last id of the page before it
	Limit int    // from 1 to 1000; zero: the server's default
}

// Apps lists the apps that the client may manage, by id. It needs the right admin, as
// do all the calls that follow.
func (c *Client) Apps(ctx context.Context, p Page) ([]api.App, error) {
	q := url.Values{}
	if p.After != "" {
		q.Set("after", p.After)
	}
	setLimit(q, p.Limit)
	var apps []api.App
	err := c.do(ctx, call{method: http.MethodGet, path: []string{"v1", "apps"}, query: q, answer: &apps})
	return apps, err
}

// App returns one app and how its tokens stand, without its secrets.
func (c *Client) App(ctx context.Context, id string) (api.App, error) {
	var app api.App
	err := c.do(ctx, call{method: http.MethodGet, path: []string{"v1", "apps", id}, answer: &app})
	return app, err
}

// PutApp adds the app, or replaces the one with its id. Without secrets those of the
// app that is replaced are kept, if platform, app id and base URL stay the same. Those of
// app.Tokens that have a token were issued elsewhere, and are stored before any server
// knows of the app, so that none issues another.
func (c *Client) PutApp(ctx context.Context, app api.App) (api.App, error) {
	app.Origin = "" // only in answers
	app.Tokens = slices.DeleteFunc(slices.Clone(app.Tokens), func(t api.TokenState) bool { return t.Token == "" })
	var put api.App
	err := c.do(ctx, call{method: http.MethodPut, path: []string{"v1", "apps", app.ID}, body: app, answer: &put})
	return put, err
}

// CheckApp asks what PutApp would be refused for, and changes nothing: nil is nothing. The
// tokens of app are not looked at.
func (c *Client) CheckApp(ctx context.Context, app api.App) error {
	app.Origin, app.Tokens = "", nil
	return c.do(ctx, call{method: http.MethodPost, path: []string{"v1", "apps", app.ID, "check"}, body: app})
}

// ImportToken has an app use a token that was issued elsewhere. Where that token is here
// already, the answer's result is [api.ImportUnchanged].
func (c *Client) ImportToken(ctx context.Context, app string, t api.TokenState) (api.TokenState, error) {
	var now api.TokenState
	err := c.do(ctx, call{method: http.MethodPut, path: []string{"v1", "apps", app, "tokens", t.Kind}, body: t, answer: &now})
	return now, err
}

// DeleteApp removes an app and its tokens.
func (c *Client) DeleteApp(ctx context.Context, id string) error {
	return c.do(ctx, call{method: http.MethodDelete, path: []string{"v1", "apps", id}})
}

// Clients lists all clients, without their keys.
func (c *Client) Clients(ctx context.Context) ([]api.Client, error) {
	var clients []api.Client
	err := c.do(ctx, call{method: http.MethodGet, path: []string{"v1", "clients"}, answer: &clients})
	return clients, err
}

// AddClient adds a client. The answer holds its new key, which is shown this once.
func (c *Client) AddClient(ctx context.Context, client api.Client) (api.Client, error) {
	var added api.Client
	err := c.do(ctx, call{method: http.MethodPost, path: []string{"v1", "clients"}, body: client, answer: &added})
	return added, err
}

// DeleteClient revokes a client: its key stops working at once.
func (c *Client) DeleteClient(ctx context.Context, name string) error {
	return c.do(ctx, call{method: http.MethodDelete, path: []string{"v1", "clients", name}})
}

// AuditQuery selects entries of the audit; zero fields select all.
type AuditQuery struct {
	Client, Action, App string
	From, To            time.Time // [From, To)
	Before              int64     // [api.AuditPage.Next] of the page before it
	Limit               int       // from 1 to 1000; zero: the server's default
}

// Audit returns a page of the audit, newest entries first.
func (c *Client) Audit(ctx context.Context, query AuditQuery) (api.AuditPage, error) {
	q := url.Values{}
	set := func(name, value string) {
		if value != "" {
			q.Set(name, value)
		}
	}
	set("client", query.Client)
	set("action", query.Action)
	set("app", query.App)
	if !query.From.IsZero() {
		q.Set("from", query.From.UTC().Format(time.RFC3339))
	}
	if !query.To.IsZero() {
		q.Set("to", query.To.UTC().Format(time.RFC3339))
	}
	if query.Before > 0 {
		q.Set("before", strconv.FormatInt(query.Before, 10))
	}
	setLimit(q, query.Limit)
	var page api.AuditPage
	err := c.do(ctx, call{method: http.MethodGet, path: []string{"v1", "audit"}, query: q, answer: &page})
	return page, err
}

// RotateKeys adds a new key to the server's keyset and seals everything stored with it,
// which takes minutes where there is much.
func (c *Client) RotateKeys(ctx context.Context) (api.KeyRotation, error) {
	ctx, cancel := within(ctx, rotateTimeout)
	defer cancel()
	var r api.KeyRotation
	err := c.do(ctx, call{method: http.MethodPost, path: []string{"v1", "keys", "rotate"}, answer: &r})
	return r, err
}

func setLimit(q url.Values, limit int) {
	if limit > 0 {
		q.Set("limit", strconv.Itoa(limit))
	}
}
