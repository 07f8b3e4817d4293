package config

import (
	"cmp"
	"crypto/sha256"
	"slices"
	"strings"

	"github.com/hufu-io/hufu/internal/broker"
)

// appList collects the apps of a file and what they may not have twice.
type appList struct {
	d       *decoder
	config  *Config
	ids     map[string]string // id → the path of the app that has it
	same    map[string]string // registration → the path of the app that has it
	sinks   map[sinkTarget]string
	files   map[string]string // file that sinks write → the first of them
	secrets map[broker.KeyHash]string
	// unreachable says that no public_url is given, so that no browser can log in.
	unreachable bool
}

func newAppList(d *decoder, c *Config) *appList {
	return &appList{
		d: d, config: c, ids: map[string]string{}, same: map[string]string{},
		sinks: map[sinkTarget]string{}, files: map[string]string{}, secrets: map[broker.KeyHash]string{},
	}
}

// add reads one app. What is kept of it after a fault is never used, because then
// there is no configuration.
func (l *appList) add(v value) {
	o := v.object()
	if o == nil {
		return
	}
	app := &broker.App{Origin: broker.FromFile}
	platform := l.platform(o, app)
	l.identity(o, app)
	app.Params = o.field("params").texts()
	app.OAuth2 = l.oauth2(o.field("oauth2"))
	l.credentials(o, app)
	mode := o.field("mode")
	if s, ok := mode.text(); ok {
		app.Mode = s
		if platform != nil && !slices.Contains(platform.Modes, s) {
			mode.fault("platform %s has no mode %s%s", platform.Name, mode.shown(), meant(mode.node.Value, platform.Modes))
		}
	}
	l.baseURL(o, app)
	app.Policy = policy(o)
	app.Deny = deny(o.field("deny"))
	app.Login = l.login(o.field("login"), platform)
	app.PageHosts = pageHosts(o.field("page_hosts"), platform)
	sinks, _ := o.field("sinks").list()
	for _, v := range sinks {
		l.sink(v, app, platform)
	}
	o.done()
	if l.settings(o, app, platform) {
		l.once(o, app, platform)
	}
	l.config.Apps = append(l.config.Apps, app)
}

func (l *appList) platform(o *object, app *broker.App) *broker.Platform {
	names := make([]string, 0, len(l.d.opt.Platforms))
	for _, p := range l.d.opt.Platforms {
		names = append(names, p.Name)
	}
	v := o.field("platform")
	if !v.present() {
		o.missing("platform", "name the platform the app is registered on: "+strings.Join(names, ", "))
		return nil
	}
	var ok bool
	if app.Platform, ok = v.text(); !ok {
		return nil
	}
	i := slices.Index(names, app.Platform)
	if i < 0 {
		said := v.node.Value
		v.fault("platform %s is not known%s", v.shown(), meant(cmp.Or(broker.NearestPlatform(said, names), said), names))
		return nil
	}
	return &l.d.opt.Platforms[i]
}

// identity reads app_id and id, which by default is the same in small letters.
func (l *appList) identity(o *object, app *broker.App) {
	appID, id := o.field("app_id"), o.field("id")
	if !appID.present() {
		o.missing("app_id", "give the id the platform knows the app by")
	}
	if s, ok := appID.text(); ok {
		app.AppID = s
		if !broker.ValidPlatformID(s) {
			appID.fault("%s is not an app id; it has at most %d printable ASCII characters and no spaces, and only plain quotes (\" or ') stand around it", appID.shown(), broker.MaxPlatformID)
			return
		}
	}
	at := id
	if id.present() {
		var ok bool
		if app.ID, ok = id.text(); !ok {
			return
		}
		if !broker.ValidAppID(app.ID) {
			id.fault("%s is not an id; use 1 to %d of a-z, 0-9 and -, not starting with -", id.shown(), broker.MaxAppID)
			return
		}
	} else {
		if app.AppID == "" {
			return
		}
		at = value{d: l.d, node: appID.node, path: id.path}
		if app.ID = strings.ToLower(app.AppID); !broker.ValidAppID(app.ID) {
			at.fault("is missing, and app_id does not fit in its place; give the app an id of 1 to %d of a-z, 0-9 and -", broker.MaxAppID)
			return
		}
	}
	if first, taken := l.ids[app.ID]; taken {
		at.fault("is the same as that of %s; give each app an id of its own", first)
		app.ID = ""
		return
	}
	l.ids[app.ID] = o.path
}

