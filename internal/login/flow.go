package login

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
)

const (
	// lifetime is how long a login may take. The platform's own codes last for five
	// minutes.
	lifetime = 10 * time.Minute
	// skew is how far the clocks of servers and of the store may be apart without a login being
	// taken twice.
	skew = 5 * time.Minute

	idSize   = 12
	maxState = 128 // of the platform's state: letters and digits
	maxOwn   = 512 // of the business' state
	maxRef   = 2048
)

// flow is a login under way, as the browser keeps it for us: sealed, in a cookie. What may
// hold any character is bytes, because as text in JSON its length would depend on what it holds, and
// browsers drop a cookie of more than 4096 bytes.
type flow struct {
	ID     []byte `json:"i"`
	Expiry int64  `json:"e"` // seconds since 1970
	Scope  string `json:"s,omitempty"`
	// Redirect is where the browser is sent back to, State what it then shows, and Challenge
	// binds our code to who has the verifier.
	Redirect  []byte `json:"r,omitempty"`
	State     []byte `json:"t,omitempty"`
	Challenge string `json:"c,omitempty"`
	// Raw says that the platform's own code is sent on.
	Raw bool `json:"m,omitempty"`
	// Ref is what another protocol wants back, which then has no Redirect.
	Ref []byte `json:"f,omitempty"`

	// proven says that this browser began it.
	proven bool
}

// begun gives a flow its name and its end.
func (f flow) begun(now time.Time) flow {
	f.ID = make([]byte, idSize)
	_, _ = rand.Read(f.ID) // never fails, see crypto/rand
	f.Expiry = now.Add(lifetime).Unix()
	return f
}

func (f *flow) old(now time.Time) bool { return now.Unix() >= f.Expiry }

// foreign reports whether another protocol began the login.
func (f *flow) foreign() bool { return len(f.Redirect) == 0 }

// The associated data of what is sealed: a box opens only as what it was made for, and for the
// app that it was made for (I8). Ids of apps have no slash.
func stateOf(app *broker.App) []byte { return []byte("login/" + app.ID) }
func flowOf(app *broker.App) []byte  { return []byte("login/" + app.ID + "/flow") }

var errNotOurs = errors.New("it was not made here, or not for this")

// sealState makes the state that goes through the platform: the flow's end and its id. It
// proves by itself that it was made here and when, so that nothing has to be kept for it.
func (r *Relay) sealState(app *broker.App, f flow) (string, error) {
	plain := binary.BigEndian.AppendUint64(nil, uint64(f.Expiry)) //nolint:gosec // it is not negative
	box, err := r.cfg.Sealer.Seal(append(plain, f.ID...), stateOf(app))
	if err != nil {
		return "", fmt.Errorf("seal the state of a login: %w", err)
	}
	s := hex.EncodeToString(box)
	if len(s) > maxState {
		return "", fmt.Errorf("the state of a login has %d characters, and the platform takes %d", len(s), maxState)
	}
	return s, nil
}

// openState is its inverse: a flow of which no more than that is known.
func (r *Relay) openState(app *broker.App, s string) (flow, error) {
	if len(s) > maxState {
		return flow{}, errNotOurs
	}
	box, err := hex.DecodeString(s)
	if err != nil || len(box) == 0 {
		return flow{}, errNotOurs
	}
	plain, err := r.cfg.Sealer.Open(box, stateOf(app))
	switch {
	case err != nil:
		return flow{}, fmt.Errorf("open the state of a login: %w", err)
	case len(plain) != 8+idSize:
		return flow{}, errNotOurs
	}
	return flow{Expiry: int64(binary.BigEndian.Uint64(plain)), ID: plain[8:]}, nil //nolint:gosec // as it was sealed
}

// text is how boxes stand in cookies, in one way only.
var text = base64.RawURLEncoding.Strict()

func (r *Relay) sealFlow(app *broker.App, f flow) (string, error) {
	plain, err := json.Marshal(f)
	if err != nil {
		return "", fmt.Errorf("encode a login: %w", err)
	}
	box, err := r.cfg.Sealer.Seal(plain, flowOf(app))
	if err != nil {
		return "", fmt.Errorf("seal a login: %w", err)
	}
	return text.EncodeToString(box), nil
}

func (r *Relay) openFlow(app *broker.App, s string) (*flow, error) {
	box, err := text.DecodeString(s)
	if err != nil || len(box) == 0 {
		return nil, errNotOurs
	}
	plain, err := r.cfg.Sealer.Open(box, flowOf(app))
	if err != nil {
		return nil, fmt.Errorf("open a login: %w", err)
	}
	var f flow
	if err := json.Unmarshal(plain, &f); err != nil || len(f.ID) != idSize {
		return nil, errNotOurs
	}
	return &f, nil
}
