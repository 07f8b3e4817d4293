package sandbox

import (
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"net/netip"
	"strings"
	"time"
)

// The codes that the sandbox gives by itself. Any other can be injected.
const (
	codeBusy         = -1
	codeOK           = 0
	codeBadToken     = 40001
	codeBadGrant     = 40002
	codeBadOpenID    = 40003
	codeBadMedia     = 40004
	codeNoSuchMedia  = 40007
	codeBadAppID     = 40013
	codeBadMessage   = 40008
	codeBadCode      = 40029
	codeBadRefresh   = 40030
	codeBadTemplate  = 40037
	codeInvalidURL   = 40066
	codeInvalidArgs  = 40097
	codeBadSecret    = 40125
	codeUsedCode     = 40163
	codeBadIP        = 40164
	codeBlockedCode  = 40226
	codeNoToken      = 41001
	codeNoAppID      = 41002
	codeNoRefresh    = 41003
	codeNoSecret     = 41004
	codeNoMedia      = 41005
	codeNoCode       = 41008
	codeExpired      = 42001
	codeOldRefresh   = 42002
	codeOldCode      = 42003
	codeRevoked      = 42007
	codeRequireGet   = 43001
	codeRequirePost  = 43002
	codeEmptyMedia   = 44001
	codeEmptyBody    = 44002
	codeMediaSize    = 45001
	codeDayQuota     = 45009
	codeMinuteQuota  = 45011
	codeBadJSON      = 47001
	codeNoScope      = 48001
	codeClearQuota   = 48006
	codeRidUnknown   = 76001
	codeRidMalformed = 76002
	codeRidForeign   = 76003
	codePathUnknown  = 76021
	codePathForeign  = 76022
	codeConfirmIP    = 89503
	codeRefusedDay   = 89506
	codeRefusedHour  = 89507
)

// wechatError is the body of every refusal.
type wechatError struct {
	Errcode int    `json:"errcode"`
	Errmsg  string `json:"errmsg"`
}

// refuse renders an error the way the platform does: HTTP 200, and a rid under
// which the call can be looked up.
func (w *wechat) refuse(c *call, app *wechatApp, code int) answer {
	app.counts.refused(code)
	rid := newRid(c.at)
	text := errmsg(code, c.ip) + " rid: " + rid
	switch {
	case code == codeUsedCode:
		text = errmsg(code, c.ip) + ", hints: [ req_id: " + rid + " ]"
	case strings.HasPrefix(c.path, snsPrefix):
		text = snsErrmsg(code, c.ip) + ", rid: " + rid
	}
	e := wechatError{Errcode: code, Errmsg: text}
	a := jsonAnswer(e)
	w.rids.add(rid, app.id, c, string(a.body))
	return a
}

// newRid is the platform's request id: the Unix time and two numbers, in hex.
func newRid(at time.Time) string {
	var b [8]byte
	_, _ = rand.Read(b[:])   // never fails
	sec := uint32(at.Unix()) //nolint:gosec // the platform's rids have 32 bits of time as well
	return fmt.Sprintf("%08x-%08x-%08x", sec, binary.BigEndian.Uint32(b[:4]), binary.BigEndian.Uint32(b[4:]))
}

// snsErrmsg is the text under /sns/, which comes without the hint.
func snsErrmsg(code int, ip netip.Addr) string {
	text, _, _ := strings.Cut(errmsg(code, ip), ", could get access_token by")
	return text
}

// errmsg is the platform's text for a code. Those of 40243, 42007, 50007, 89501
// to 89507 and 40097 are not evidenced in English.
func errmsg(code int, ip netip.Addr) string {
	switch code {
	case codeBusy:
		return "system error"
	case codeOK:
		return "ok"
	case codeBadToken:
		return "invalid credential, access_token is invalid or not latest, could get access_token by " +
			"getStableAccessToken, more details at https://mmbizurl.cn/s/JtxxFh33r"
	case codeBadGrant:
		return "invalid grant_type"
	case codeBadOpenID:
		return "invalid openid"
	case codeBadAppID:
		return "invalid appid"
	case 40014:
		return "invalid access_token"
	case codeInvalidURL:
		return "invalid url"
	case codeInvalidArgs:
		return "invalid args"
	case codeBadSecret:
		return "invalid appsecret"
	case codeBadIP:
		return fmt.Sprintf("invalid ip %s ipv6 %s, not in whitelist", ip, mapped(ip))
	case int(FrozenSecret):
		return "secret frozen"
	case codeNoToken:
		return "access_token missing"
	case codeNoAppID:
		return "appid missing"
	case codeNoSecret:
		return "appsecret missing"
	case codeExpired:
		return "access_token expired"
	case codeRequireGet:
		return "require GET method"
	case codeRequirePost:
		return "require POST method"
	case codeEmptyBody:
		return "empty post data"
	case codeDayQuota:
		return "reach max api daily quota limit"
	case codeMinuteQuota:
		return "api minute-quota reach limit, must slower, retry next minute"
	case codeBadJSON:
		return "data format error"
	case codeClearQuota:
		return "forbid to clear quota because of reaching the limit"
	default:
		return rareErrmsg(code, ip)
	}
}

func rareErrmsg(code int, ip netip.Addr) string {
	switch code {
	case 45035:
		return "access clientip is not registered, not in ip-white-list"
	case codeNoScope:
		return "api unauthorized"
	case codeBadMedia:
		return "invalid media type"
	case codeBadMessage:
		return "invalid message type"
	case codeBadTemplate:
		return "invalid template_id"
	case codeNoSuchMedia:
		return "invalid media_id"
	case codeNoMedia:
		return "media data missing"
	case codeEmptyMedia:
		return "empty media data"
	case codeMediaSize:
		return "media size out of limit"
	case codeBadCode:
		return "invalid code"
	case codeUsedCode:
		return "code been used"
	case codeNoCode:
		return "missing code"
	case codeOldCode:
		return "code expired"
	case codeBlockedCode:
		return "code blocked"
	case codeRevoked:
		return "access_token and refresh_token exception"
	case codeBadRefresh:
		return "invalid refresh_token"
	case codeNoRefresh:
		return "refresh_token missing"
	case codeOldRefresh:
		return "refresh_token expired"
	case 48004:
		return "api forbidden for irregularities"
	case 50002:
		return "user limited"
	case int(FrozenPunished):
		return "user not allow to use accesstoken, maybe for punishment"
	case int(FrozenAccount):
		return "account frozen"
	case 61004:
		return fmt.Sprintf("access clientip is not registered requestIP: %s", ip)
	case 61024:
		return "must use api_component_token for component acct"
	case codeRidUnknown:
		return "rid not found or expired"
	case codeRidMalformed:
		return "invalid rid"
	case codeRidForeign:
		return "rid or cgi_path does not belong to this account"
	case codePathUnknown:
		return "cgi_path not found"
	case codePathForeign:
		return "token does not match this cgi_path"
	case 89501:
		return "a confirmation of this ip is pending"
	case codeConfirmIP:
		return fmt.Sprintf("ip %s needs to be confirmed by the administrator", ip)
	case codeRefusedDay, codeRefusedHour:
		return fmt.Sprintf("ip %s has been refused by the administrator", ip)
	default:
		return "error"
	}
}

// mapped is the IPv6 form of an address, as the platform writes it.
func mapped(ip netip.Addr) string {
	if ip.Is4() {
		return "::ffff:" + ip.String()
	}
	return ip.String()
}
