package wechat

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/platform"
)

// Refuse implements [broker.Upstream]. What the platform said itself is said again as it
// was; with an error of this server comes what to do about it, because the developer of
// the caller may see nothing else.
func (upstream) Refuse(_ string, err *broker.Error, requestID string) broker.Refusal {
	if err == nil {
		err = broker.AsError(nil)
	}
	code, msg := Errcode(err)
	if err.PlatformCode == "" {
		if err.Message != "" {
			msg += ": " + platform.Clean(err.Message)
		}
		if err.Hint != "" {
			msg += "; " + platform.Clean(err.Hint)
		}
	}
	return broker.Refusal{Status: http.StatusOK, ContentType: "application/json", Body: errorBody(code, msg, requestID)}
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
