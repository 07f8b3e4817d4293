package wecom

import (
	"time"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/platform"
	"github.com/hufu-io/hufu/internal/platform/declared"
)

// Platform describes WeCom. Its calls are made by c.
func Platform(c *platform.Caller) broker.Platform {
	p := declared.Must(Definition(), c)
	p.Pages = platform.Pages{Unit: time.Second} // [A]
	return p
}
