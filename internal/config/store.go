package config

import (
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

// engineOf tells the engine by the scheme of a URL.
func engineOf(scheme string) (Engine, bool) {
	switch strings.ToLower(scheme) {
	case "postgres", "postgresql":
		return PostgreSQL, true
	case "mysql":
		return MySQL, true
	case "redis", "rediss", "valkey", "valkeys", "unix":
		return Redis, true
	default:
		return "", false
	}
}

// storeForms are what a store may look like.
func storeForms() []string {
	return []string{string(Embedded), "postgres://…", "mysql://…", "redis://…", "rediss://…"}
}

// ParseStore reads what names a store: embedded or a URL, of which it looks at the scheme
// only. The problem quotes nothing of it: such a URL holds a password.
func ParseStore(text string) (s Store, problem string) {
	if text == string(Embedded) {
		return Store{Engine: Embedded}, ""
	}
	scheme, _, isURL := strings.Cut(text, "://")
	if !isURL {
		return Store{}, "is not known; write one of: " + strings.Join(storeForms(), ", ")
	}
	engine, known := engineOf(scheme)
	if !known {
		return Store{}, "has a scheme that is not known; write one of: " + strings.Join(storeForms(), ", ")
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
		secret, ok := elsewhere.secretFile(secretLike)
		if !ok {
			return def
		}
		s, problem := ParseStore(secret.Reveal())
		if problem != "" {
			elsewhere.fault("what is in the file %s", problem)
			return def
		}
		elsewhere.checkStore(s)
		return s
	}
	e, ok := here.expanded()
	if !ok {
		return def
	}
	s, problem := ParseStore(e.text)
	switch {
	case problem != "" && !strings.ContainsFunc(e.text, func(r rune) bool { return r < 'a' || r > 'z' }):
		// Only a word is shown: what databases have for names of themselves hold passwords too.
		here.fault("%s is not known%s", here.shown(), meant(here.node.Value, storeForms()))
		return def
	case problem != "":
		here.fault("%s", problem)
		return def
	}
	here.checkStore(s)
	if e.literal && here.d.literal == nil && HoldsPassword(e.text) {
		here.d.literal = &here
	}
	return s
}

// checkStore has the rest of the server look at a store's URL.
func (v value) checkStore(s Store) {
	if v.d.opt.CheckStore == nil {
		return
	}
	if err := v.d.opt.CheckStore(s); err != nil {
		v.fault("%s", err)
	}
}

// HoldsPassword reports whether a URL may have a password in it: before the host or among
// its parameters.
func HoldsPassword(text string) bool {
	_, rest, _ := strings.Cut(text, "://")
	user, _, _ := strings.Cut(rest, "@")
	return strings.Contains(rest, "@") && strings.Contains(user, ":") || strings.Contains(rest, "password=")
}
