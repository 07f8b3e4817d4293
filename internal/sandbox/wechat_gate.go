package sandbox

import (
	"net/netip"
	"time"
)

const grantType = "client_credential"

// credentials is what a caller of a token endpoint shows.
type credentials struct {
	GrantType string `json:"grant_type"`
	AppID     string `json:"appid"`
	Secret    string `json:"secret"`
}

// admit checks the credentials in the platform's order. Only that the app id
// comes before the grant type is evidenced. It returns the app as far as it is
// known, so that refusals are counted there.
func (w *wechat) admit(c *call, cr credentials) (*wechatApp, int) {
	switch {
	case cr.AppID == "":
		return w.nobody, codeNoAppID
	case cr.Secret == "":
		return w.known(cr.AppID), codeNoSecret
	}
	app, ok := w.apps[cr.AppID]
	switch {
	case !ok:
		return w.nobody, codeBadAppID
	case cr.GrantType != grantType:
		return app, codeBadGrant
	}
	if w.cfg.WhitelistFirst {
		if code := app.admitIP(c.ip, c.at); code != codeOK {
			return app, code
		}
	}
	switch {
	case !app.hasSecret(cr.Secret):
		return app, codeBadSecret
	case app.frozen != 0:
		return app, int(app.frozen)
	}
	return app, app.admitIP(c.ip, c.at)
}

// known returns the app or the one that stands for unknown ones.
func (w *wechat) known(id string) *wechatApp {
	if app, ok := w.apps[id]; ok {
		return app
	}
	return w.nobody
}

// risk is what the administrator has said about an address.
type risk struct {
	confirmed bool
	refusals  int
	until     time.Time // refused until then
}

// admitIP checks the caller's address against the whitelist or, where there is
// none and the app wants it, against what the administrator has said.
func (a *wechatApp) admitIP(ip netip.Addr, at time.Time) int {
	if len(a.whitelist) > 0 {
		for _, entry := range a.whitelist {
			if covers(entry, ip) {
				return codeOK
			}
		}
		return codeBadIP
	}
	if !a.confirmIPs {
		return codeOK
	}
	r := a.risks[ip]
	switch {
	case r.confirmed:
		return codeOK
	case !at.Before(r.until):
		return codeConfirmIP
	case r.refusals > 1:
		return codeRefusedDay
	default:
		return codeRefusedHour
	}
}

// refuseIP notes a refusal: the first lasts an hour, the next ones a day.
func (a *wechatApp) refuseIP(ip netip.Addr, at time.Time) {
	r := a.risks[ip]
	r.confirmed = false
	r.refusals++
	r.until = at.Add(time.Hour)
	if r.refusals > 1 {
		r.until = at.Add(24 * time.Hour)
	}
	a.setRisk(ip, r)
}

func (a *wechatApp) setRisk(ip netip.Addr, r risk) {
	if a.risks == nil {
		a.risks = make(map[netip.Addr]risk)
	}
	a.risks[ip] = r
}

// covers reports whether a whitelist entry, an address or a network, covers
// ip. An entry that is neither covers nothing.
func covers(entry string, ip netip.Addr) bool {
	if one, err := netip.ParseAddr(entry); err == nil {
		return one.Unmap() == ip
	}
	network, err := netip.ParsePrefix(entry)
	return err == nil && network.Contains(ip)
}
