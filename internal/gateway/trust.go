package gateway

import (
	"time"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/recent"
)

const (
	// strangeFor is how long a path is remembered that rejected a token fresh from the
	// platform.
	strangeFor = 10 * time.Minute
	// maxTrusted bounds the paths that are remembered: about 15 MB when full.
	maxTrusted = 100_000
)

// trust knows on which paths of a platform a rejection may be believed: those that an app's
// token of the same kind has opened before. Every other path may want another kind, and
// reject every one of these; to believe it would cost an issue at every call, and in the end the
// app's live token (I3, I7). A path that rejects a token fresh from the platform is not
// believed for a while either, of that app.
//
// What is forgotten is not believed.
type trust struct {
	paths *recent.Map[spot, time.Time] // from when on they are believed
}

type spot struct {
	platform string
	app      string // "": any of the platform's
	path     string
	kind     broker.Kind // of the tokens
}

func newTrust(most int) *trust { return &trust{recent.New[spot, time.Time](most)} }

// opened notes that a token of a kind has opened a path.
func (t *trust) opened(platform, path string, kind broker.Kind) {
	s := spot{platform: platform, path: path, kind: kind}
	if _, known := t.paths.Get(s); !known {
		t.paths.Set(s, time.Time{})
	}
}

// strange notes that a path has rejected a token that had just been issued.
func (t *trust) strange(platform, app, path string, kind broker.Kind) {
	t.paths.Set(spot{platform, app, path, kind}, time.Now().Add(strangeFor))
}

// believes reports whether a rejection on a path is to be believed as it is.
func (t *trust) believes(platform, app, path string, kind broker.Kind) bool {
	_, known := t.paths.Get(spot{platform: platform, path: path, kind: kind})
	from, _ := t.paths.Get(spot{platform, app, path, kind})
	return known && !time.Now().Before(from)
}
