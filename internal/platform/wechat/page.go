package wechat

import (
	"crypto/sha1" //nolint:gosec // the platform's choice
	"encoding/hex"
	"slices"
	"strings"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/platform"
)

// pages is the platform's [broker.PageSigner] and [broker.CardSigner].
type pages struct{ platform.Pages }

// SignCard implements [broker.CardSigner]. The values are put in the order of their
// bytes, the ticket among them, and joined with nothing in between [A*].
func (pages) SignCard(ticket broker.Secret, values ...string) string {
	all := append(slices.Clone(values), ticket.Reveal())
	slices.Sort(all)
	sum := sha1.Sum([]byte(strings.Join(all, ""))) //nolint:gosec // the platform's choice
	return hex.EncodeToString(sum[:])
}
