package main

import (
	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/platform"
	"github.com/hufu-io/hufu/internal/platformtable"
)

// platforms is the table of the platforms that are built in.
func platforms() []broker.Platform { return platformtable.BuiltIn(platform.NewCaller(nil)) }
