package registry

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"maps"
	"slices"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
)

// appSpec is a stored app without its secrets.
type appSpec struct {
	Platform     string        `json:"platform"`
	AppID        string        `json:"app_id"`
	Mode         string        `json:"mode,omitempty"`
	BaseURL      string        `json:"base_url,omitempty"`
	Overlap      time.Duration `json:"overlap_ns,omitempty"`
	Every        time.Duration `json:"every_ns,omitempty"`
	Ahead        time.Duration `json:"ahead_ns,omitempty"`
	InitialDelay time.Duration `json:"initial_delay_ns,omitempty"`
	Sinks        []broker.Sink `json:"sinks,omitempty"`
	Deny         *[]string     `json:"deny,omitempty"` // nil: the platform's own list
	Login        *loginSpec    `json:"login,omitempty"`
	PageHosts    []string      `json:"page_hosts,omitempty"`

	Params map[string]string `json:"params,omitempty"`
	OAuth2 *oauth2Spec       `json:"oauth2,omitempty"`
}

type oauth2Spec struct {
	TokenURL  string            `json:"token_url,omitempty"`
	Issuer    string            `json:"issuer,omitempty"`
	Auth      broker.ClientAuth `json:"auth,omitempty"`
	Scopes    []string          `json:"scopes,omitempty"`
	Audience  string            `json:"audience,omitempty"`
	Resource  string            `json:"resource,omitempty"`
	Extra     map[string]string `json:"extra,omitempty"`
	Lifetime  time.Duration     `json:"lifetime_ns,omitempty"`
	KeyID     string            `json:"key_id,omitempty"`
	Algorithm string            `json:"algorithm,omitempty"`
}

// sealedApp is what of an app is a secret. One without a refresh token is sealed as the list
// of its secrets alone, as all apps were before there was such a thing.
type sealedApp struct {
	Secrets []string `json:"secrets"`
	Refresh string   `json:"refresh_token"`
}

type loginSpec struct {
	Redirects    []string `json:"redirect_uris"`
	Scopes       []string `json:"scopes,omitempty"`
	AuthorizeURL string   `json:"authorize_url,omitempty"`
}

// associated binds an app's sealed secrets to where they may be sent, to what may not be
// called with the tokens that they bring, and to the pages that users are sent to and that
// are signed for. Somebody who can write the store but has no keyset cannot point them at
// another host, nor open what is denied, nor have logins end elsewhere, nor tokens asked for
// in another's name.
//
// What an app does not have adds nothing, so that it stays as it was before there was such
// a thing.
func associated(id string, s *appSpec) []byte {
	ad := fmt.Appendf(nil, "app/%q/%q/%q/%q", id, s.Platform, s.AppID, s.BaseURL)
	list := func(name string, texts []string) {
		ad = append(ad, "/"+name...)
		for _, t := range texts {
			ad = fmt.Appendf(ad, "/%q", t)
		}
	}
	if s.Deny != nil {
		list("deny", *s.Deny)
	}
	if l := s.Login; l != nil {
		list("login", l.Redirects)
		list("scopes", l.Scopes)
		list("authorize", []string{l.AuthorizeURL})
	}
	if len(s.PageHosts) > 0 {
		list("pages", s.PageHosts)
	}
	if len(s.Params) > 0 {
		list("params", pairs(s.Params))
	}
	if o := s.OAuth2; o != nil {
		list("oauth2", []string{
			o.TokenURL, o.Issuer, string(o.Auth), o.Audience, o.Resource, o.Lifetime.String(), o.KeyID, o.Algorithm,
		})
		list("scopes", o.Scopes)
		list("extra", pairs(o.Extra))
	}
	return ad
}

// pairs lists names and what belongs to them, in the order of the names.
func pairs(m map[string]string) []string {
	var list []string
	for _, name := range slices.Sorted(maps.Keys(m)) {
		list = append(list, name, m[name])
	}
	return list
}

