package access

import (
	"time"

	"github.com/hufu-io/hufu/internal/acl"
	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/recent"
)

const (
	// virtualVersion is that of every virtual token. Nothing ever takes its place.
	virtualVersion broker.Version = 1
	// virtualLifetime is what every virtual token is said to last, whenever it is asked
	// for: as long as SDKs know it of real ones. It may last longer, and it ends at once
	// when its client is revoked.
	virtualLifetime = 7200 * time.Second
	// maxVirtual bounds the virtual tokens that are remembered: about 20 MB when full.
	maxVirtual = 1 << 16
)

// noVirtual stands where there are no virtual tokens.
type noVirtual struct{}

func (noVirtual) Make(broker.Claim) (broker.Secret, error) {
	return broker.Secret{}, &broker.Error{Code: broker.ErrNotReady.Code, Class: broker.Transient, Message: "virtual tokens are not served here"}
}

func (noVirtual) Read(broker.Secret) (broker.Claim, bool) { return broker.Claim{}, false }

// getsVirtual reports whether a client gets virtual tokens in the place of an app's of a
// kind: of all that open calls. Tickets are always real: who has one signs with it, without
// calling anybody.
func (s *Service) getsVirtual(c *broker.Client, app string, kind broker.Kind) bool {
	switch {
	case c == nil || c.Handout != broker.HandoutVirtual:
		return false
	case kind == broker.AccessToken:
		return true
	}
	a := s.registry.App(app)
	return a != nil && s.opening.has(a.Platform, kind)
}

// opening are the kinds of token, besides the access token, that open calls of a platform:
// those that are issued by the app secret in one of its modes.
type opening map[openingKind]struct{}

type openingKind struct {
	platform string
	kind     broker.Kind
}

func (o opening) add(p *broker.Platform) {
	for _, mode := range p.Modes {
		if p.Kinds == nil {
			return
		}
		for kind, src := range p.Kinds(mode) {
			if !src.Derived {
				o[openingKind{p.Name, kind}] = struct{}{}
			}
		}
	}
}

func (o opening) has(platform string, kind broker.Kind) bool {
	_, opens := o[openingKind{platform, kind}]
	return opens || kind == broker.AccessToken
}

// rightToHave is the right that a client needs to be handed a token of a kind. A virtual
// one is good for calls through this server and for nothing else, so that it gives
// nothing that the right to call does not.
func (s *Service) rightToHave(c *broker.Client, app string, kind broker.Kind) broker.Right {
	if s.getsVirtual(c, app, kind) {
		return broker.Call
	}
	return broker.Read
}

// mayHave checks that a client may be handed an app's token of a kind.
func (s *Service) mayHave(c broker.Caller, app string, kind broker.Kind) error {
	if acl.Allow(c.Client, s.rightToHave(c.Client, app, kind), app) {
		return nil
	}
	return s.refuse(s.lacksToHave(c, app, kind))
}

// lacksToHave is why a client may not be handed an app's token of a kind. It is not counted.
func (s *Service) lacksToHave(c broker.Caller, app string, kind broker.Kind) error {
	if !s.getsVirtual(c.Client, app, kind) {
		return s.lacks(c, broker.Read, app, placeOf(app), hintRights)
	}
	return s.lacks(c, broker.Call, app, placeOf(app)+", because it gets virtual tokens",
		"a virtual token is good for calls through this server only: an administrator of the server can put call into the client's allow, or set its handout to real")
}

// standsFor reports whether a token is a virtual one of an app. Any other says nothing of what
// stands behind those (I8).
func (s *Service) standsFor(seen broker.Secret, k broker.Key) bool {
	claim, ok := s.virtual.Read(seen)
	return ok && claim.Key == k
}

// hand makes what a client gets of a token: the token itself, or the virtual one that
// stands for it.
func (s *Service) hand(c broker.Caller, t broker.Token, now time.Time) (Held, error) {
	if !s.getsVirtual(c.Client, t.Key.App, t.Key.Kind) {
		return Held{Token: t, Now: now}, nil
	}
	tok, err := s.virtuals.of(c.Client, t.Key)
	if err != nil {
		return Held{}, s.refuse(err)
	}
	return Held{Token: broker.Token{Key: t.Key, Secret: tok, Version: virtualVersion}, Now: now, Virtual: true}, nil
}

// handOut is hand, counted as a read.
func (s *Service) handOut(c broker.Caller, t broker.Token, now time.Time) (Held, error) {
	h, err := s.hand(c, t, now)
	if err == nil {
		s.handedOut(c, t)
	}
	return h, err
}

// virtuals remembers the virtual tokens that were made, because one is asked for more
// often than there are different ones.
type virtuals struct {
	maker broker.VirtualTokens
	made  *recent.Map[virtualKey, broker.Secret]
}

// virtualKey is what a claim on an app's token differs in.
type virtualKey struct {
	client string
	mark   [8]byte
	app    string
	kind   broker.Kind
}

func newVirtuals(maker broker.VirtualTokens) *virtuals {
	return &virtuals{maker: maker, made: recent.New[virtualKey, broker.Secret](maxVirtual)}
}

// of returns the token that stands for an app's own in a client's hands.
func (v *virtuals) of(c *broker.Client, k broker.Key) (broker.Secret, error) {
	x := virtualKey{client: c.Name, mark: c.Mark(), app: k.App, kind: k.Kind}
	if tok, ok := v.made.Get(x); ok {
		return tok, nil
	}
	tok, err := v.maker.Make(broker.Claim{Client: c.Name, Mark: x.mark, Key: k})
	if err == nil {
		v.made.Set(x, tok)
	}
	return tok, err
}
