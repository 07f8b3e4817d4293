package oauth2_test

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/platform"
	"github.com/hufu-io/hufu/internal/platform/oauth2"
	"github.com/hufu-io/hufu/internal/renew"
	"github.com/hufu-io/hufu/internal/sandbox"
	"github.com/hufu-io/hufu/internal/store/memstore"
)

const base = "http://sandbox/oauth2"

// boxed is a sealer that opens what it sealed, for what it was sealed.
type boxed struct{}

func (boxed) Seal(p, ad []byte) ([]byte, error) { return fmt.Appendf(nil, "%s|%s", ad, p), nil }

func (boxed) Open(box, ad []byte) ([]byte, error) {
	n := len(ad) + 1
	if len(box) < n || string(box[:n]) != string(ad)+"|" {
		return nil, errors.New("sealed for something else")
	}
	return box[n:], nil
}

// TestEveryWayOfProvingAtTheSandbox, the endpoint found by its metadata and not.
func TestEveryWayOfProvingAtTheSandbox(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"basic", "body", "rsa", "p256", "p384", "p521", "ed25519", "PS256"} {
		synctest.Test(t, func(t *testing.T) {
			sim := sandbox.App{Platform: oauth2.Name, ID: clientID, Secret: secret, Refresh: refresh, KeepRefresh: true}
			a := app(func(a *broker.App) { a.OAuth2.TokenURL, a.OAuth2.Issuer = "", base })
			switch kind {
			case "basic", "body":
				a.OAuth2.Auth = broker.ClientAuth(kind)
			default:
				alg := ""
				name := kind
				if kind == "PS256" {
					name, alg = "rsa", kind
				}
				key, public := keyPEM(t, name)
				der, err := x509.MarshalPKIXPublicKey(public)
				if err != nil {
					t.Fatal(err)
				}
				sim.PublicKey = string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
				signing(key, alg)(a)
			}
			sb := sandbox.New(sandbox.Config{Apps: []sandbox.App{sim}})
			for range 2 {
				for _, mode := range []string{oauth2.ClientCredentials, oauth2.RefreshToken} {
					a.Mode = mode
					got, err := issue(t.Context(), sb.Transport(), a)
					if err != nil || got.Lifetime != time.Hour || !sb.Of(oauth2.Name).Live(got.Token.Reveal()) {
						t.Errorf("%s, %s: %v", kind, mode, err)
					}
				}
				a.OAuth2.TokenURL = base + "/token"
			}
			for _, m := range sb.Misuses() {
				t.Errorf("%s: misuse: %s", kind, m.Detail)
			}
		})
	}
}

// TestRefreshTokensAtTheSandboxI5: hours of renewals whose answers are lost now and then,
// over a store that is away now and then. The sandbox ends the grant when a refresh token
// comes again, but for a grace.
func TestRefreshTokensAtTheSandboxI5(t *testing.T) {
	t.Parallel()
	const hours = 4
	synctest.Test(t, func(t *testing.T) {
		sb := sandbox.New(sandbox.Config{Apps: []sandbox.App{{Platform: oauth2.Name, ID: clientID, Secret: secret, Refresh: refresh, RefreshGrace: 2 * time.Minute}}})
		store := memstore.New(memstore.Config{})
		var replicas []*renew.Manager
		var handles []*memstore.Store
		for i := range 3 {
			h := store.Handle()
			m, err := renew.New(renew.Config{
				Store: h, Leaser: h, Notifier: h, Sealer: boxed{}, Holder: fmt.Sprint("replica-", i), Logger: slog.New(slog.DiscardHandler),
				Platforms: []broker.Platform{oauth2.Platform(platform.NewCaller(sb.Transport()))},
			})
			if err != nil {
				t.Fatal(err)
			}
			a := app(func(a *broker.App) {
				a.Mode, a.Refresh, a.OAuth2.TokenURL = oauth2.RefreshToken, broker.NewSecret(refresh), base+"/token"
			})
			if err := m.SetApp(t.Context(), a); err != nil {
				t.Fatal(err)
			}
			if err := m.Start(t.Context()); err != nil {
				t.Fatal(err)
			}
			replicas, handles = append(replicas, m), append(handles, h)
		}
		defer func() {
			for _, m := range replicas {
				if err := m.Close(t.Context()); err != nil {
					t.Error(err)
				}
			}
		}()
		k := broker.Key{App: "crm", Kind: broker.AccessToken}
		time.Sleep(time.Second)
		for hour := range hours {
			sb.Inject(sandbox.Fault{Kind: sandbox.FaultLost, Path: "/oauth2/token", Times: 1})
			for minute := range 60 {
				// Whenever a token is renewed, which is every half hour, one of three servers is cut
				// off, or becomes so.
				if away := handles[(hour+minute)%3]; minute%30 < 5 {
					away.Fail(errors.New("the store is away"))
					time.AfterFunc(50*time.Second, func() { away.Fail(nil) })
				}
				for i, m := range replicas {
					tok, err := m.Token(t.Context(), k)
					if err != nil || !sb.Of(oauth2.Name).Live(tok.Secret.Reveal()) {
						t.Errorf("replica %d has no live token: %v", i, err)
					}
				}
				time.Sleep(time.Minute)
			}
		}
		time.Sleep(5 * time.Minute)
		r, err := store.Get(t.Context(), k)
		if err != nil {
			t.Fatal(err)
		}
		newest, err := boxed{}.Open(r.Refresh, k.RefreshData())
		if err != nil || !sb.Of(oauth2.Name).RefreshLives(string(newest)) || sb.Of(oauth2.Name).Reuses(clientID) > 0 {
			t.Errorf("I5: the stored refresh token is dead: %v", err)
		}
		if c := sb.Of(oauth2.Name).Counts(clientID); c.Issues > hours*3+10 || c.Issues < hours || c.Lost < hours-2 {
			t.Errorf("%d issues, of which %d were lost", c.Issues, c.Lost)
		}
	})
}

// TestUpstreamAtTheSandbox: what the resource server says is judged for what it is.
func TestUpstreamAtTheSandbox(t *testing.T) {
	t.Parallel()
	sb := sandbox.New(sandbox.Config{Apps: []sandbox.App{{Platform: oauth2.Name, ID: clientID, Secret: secret}}})
	got, err := issue(t.Context(), sb.Transport(), app(func(a *broker.App) { a.OAuth2.TokenURL = base + "/token" }))
	if err != nil {
		t.Fatal(err)
	}
	up := oauth2.Platform(nil).Upstream
	judge := func(token string) broker.Judgement {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, base+"/v1/me", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		if token != "" {
			up.Attach(r, broker.NewSecret(token))
		}
		resp, err := sb.Transport().RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		return up.Judge("/v1/me", resp, body)
	}
	if j := judge(got.Token.Reveal()); j.Verdict != broker.VerdictOK {
		t.Errorf("a live token: %+v", j)
	}
	sb.Of(oauth2.Name).Kill(got.Token.Reveal())
	for _, token := range []string{got.Token.Reveal(), "made-up"} {
		if j := judge(token); j.Verdict != broker.VerdictRejected || j.Err.PlatformCode != "invalid_token" {
			t.Errorf("a dead token: %+v", j)
		}
	}
}
