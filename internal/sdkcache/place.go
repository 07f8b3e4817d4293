package sdkcache

import (
	"fmt"
	"slices"
	"strings"

	"github.com/hufu-io/hufu/internal/broker"
)

// App is what the names of an SDK's keys are made of.
type App struct {
	Platform string
	AppID    string
	Mode     string
	AgentID  string        // of a WeCom corp
	Secret   broker.Secret // zero: it is not known
	// Alone says that no other app has the same AppID, so that a key that names nothing else
	// is this one's.
	Alone bool
}

// Place is where a token of an app may be.
type Place struct {
	Kind broker.Kind
	Key  string
	// Foreign says that what is there belongs to a platform's authorizations, which are not
	// taken over. It is looked for, so that its owner hears of it.
	Foreign bool

	// element of a serialized PHP array that is the token; "": the value is no array.
	element string
}

// SDK is one whose keys are known.
type SDK struct {
	Name   string
	places func(a App, prefixes []string) []Place
	// prefixes are those of the keys where none is given.
	prefixes []string
	decode   func(p Place, value string) (string, error)
	// secretive says that there are app secrets in the names of keys.
	secretive bool
}

// SDKs lists them.
func SDKs() []SDK {
	return []SDK{
		{Name: "wxjava", places: wxjava, decode: func(_ Place, v string) (string, error) { return plain(v) }},
		{Name: "easywechat", places: easywechat, prefixes: []string{"", "easywechat:"}, decode: php, secretive: true},
		{Name: "silenceper", places: silenceper, prefixes: []string{""}, decode: func(_ Place, v string) (string, error) { return plain(v) }},
	}
}

// Find returns the SDK of that name.
func Find(name string) (SDK, error) {
	all := SDKs()
	i := slices.IndexFunc(all, func(s SDK) bool { return s.Name == name })
	if i < 0 {
		names := make([]string, len(all))
		for i, s := range all {
			names[i] = s.Name
		}
		return SDK{}, fmt.Errorf("no SDK is called %.40q: there are %s", name, strings.Join(names, ", "))
	}
	return all[i], nil
}

// Places lists where the tokens of an app may be, the likeliest first. prefix is what the
// keys begin with, where the SDK was told so; empty: the usual.
func (s SDK) Places(a App, prefix string) []Place {
	prefixes := s.prefixes
	if prefix != "" {
		prefixes = []string{prefix}
	}
	return s.places(a, prefixes)
}

// Decode reads the token in the value of a place's key. No error has any of the value in it.
func (s SDK) Decode(p Place, value string) (string, error) { return s.decode(p, value) }

// Platforms of which SDKs keep tokens.
const (
	wechat = "wechat"
	wecom  = "wecom"
)
