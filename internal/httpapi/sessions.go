package httpapi

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/hufu-io/hufu/api"
	"github.com/hufu-io/hufu/internal/broker"
)

func (a *API) startSession(ctx context.Context, c broker.Caller, r *http.Request) (answer, error) {
	var req api.SessionRequest
	if err := decode(r, &req); err != nil {
		return answer{}, err
	}
	if !plain(req.JSCode, maxCode) {
		return answer{}, invalid("js_code: want that which wx.login gave, of at most %d characters", maxCode)
	}
	u, key, err := a.svc.Session(ctx, c, r.PathValue("app"), broker.NewSecret(req.JSCode))
	if err != nil {
		return answer{}, err
	}
	return answer{body: api.Session{App: u.Key.App, OpenID: u.Key.Subject, UnionID: u.UnionID, SessionKey: key.Reveal()}}, nil
}

func (a *API) verify(ctx context.Context, c broker.Caller, r *http.Request) (answer, error) {
	user, err := openID(r)
	if err != nil {
		return answer{}, err
	}
	var req api.VerifyRequest
	if err := decode(r, &req); err != nil {
		return answer{}, err
	}
	if req.Signature == "" {
		return answer{}, invalid("signature: want that which the mini program got with raw_data")
	}
	valid, err := a.svc.Verify(ctx, c, r.PathValue("app"), user, req.RawData, req.Signature)
	if err != nil {
		return answer{}, err
	}
	return answer{body: api.Verified{Valid: valid}}, nil
}

func (a *API) decrypt(ctx context.Context, c broker.Caller, r *http.Request) (answer, error) {
	user, err := openID(r)
	if err != nil {
		return answer{}, err
	}
	var req api.DecryptRequest
	if err := decode(r, &req); err != nil {
		return answer{}, err
	}
	if req.EncryptedData == "" || req.IV == "" {
		return answer{}, invalid("encrypted_data and iv: want those which the mini program got")
	}
	data, err := a.svc.Decrypt(ctx, c, r.PathValue("app"), user, req.EncryptedData, req.IV)
	if err != nil {
		return answer{}, err
	}
	if !json.Valid(data) {
		return answer{}, invalid("what was sealed is no JSON")
	}
	return answer{body: api.Decrypted{Data: data}}, nil
}
