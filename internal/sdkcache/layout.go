package sdkcache

import (
	"crypto/md5" //nolint:gosec // It names a key, and keeps nothing secret.
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"unicode/utf16"

	"github.com/hufu-io/hufu/internal/broker"
)

// wxjava knows WxMpRedisConfigImpl, WxMaRedisBetterConfigImpl and their Redisson variants,
// whose keys begin with a prefix and a colon, and those of weixin-java-cp and -open, where
// the prefix may be missing. The hash of the oldest WxMaRedisConfigImpl does not name the
// app and is not looked at.
func wxjava(a App, prefixes []string) []Place {
	var ps []Place
	switch a.Platform {
	case wechat:
		short := prefixes
		if len(short) == 0 {
			short = []string{"wx", "wa"} // official accounts, mini programs
		}
		for _, p := range short {
			p = strings.TrimSuffix(p, ":")
			ps = append(ps,
				Place{Kind: broker.AccessToken, Key: p + ":access_token:" + a.AppID},
				Place{Kind: broker.JSAPITicket, Key: p + ":ticket:key:" + a.AppID + ":jsapi"},
				Place{Kind: broker.WxCardTicket, Key: p + ":ticket:key:" + a.AppID + ":wx_card"})
		}
		long := colon(prefixes)
		ps = append(ps,
			Place{Kind: broker.AccessToken, Key: long + "wechat_ma_access_token_key:" + a.AppID},
			Place{Kind: broker.JSAPITicket, Key: long + "wechat_ma_jsapi_ticket_key:" + a.AppID},
			Place{Kind: broker.WxCardTicket, Key: long + "wechat_ma_card_api_ticket_key:" + a.AppID})
		for _, name := range []string{"wechat_component_verify_ticket:", "wechat_component_access_token:"} {
			ps = append(ps, Place{Foreign: true, Key: long + name + a.AppID})
		}
	case wecom:
		agent := a.AppID
		if a.AgentID != "" {
			agent += ":" + a.AgentID
		}
		long := colon(prefixes)
		ps = append(ps,
			Place{Kind: broker.JSAPITicket, Key: long + "wechat_cp_jsapi_ticket_key:" + agent},
			Place{Kind: broker.AgentConfigTicket, Key: long + "wechat_cp_agent_jsapi_ticket_key:" + agent})
		if a.AgentID != "" || a.Alone {
			ps = append(ps, Place{Kind: broker.AccessToken, Key: long + "wechat_cp_access_token_key:" + agent})
		}
	}
	return ps
}

// colon is a prefix that may be missing, and ends in a colon where it is not.
func colon(prefixes []string) string {
	if len(prefixes) == 0 || prefixes[0] == "" || strings.HasSuffix(prefixes[0], ":") {
		return strings.Join(prefixes, "")
	}
	return prefixes[0] + ":"
}

// silenceper knows credential.DefaultAccessToken, StableAccessToken, WorkAccessToken and the
// tickets. The two underscores are the SDK's.
func silenceper(a App, prefixes []string) []Place {
	var ps []Place
	for _, p := range prefixes {
		switch a.Platform {
		case wechat:
			stable := []string{"_stable_access_token_", "_access_token_"}
			if a.Mode == "classic" {
				stable[0], stable[1] = stable[1], stable[0]
			}
			for _, name := range stable {
				ps = append(ps,
					Place{Kind: broker.AccessToken, Key: p + "gowechat_officialaccount_" + name + a.AppID},
					Place{Kind: broker.AccessToken, Key: p + "gowechat_miniprogram_" + name + a.AppID})
			}
			ps = append(ps,
				Place{Kind: broker.JSAPITicket, Key: p + "gowechat_officialaccount__jsapi_ticket_" + a.AppID},
				Place{Foreign: true, Key: p + "component_access_token_" + a.AppID})
		case wecom:
			ps = append(ps, Place{Kind: broker.JSAPITicket, Key: p + "gowechat_work__corp_jsapi_ticket_" + a.AppID})
			if a.AgentID != "" {
				ps = append(ps,
					Place{Kind: broker.AccessToken, Key: p + "gowechat_work__access_token_" + a.AppID + "_" + a.AgentID},
					Place{Kind: broker.AgentConfigTicket, Key: p + "gowechat_work__agent_jsapi_ticket_" + a.AppID + "_" + a.AgentID})
			}
			if a.Alone { // v2.1.6 and before name the corp only
				ps = append(ps, Place{Kind: broker.AccessToken, Key: p + "gowechat_work__access_token_" + a.AppID})
			}
		}
	}
	return ps
}

