package declared

import (
	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/platform"
)

// Must is [New] for a definition that is part of the program, whose tests show that nothing
// is wrong with it. It panics where something is.
func Must(def Definition, c *platform.Caller) broker.Platform {
	p, err := New(def, c)
	if err != nil {
		panic(err)
	}
	return p
}
