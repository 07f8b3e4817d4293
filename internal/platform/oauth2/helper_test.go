package oauth2_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/platform"
	"github.com/hufu-io/hufu/internal/platform/oauth2"
)

const (
	clientID = "the-client:id"
	secret   = "s3cret/+ of a client&mustnotbeseen"
	refresh  = "refresh-mustnotbeseen"
	tokenURL = "https://login.crm.test/oauth2/token"
)

// seen is one request as the provider got it.
type seen struct {
	*http.Request
	form url.Values
}

// provider answers requests as a test says, and keeps them.
type provider struct {
	answer func(r seen) (status int, header http.Header, body string)

	mu   sync.Mutex
	seen []seen
}

func says(status int, body string) *provider {
	return &provider{answer: func(seen) (int, http.Header, string) { return status, nil, body }}
}

// RoundTrip implements [http.RoundTripper].
func (p *provider) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, err
	}
	s := seen{r, form}
	p.mu.Lock()
	p.seen = append(p.seen, s)
	p.mu.Unlock()
	status, header, text := p.answer(s)
	if header == nil {
		header = http.Header{}
	}
	return &http.Response{StatusCode: status, Header: header, Body: io.NopCloser(strings.NewReader(text)), Request: r}, nil
}

func (p *provider) requests() []seen {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.seen
}

// app is one with the settings that every case changes.
func app(change func(*broker.App)) *broker.App {
	a := &broker.App{
		ID: "crm", Platform: oauth2.Name, AppID: clientID, Secrets: []broker.Secret{broker.NewSecret(secret)},
		OAuth2: &broker.OAuth2{TokenURL: tokenURL},
	}
	if change != nil {
		change(a)
	}
	return a
}

// issue has a platform that talks to rt issue a token.
func issue(ctx context.Context, rt http.RoundTripper, a *broker.App) (broker.Issued, error) {
	return issueBy(ctx, oauth2.Platform(platform.NewCaller(rt)), a)
}

func issueBy(ctx context.Context, p broker.Platform, a *broker.App) (broker.Issued, error) {
	req := broker.IssueRequest{App: a, Key: broker.Key{App: a.ID, Kind: broker.AccessToken}}
	if len(a.Secrets) > 0 {
		req.Secret = a.Secrets[0]
	}
	if a.Mode == oauth2.RefreshToken {
		req.Refresh = broker.NewSecret(refresh)
	}
	return p.Kinds(a.Mode)[broker.AccessToken].Issuer.Issue(ctx, req)
}

// keeps checks that nothing secret is in an error, however it is printed (I6).
func keeps(t *testing.T, err error, secrets ...string) {
	t.Helper()
	if err == nil {
		return
	}
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "error", err, "all", broker.AsError(err))
	e := broker.AsError(err)
	all := fmt.Sprintf("%v %+v %#v %s %s %s %s", err, e, e, e.Message, e.Hint, e.PlatformMessage, log.String())
	for _, s := range append(secrets, secret, url.QueryEscape(secret), refresh) {
		if strings.Contains(all, s) {
			t.Errorf("I6: %q is in the error %s", s, all)
		}
	}
}

// keyPEM makes a private key.
func keyPEM(t testing.TB, kind string) (text string, public any) {
	t.Helper()
	var key any
	var err error
	switch kind {
	case "rsa", "rsa pkcs1":
		var k *rsa.PrivateKey
		k, err = rsa.GenerateKey(rand.Reader, 2048)
		key, public = k, &k.PublicKey
	case "ed25519":
		var pub ed25519.PublicKey
		pub, key, err = ed25519.GenerateKey(rand.Reader)
		public = pub
	default:
		curve := map[string]elliptic.Curve{"p256": elliptic.P256(), "p256 sec1": elliptic.P256(), "p384": elliptic.P384(), "p521": elliptic.P521(), "p224": elliptic.P224()}[kind]
		var k *ecdsa.PrivateKey
		k, err = ecdsa.GenerateKey(curve, rand.Reader)
		key, public = k, &k.PublicKey
	}
	if err != nil {
		t.Fatal(err)
	}
	block := &pem.Block{Type: "PRIVATE KEY"}
	switch k := key.(type) {
	case *rsa.PrivateKey:
		if kind == "rsa pkcs1" {
			block.Type, block.Bytes = "RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(k)
		}
	case *ecdsa.PrivateKey:
		if kind == "p256 sec1" {
			block.Type = "EC PRIVATE KEY"
			block.Bytes, err = x509.MarshalECPrivateKey(k)
		}
	}
	if block.Bytes == nil {
		block.Bytes, err = x509.MarshalPKCS8PrivateKey(key)
	}
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(block)), public
}
