package sandbox

import (
	"cmp"
	"log/slog"
	"math"
	"math/rand/v2"
	"net/http"
	"slices"
	"time"
)

// Config says what a [Sandbox] simulates. It is copied by [New].
type Config struct {
	// Apps are the registrations that exist at the start. [Sandbox.AddApp]
	// adds more.
	Apps []App

	// Lifetime is how long a token, an app's or a user's, or a ticket lives, on
	// all platforms. Zero means as long as on the platform itself, which is two
	// hours on most of them.
	Lifetime time.Duration

	// Overlap is how long the previous token lives on after a new one was
	// issued, on the platforms where that is so, and also the tail of the
	// lifetime in which stable_token rolls over. Zero means five minutes. It is
	// never longer than Lifetime; a negative value means none.
	Overlap time.Duration

	// Window is the tail of the lifetime in which Feishu and Lark give a new
	// token. Zero means a quarter of the lifetime, which is half an hour unless
	// Lifetime is set; a negative value means none.
	Window time.Duration

	// Now is the platform's clock, for tests whose subject is clock skew. Nil
	// means time.Now, which follows a synctest bubble's fake clock.
	Now func() time.Time

	// Rand draws in [0,1) for faults with a probability. Nil means a random
	// source; tests that replay a run give their own. It is called by several
	// goroutines at once.
	Rand func() float64

	// Observe, unless it is nil, sees every request to a platform as it
	// arrived, before anything else happens; tests look at the headers there.
	// It must not read the body, and is called by several goroutines at once.
	// It does not see requests for the control page.
	Observe func(*http.Request)

	// Quotas apply to every app that does not set its own.
	Quotas Quotas

	// WhitelistFirst checks the caller's address before the secret. By default
	// the secret is checked first; which one the platform does is unknown.
	WhitelistFirst bool

	// MediaBytes is how much uploaded content is kept, of all apps together;
	// the oldest is dropped first, and nothing larger can be uploaded. Zero
	// means 256 MiB.
	MediaBytes int64

	// CodeLifetime is how long a code of the web authorization or of a mini
	// program can be exchanged. Zero means five minutes.
	CodeLifetime time.Duration

	// OldCodesInvalid makes the platform say of a code of the web authorization that is too
	// old that it is invalid (40029), as of those of mini programs, instead of too old
	// (42003). It documents both.
	OldCodesInvalid bool

	// RefreshLifetime is how long a user's refresh token lives. Zero means thirty days.
	RefreshLifetime time.Duration

	// RotateRefresh uses up a user's refresh token with its first use, which brings another
	// one. WeChat does not do that; other platforms do.
	RotateRefresh bool

	// RefuseWithoutCode sends the browser of a user who refuses snsapi_userinfo back without a
	// code, which is what WeChat's documents say, instead of with code=authdeny, which is what
	// its clients have been seen to do.
	RefuseWithoutCode bool

	// Allow names the misuses that are not recorded, for tests that provoke
	// them on purpose. Empty means that everything is recorded.
	Allow []MisuseKind
}

// App is one registration on the platform.
type App struct {
	// Platform is one of [Platforms]. Empty means WeChat.
	Platform string

	// ID is the app id, such as wx0123456789abcdef, of WeCom the corp id.
	ID string

	// Agent tells the apps of a corp of WeCom apart, such as 1000002.
	Agent string

	// Secret is the one valid secret. [Sandbox.SetSecret] replaces it.
	Secret string `json:"-"`

	// Whitelist has the addresses (1.2.3.4) and networks (1.2.3.0/24) that may
	// ask for tokens. Empty means everybody.
	Whitelist []string

	// ConfirmIPs makes the platform ask the administrator about every new
	// address while the whitelist is empty: 89503 until [Sandbox.ConfirmIP] or
	// [Sandbox.RefuseIP].
	ConfirmIPs bool

	// CallbackDomains are the hosts that the web authorization may send browsers back to,
	// with the port where it matters. Empty means all.
	CallbackDomains []string

	// Company is whose app it is. A user has one union id for all apps of a company. Of
	// DingTalk it is the corp id that one of its token paths has in it; empty means any.
	Company string

	// PublicKey is what an app of oauth2 proves itself by instead of the secret, as PEM:
	// it signs assertions with the private one (RFC 7523).
	PublicKey string

	// Refresh is a refresh token that the app of oauth2 was authorized with.
	// [Platform.Authorize] adds more.
	Refresh string `json:"-"`

	// RefreshGrace is how long a refresh token is taken once more after it was used, as
	// long as the one that was given for it was not. Zero means not at all.
	RefreshGrace time.Duration

	// KeepRefresh says that the app's refresh tokens are not used up.
	KeepRefresh bool

	// Quotas of this app; fields that are zero are taken from the Config.
	Quotas Quotas
}

