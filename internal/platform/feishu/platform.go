package feishu

import (
	"time"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/platform"
	"github.com/hufu-io/hufu/internal/platform/declared"
)

// Platform describes Feishu. Its calls are made by c.
func Platform(c *platform.Caller) broker.Platform {
	return place(Name, BaseURL, "https://accounts.feishu.cn", c)
}

// Lark describes Lark. Its calls are made by c. That its OAuth endpoint is where Feishu's is
// comes from the SDK [S].
func Lark(c *platform.Caller) broker.Platform {
	return place(LarkName, LarkBaseURL, "https://accounts.larksuite.com", c)
}

// place is the platform at one of its places. Accounts is where its OAuth endpoints are.
func place(name, baseURL, accounts string, c *platform.Caller) broker.Platform {
	p := declared.Must(definition(name, baseURL, accounts), c)
	p.Pages = platform.Pages{Unit: time.Millisecond} // as the SDKs sign [S]
	return p
}
