package wechat

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strconv"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/platform"
	"github.com/hufu-io/hufu/internal/query"
)

// tokenPaths are the platform's own paths for tokens and tickets. Either of those for
// tokens gives the token of the app's mode.
func tokenPaths() []broker.TokenPath {
	return []broker.TokenPath{
		{Name: "token", Method: http.MethodGet, Path: pathClassic, Ask: askClassic, Answer: answerToken},
		{Name: "stable_token", Method: http.MethodPost, Path: pathStable, Ask: askStable, Answer: answerToken},
		{Name: "getticket", Method: http.MethodGet, Path: pathTicket, Ask: askTicket, Answer: answerTicket},
	}
}

func askClassic(r *http.Request, _ []byte) (broker.Asked, *broker.Error) {
	q := r.URL.RawQuery
	return asked(query.Value(q, "grant_type"), query.Value(q, paramAppID), query.Value(q, paramSecret)), nil
}

func asked(grant, appID, key string) broker.Asked {
	a := broker.Asked{Kind: broker.AccessToken, AppID: appID, Key: broker.NewSecret(key)}
	switch grant {
	case grantType:
	case "":
		a.Wrong = broker.ErrNoGrantType
	default:
		a.Wrong = broker.ErrBadGrant
	}
	return a
}

// askStable reads the body of stable_token. It does not mind fields it does not know. A
// body that is a form is refused as the platform does: no SDK sends one.
func askStable(_ *http.Request, body []byte) (broker.Asked, *broker.Error) {
	body = bytes.Trim(body, " \t\r\n")
	if len(body) == 0 {
		return broker.Asked{}, broker.ErrEmptyBody
	}
	var in struct {
		GrantType    string          `json:"grant_type"`
		AppID        string          `json:"appid"`
		Secret       string          `json:"secret"`
		ForceRefresh json.RawMessage `json:"force_refresh"`
	}
	if body[0] != '{' || json.Unmarshal(body, &in) != nil {
		return broker.Asked{}, broker.ErrBadBody
	}
	a := asked(in.GrantType, in.AppID, in.Secret)
	switch string(in.ForceRefresh) {
	case "", "null", "false", `"false"`, "0", `"0"`, `""`:
	case "true", `"true"`, "1", `"1"`:
		// Some languages write booleans like this.
		a.Force = true
	default:
		return broker.Asked{}, broker.ErrBadBody
	}
	return a, nil
}

// askTicket reads a call of getticket, which carries an access token and nothing else.
func askTicket(r *http.Request, _ []byte) (broker.Asked, *broker.Error) {
	q := r.URL.RawQuery
	a := broker.Asked{ByToken: true, Token: broker.NewSecret(query.Value(q, paramToken))}
	switch query.Value(q, "type") {
	case "jsapi":
		a.Kind = broker.JSAPITicket
	case "wx_card":
		a.Kind = broker.WxCardTicket
	default:
		a.Wrong = broker.ErrBadArgument
	}
	return a, nil
}

func answerToken(b []byte, token string, expiresIn int64) []byte {
	return answer(append(b, `{"access_token":`...), token, expiresIn)
}

func answerTicket(b []byte, ticket string, expiresIn int64) []byte {
	return answer(append(b, `{"errcode":0,"errmsg":"ok","ticket":`...), ticket, expiresIn)
}

func answer(b []byte, value string, expiresIn int64) []byte {
	b = platform.AppendJSONString(b, value)
	b = append(b, `,"expires_in":`...)
	b = strconv.AppendInt(b, expiresIn, 10)
	return append(b, '}')
}