// String shows an app without its secret.
func (a App) String() string { return "app " + key(a.ID, a.Agent) }

// GoString shows an app without its secret.
func (a App) GoString() string { return a.String() }

// LogValue shows an app without its secret.
func (a App) LogValue() slog.Value { return slog.StringValue(key(a.ID, a.Agent)) }

// Quotas limits the calls of one app. A zero field means the default, a
// negative one that nothing is allowed, as for a punished account. Days and
// months are those of UTC+8.
type Quotas struct {
	TokenPerDay     int           // cgi-bin/token; default 2000
	StablePerDay    int           // cgi-bin/stable_token; default 500 000
	StablePerMinute int           // cgi-bin/stable_token; default 10 000
	ForcedPerDay    int           // forced refreshes of stable_token; default 20
	ForcedGap       time.Duration // two forced refreshes closer than this do not refresh; default 30 s
	TicketPerDay    int           // ticket/getticket; default 2000, the platform does not say
	CallsPerDay     int           // each other path; default 500 000
	CallsPerMinute  int           // each path but those of tokens; default unlimited
	ClearPerMonth   int           // clear_quota and clear_quota/v2 together; default 10
	LoginsPerMinute int           // sns/jscode2session, of one user; default 100

	// Those of all other platforms, beside CallsPerMinute. Their defaults, and how
	// long they are good for, are the platform's own, as far as it has any.
	IssueCalls  int // calls for a token, of each mode
	TicketCalls int // calls for a ticket, of each kind
}

// or fills the fields that are zero.
func (q Quotas) or(d Quotas) Quotas {
	return Quotas{
		TokenPerDay:     cmp.Or(q.TokenPerDay, d.TokenPerDay),
		StablePerDay:    cmp.Or(q.StablePerDay, d.StablePerDay),
		StablePerMinute: cmp.Or(q.StablePerMinute, d.StablePerMinute),
		ForcedPerDay:    cmp.Or(q.ForcedPerDay, d.ForcedPerDay),
		ForcedGap:       cmp.Or(q.ForcedGap, d.ForcedGap),
		TicketPerDay:    cmp.Or(q.TicketPerDay, d.TicketPerDay),
		CallsPerDay:     cmp.Or(q.CallsPerDay, d.CallsPerDay),
		CallsPerMinute:  cmp.Or(q.CallsPerMinute, d.CallsPerMinute),
		ClearPerMonth:   cmp.Or(q.ClearPerMonth, d.ClearPerMonth),
		LoginsPerMinute: cmp.Or(q.LoginsPerMinute, d.LoginsPerMinute),
		IssueCalls:      cmp.Or(q.IssueCalls, d.IssueCalls),
		TicketCalls:     cmp.Or(q.TicketCalls, d.TicketCalls),
	}
}

func defaultQuotas() Quotas {
	return Quotas{
		TokenPerDay:     2000,
		StablePerDay:    500_000,
		StablePerMinute: 10_000,
		ForcedPerDay:    20,
		ForcedGap:       30 * time.Second,
		TicketPerDay:    2000,
		CallsPerDay:     500_000,
		CallsPerMinute:  math.MaxInt,
		ClearPerMonth:   10,
		LoginsPerMinute: 100,
	}
}

// withDefaults gives every field its meaning.
func (c Config) withDefaults() Config {
	c.Lifetime = cmp.Or(max(c.Lifetime, 0), 2*time.Hour)
	c.Overlap = min(max(cmp.Or(c.Overlap, 5*time.Minute), 0), c.Lifetime)
	c.MediaBytes = cmp.Or(max(c.MediaBytes, 0), 256<<20)
	c.CodeLifetime = cmp.Or(max(c.CodeLifetime, 0), 5*time.Minute)
	c.RefreshLifetime = cmp.Or(max(c.RefreshLifetime, 0), 30*24*time.Hour)
	c.Quotas = c.Quotas.or(defaultQuotas())
	c.Apps = slices.Clone(c.Apps)
	c.Allow = slices.Clone(c.Allow)
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Rand == nil {
		c.Rand = rand.Float64
	}
	return c
}
