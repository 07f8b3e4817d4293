package config

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/hufu-io/hufu/internal/broker"
)

// redis reads a sink that is a key of a Redis.
func (l *appList) redis(o *object, app *broker.App, s *broker.Sink) {
	at, place, ok := o.redisURL(s)
	format := o.field("format")
	var names []string
	for _, f := range broker.SinkFormats() {
		names = append(names, f.Name)
	}
	s.Format = format.choice(broker.DefaultSinkFormat, names...)
	template := o.field("key")
	text, read := template.text()
	if template.present() && !read || app.ID == "" || app.AppID == "" {
		return // Which key it is cannot be told.
	}
	f, _ := broker.FindSinkFormat(s.Format)
	key, err := f.Key(text, app.ID, app.AppID, cmp.Or(s.Kind, broker.AccessToken))
	switch {
	case err == nil:
		s.Key = key
	case template.present():
		template.fault("%s", err)
	default:
		value{d: o.d, node: o.node, path: o.member("key")}.fault("%s", err)
	}
	if ok && err == nil {
		if template.present() {
			at = template
		}
		l.redisKey(at, o.path, place, key)
	}
}

// redisURL reads where the Redis is.
func (o *object) redisURL(s *broker.Sink) (at value, place broker.RedisPlace, ok bool) {
	secret, given := o.secretURL("url")
	if !given {
		o.missing("url", "give the Redis as url: redis://HOST:6379/0, with the password as ${NAME} in it, or the path of a file with the URL as url_file")
	}
	if secret == nil {
		return value{}, broker.RedisPlace{}, false
	}
	place, err := broker.ParseRedisURL(secret.Reveal())
	if err != nil {
		secret.at.fault("%s", err)
		return value{}, broker.RedisPlace{}, false
	}
	s.URL = secret.Secret
	return secret.at, place, true
}

// redisKey reports keys that two sinks would take from each other. Two lists of servers
// that have one in common are the same Redis.
func (l *appList) redisKey(at value, sink string, p broker.RedisPlace, key string) {
	var targets []sinkTarget
	for _, addr := range p.Addrs {
		targets = append(targets, sinkTarget{path: fmt.Sprintf("redis://%s/%d?%s", addr, p.DB, p.MasterSet), key: key})
	}
	for _, t := range targets {
		if first := l.sinks[t]; first != "" {
			at.fault("is the key that %s writes in the same Redis; give one of them another key", first)
			return
		}
	}
	for _, t := range targets {
		l.sinks[t] = sink
	}
}

// webhook reads a sink that is told of new tokens.
func (l *appList) webhook(o *object, app *broker.App, s *broker.Sink) {
	s.IncludeToken = o.field("include_token").flag(false)
	u, given := o.secretURL("url")
	if !given {
		o.missing("url", "give the receiver as url: https://HOST/PATH, or the path of a file with the URL as url_file")
	}
	if u != nil {
		if _, err := broker.ParseWebhookURL(u.Reveal(), s.IncludeToken); err != nil {
			u.at.fault("%s", err)
		} else {
			s.URL = u.Secret
		}
	}
	secret, given := o.secret("secret")
	if !given {
		o.missing("secret", "give what calls are signed with as secret: ${NAME}, or the path of a file with it as secret_file; "+
			"make one with: echo whsec_$(openssl rand -base64 32)")
	}
	if secret != nil {
		if _, err := broker.ParseWebhookSecret(secret.Secret); err != nil {
			secret.at.fault("%s", err)
		} else {
			s.Secret = secret.Secret
		}
	}
	if s.URL.IsZero() || app.ID == "" {
		return
	}
	t := sinkTarget{path: s.URL.Reveal(), key: app.ID + "/" + string(cmp.Or(s.Kind, broker.AccessToken))}
	if first := l.sinks[t]; first != "" {
		u.at.fault("is told of the same token by %s; remove one", first)
		return
	}
	l.sinks[t] = o.path
}

// secretURL is secret for a URL, of which only the password is one: with that put in from
// the environment, others may read the file.
func (o *object) secretURL(name string) (s *secret, given bool) {
	v, read := o.source(name)
	if !v.present() {
		return nil, false
	}
	outer := v.d.literal
	text, ok := read(v, secretLike)
	if !ok {
		return nil, true
	}
	if p := passwordOf(text.Reveal()); p == "" || !strings.Contains(v.node.Value, p) {
		v.d.literal = outer
	}
	return &secret{text, v}, true
}

// passwordOf returns the password as it is written in a URL, "" if there is none.
func passwordOf(raw string) string {
	_, rest, _ := strings.Cut(raw, "://")
	authority, _, _ := strings.Cut(rest, "/")
	end := strings.LastIndex(authority, "@")
	if end < 0 {
		return ""
	}
	_, password, _ := strings.Cut(authority[:end], ":")
	return password
}