// errConfidentialSink refuses sinks with a URL or a secret: a row has no place for them, and
// without them the sink would be another one. Such sinks are set in the configuration file.
var errConfidentialSink = errors.New("a sink with a url or a secret cannot be stored")

func (r *Registry) sealApp(a *broker.App) (broker.Definition, error) {
	if slices.ContainsFunc(a.Sinks, broker.Sink.Confidential) {
		return broker.Definition{}, fmt.Errorf("seal app %q: %w", a.ID, errConfidentialSink)
	}
	s := appSpec{Platform: a.Platform, AppID: a.AppID, Mode: a.Mode, BaseURL: a.BaseURL, Sinks: a.Sinks, PageHosts: a.PageHosts}
	if a.Deny != nil {
		s.Deny = &a.Deny
	}
	if l := a.Login; l != nil {
		s.Login = &loginSpec{Redirects: l.Redirects, Scopes: l.Scopes, AuthorizeURL: l.AuthorizeURL}
	}
	if p := a.Policy; p != nil {
		s.Overlap, s.Every, s.Ahead, s.InitialDelay = p.Overlap, p.Every, p.Ahead, p.InitialDelay
	}
	s.Params = a.Params
	if o := a.OAuth2; o != nil {
		x := oauth2Spec(*o)
		s.OAuth2 = &x
	}
	plain := sealedApp{Secrets: make([]string, len(a.Secrets)), Refresh: a.Refresh.Reveal()}
	for i, x := range a.Secrets {
		plain.Secrets[i] = x.Reveal()
	}
	secrets, err := json.Marshal(plain.Secrets)
	if plain.Refresh != "" {
		secrets, err = json.Marshal(plain) //nolint:gosec // it is sealed at once
	}
	if err != nil {
		return broker.Definition{}, fmt.Errorf("encode the secrets of app %q: %w", a.ID, err)
	}
	box, err := r.cfg.Sealer.Seal(secrets, associated(a.ID, &s))
	if err != nil {
		return broker.Definition{}, fmt.Errorf("seal the secrets of app %q: %w", a.ID, err)
	}
	spec, err := json.Marshal(s)
	if err != nil {
		return broker.Definition{}, fmt.Errorf("encode app %q: %w", a.ID, err)
	}
	return broker.Definition{Name: a.ID, Version: a.Version, Spec: spec, Sealed: box}, nil
}

// stampOf tells definitions of one version apart: no two boxes are the same.
func stampOf(d broker.Definition) uint64 {
	h := fnv.New64a()
	_, _ = h.Write(d.Sealed) // never fails
	return h.Sum64()
}

func (r *Registry) openApp(d broker.Definition) (*broker.App, error) {
	var s appSpec
	if err := json.Unmarshal(d.Spec, &s); err != nil {
		return nil, fmt.Errorf("decode app %q: %w", d.Name, err)
	}
	plain, err := r.cfg.Sealer.Open(d.Sealed, associated(d.Name, &s))
	if err != nil {
		return nil, fmt.Errorf("open the secrets of app %q: %w", d.Name, err)
	}
	var secret sealedApp
	into := any(&secret)
	if bytes.HasPrefix(plain, []byte("[")) {
		into = &secret.Secrets
	}
	if err := json.Unmarshal(plain, into); err != nil {
		return nil, fmt.Errorf("decode the secrets of app %q: they are not what was sealed", d.Name)
	}
	a := &broker.App{
		ID: d.Name, Platform: s.Platform, AppID: s.AppID, Mode: s.Mode, BaseURL: s.BaseURL, Sinks: s.Sinks, PageHosts: s.PageHosts,
		Origin: broker.FromAPI, Version: d.Version, Stamp: stampOf(d), Secrets: make([]broker.Secret, len(secret.Secrets)),
		Params: s.Params, Refresh: broker.NewSecret(secret.Refresh),
	}
	if s.OAuth2 != nil {
		o := broker.OAuth2(*s.OAuth2)
		a.OAuth2 = &o
	}
	if s.Deny != nil {
		a.Deny = append([]string{}, *s.Deny...) // empty is not absent
	}
	if l := s.Login; l != nil {
		a.Login = &broker.Login{Redirects: l.Redirects, Scopes: l.Scopes, AuthorizeURL: l.AuthorizeURL}
	}
	for i, x := range secret.Secrets {
		a.Secrets[i] = broker.NewSecret(x)
	}
	if p := (broker.Policy{Overlap: s.Overlap, Every: s.Every, Ahead: s.Ahead, InitialDelay: s.InitialDelay}); p != (broker.Policy{}) {
		a.Policy = &p
	}
	return a, nil
}

