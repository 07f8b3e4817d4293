package config

import (
	"crypto/sha256"
	"strings"

	"github.com/hufu-io/hufu/internal/broker"
)

// minKeyLength makes guessing a key hopeless, which is why a fast hash of it is safe.
const minKeyLength = 32

// clientList collects the clients of a file and what they may not have twice.
type clientList struct {
	config  *Config
	names   map[string]string // name → the path of the client that has it
	keys    map[broker.KeyHash]string
	secrets map[broker.KeyHash]string // hash of an app's secret → its path
}

func newClientList(c *Config, secrets map[broker.KeyHash]string) *clientList {
	return &clientList{config: c, names: map[string]string{}, keys: map[broker.KeyHash]string{}, secrets: secrets}
}

func (l *clientList) add(v value) {
	o := v.object()
	if o == nil {
		return
	}
	c := &broker.Client{Origin: broker.FromFile}
	l.name(o, c)
	l.key(o, c)
	rights(o.field("allow"), c)
	paths(o.field("paths"), c)
	patterns(o, c)
	handout(o.field("handout"), c)
	sessionKeys(o.field("session_keys"), c)
	c.SDK = sdk(o.field("sdk"))
	o.done()
	l.config.Clients = append(l.config.Clients, c)
}

func (l *clientList) name(o *object, c *broker.Client) {
	v := o.field("name")
	if !v.present() {
		o.missing("name", "give the client a name, which the audit and the metrics show")
		return
	}
	var ok bool
	if c.Name, ok = v.text(); !ok {
		return
	}
	if !broker.ValidClientName(c.Name) {
		v.fault("%s is not a name; use 1 to 64 letters, digits, dots, dashes and underscores, starting with a letter or digit", v.shown())
		return
	}
	if whose, reserved := v.d.opt.Reserved[c.Name]; reserved {
		v.fault("is the name of %s; use another one", whose)
		return
	}
	if first, taken := l.names[c.Name]; taken {
		v.fault("is the same as that of %s; give each client a name of its own", first)
		return
	}
	l.names[c.Name] = o.path
}

// key reads the client's key and forgets it: only its hash is kept.
func (l *clientList) key(o *object, c *broker.Client) {
	s, given := o.secret("key")
	if !given {
		o.missing("key", "give the client's key as key: ${NAME}, or the path of a file with it as key_file")
	}
	if s == nil {
		return
	}
	key := s.Reveal()
	if strings.ContainsFunc(key, func(r rune) bool { return r <= ' ' || r > '~' }) {
		s.at.fault("contains characters that cannot stand in an HTTP header; use letters, digits and ASCII punctuation")
		return
	}
	if len(key) < minKeyLength {
		s.at.fault("has %d characters and needs at least %d; make one with: openssl rand -hex 32", len(key), minKeyLength)
		return
	}
	c.Key = sha256.Sum256([]byte(key))
	if secret, same := l.secrets[c.Key]; same {
		s.at.fault("is the secret at %s; make a key of its own with: openssl rand -hex 32", secret)
		return
	}
	if first, taken := l.keys[c.Key]; taken {
		s.at.fault("is the same as that of %s; give each client a key of its own", first)
		return
	}
	l.keys[c.Key] = o.path
}

func rights(v value, c *broker.Client) {
	c.Rights, _ = broker.ParseRights([]string{"read", "renew"})
	items, ok := v.list()
	if !ok {
		return
	}
	c.Rights = 0
	for _, item := range items {
		set, _ := broker.ParseRights([]string{item.choice("", (^broker.Rights(0)).Names()...)})
		c.Rights |= set
	}
	if len(items) == 0 {
		v.fault("grants nothing; list at least one right, or remove it for read and renew")
	}
}

// patterns reads the apps a client may use. A pattern that fits no app of the file is
// fine, because apps also come through the API. Administrators for whom none are named
// manage all, and the server itself.
func patterns(o *object, c *broker.Client) {
	v := o.field("apps")
	items, ok := v.list()
	for _, item := range items {
		s, ok := item.text()
		if !ok {
			continue
		}
		if !broker.ValidAppPattern(s) {
			item.fault("%s fits no id; use a-z, 0-9, - and *", item.shown())
			continue
		}
		c.Apps = append(c.Apps, s)
	}
	if len(items) > 0 {
		return
	}
	const todo = `list the ids of the apps the client may use, or patterns such as "shop-*"`
	switch {
	case !v.present() && c.Rights.Has(broker.Admin):
		c.Apps = []string{"*"}
	case !v.present():
		o.missing("apps", todo)
	case ok:
		v.fault("is empty; " + todo)
	}
}

// handout is read after the client's rights. Where none of those is one, that is told
// already.
func handout(v value, c *broker.Client) {
	c.Handout = broker.Handout(v.choice(string(broker.HandoutReal), string(broker.HandoutReal), string(broker.HandoutVirtual)))
	if c.Handout == broker.HandoutVirtual && c.Rights != 0 && !c.Rights.Has(broker.Call) {
		v.fault("gives the client virtual tokens, which need call, but its allow has no call; add call there, or remove handout for real tokens")
	}
}

// sessionKeys is read after the client's rights, as handout is.
func sessionKeys(v value, c *broker.Client) {
	c.SessionKeys = v.flag(false)
	if c.SessionKeys && c.Rights != 0 && !c.Rights.Has(broker.Users) {
		v.fault("gives the client the keys of sessions, but its allow has no users; add users there, or remove session_keys")
	}
}

// sdk returns "" where none is named, which is the generic profile.
func sdk(v value) string {
	s, ok := v.text()
	if !ok {
		return ""
	}
	if _, known := broker.SDKProfileByName(s); !known {
		var names []string
		for _, p := range broker.SDKProfiles() {
			names = append(names, p.Name)
		}
		v.fault("%s is not a known SDK%s", v.shown(), meant(v.node.Value, names))
	}
	return s
}
