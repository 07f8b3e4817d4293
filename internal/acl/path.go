package acl

import (
	"slices"
	"strings"

	"github.com/hufu-io/hufu/internal/broker"
)

// AllowPath reports whether the client's path rules let it call a path of the platform.
// Whether it may call the app at all is [Allow]'s business. An administrator of the app is
// not bound by them.
func AllowPath(c *broker.Client, path string) bool {
	return c != nil && (len(c.Paths) == 0 || c.Rights.Has(broker.Admin) || anyMatch(c.Paths, path))
}

// Denied reports whether a path is on a deny list. Platforms are not known to mind the
// case of their paths, nor a slash at the end, so that neither gets around it.
func Denied(patterns []string, path string) bool {
	path = strings.ToLower(strings.TrimRight(path, "/"))
	return slices.ContainsFunc(patterns, func(p string) bool {
		return Match(strings.ToLower(strings.TrimRight(p, "/")), path)
	})
}

func anyMatch(patterns []string, path string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { return Match(p, path) })
}
