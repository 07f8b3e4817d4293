package sandbox

import (
	"net/http"
)

// feishuOAuthToken is POST oauth/v3/token, by RFC 6749. The body may be a form or JSON
// [A]. The codes are those of the table [A]. That a client that is wrong gets HTTP 400 with
// invalid_client is in the tests of the platform's own command line [S]; what something that
// is missing gets is [U].
func feishuOAuthToken(p *Platform, c *call) answer {
	in := inForm
	if c.form() == nil {
		in = inJSON
	}
	id, secret := c.value(spot{in, "client_id"}), c.value(spot{in, "client_secret"})
	if user, password := c.value(spot{inBasic, basicID}), c.value(spot{inBasic, basicSecret}); user != "" || password != "" {
		if id != "" || secret != "" {
			return p.refuse(c, p.known(id), "20070")
		}
		id, secret = user, password
	}
	m, idOK, secretOK := p.identify(id, secret)
	switch grant := c.value(spot{in, "grant_type"}); {
	case grant == "", id == "", secret == "":
		return p.refuse(c, m, "20001")
	case grant != "client_credentials":
		return p.refuse(c, m, "20036")
	case !idOK:
		return p.refuse(c, m, "20048")
	case !secretOK:
		return p.refuse(c, m, "20002")
	}
	return p.issue(c, m, feishuOAuth, func(value string, lives int64) any {
		return map[string]any{"code": 0, "access_token": value, "expires_in": lives, "token_type": "Bearer"}
	})
}

func feishuOAuthRefusal(code string) answer {
	status, name, text := http.StatusBadRequest, "invalid_request", "The request is malformed."
	switch code {
	case "20002":
		name, text = "invalid_client", "The client secret is invalid."
	case "20036":
		name, text = "unsupported_grant_type", "The specified grant_type is not supported."
	case "20048":
		name, text = "invalid_client", "The specified app does not exist."
	case "20070":
		text = "Multiple authentication methods were provided. Only one is allowed to proceed."
	case "99991400":
		status, name, text = http.StatusTooManyRequests, "too_many_requests", "request trigger frequency limit"
	case "2200": // the one of all paths here; there it is 20050 [A]
		status, name, text = http.StatusInternalServerError, "server_error", "An unexpected server error occurred."
	}
	return reply(status, map[string]any{"code": number(code), "error": name, "error_description": text})
}
