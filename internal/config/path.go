package config

import (
	"github.com/hufu-io/hufu/internal/broker"
)

// paths reads the paths that limit what a client calls. They are read after its rights.
func paths(v value, c *broker.Client) {
	items, ok := v.list()
	if !ok {
		return
	}
	c.Paths = pathPatterns(v, items)
	switch {
	case len(items) == 0:
		v.fault(`is empty; list the paths the client may call, such as "/cgi-bin/message/*", or remove it for all of them`)
	case !c.Rights.Has(broker.Call):
		v.fault("says what the client may call, but its allow has no call; add call there, or remove paths")
	}
}

// deny reads the paths of an app that only administrators may call. Absent is something
// else than empty, so that a list of which everything is commented out must not be taken
// for either.
func deny(v value) []string {
	if v.present() && isNull(v.node) {
		v.fault("is empty; write [] to deny nothing, or remove it for the platform's own list")
		return nil
	}
	items, ok := v.list()
	if !ok {
		return nil
	}
	return pathPatterns(v, items)
}

// pathPatterns is never nil.
func pathPatterns(v value, items []value) []string {
	list := make([]string, 0, len(items))
	if len(items) > broker.MaxPathPatterns {
		v.fault("has %d paths; write at most %d, with * for those that begin or end alike", len(items), broker.MaxPathPatterns)
		return list
	}
	for _, item := range items {
		s, ok := item.text()
		if !ok {
			continue
		}
		if !broker.ValidPathPattern(s) {
			item.fault("%s is not a path; write one that starts with /, without ? and what follows it, and with * for anything", item.shown())
			continue
		}
		list = append(list, s)
	}
	return list
}
