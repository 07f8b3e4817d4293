package config

import (
	"net/url"
	"slices"
	"strings"

	"github.com/hufu-io/hufu/internal/broker"
)

// Store says where everything is kept.
type Store struct {
	// Engine is one of the engines below.
	Engine Engine
	// URL of a store that several servers can share, with its password. Zero: embedded.
	URL broker.Secret
}

// Engine is a storage engine.
type Engine string

// The engines. All but the embedded one can be shared by several servers.
const (
	Embedded   Engine = "embedded"
	PostgreSQL Engine = "postgres"
	MySQL      Engine = "mysql"
	Redis      Engine = "redis"
)

// schemes are those of the URLs that name an engine.
var schemes = map[string]Engine{
	"postgres": PostgreSQL, "postgresql": PostgreSQL, "mysql": MySQL, "redis": Redis, "rediss": Redis,
}

// storeForms are what a store may look like.
func storeForms() []string {
	return []string{string(Embedded), "postgres://…", "mysql://…", "redis://…", "rediss://…"}
}

// ParseStore reads what names a store: embedded or a URL. The problem quotes no more of it
// than its scheme: such a URL holds a password.
func ParseStore(text string) (s Store, problem string) {
	if text == string(Embedded) {
		return Store{Engine: Embedded}, ""
	}
	scheme, _, isURL := strings.Cut(text, "://")
	if !isURL {
		return Store{}, "is not known; write one of: " + strings.Join(storeForms(), ", ")
	}
	engine, known := schemes[strings.ToLower(scheme)]
	if !known {
		return Store{}, "has a scheme that is not known; write one of: " + strings.Join(storeForms(), ", ")
	}
	u, err := url.Parse(text)
	switch {
	case err != nil:
		// The parser's own words would quote from it.
		return Store{}, "is not a URL; characters of a password that mean something in a URL, such as @ : / ? # %, have to be percent-encoded"
	case u.Host == "" && !strings.Contains(u.RawQuery, "host="):
		return Store{}, "names no host; write " + string(engine) + "://USER:PASSWORD@HOST:PORT/…"
	}
	return Store{Engine: engine, URL: broker.NewSecret(text)}, ""
}

// store reads store or store_file.
func (o *object) store(def Store) Store {
	here := o.field("store")
	if elsewhere := o.field("store_file"); elsewhere.present() {
		if here.present() {
			elsewhere.fault("is given beside store; keep one of them")
			return def
		}
		secret, ok := elsewhere.secretFile()
		if !ok {
			return def
		}
		s, problem := ParseStore(secret.Reveal())
		if problem != "" {
			elsewhere.fault("what is in the file %s", problem)
			return def
		}
		return s
	}
	e, ok := here.expanded()
	if !ok {
		return def
	}
	s, problem := ParseStore(e.text)
	switch {
	case problem != "" && !strings.Contains(e.text, "://"):
		here.fault("%s is not known%s", here.shown(), meant(here.node.Value, storeForms()))
		return def
	case problem != "":
		here.fault("%s", problem)
		return def
	}
	if e.literal && here.d.literal == nil && holdsPassword(e.text) {
		here.d.literal = &here
	}
	return s
}

// holdsPassword reports whether a URL that was parsed before has a password in it.
func holdsPassword(text string) bool {
	u, err := url.Parse(text)
	if err != nil {
		return true
	}
	_, has := u.User.Password()
	return has || slices.ContainsFunc([]string{"password", "passfile", "sslpassword"}, u.Query().Has)
}
