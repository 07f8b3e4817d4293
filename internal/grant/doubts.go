package grant

import (
	"time"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/recent"
)

const (
	maxDoubts = 20_000
	// doubtRest is how long the platform's word for a token is good. Whoever goes on to report
	// it costs no call meanwhile (I7).
	doubtRest = 10 * time.Second
)

// doubts are tokens that were reported lately, and that the platform has vouched for.
type doubts struct {
	tokens *recent.Map[broker.Key, vouched]
}

type vouched struct {
	version broker.Version
	at      time.Time
	// renewed says that the platform was asked to renew it and gave the same token again, so
	// that another refresh would bring nothing either.
	renewed bool
}

func newDoubts() *doubts { return &doubts{recent.New[broker.Key, vouched](maxDoubts)} }

func (d *doubts) vouch(g broker.Grant, renewed bool, now time.Time) {
	d.tokens.Set(g.Key, vouched{version: g.Token, at: now, renewed: renewed})
}

// settled reports whether the platform has vouched for the grant's token so lately that
// it need not be asked again for a want.
func (d *doubts) settled(g broker.Grant, w want, now time.Time) bool {
	v, ok := d.tokens.Get(g.Key)
	return ok && v.version == g.Token && now.Sub(v.at) < doubtRest && (w.check || v.renewed)
}
