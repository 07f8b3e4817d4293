package config_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/config"
)

// The secrets of these tests have the length of real ones.
const (
	shopSecret = "5ec0e7a1b2c3d4e5f60718293a4b5c6d"
	newsSecret = "0ddba11a1b2c3d4e5f60718293a4b5c6"
	ordersKey  = "orders-0123456789abcdef0123456789"
	stockKey   = "stock-0123456789abcdef01234567890"
	mailKey    = "mailer-0123456789abcdef0123456789"
	membersKey = "members-0123456789abcdef0123456789"
)

// options returns two platforms and an environment, which pairs add to.
func options(pairs ...string) config.Options {
	env := map[string]string{"SECRET": shopSecret, "SECRET2": newsSecret, "KEY": ordersKey, "KEY2": stockKey, "EMPTY": ""}
	for i := 0; i+1 < len(pairs); i += 2 {
		env[pairs[i]] = pairs[i+1]
	}
	return config.Options{
		Getenv: func(name string) (string, bool) {
			v, ok := env[name]
			return v, ok
		},
		Reserved: map[string]string{"boss": "the client that runs the place"},
		Platforms: []broker.Platform{
			{
				Name: "wechat", Modes: []string{"stable", "classic"}, BaseURL: "https://api.weixin.qq.com",
				Upstream: entries{"api.weixin.qq.com", "sh.api.weixin.qq.com"},
				Web:      scopesOnly{"snsapi_base", "snsapi_userinfo", "snsapi_login"}, Pages: noSigner{},
				Kinds: func(string) map[broker.Kind]broker.Source {
					return map[broker.Kind]broker.Source{broker.AccessToken: {}, broker.JSAPITicket: {}, broker.WxCardTicket: {}}
				},
			},
			{Name: "wecom", Modes: []string{"app"}},
		},
	}
}

// entries is a platform of which nothing but its hosts matters.
type entries []string

func (e entries) Hosts() []string                                   { return e }
func (entries) Denied() []string                                    { return nil }
func (entries) Route(string) broker.Route                           { return broker.Route{} }
func (entries) Shown(*http.Request) broker.Shown                    { return broker.Shown{} }
func (entries) Attach(*http.Request, broker.Secret)                 {}
func (entries) Substitute(*http.Request, string, broker.Secret)     {}
func (entries) Refuse(string, *broker.Error, string) broker.Refusal { return broker.Refusal{} }
func (entries) Judge(string, *http.Response, []byte) broker.Judgement {
	return broker.Judgement{}
}

// scopesOnly is a login of which nothing but its scopes matters.
type scopesOnly []string

func (s scopesOnly) Scopes() []string { return s }

func (s scopesOnly) DefaultScopes() []string { return s }

func (scopesOnly) KindOf(scope string) broker.Kind { return broker.Kind(scope) }

func (scopesOnly) AuthorizeURL(broker.AuthorizeRequest) (string, error) { return "", nil }

func (scopesOnly) Exchange(context.Context, *broker.App, broker.Secret, broker.Secret) (broker.Granted, error) {
	return broker.Granted{}, nil
}

func (scopesOnly) Refresh(context.Context, *broker.App, broker.Key, broker.Secret) (broker.Granted, error) {
	return broker.Granted{}, nil
}

func (scopesOnly) CheckUser(context.Context, *broker.App, string, broker.Secret) (broker.Verdict, error) {
	return broker.VerdictUnknown, nil
}

func (scopesOnly) Profile(context.Context, *broker.App, string, broker.Secret, string) (broker.Profile, error) {
	return broker.Profile{}, nil
}

func (scopesOnly) SubscriptionPath() string { return "" }

func (scopesOnly) Subscription(context.Context, *broker.App, string, broker.Secret, string) (broker.Subscription, error) {
	return broker.Subscription{}, nil
}

type noSigner struct{}

func (noSigner) Stamp(time.Time) int64                                { return 0 }
func (noSigner) SignPage(broker.Secret, string, string, int64) string { return "" }
func (noSigner) SignCard(broker.Secret, ...string) string             { return "" }

// put writes a file below dir and returns its path.
func put(t testing.TB, dir, name, text string, mode fs.FileMode) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil { // The umask has no say in it.
		t.Fatal(err)
	}
	return path
}

// load reads text as a configuration file of mode 0600.
func load(t testing.TB, text string, opt config.Options) (*config.Config, error) {
	t.Helper()
	return config.Load(put(t, t.TempDir(), "hufu.yaml", text, 0o600), opt)
}

func mustLoad(t testing.TB, text string, opt config.Options) *config.Config {
	t.Helper()
	c, err := load(t, text, opt)
	if err != nil {
		t.Fatalf("load: %v", err)
	}
	return c
}

// faultLines returns the faults as LINE: PATH: message, without the file's name.
func faultLines(t testing.TB, err error) string {
	t.Helper()
	faults, ok := errors.AsType[*config.Faults](err)
	if !ok {
		t.Fatalf("the error is a %T (%v), not a *config.Faults", err, err)
	}
	text := strings.ReplaceAll(err.Error(), faults.File+":", "")
	return strings.ReplaceAll(text, filepath.Dir(faults.File), "DIR")
}

// app returns a configuration of one app with the given lines added, whose first is
// line 5 of the file.
func app(lines string) string {
	return "apps:\n  - platform: wechat\n    app_id: wx1\n    secret: ${SECRET}\n" + indent(lines)
}

// client returns a configuration of one client with the given lines added, whose first
// is line 4 of the file.
func client(lines string) string {
	return "clients:\n  - name: orders\n    apps: [shop]\n" + indent(lines)
}

// manySecrets returns the items of a list, no two of them the same.
func manySecrets(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "      - ${SECRET}-%d\n", i)
	}
	return b.String()
}

func indent(lines string) string {
	var b strings.Builder
	for line := range strings.Lines(lines) {
		b.WriteString("    " + line)
	}
	return b.String() + "\n"
}
