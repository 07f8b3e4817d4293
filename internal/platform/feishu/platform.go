package feishu

import (
	"time"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/platform"
	"github.com/hufu-io/hufu/internal/platform/declared"
)

// Platform describes Feishu. Its calls are made by c.
func Platform(c *platform.Caller) broker.Platform { return made(Definition(), c) }

// Lark describes Lark. Its calls are made by c.
func Lark(c *platform.Caller) broker.Platform { return made(LarkDefinition(), c) }

func made(def declared.Definition, c *platform.Caller) broker.Platform {
	p := declared.Must(def, c)
	p.Pages = platform.Pages{Unit: time.Millisecond} // as the SDKs sign [S]
	return p
}
