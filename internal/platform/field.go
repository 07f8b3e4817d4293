package platform

import (
	"encoding/json"
	"strings"
)

// Line returns a string field of at most limit bytes; "" where there is none. A field
// that is something else, or longer, is an error.
func (a Answer) Line(name string, limit int) (string, error) {
	v := a.field(name)
	if v == nil {
		return "", nil
	}
	var s string
	switch {
	case json.Unmarshal(v, &s) != nil:
		return "", Garbage("one whose " + name + " is no text")
	case len(s) > limit:
		return "", Garbage("one whose " + name + " is too long")
	}
	return s, nil
}

// Word is [Answer.Line] for what names something: printable ASCII without blanks.
func (a Answer) Word(name string, limit int) (string, error) {
	s, err := a.Line(name, limit)
	if err == nil && strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return "", Garbage("one whose " + name + " cannot be a name")
	}
	return s, err
}

// Lines returns a list of strings, of at most limit bytes each; nil where there is no
// such field.
func (a Answer) Lines(name string, limit int) ([]string, error) {
	items, err := a.items(name)
	if err != nil || items == nil {
		return nil, err
	}
	out := make([]string, len(items))
	for i, v := range items {
		if json.Unmarshal(v, &out[i]) != nil || len(out[i]) > limit {
			return nil, Garbage("one whose " + name + " is no list of short texts")
		}
	}
	return out, nil
}

// Integers returns a list of whole numbers, written like those of [Answer.Integer]; nil
// where there is no such field.
func (a Answer) Integers(name string) ([]int64, error) {
	items, err := a.items(name)
	if err != nil || items == nil {
		return nil, err
	}
	out := make([]int64, len(items))
	for i, v := range items {
		n, exact, ok := number(v)
		if !ok || !exact {
			return nil, Garbage("one whose " + name + " is no list of whole numbers")
		}
		out[i] = n
	}
	return out, nil
}

func (a Answer) items(name string) ([]json.RawMessage, error) {
	v := a.field(name)
	if v == nil {
		return nil, nil
	}
	var items []json.RawMessage
	if json.Unmarshal(v, &items) != nil {
		return nil, Garbage("one whose " + name + " is no list")
	}
	return items, nil
}