// easywechat knows the keys of versions 6 and 5. Those of access tokens have the app secret
// in them, in version 5 its hash.
func easywechat(a App, prefixes []string) []Place {
	var ps []Place
	for _, p := range prefixes {
		six := func(k broker.Kind, key string) { ps = append(ps, Place{Kind: k, Key: p + key}) }
		five := func(k broker.Kind, key, element string) {
			ps = append(ps, Place{Kind: k, Key: p + key, element: element})
		}
		secret := a.Secret.Reveal()
		switch a.Platform {
		case wechat:
			if secret != "" {
				modes := []string{".1", ".0", ""} // stable or not; before 6.8 nothing was said of it
				if a.Mode == "classic" {
					modes[0], modes[1] = modes[1], modes[0]
				}
				for _, mode := range modes {
					six(broker.AccessToken, "official_account.access_token."+a.AppID+"."+secret+mode)
					six(broker.AccessToken, "mini_app.access_token."+a.AppID+"."+secret+mode)
				}
				five(broker.AccessToken, fiveKey("grant_type", "client_credential", "appid", a.AppID, "secret", secret), "access_token")
			}
			six(broker.AccessToken, "official_account.access_token."+a.AppID) // 6.0
			six(broker.JSAPITicket, "official_account.jsapi_ticket."+a.AppID)
			five(broker.JSAPITicket, "easywechat.basic_service.jssdk.ticket.jsapi."+a.AppID, "ticket")
			five(broker.WxCardTicket, "easywechat.basic_service.jssdk.ticket.wx_card."+a.AppID, "ticket")
		case wecom:
			if secret != "" {
				six(broker.AccessToken, "work.access_token."+a.AppID+"."+secret)
				five(broker.AccessToken, fiveKey("corpid", a.AppID, "corpsecret", secret), "access_token")
			}
			six(broker.JSAPITicket, "work.jsapi_ticket."+a.AppID)
			if a.AgentID != "" {
				six(broker.AgentConfigTicket, "work.jsapi_ticket."+a.AppID+"."+a.AgentID)
			}
			five(broker.JSAPITicket, "easywechat.basic_service.jssdk.ticket.jsapi."+a.AppID, "ticket")
		}
	}
	return ps
}

// fiveKey is the key of an access token of version 5: the MD5 of what is sent for it, as
// PHP's json_encode writes it.
func fiveKey(pairs ...string) string {
	var b strings.Builder
	for pair := range slices.Chunk(pairs, 2) {
		b.WriteString("," + phpJSON(pair[0]) + ":" + phpJSON(pair[1]))
	}
	sum := md5.Sum([]byte("{" + b.String()[1:] + "}")) //nolint:gosec // as above
	return "easywechat.kernel.access_token." + hex.EncodeToString(sum[:])
}

// phpJSON writes a text as PHP's json_encode does: with \/, and everything that is not
// ASCII escaped.
func phpJSON(s string) string {
	var b strings.Builder
	for _, r := range s {
		switch {
		case r == '/':
			b.WriteString(`\/`)
		case r == '"' || r == '\\':
			b.WriteString(`\` + string(r))
		case r >= ' ' && r < 0x80:
			b.WriteRune(r)
		default:
			for _, unit := range utf16.Encode([]rune{r}) {
				fmt.Fprintf(&b, `\u%04x`, unit)
			}
		}
	}
	return `"` + b.String() + `"`
}