// clientSpec is a stored client. Its key is stored as a hash, which opens nothing.
type clientSpec struct {
	KeySHA256 string   `json:"key_sha256"`
	Apps      []string `json:"apps"`
	Allow     []string `json:"allow"`
	Paths     []string `json:"paths,omitempty"`
	Handout   string   `json:"handout,omitempty"`
	SDK       string   `json:"sdk,omitempty"`
	// SessionKeys is left out where it is false, so that clients without it stay what they were.
	SessionKeys bool `json:"session_keys,omitempty"`
}

// clientProof is sealed with a client's settings as associated data: somebody who can
// write the store but has no keyset cannot make a client or give it rights.
const clientProof = "client"

func clientAssociated(name string, spec []byte) []byte {
	return fmt.Appendf(nil, "client/%q/%s", name, spec)
}

func (r *Registry) sealClient(c *broker.Client) (broker.Definition, error) {
	spec, err := json.Marshal(clientSpec{
		KeySHA256: hex.EncodeToString(c.Key[:]), Apps: c.Apps, Allow: c.Rights.Names(), Paths: c.Paths, Handout: string(c.Handout), SDK: c.SDK,
		SessionKeys: c.SessionKeys,
	})
	if err != nil {
		return broker.Definition{}, fmt.Errorf("encode client %q: %w", c.Name, err)
	}
	proof, err := r.cfg.Sealer.Seal([]byte(clientProof), clientAssociated(c.Name, spec))
	if err != nil {
		return broker.Definition{}, fmt.Errorf("seal client %q: %w", c.Name, err)
	}
	return broker.Definition{Name: c.Name, Version: c.Version, Spec: spec, Sealed: proof}, nil
}

func (r *Registry) openClient(d broker.Definition) (*broker.Client, error) {
	if _, err := r.cfg.Sealer.Open(d.Sealed, clientAssociated(d.Name, d.Spec)); err != nil {
		return nil, fmt.Errorf("client %q was not written by a server with this keyset: %w", d.Name, err)
	}
	var s clientSpec
	if err := json.Unmarshal(d.Spec, &s); err != nil {
		return nil, fmt.Errorf("decode client %q: %w", d.Name, err)
	}
	c := &broker.Client{
		Name: d.Name, Apps: s.Apps, Paths: s.Paths, Handout: broker.Handout(s.Handout), SessionKeys: s.SessionKeys, SDK: s.SDK,
		Origin: broker.FromAPI, Version: d.Version, Stamp: stampOf(d),
	}
	sum, err := hex.DecodeString(s.KeySHA256)
	if err != nil || len(sum) != len(c.Key) {
		return nil, fmt.Errorf("decode client %q: key_sha256 is not a SHA-256", d.Name)
	}
	copy(c.Key[:], sum)
	rights, unknown := broker.ParseRights(s.Allow)
	if unknown != "" {
		return nil, fmt.Errorf("decode client %q: no right is called %q", d.Name, unknown)
	}
	c.Rights = rights
	return c, nil
}

// Seal gives an app as it is stored, for tools that fill a store.
func (r *Registry) Seal(a *broker.App) (broker.Definition, error) { return r.sealApp(a) }
