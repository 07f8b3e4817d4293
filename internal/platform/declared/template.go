package declared

import (
	"errors"
	"net/url"
	"strings"

	"github.com/hufu-io/hufu/internal/broker"
)

// The slots of templates.
const (
	slotAppID  = "app_id"
	slotSecret = "secret"
	slotParam  = "param." // and its name
)

// template is a text with slots for what an app has.
type template []part

// part is a text, or a slot.
type part struct{ text, slot string }

func parseTemplate(s string) (template, error) {
	var t template
	for s != "" {
		text, rest, found := strings.Cut(s, "{")
		if strings.Contains(text, "}") {
			return nil, errors.New("has a closing brace without an opening one")
		}
		if text != "" {
			t = append(t, part{text: text})
		}
		if !found {
			return t, nil
		}
		slot, after, closed := strings.Cut(rest, "}")
		switch {
		case !closed:
			return nil, errors.New("has an opening brace without a closing one")
		case slot != slotAppID && slot != slotSecret && (!strings.HasPrefix(slot, slotParam) || slot == slotParam):
			return nil, errors.New("has something else in braces than app_id, secret or param.NAME")
		}
		t = append(t, part{slot: slot})
		s = after
	}
	return t, nil
}

// parsed is for templates that have been checked.
func parsed(s string) template {
	t, _ := parseTemplate(s)
	return t
}

func (t template) has(slot string) bool {
	for _, p := range t {
		if p.slot == slot {
			return true
		}
	}
	return false
}

// literal reports whether there is no slot, and the text.
func (t template) literal() (string, bool) {
	switch {
	case len(t) == 0:
		return "", true
	case len(t) == 1 && t[0].slot == "":
		return t[0].text, true
	default:
		return "", false
	}
}

// values are what an app has.
type values struct {
	appID  string
	secret broker.Secret
	params map[string]string
}

func valuesOf(app *broker.App, secret broker.Secret) values {
	return values{app.AppID, secret, app.Params}
}

func (v values) of(slot string) string {
	switch slot {
	case slotAppID:
		return v.appID
	case slotSecret:
		return v.secret.Reveal()
	default:
		return v.params[strings.TrimPrefix(slot, slotParam)]
	}
}

// expand fills the slots. The second result says that there was something for each.
func (t template) expand(v values) (string, bool) {
	return t.fill(v.of)
}

// path fills the slots of a path. A value takes no more than its segment.
func (t template) path(v values) (string, bool) {
	return t.fill(func(slot string) string {
		value := v.of(slot)
		if value == "." || value == ".." {
			return ""
		}
		return url.PathEscape(value)
	})
}

// fill puts into each slot what value returns for it, and reports whether it was never "".
func (t template) fill(value func(slot string) string) (string, bool) {
	var b strings.Builder
	for _, p := range t {
		b.WriteString(p.text)
		if p.slot == "" {
			continue
		}
		s := value(p.slot)
		if s == "" {
			return "", false
		}
		b.WriteString(s)
	}
	return b.String(), true
}

// invert reads the value of the only slot of a template out of a text.
func (t template) invert(text string) (slot, value string, ok bool) {
	rest := text
	for i, p := range t {
		switch {
		case p.slot == "" && slot == "":
			if rest, ok = strings.CutPrefix(rest, p.text); !ok {
				return "", "", false
			}
		case p.slot == "" && i == len(t)-1:
			if rest, ok = strings.CutSuffix(rest, p.text); !ok {
				return "", "", false
			}
		case p.slot == "" || slot != "":
			return "", "", false // Who knows where the one ends and the other begins?
		default:
			slot = p.slot
		}
	}
	return slot, rest, slot != ""
}
