package oidc

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
)

const (
	// codeLifetime is what a browser needs to get from here to the client, and the client
	// back to here.
	codeLifetime = 2 * time.Minute
	// slack is how far the clocks of servers may be apart: the end that counts is the store's.
	slack     = time.Minute
	codeBytes = 32
)

// codeName is what a code is kept under: its hash, so that nobody who reads the store can
// use it, below the app's id, so that an attempt at another app does not use it up.
func codeName(app *broker.App, code string) string {
	return "oidc/" + app.ID + "/" + digest(code)
}

func digest(code string) string {
	sum := sha256.Sum256([]byte(code))
	return hex.EncodeToString(sum[:])
}

// boundTo is the associated data of what a code stands for: what is copied to another code's
// place in the store does not open there.
func boundTo(app *broker.App, code string) []byte { return bound(forCode+"/"+digest(code), app) }

// keep stores a login for the client that fetches it, and returns the code for that.
func (p *Provider) keep(ctx context.Context, app *broker.App, who identity) (string, error) {
	random := make([]byte, codeBytes)
	_, _ = rand.Read(random) // never fails, see crypto/rand
	code := encoding.EncodeToString(random)
	plain, err := encode(who)
	if err != nil {
		return "", fmt.Errorf("keep a login: %w", err)
	}
	box, err := p.cfg.Sealer.Seal(plain, boundTo(app, code))
	if err != nil {
		return "", fmt.Errorf("keep a login: %w", err)
	}
	if err := p.cfg.OneTime.Add(ctx, codeName(app, code), box, codeLifetime); err != nil {
		return "", fmt.Errorf("keep a login: %w", err)
	}
	return code, nil
}

// errBadCode is for a code that was never made for the app, was used, or is too old.
var errBadCode = errors.New("no such code")

// take returns the login of a code, once.
func (p *Provider) take(ctx context.Context, app *broker.App, code string) (who identity, err error) {
	if b, err := encoding.DecodeString(code); err != nil || len(b) != codeBytes {
		return identity{}, errBadCode // what cannot be a code costs the store nothing
	}
	box, err := p.cfg.OneTime.Take(ctx, codeName(app, code))
	switch {
	case errors.Is(err, broker.ErrNotFound):
		return identity{}, errBadCode
	case err != nil:
		return identity{}, fmt.Errorf("fetch a login: %w", err)
	}
	plain, err := p.cfg.Sealer.Open(box, boundTo(app, code))
	if err != nil {
		// It is another registration's that had this id, another code's, or was sealed with a key that is gone.
		return identity{}, errBadCode
	}
	if json.Unmarshal(plain, &who) != nil || p.cfg.Now().Sub(time.Unix(who.Time, 0)) > codeLifetime+slack {
		return identity{}, errBadCode // the store has lost it, or somebody has put it back there
	}
	return who, nil
}
