package broker

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// The types of sinks.
const (
	SinkProperties = "properties"
	SinkJSON       = "json"
	SinkRedis      = "redis"
	SinkWebhook    = "webhook"
)

// Sink describes where a renewed token is also written to. URL and Secret may hold what
// opens another server: they are in no form that is stored or shown.
type Sink struct {
	Type string `json:"type"` // properties | json | redis | webhook
	Path string `json:"path"` // properties and json: the file
	// Key is, of a properties file, the line's key; default: the kind. Of redis it is the
	// key with its placeholders filled in.
	Key          string `json:"key,omitempty"`
	Kind         Kind   `json:"kind,omitempty"`          // default: access_token
	Format       string `json:"format,omitempty"`        // redis: of the value; default: raw
	IncludeToken bool   `json:"include_token,omitempty"` // webhook: the token is in the body
	URL          Secret `json:"-"`                       // redis, webhook
	Secret       Secret `json:"-"`                       // webhook: what calls are signed with
}

// Confidential reports whether the description holds what must not be stored in clear.
func (s Sink) Confidential() bool { return !s.URL.IsZero() || !s.Secret.IsZero() }

// Place says where the sink writes, as far as that is no secret: a file's path, and of a
// URL the server.
func (s Sink) Place() string {
	switch s.Type {
	case SinkRedis:
		if p, err := ParseRedisURL(s.URL.Reveal()); err == nil {
			return p.String()
		}
	case SinkWebhook:
		if origin, err := ParseWebhookURL(s.URL.Reveal(), false); err == nil {
			return origin
		}
	}
	return s.Path
}

// SinkFormat is the form in which a redis sink leaves a token, by the name that the
// configuration gives it. Those of SDKs are where and how the SDK's own cache in Redis
// keeps its tokens.
type SinkFormat struct {
	Name string
	keys map[Kind]string // by kind; "" stands for every other
}

// DefaultSinkFormat is the format where none is given.
const DefaultSinkFormat = "raw"

// SinkFormats lists the formats of redis sinks.
func SinkFormats() []SinkFormat {
	ours := map[Kind]string{"": "hufu:{app}:{kind}"}
	return []SinkFormat{
		{Name: DefaultSinkFormat, keys: ours},
		{Name: "json", keys: ours},
		// The two underscores are the SDK's.
		{Name: "silenceper", keys: map[Kind]string{
			AccessToken: "gowechat_officialaccount__access_token_{app_id}",
			JSAPITicket: "gowechat_officialaccount__jsapi_ticket_{app_id}",
		}},
		{Name: "silenceper-mini", keys: map[Kind]string{ //nolint:gosec // It is the name of a key.
			AccessToken: "gowechat_miniprogram__access_token_{app_id}",
		}},
		{Name: "wxjava", keys: map[Kind]string{
			AccessToken:  "wx:access_token:{app_id}",
			JSAPITicket:  "wx:ticket:key:{app_id}:jsapi",
			WxCardTicket: "wx:ticket:key:{app_id}:wx_card",
		}},
		// Its key has the secret in it that the SDK was given, and a prefix of the cache.
		{Name: "easywechat"},
	}
}

// FindSinkFormat returns the format of that name; empty: the default.
func FindSinkFormat(name string) (SinkFormat, bool) {
	if name == "" {
		name = DefaultSinkFormat
	}
	all := SinkFormats()
	i := slices.IndexFunc(all, func(f SinkFormat) bool { return f.Name == name })
	if i < 0 {
		return SinkFormat{}, false
	}
	return all[i], true
}

// MaxRedisKey bounds a key, in bytes.
const MaxRedisKey = 512

// Key fills in a key's placeholders: {app} is our name for the app, {app_id} the
// platform's, {kind} the kind. An empty template is the format's own for the kind. The
// error says what is wrong and what to write.
func (f SinkFormat) Key(template, app, appID string, k Kind) (string, error) {
	if template == "" {
		var ok bool
		if template, ok = f.keys[k]; !ok {
			template = f.keys[""]
		}
	}
	if template == "" {
		return "", fmt.Errorf("is missing; format %s has none of its own for this kind, so give the one that is read", f.Name)
	}
	key := strings.NewReplacer("{app}", app, "{app_id}", appID, "{kind}", string(k)).Replace(template)
	return key, CheckRedisKey(key)
}

// CheckRedisKey says what is wrong with a key. Braces would decide where a cluster keeps
// it, and the key beside it that holds the version has to be in the same place.
func CheckRedisKey(key string) error {
	switch {
	case key == "":
		return errors.New("is empty")
	case strings.ContainsAny(key, "{}"):
		return errors.New("has a brace that belongs to none of the placeholders {app}, {app_id} and {kind}; remove it")
	case len(key) > MaxRedisKey:
		return fmt.Errorf("is %d bytes long; at most %d are taken", len(key), MaxRedisKey)
	}
	return nil
}
