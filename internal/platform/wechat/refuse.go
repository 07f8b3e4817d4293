package wechat

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/platform"
)

// Refuse implements [broker.Upstream]. What the platform said itself is said again as it
// was; with an error of this server comes what to do about it, because the developer of
// the caller may see nothing else.
func (upstream) Refuse(path string, err *broker.Error, requestID string) broker.Refusal {
	if err == nil {
		err = broker.AsError(nil)
	}
	code, msg := Errcode(err)
	switch {
	case err.PlatformCode != "":
	case plain(path, err):
		if errors.Is(err, broker.ErrBadMethod) && Canonical(path) == pathStable {
			code = codeRequirePost
		}
		msg = words(code)
		if err.Hint != "" {
			msg += ", " + platform.Clean(err.Hint)
		}
	default:
		if err.Message != "" {
			msg += ": " + platform.Clean(err.Message)
		}
		if err.Hint != "" {
			msg += "; " + platform.Clean(err.Hint)
		}
	}
	return broker.Refusal{Status: http.StatusOK, ContentType: "application/json", Body: errorBody(code, msg, requestID)}
}

// plain reports whether the platform's own words say all there is to say: about what is
// wrong with a call of a token path, and where there are none of ours.
func plain(path string, err *broker.Error) bool {
	if err.Message == "" {
		return true
	}
	switch err.Code {
	case broker.ErrNoAppID.Code, broker.ErrNoKey.Code, broker.ErrNoGrantType.Code, broker.ErrBadGrant.Code, broker.ErrBadMethod.Code,
		broker.ErrEmptyBody.Code, broker.ErrBadBody.Code, broker.ErrBadArgument.Code:
		return true
	case broker.ErrUnknownApp.Code, broker.ErrTokenMissing.Code, broker.ErrTokenUnknown.Code, broker.ErrUnauthorized.Code:
		path = Canonical(path)
		return path == pathClassic || path == pathStable || path == pathTicket
	}
	return false
}

// words are what the platform says with a code where it says no more.
func words(code int) string {
	switch code {
	case codeBadToken:
		return Errmsg(code) + ", could get access_token by getStableAccessToken, more details at https://mmbizurl.cn/s/JtxxFh33r"
	case codeBadArgument:
		return "invalid args"
	default:
		return Errmsg(code)
	}
}

// errorBody is an error as the platform writes it. The id of the request stands at its
// end as the platform's own would, unless the message has one of the platform, for which
// its support asks.
func errorBody(code int, errmsg, requestID string) []byte {
	if requestID != "" && !strings.Contains(errmsg, " rid: ") {
		errmsg += " rid: " + requestID
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	// A number and a text can always be written.
	_ = enc.Encode(struct {
		Errcode int    `json:"errcode"`
		Errmsg  string `json:"errmsg"`
	}{code, errmsg})
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// quote writes a JSON string.
func quote(s string) string {
	b, _ := json.Marshal(s) // a text can always be written
	return string(b)
}
