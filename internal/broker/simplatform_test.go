package broker_test

import (
	"fmt"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
)

// modelToken is one token as the model platform knows it, which is the truth.
type modelToken struct {
	id   int
	born time.Time
	dies time.Time
	// promised is the latest instant for which the fleet promised the token.
	promised time.Time
	// spoiled marks a token that an outsider interfered with: promises on it are void.
	spoiled bool
}

// modelPlatform answers as platforms of one family do. It knows which tokens live.
type modelPlatform struct {
	rot      broker.Rotation
	lifetime time.Duration
	tokens   []*modelToken
	calls    []time.Time
	forced   []time.Time
}

func (p *modelPlatform) current() *modelToken {
	if len(p.tokens) == 0 {
		return nil
	}
	return p.tokens[len(p.tokens)-1]
}

// alive lists the tokens that open the platform at now.
func (p *modelPlatform) alive(now time.Time) []*modelToken {
	var out []*modelToken
	for _, t := range p.tokens {
		if now.Before(t.dies) {
			out = append(out, t)
		}
	}
	return out
}

// ask is an ordinary issue that reaches the platform at now.
func (p *modelPlatform) ask(now time.Time) (*modelToken, time.Duration) {
	p.calls = append(p.calls, now)
	cur := p.current()
	lives := cur != nil && now.Before(cur.dies)
	switch p.rot.Family {
	case broker.Eager:
		for i, t := range p.tokens {
			if i < len(p.tokens)-1 {
				t.dies = broker.Earlier(t.dies, now) // only the newest two live
			} else {
				t.dies = broker.Earlier(t.dies, now.Add(p.rot.Overlap))
			}
		}
		return p.fresh(now), p.lifetime
	case broker.Independent:
		return p.fresh(now), p.lifetime
	case broker.Late:
		if lives && now.Before(cur.dies.Add(-p.rot.Window)) {
			return cur, whole(cur.dies.Sub(now))
		}
		return p.fresh(now), p.lifetime
	case broker.Sliding:
		if lives {
			cur.dies = now.Add(p.lifetime)
			return cur, p.lifetime
		}
		return p.fresh(now), p.lifetime
	case broker.Fixed:
		if lives && p.rot.AgeUnknown {
			return cur, p.lifetime
		}
		if lives {
			return cur, whole(cur.dies.Sub(now))
		}
		return p.fresh(now), p.lifetime
	default:
		panic("unknown family")
	}
}

// force replaces the current token at once.
func (p *modelPlatform) force(now time.Time) (*modelToken, time.Duration) {
	p.forced = append(p.forced, now)
	for _, t := range p.tokens {
		t.dies = broker.Earlier(t.dies, now)
	}
	return p.fresh(now), p.lifetime
}

func (p *modelPlatform) fresh(now time.Time) *modelToken {
	t := &modelToken{id: len(p.tokens) + 1, born: now, dies: now.Add(p.lifetime)}
	p.tokens = append(p.tokens, t)
	return t
}

// byBox finds the token that a record's box stands for.
func (p *modelPlatform) byBox(box []byte) *modelToken {
	var id int
	if _, err := fmt.Sscanf(string(box), "token %d", &id); err != nil {
		return nil
	}
	return p.tokens[id-1]
}

func (t *modelToken) box() []byte { return fmt.Appendf(nil, "token %d", t.id) }

// whole is a remaining life as platforms report it: in whole seconds, at least one.
func whole(d time.Duration) time.Duration { return max(d.Truncate(time.Second), time.Second) }
