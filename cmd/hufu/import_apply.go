package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/hufu-io/hufu/api"
)

// What can become of an app that is imported, and, but for the second, of a token.
const (
	imported  = api.ImportDone
	replaced  = "replaced"
	unchanged = api.ImportUnchanged
	kept      = api.ImportKept // another one that lives is here, and stays
	failed    = api.ImportFailed
)

// appResult is what became of an app.
type appResult struct {
	Line int    `json:"line,omitempty"`
	ID   string `json:"id"`
	// Platform is where the app's secret goes.
	Platform string        `json:"platform,omitempty"`
	Result   string        `json:"result"`
	Tokens   []tokenResult `json:"tokens,omitempty"`
	Notes    []string      `json:"notes,omitempty"`
	Error    string        `json:"error,omitempty"`
}

type tokenResult struct {
	Kind   string `json:"kind"`
	Result string `json:"result"`
	// ExpiresIn is how long it was said to live, in seconds.
	ExpiresIn int64 `json:"expires_in"`
}

// appServer is what an import needs of a server. It is the Go client.
type appServer interface {
	App(ctx context.Context, id string) (api.App, error)
	CheckApp(ctx context.Context, a api.App) error
	PutApp(ctx context.Context, a api.App) (api.App, error)
	ImportToken(ctx context.Context, app string, t api.TokenState) (api.TokenState, error)
}

// appImporter imports apps one by one.
type appImporter struct {
	server        appServer
	replace       bool // apps that differ
	replaceTokens bool // that live
	tokensOnly    bool
	dry           bool // nothing is changed
}

// run imports one app.
func (i *appImporter) run(ctx context.Context, a importApp) appResult {
	res := appResult{Line: a.line, ID: a.app.ID, Platform: a.app.Platform, Result: failed, Notes: a.notes}
	now, err := i.server.App(ctx, a.app.ID)
	p, isProblem := errors.AsType[*api.Problem](err)
	switch {
	case isProblem && p.Code == api.CodeUnknownApp && i.tokensOnly:
		err = errors.New("there is no such app at the server; without --tokens-only it is added")
	case isProblem && p.Code == api.CodeUnknownApp:
		err = i.add(ctx, a, &res)
	case err == nil:
		err = i.meet(ctx, a, now, &res)
	}
	if err != nil {
		res.Result, res.Error = failed, explained(err).Error()
	}
	return res
}

// add imports an app that is not there, with its tokens, in one call: no server knows of the
// app before its tokens are stored.
func (i *appImporter) add(ctx context.Context, a importApp, res *appResult) error {
	if len(a.app.Secret) == 0 {
		return errors.New("the app's secret is missing")
	}
	if err := i.put(ctx, a.app, a.tokens); err != nil {
		return err
	}
	res.Result = imported
	if i.dry && len(a.tokens) == 0 {
		res.Notes = append(slices.Clip(res.Notes), "gets a new token")
	}
	for _, t := range a.tokens {
		res.Tokens = append(res.Tokens, tokenResult{t.kind, imported, t.seconds(time.Now())})
	}
	return nil
}

func (i *appImporter) put(ctx context.Context, app api.App, tokens []importToken) error {
	if i.dry {
		return nil
	}
	app.Tokens = nil
	for _, t := range tokens {
		app.Tokens = append(app.Tokens, i.state(t))
	}
	_, err := i.server.PutApp(ctx, app)
	return err
}

func (i *appImporter) state(t importToken) api.TokenState {
	return api.TokenState{Kind: t.kind, Token: t.token.Reveal(), ExpiresIn: t.seconds(time.Now()), Replace: i.replaceTokens}
}

// meet imports an app that is there already.
func (i *appImporter) meet(ctx context.Context, a importApp, now api.App, res *appResult) error {
	differs := differences(a.fields, now)
	secret := len(a.app.Secret) > 0 || a.fields["refresh_token"] != nil
	result := unchanged
	switch {
	case i.tokensOnly && a.app.AppID != "" && slices.Contains(differs, "app_id"):
		return errors.New("the app at the server has another app_id")
	case i.tokensOnly:
	case i.replace && (len(differs) > 0 || secret):
		if err := i.put(ctx, a.app, nil); err != nil {
			return err
		}
		result = replaced
	case len(differs) > 0 && now.Origin == fromFile:
		return fmt.Errorf("the app is of the server's configuration file and differs in %s; change it there, or give --tokens-only to import its tokens", strings.Join(differs, ", "))
	case len(differs) > 0:
		return fmt.Errorf("the app is there already and differs in %s; give --replace to change it", strings.Join(differs, ", "))
	}
	for _, t := range a.tokens {
		r, err := i.token(ctx, now, t)
		if err != nil {
			return fmt.Errorf("%s: %w", t.kind, err)
		}
		res.Tokens = append(res.Tokens, r)
		if r.Result == imported && result == unchanged {
			result = imported
		}
	}
	res.Result = result
	return nil
}

// token imports a token of an app that is there.
func (i *appImporter) token(ctx context.Context, now api.App, t importToken) (tokenResult, error) {
	res := tokenResult{Kind: t.kind, Result: imported, ExpiresIn: t.seconds(time.Now())}
	if i.dry {
		// Whether it is the same one only the server knows.
		lives := slices.ContainsFunc(now.Tokens, func(s api.TokenState) bool { return s.Kind == t.kind && s.Usable })
		if lives && !i.replaceTokens {
			res.Result = kept
		}
		return res, nil
	}
	st, err := i.server.ImportToken(ctx, now.ID, i.state(t))
	if p, ok := errors.AsType[*api.Problem](err); ok && p.Code == api.CodeConflict {
		res.Result = kept
		return res, nil
	}
	if err == nil && st.Result != "" {
		res.Result = st.Result
	}
	return res, err
}

// differences lists the fields of an app that the server has otherwise, of those that are
// said. Secrets are not compared: the server never shows them.
func differences(fields map[string]any, now api.App) []string {
	there := fieldsOf(now)
	var names []string
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		switch name {
		case "secret", "refresh_token", "id", "origin":
			continue
		}
		if !covers(there[name], fields[name]) {
			names = append(names, name)
		}
	}
	return names
}

// fieldsOf is an app as the server answers it, which is without secrets.
func fieldsOf(now api.App) (fields map[string]any) {
	data, err := json.Marshal(now) //nolint:gosec // There are no secrets in it.
	if err != nil || json.Unmarshal(data, &fields) != nil {
		return nil
	}
	return fields
}

// covers reports whether what is there is all that is said, and where it has more, that was
// filled in.
func covers(there, said any) bool {
	in, isFields := said.(map[string]any)
	if !isFields {
		return reflect.DeepEqual(there, said) || sameText(there, said)
	}
	has, ok := there.(map[string]any)
	for name, v := range in {
		if !ok || !covers(has[name], v) {
			return false
		}
	}
	return true
}

// sameText reports whether two texts are the same time, such as 90m and 1h30m0s, or the same
// URL.
func sameText(there, said any) bool {
	x, isText := there.(string)
	y, too := said.(string)
	if !isText || !too {
		return false
	}
	d, err := time.ParseDuration(x)
	e, err2 := time.ParseDuration(y)
	return err == nil && err2 == nil && d == e || strings.TrimRight(x, "/") == strings.TrimRight(y, "/")
}
