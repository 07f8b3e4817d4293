package oidc

import (
	"bytes"
	"crypto/rand"
	"strings"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
)

// access is what an access token says. Nothing is stored for one: who shows it is looked up.
type access struct {
	Client string `json:"c"`
	// Mark tells keys of the client apart, see [broker.Claim].
	Mark     []byte   `json:"m"`
	OpenID   string   `json:"i"`
	UnionID  string   `json:"u,omitempty"`
	Snapshot bool     `json:"x,omitempty"`
	Scopes   []string `json:"o"`
	Expiry   int64    `json:"e"` // in seconds since 1970
	// Random makes every token another one: the cipher does not.
	Random []byte `json:"a"`
}

const (
	// accessPrefix tells these tokens from all others at a glance.
	accessPrefix = "ho1_"
	maxAccess    = 2048
)

// grantAccess makes an access token.
func (p *Provider) grantAccess(app *broker.App, c *broker.Client, who identity, until time.Time) (string, error) {
	mark, random := c.Mark(), make([]byte, 8)
	_, _ = rand.Read(random) // never fails, see crypto/rand
	a := access{
		Client: c.Name, Mark: mark[:], OpenID: who.OpenID, UnionID: who.UnionID, Snapshot: who.Snapshot, Scopes: who.Scopes,
		Expiry: until.Unix(), Random: random,
	}
	s, err := p.keys().seal(a, forToken, app)
	return accessPrefix + s, err
}

// admit reads an access token that still holds: it was made for this app, is not too old, and its
// client is still there, with the same key and the right.
func (p *Provider) admit(app *broker.App, tok broker.Secret) (a access, ok bool) {
	s, ok := strings.CutPrefix(tok.Reveal(), accessPrefix)
	if !ok || len(s) > maxAccess || !p.keys().open(s, &a, forToken, app) || p.cfg.Now().Unix() >= a.Expiry {
		return access{}, false
	}
	c := p.client(app, a.Client)
	if c == nil {
		return access{}, false
	}
	mark := c.Mark()
	return a, bytes.Equal(mark[:], a.Mark)
}
