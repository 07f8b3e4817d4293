package sandbox

import (
	"net/http"
	"net/url"
)

// serveOAuth2 is the token endpoint.
func serveOAuth2(p *Platform, c *call) answer {
	form := c.form()
	if form == nil {
		return p.refuse(c, p.nobody, "invalid_request")
	}
	for _, values := range form {
		if len(values) > 1 {
			return p.refuse(c, p.nobody, "invalid_request") // RFC 6749, section 3.2
		}
	}
	m, code := p.authenticate(c, form)
	if code != "" {
		return p.refuse(c, m, code)
	}
	switch form.Get("grant_type") {
	case string(oauth2Credentials):
		return uncached(p.issue(c, m, oauth2Credentials, func(value string, lives int64) any {
			return map[string]any{"access_token": value, "token_type": "Bearer", "expires_in": lives}
		}))
	case string(oauth2Refresh):
		return uncached(p.refresh(c, m, form.Get("refresh_token")))
	case "":
		return p.refuse(c, m, "invalid_request")
	default:
		return p.refuse(c, m, "unsupported_grant_type")
	}
}

// uncached says that nobody may keep an answer.
func uncached(a answer) answer {
	a.header.Set("Cache-Control", "no-store")
	return a
}

// authenticate finds out whose call it is. Who proves it in two ways is refused.
func (p *Platform) authenticate(c *call, form url.Values) (*account, string) {
	id, secret, basic := (&http.Request{Header: c.header}).BasicAuth()
	ways := 0
	for _, there := range []bool{basic, form.Has("client_secret"), form.Has("client_assertion")} {
		if there {
			ways++
		}
	}
	switch {
	case ways > 1:
		return p.known(form.Get("client_id")), "invalid_request"
	case form.Has("client_assertion"):
		return p.asserted(c, form)
	case basic:
		// Both are encoded as in a form (section 2.3.1).
		var errID, errSecret error
		id, errID = url.QueryUnescape(id)
		secret, errSecret = url.QueryUnescape(secret)
		if errID != nil || errSecret != nil || form.Has("client_id") && form.Get("client_id") != id {
			return p.nobody, "invalid_request"
		}
	default:
		id, secret = form.Get("client_id"), form.Get("client_secret")
	}
	m, idOK, secretOK := p.identify(id, secret)
	if !idOK || !secretOK || secret == "" || m.publicKey != nil {
		return m, "invalid_client"
	}
	return m, ""
}
