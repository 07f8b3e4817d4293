package broker

import (
	"slices"
	"time"
)

// SDKProfile says what an SDK subtracts from expires_in before it caches a token.
// The drop-in API adds it back, so that the SDK's cache ends when the promise does.
type SDKProfile struct {
	Name string
	// Margins, from long lifetimes to short ones: of an expires_in over Over the SDK
	// subtracts Margin. The last one has the least Over; figures at or below it break
	// the SDK.
	Margins []Margin
}

// Margin is one step of an [SDKProfile].
type Margin struct {
	Over   time.Duration
	Margin time.Duration
}

// SDKProfiles lists the known profiles, by name. The figures were read in the
// sources of the SDKs; the versions stand in docs/configuration.md.
func SDKProfiles() []SDKProfile {
	flat := func(name string, m time.Duration) SDKProfile {
		return SDKProfile{Name: name, Margins: []Margin{{Over: m, Margin: m}}}
	}
	const minute, sec = time.Minute, time.Second
	return []SDKProfile{
		{Name: "chanxuehong", Margins: []Margin{{60 * minute, 10 * minute}, {30 * minute, 5 * minute}, {5 * minute, minute}, {minute, 10 * sec}}},
		flat("co-wechat-api", 10*sec),
		flat("easywechat", 0),
		flat("generic", 0),
		flat("go-workwx", 30*minute),
		flat("lark-node-sdk", 3*minute),
		flat("oapi-sdk-go", 3*minute),
		flat("oapi-sdk-java", 3*minute),
		flat("oapi-sdk-python", 10*minute),
		flat("powerwechat", 0),
		{Name: "senparc", Margins: []Margin{{60 * minute, 10 * minute}, {30 * minute, 5 * minute}, {5 * minute, 30 * sec}, {0, 0}}},
		flat("silenceper", 1500*sec),
		flat("silenceper-stable", 300*sec),
		flat("wechatpy", 60*sec),
		flat("wxjava", 200*sec),
		flat("wxjava-redis", 0),
	}
}

// SDKProfileByName finds a profile; "" is the generic one.
func SDKProfileByName(name string) (SDKProfile, bool) {
	if name == "" {
		name = "generic"
	}
	all := SDKProfiles()
	i := slices.IndexFunc(all, func(p SDKProfile) bool { return p.Name == name })
	if i < 0 {
		return SDKProfile{}, false
	}
	return all[i], true
}

// ExpiresIn is the figure to report, in whole seconds, for a token that is promised
// for the given time. It is never so small that the SDK would fail on it or take it
// for "for ever": a promise that has run out is reported as one second.
func (p SDKProfile) ExpiresIn(promise time.Duration) int64 {
	promise = max(promise.Truncate(time.Second), time.Second)
	for _, m := range p.Margins {
		if r := promise + m.Margin; r > m.Over {
			return int64(r / time.Second)
		}
	}
	if len(p.Margins) == 0 {
		return int64(promise / time.Second)
	}
	return int64(p.Margins[len(p.Margins)-1].Over/time.Second) + 1
}