func (l *appList) credentials(o *object, app *broker.App) {
	like := secretLike
	if app.OAuth2 != nil && app.OAuth2.Auth == broker.AuthPrivateKeyJWT {
		like = keyLike
	}
	list, given := o.secrets("secret", like)
	if !given {
		o.missing("secret", "give the app's secret as secret: ${NAME}, or the path of a file with it as secret_file")
	}
	for _, s := range list {
		app.Secrets = append(app.Secrets, s.Secret)
		l.secrets[sha256.Sum256([]byte(s.Reveal()))] = s.at.path
	}
	if refresh, _ := o.secret("refresh_token"); refresh != nil {
		app.Refresh = refresh.Secret
		l.secrets[sha256.Sum256([]byte(refresh.Reveal()))] = refresh.at.path
	}
}

const sandboxRefused = "the sandbox does not run beside apps that point at a real platform; " +
	"start without --sandbox, or point the app at a loopback address"

func (l *appList) baseURL(o *object, app *broker.App) {
	v := o.field("base_url")
	host := ""
	if v.present() {
		var ok bool
		if app.BaseURL, host, ok = v.baseURL(); !ok {
			return
		}
	}
	if !l.d.opt.Sandbox || broker.LoopbackHost(host) || app.OAuth2 != nil && !v.present() {
		return // Without one, calls on an app of OAuth 2.0 go nowhere.
	}
	if v.present() {
		v.fault(sandboxRefused)
	} else {
		o.fault(sandboxRefused)
	}
}

// once reports an app that is registered twice. Stores of tokens are told apart by
// where, for whom and in which mode they are issued, so a test and a production
// environment, or two modes, can share an app id.
func (l *appList) once(o *object, app *broker.App, platform *broker.Platform) {
	lost := func(field, got string) bool { return got == "" && o.nodes[field] != nil }
	if app.ID == "" || app.AppID == "" || platform == nil || lost("base_url", app.BaseURL) || lost("mode", app.Mode) {
		return // Something of it was a fault, and what it is the same as cannot be told.
	}
	full := *app
	if full.Mode == "" && len(platform.Modes) > 0 {
		full.Mode = platform.Modes[0]
	}
	names := platform.Registrations(&full)
	for i, name := range names {
		first, taken := l.same[name]
		if !taken {
			continue
		}
		same, hint := sameness, apart(app, platform)
		switch {
		case i > 0:
			same, hint = samenessOfSecret, "; if the platform has two, give each its own secret"
		case platform.OneToken:
			same = samenessOfOneToken
		}
		o.fault("is the same app as %s: %s; the two would kill each other's tokens, so keep one and let clients share it%s", first, same, hint)
		return
	}
	for _, name := range names {
		l.same[name] = o.path
	}
}

// sameness is what two apps have in common that are one, whichever of it they have.
const sameness = "it has the same platform, app_id, base_url, mode, params and oauth2, or the same refresh_token"

// samenessOfOneToken is the same where mode and params are only ways to one token.
const samenessOfOneToken = "it has the same platform, app_id and base_url, and the platform gives an app one token, whatever its mode and params"

// samenessOfSecret is that of apps whose tokens are told apart by their secrets.
const samenessOfSecret = "it has the same platform, app_id and base_url and one of its secrets, for which the platform gives one token, whatever the params"

// apart says how two apps that the platform tells apart are told apart here.
func apart(app *broker.App, platform *broker.Platform) string {
	if platform.OneToken {
		return ""
	}
	for _, p := range platform.Params {
		if app.Params[p.Name] == "" {
			return "; if the platform has two, give each its params." + p.Name
		}
	}
	return ""
}

// policy returns nil where nothing is said. The defaults stay zero, because they
// depend on the platform. The bounds are those of [broker.Policy.Check], which has the
// last word; they are checked one by one before it so that each fault has its line.
func policy(o *object) *broker.Policy {
	p := broker.Policy{Overlap: o.field("overlap").duration(broker.MinPeriod, broker.MaxPeriod)}
	if renew := o.field("renew").object(); renew != nil {
		p.Every = renew.field("every").duration(broker.MinPeriod, broker.MaxPeriod)
		p.Ahead = renew.field("ahead").duration(broker.MinPeriod, broker.MaxPeriod)
		p.InitialDelay = renew.field("initial_delay").duration(0, broker.MaxPeriod)
		renew.done()
	}
	if err := p.Check(); err != nil {
		o.fault("%s", err)
	}
	if p == (broker.Policy{}) {
		return nil
	}
	return &p
}
