package oauth2

import (
	"cmp"
	"net/http"
	"strings"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/platform"
)

// said is what one of the codes of RFC 6749 (section 5.2), RFC 6750 (section 3.1), RFC 8707
// and RFC 8628 means.
type said struct {
	code    string
	class   broker.Class
	says    string
	hint    string
	unknown bool // a token may have been issued nevertheless
}

// meaning is what a code says. Of one that is not known it is taken that it passes.
func meaning(code string) said {
	switch code {
	case "invalid_client":
		return said{
			"wrong_secret", broker.BadCredential, "the provider does not take the client id or what proves it",
			"check app_id and the secret or key, and that the provider expects what oauth2.auth says", false,
		}
	case "invalid_grant":
		return said{
			"grant_refused", broker.Misconfigured, "the provider does not take the grant",
			"check at the provider what the app may do", false,
		}
	case "unauthorized_client":
		return said{
			"grant_not_allowed", broker.Misconfigured, "the app may not get tokens in this way",
			"allow the app the grant of its mode at the provider, or set another mode", false,
		}
	case "unsupported_grant_type":
		return said{
			"wrong_grant_type", broker.Misconfigured, "the provider does not know this grant",
			"set another mode, or another token_url", false,
		}
	case "invalid_scope":
		return said{
			"bad_scope", broker.Misconfigured, "the provider does not give the scopes that are asked for",
			"compare oauth2.scopes with what the provider allows the app", false,
		}
	case "invalid_target":
		return said{
			"bad_resource", broker.Misconfigured, "the provider does not give tokens for the resource or audience that is asked for",
			"check oauth2.resource and oauth2.audience", false,
		}
	case "invalid_request":
		return said{
			"bad_request", broker.Misconfigured, "the provider does not understand the request",
			"check oauth2.auth, and which further parameters the provider wants (oauth2.extra)", false,
		}
	case "access_denied":
		return said{
			"access_denied", broker.Denied, "the provider refuses the app",
			"ask whoever runs the provider why", false,
		}
	case "temporarily_unavailable":
		return said{"system_busy", broker.Transient, "the provider is busy", "nothing to do if it passes: the call is repeated", false}
	case "server_error":
		return said{"system_busy", broker.Transient, "the provider has failed", "nothing to do if it passes: the call is repeated", true}
	case "slow_down":
		return said{"too_many_calls", broker.Throttled, "the provider is asked too often", "find out what else asks it for this app", false}
	case "invalid_token":
		return said{
			broker.ErrRejected.Code, broker.Transient, broker.ErrRejected.Message,
			"nothing to do: another token is used; if it stays, check the audience that the tokens are for", false,
		}
	case "insufficient_scope":
		return said{
			"scope_lacking", broker.Misconfigured, "the token's scopes do not reach as far as the call",
			"add the scope to oauth2.scopes, after it was allowed at the provider", false,
		}
	default:
		return said{"platform_refused", broker.Transient, "the provider refuses", "look the provider's code up in its documentation", false}
	}
}

// of is the error that a code stands for.
func (s said) of(code, words string) *broker.Error {
	return &broker.Error{
		Code: s.code, Class: s.class, Message: s.says, Hint: s.hint, PlatformCode: code, PlatformMessage: words, Unknown: s.unknown,
	}
}

// maxCode is longer than any code. Codes are printable ASCII (section 5.2).
const maxCode = 64

// refusal finds the code and the words with which an answer refuses, in its body or its
// challenge; "" where it does not say so in the form of the RFCs. Secrets are blotted out of
// them.
func refusal(a platform.Answer, challenge map[string]string, secrets []broker.Secret) (code, words string) {
	code, words = a.Text("error"), a.Text("error_description")
	if code == "" {
		code, words = challenge["error"], challenge["error_description"]
	}
	if len(code) > maxCode || strings.ContainsFunc(code, func(r rune) bool { return r <= ' ' || r > '~' }) {
		code = ""
	}
	return platform.Clean(code, secrets...), platform.Clean(words, secrets...)
}

// saysError reports whether something stands where errors do. Some write an empty text there
// beside a token.
func saysError(a platform.Answer) bool {
	_, said, err := a.Code("error")
	return said || err != nil
}

// refused is the error of an answer of a token endpoint; nil where it is a success. err is
// that of the call.
func refused(a platform.Answer, err error, grant string, secrets []broker.Secret) error {
	if err == nil && a.Status < http.StatusBadRequest && !saysError(a) {
		return nil
	}
	code, words := refusal(a, bearer(a.Header(authenticateHeader)), secrets)
	if a.Status == http.StatusUnauthorized && code == "" {
		code = "invalid_client" // 401 has no other meaning here
	}
	switch {
	case code == "" && err == nil:
		err = a.StatusError()
		if err == nil {
			err = platform.Garbage("one with an error that is no code")
		}
		return hinted(err)
	case code == "":
		return hinted(err)
	}
	e := meaning(code).of(code, words)
	switch {
	case code == "invalid_grant" && grant == RefreshToken:
		x := *broker.ErrRefreshEnded
		x.PlatformCode, x.PlatformMessage = code, words
		e = &x
	case a.Status == http.StatusTooManyRequests:
		e.Class, e.Code = broker.Throttled, "too_many_calls"
	}
	e.RetryAfter = a.RetryAfter()
	e.PlatformMessage = cmp.Or(e.PlatformMessage, e.Message)
	return e
}
