package wechat

import (
	"crypto/sha1" //nolint:gosec // the platform's choice
	"encoding/hex"
	"slices"
	"strconv"
	"strings"

	"github.com/hufu-io/hufu/internal/broker"
)

// pages is the platform's [broker.PageSigner].
type pages struct{}

// SignPage implements [broker.PageSigner]. The parameters are in the order of their
// names, and nothing in them is escaped [A].
func (pages) SignPage(ticket broker.Secret, page, nonce string, timestamp int64) string {
	page, _, _ = strings.Cut(page, "#")
	return sha1Hex("jsapi_ticket=" + ticket.Reveal() + "&noncestr=" + nonce + "&timestamp=" + strconv.FormatInt(timestamp, 10) + "&url=" + page)
}

// SignCard implements [broker.PageSigner]. The values are put in the order of their
// bytes, the ticket among them, and joined with nothing in between [A*].
func (pages) SignCard(ticket broker.Secret, values ...string) string {
	all := append(slices.Clone(values), ticket.Reveal())
	slices.Sort(all)
	return sha1Hex(strings.Join(all, ""))
}

func sha1Hex(s string) string {
	sum := sha1.Sum([]byte(s)) //nolint:gosec // the platform's choice
	return hex.EncodeToString(sum[:])
}
