package config

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"github.com/hufu-io/hufu/internal/broker"
)

// byteOrderMark is what Windows' Notepad puts before UTF-8.
const byteOrderMark = "\ufeff"

// secret is a secret and where it was given.
type secret struct {
	broker.Secret
	at value
}

// secret reads the one secret called name, in the file itself or as NAME_file. The
// result is nil where there is none and where there is a fault; given tells them apart.
func (o *object) secret(name string) (s *secret, given bool) {
	v, read := o.source(name)
	if !v.present() {
		return nil, false
	}
	if s, ok := read(v, secretLike); ok {
		return &secret{s, v}, true
	}
	return nil, true
}

// secrets is secret for a field that may also be a list of at most
// [broker.MaxSecrets], which is in the order in which the secrets are tried. What they look
// like is for the caller to say.
func (o *object) secrets(name string, like func(string) bool) (list []secret, given bool) {
	v, read := o.source(name)
	if !v.present() {
		return nil, false
	}
	items := []value{v}
	if v.node.Kind == yaml.SequenceNode {
		if items, _ = v.list(); len(items) == 0 {
			v.fault("is an empty list; give at least one secret")
		}
		if len(items) > broker.MaxSecrets {
			items[broker.MaxSecrets].fault("is one too many; at most %d secrets are tried, so remove those that are no longer valid", broker.MaxSecrets)
			items = items[:broker.MaxSecrets]
		}
	}
	for _, item := range items {
		s, ok := read(item, like)
		if !ok {
			continue
		}
		for _, have := range list {
			if have.Equal(s) {
				item.fault("is the same secret as %s; remove one", have.at.path)
			}
		}
		list = append(list, secret{s, item})
	}
	return list, true
}

// source finds which of name and name_file is given and how it is read.
func (o *object) source(name string) (value, func(value, func(string) bool) (broker.Secret, bool)) {
	here, elsewhere := o.field(name), o.field(name+"_file")
	if here.present() && elsewhere.present() {
		elsewhere.fault("is given beside %s; keep one of them", name)
	}
	if here.present() {
		return here, value.secretText
	}
	return elsewhere, value.secretFile
}

// secretText reads a secret that stands in the configuration file or in the environment.
func (v value) secretText(like func(string) bool) (broker.Secret, bool) {
	e, ok := v.expanded()
	if !ok {
		return broker.Secret{}, false
	}
	if e.literal && v.d.literal == nil {
		v.d.literal = &v
	}
	if !like(e.text) {
		v.fault("contains white space or a control character, which no secret does; check how it is set")
		return broker.Secret{}, false
	}
	if around := broker.Wrapped(e.text); around != "" {
		v.fault("begins or ends with %s, which is part of no secret; remove it", around)
		return broker.Secret{}, false
	}
	return broker.NewSecret(e.text), true
}

// secretFile reads a secret that fills a file of its own.
func (v value) secretFile(like func(string) bool) (broker.Secret, bool) {
	path, ok := v.text()
	if !ok {
		return broker.Secret{}, false
	}
	f, err := readFile(v.d.abs(path), broker.MaxSecret)
	if err != nil {
		v.fault("%s cannot be read: %s", v.shownPath(), reason(err))
		return broker.Secret{}, false
	}
	ok = true
	if f.exposed {
		v.fault("%s", f.unsafe("others can open "+v.shownPath(), "chmod 600"))
		ok = false
	}
	text := strings.TrimPrefix(string(f.data), byteOrderMark)
	text, cut := strings.CutSuffix(text, "\n")
	if cut {
		text = strings.TrimSuffix(text, "\r")
	}
	switch {
	case text == "":
		v.fault("%s is empty; put the secret into it", v.shownPath())
		ok = false
	case !utf8.ValidString(text):
		v.fault("%s is not UTF-8; save it as that", v.shownPath())
		ok = false
	case !like(text):
		v.fault("%s contains white space or a control character; put one secret into it and nothing else", v.shownPath())
		ok = false
	case broker.Wrapped(text) != "":
		v.fault("%s begins or ends with %s, which is part of no secret; remove it", v.shownPath(), broker.Wrapped(text))
		ok = false
	}
	if !ok {
		return broker.Secret{}, false
	}
	return broker.NewSecret(text), true
}

// secretLike tells a secret from two of them, a whole file, or one with a stray space.
func secretLike(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool {
		return unicode.IsSpace(r) || unicode.IsControl(r)
	})
}

// keyLike is secretLike for what may also be a private key, which has lines.
func keyLike(s string) bool {
	return secretLike(s) || strings.HasPrefix(s, "-----BEGIN ") && !strings.ContainsFunc(s, func(r rune) bool {
		return (r < ' ' || r > '~') && r != '\n' && r != '\r'
	})
}
