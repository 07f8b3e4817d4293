package wechat

import (
	"cmp"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/platform"
)

// Name is the platform's name in configurations.
const Name = "wechat"

// BaseURL is the platform's nearest entry. Its other hosts are the same platform, so
// that asking again there is issuing again [A].
const BaseURL = "https://api.weixin.qq.com"

// The modes: the two ways to issue access tokens. Their tokens know nothing of each
// other: neither's new token ends one of the other [A].
const (
	Stable  = "stable"  // cgi-bin/stable_token, which WeChat recommends
	Classic = "classic" // cgi-bin/token
)

// Paths of the platform.
const (
	pathClassic  = "/cgi-bin/token"
	pathStable   = "/cgi-bin/stable_token"
	pathTicket   = "/cgi-bin/ticket/getticket"
	pathDomainIP = "/cgi-bin/get_api_domain_ip"
)

// Platform describes WeChat. Its calls are made by c.
func Platform(c *platform.Caller) broker.Platform {
	return broker.Platform{
		Name:       Name,
		Modes:      []string{Stable, Classic},
		BaseURL:    BaseURL,
		TokenPaths: tokenPaths(),
		Canonical:  Canonical,
		Upstream:   upstream{},
		Examiner:   examiner(client{c}),
		Web:        web{client{c}},
		Mini:       mini{client{c}},
		Pages:      pages{platform.Pages{Unit: time.Second}},
		Kinds: func(mode string) map[broker.Kind]broker.Source {
			var token broker.Source
			switch cmp.Or(mode, Stable) {
			case Stable:
				token = broker.Source{Rotation: stableRotation(), Issuer: stableIssuer{client{c}}}
			case Classic:
				token = broker.Source{Rotation: classicRotation(), Issuer: classicIssuer{client{c}}}
			default:
				return nil
			}
			return map[broker.Kind]broker.Source{
				broker.AccessToken:  token,
				broker.JSAPITicket:  {Rotation: ticketRotation(), Issuer: ticketIssuer{client{c}, "jsapi"}, Derived: true},
				broker.WxCardTicket: {Rotation: ticketRotation(), Issuer: ticketIssuer{client{c}, "wx_card"}, Derived: true},
			}
		},
	}
}

// stableRotation: repeated calls give the same token until its last 5 minutes, then a
// new one, and both work on [A*].
func stableRotation() broker.Rotation {
	return broker.Rotation{
		Family:   broker.Late,
		Lifetime: 2 * time.Hour,   // at most 7200 [A]
		Window:   5 * time.Minute, // [A*]
		Limits: broker.Limits{
			// The platform allows 500 000 a day and 10 000 a minute [A], and a token needs
			// about a dozen a day. This is for storms, and leaves the most of the quota to
			// whoever else asks.
			PerDay:    20_000,
			Unplanned: 500,
			// 20 a day [A]. The rest is kept back for an operator who has to follow WeChat's
			// procedure for a leaked token, which takes two [A*].
			Forced: 16,
			// Within 30 s of the last one the platform does not refresh, but counts [A*]. One
			// second is added because two calls need not be equally long on their way.
			ForceGap: 31 * time.Second,
		},
	}
}

// classicRotation: every call gives a new token; the one before works for 5 minutes
// more [A], and the one before that no longer [I].
func classicRotation() broker.Rotation {
	return broker.Rotation{
		Family:   broker.Eager,
		Lifetime: 2 * time.Hour,   // at most 7200 [A]
		Overlap:  5 * time.Minute, // [A]
		Limits: broker.Limits{
			// A new account's quota is 2000 a day [A]. A test account has 200 [A], which
			// hold the two dozen planned ones and all the unplanned.
			PerDay:    2000,
			Unplanned: 100,
		},
	}
}

// ticketRotation: within 7200 s repeated calls give the same ticket and always say
// 7200, however old it is [C]. A ticket outlives the token it was fetched with [U].
func ticketRotation() broker.Rotation {
	return broker.Rotation{
		Family:     broker.Fixed,
		Lifetime:   2 * time.Hour,
		AgeUnknown: true,
		Limits: broker.Limits{
			// The quota is "very limited" and not documented [A]. Asking once in three
			// minutes, as long as a ticket's age is not known, is 480 a day.
			PerDay:    600,
			Unplanned: 60,
		},
	}
}
