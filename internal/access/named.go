package access

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/hufu-io/hufu/internal/acl"
	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/registry"
)

// maxKey is longer than any client key; hashing is not to cost more than that.
const maxKey = 512

// Authenticate finds the client with this key, or returns nil.
func (s *Service) Authenticate(key string) *broker.Client {
	if len(key) > maxKey {
		return nil
	}
	return s.registry.Authenticate(key)
}

// AuthenticateNamed is [Service.Authenticate] for what stands in the place of an app
// secret: a key, or KEY.APP, which is a key with a dot and our id of an app behind it. So
// callers name the app where the platform's name for it is that of several; app is "" where
// they do not. The whole text is tried first, because a key may have a dot of its own.
func (s *Service) AuthenticateNamed(text string) (c *broker.Client, app string) {
	if c = s.Authenticate(text); c != nil {
		return c, ""
	}
	key, app := CutApp(text)
	if app == "" {
		return nil, ""
	}
	if c = s.Authenticate(key); c == nil {
		return nil, ""
	}
	return c, app
}

// IsKey reports whether a text is the key of a client, alone or in KEY.APP.
func (s *Service) IsKey(text string) bool {
	c, _ := s.AuthenticateNamed(text)
	return c != nil
}

// CutApp takes KEY.APP apart. Where no app is named, the key is the whole text.
func CutApp(text string) (key, app string) {
	i := strings.LastIndexByte(text, '.')
	if i < 0 || !broker.ValidAppID(text[i+1:]) {
		return text, ""
	}
	return text[:i], text[i+1:]
}

// NoneMeant is what a client hears that means no app that it may use: the same whether there
// is none, it is another one than the call is about, or is not the client's. One whose key is
// KEY.APP hears how that is written; app is "" where it names none.
func NoneMeant(app string) error {
	e := *broker.ErrUnknownApp
	e.Hint = "there is no app with this id that this client may use"
	if app != "" {
		e.Hint = "the key is written as KEY.APP, and APP, which is " + strconv.Quote(app) +
			", has to be this server's id of an app: one of this platform, with the app id in the call, on which the client has the right that the call needs; with one such app alone the key goes without .APP"
	}
	return &e
}

// Mistyped reports whether a key, alone or in KEY.APP, looks like one of ours with a typing
// error in it.
func (s *Service) Mistyped(text string) bool {
	key, _ := CutApp(text)
	return registry.MistypedKey(key)
}

// Meant says which app a caller means, in the platform's words and in ours.
type Meant struct {
	Platform string
	// AppID is the platform's name of the app. Where App is set, it may be empty.
	AppID string
	// App is our id, where the caller, or its base URL, names the app by it.
	App string
	// Params are what the caller says of the app's params.
	Params map[string]string
}

// meant is the app that a client means, of those on which it has a right: the one that it
// names; else the only one with the platform's app id, or the only one of the file. One that
// is another platform's or has another app id or other params is as one that is not there.
func (s *Service) meant(c broker.Caller, r broker.Right, m Meant) (*broker.App, error) {
	if m.App != "" {
		a := s.registry.App(m.App)
		if a == nil || a.Platform != m.Platform || m.AppID != "" && a.AppID != m.AppID || !a.Fits(m.Params) || !acl.Allow(c.Client, r, a.ID) {
			return nil, broker.ErrUnknownApp
		}
		return a, nil
	}
	var few, own [4]*broker.App
	readable, inFile := own[:0], 0
	for _, a := range s.registry.ByPlatformID(few[:0], m.Platform, m.AppID) {
		if !acl.Allow(c.Client, r, a.ID) || !a.Fits(m.Params) {
			continue
		}
		readable = append(readable, a)
		if a.Origin == broker.FromFile {
			readable[inFile], readable[len(readable)-1] = a, readable[inFile]
			inFile++
		}
	}
	switch {
	case len(readable) == 0:
		return nil, broker.ErrUnknownApp
	case len(readable) == 1 || inFile == 1:
		return readable[0], nil
	}
	return nil, ambiguous(readable)
}

// maxAmbiguous is how many apps are named to a client that may mean any of them.
const maxAmbiguous = 10

// ambiguous names the apps, all of which the client may use: it has to write one of the ids.
func ambiguous(apps []*broker.App) error {
	e := *broker.ErrAmbiguous
	ids := make([]string, len(apps))
	for i, a := range apps {
		ids[i] = a.ID
	}
	slices.Sort(ids)
	more := ""
	if len(ids) > maxAmbiguous {
		ids, more = ids[:maxAmbiguous], ", …"
	}
	e.Message = fmt.Sprintf("the client may use %d apps with this app id: %s%s", len(apps), strings.Join(ids, ", "), more)
	return &e
}
