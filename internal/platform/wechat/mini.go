package wechat

import (
	"context"
	"crypto/sha1" //nolint:gosec // the platform's choice
	"crypto/subtle"
	"encoding/hex"
	"net/url"
	"slices"

	"github.com/hufu-io/hufu/internal/broker"
)

// mini is the platform's [broker.MiniProgram].
type mini struct{ client client }

// Session implements [broker.MiniProgram].
func (m mini) Session(ctx context.Context, app *broker.App, secret, code broker.Secret) (broker.Session, error) {
	if err := exchangeable(app, secret, code); err != nil {
		return broker.Session{}, err
	}
	a, err := m.client.ask(ctx, app, pathLogin, url.Values{
		paramAppID:   {app.AppID},
		paramSecret:  {secret.Reveal()},
		"js_code":    {code.Reveal()},
		"grant_type": {codeGrant},
	}, atToken, append(slices.Clone(app.Secrets), secret, code)...)
	if err != nil {
		return broker.Session{}, err
	}
	var s broker.Session
	if s.OpenID, s.UnionID, err = identity(a); err != nil {
		return broker.Session{}, err
	}
	if s.Key, err = a.Token("session_key"); err != nil {
		return broker.Session{}, err
	}
	return s, nil
}

// Verify implements [broker.MiniProgram]. The key goes into the sum as it is written [A].
func (mini) Verify(key broker.Secret, rawData, signature string) bool {
	theirs, err := hex.DecodeString(signature)
	if err != nil || key.IsZero() {
		return false // with no key anybody could sign
	}
	h := sha1.New() //nolint:gosec // the platform's choice
	_, _ = h.Write([]byte(rawData))
	_, _ = h.Write([]byte(key.Reveal())) // a hash takes everything
	return subtle.ConstantTimeCompare(h.Sum(nil), theirs) == 1
}
