package dingtalk

import (
	"net/url"
	"strings"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/platform"
)

// pages is the platform's [broker.PageSigner]. The query of a page is signed as it reads
// once its escapes are undone, because DingTalk's clients on phones undo them too [A*].
// The platform's demo for Java signs with SHA-1 and its newer one for the web with SHA-256 [S];
// code in use does either [C], so that both seem to be taken [I].
type pages struct{}

// Stamp implements [broker.PageSigner].
func (pages) Stamp(t time.Time) int64 { return seconds().Stamp(t) }

// SignPage implements [broker.PageSigner].
func (pages) SignPage(ticket broker.Secret, page, nonce string, timestamp int64) string {
	page, _, _ = strings.Cut(page, "#")
	if before, query, found := strings.Cut(page, "?"); found {
		if plain, err := url.QueryUnescape(query); err == nil {
			page = before + "?" + plain
		}
	}
	return seconds().SignPage(ticket, page, nonce, timestamp)
}

func seconds() platform.Pages { return platform.Pages{Unit: time.Second} }
