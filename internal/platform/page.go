package platform

import (
	"crypto/sha1" //nolint:gosec // the platforms' choice
	"encoding/hex"
	"strconv"
	"strings"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
)

// Pages signs pages for a JS-SDK as WeChat began to, and others after it. It is a
// [broker.PageSigner].
type Pages struct {
	Unit time.Duration // in which the time is signed
}

// Stamp implements [broker.PageSigner].
func (p Pages) Stamp(t time.Time) int64 { return t.UnixNano() / int64(p.Unit) }

// SignPage implements [broker.PageSigner]. The parameters are in the order of their
// names, and nothing in them is escaped.
func (p Pages) SignPage(ticket broker.Secret, page, nonce string, timestamp int64) string {
	page, _, _ = strings.Cut(page, "#")
	sum := sha1.Sum([]byte("jsapi_ticket=" + ticket.Reveal() + "&noncestr=" + nonce + "&timestamp=" + strconv.FormatInt(timestamp, 10) + "&url=" + page)) //nolint:gosec // the platforms' choice
	return hex.EncodeToString(sum[:])
}
