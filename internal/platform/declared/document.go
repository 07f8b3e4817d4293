package declared

import (
	"bytes"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
)

// hole is a place in a document where something else stands each time.
type hole int

const (
	holeNone hole = iota
	holeToken
	holeLifetime
	holeCode
	holeDetail
	holeMessage
	holeRequest
)

// node is a JSON object, or what stands in a field of one.
type node struct {
	name string
	kids []*node
	raw  string // JSON
	hole hole
}

// put writes into the field of a dotted name.
func (n *node) put(name, raw string, h hole) error {
	outer, inner, nested := strings.Cut(name, ".")
	i := slices.IndexFunc(n.kids, func(k *node) bool { return k.name == outer })
	switch {
	case outer == "" || nested && inner == "":
		return errors.New("the name of a field is empty before, between or behind its dots; write it as in data.token")
	case i < 0:
		n.kids = append(n.kids, &node{name: outer})
		i = len(n.kids) - 1
	case !nested || len(n.kids[i].kids) == 0:
		return errors.New("a field is there twice, or has a value and fields inside of it")
	}
	if nested {
		return n.kids[i].put(inner, raw, h)
	}
	n.kids[i].raw, n.kids[i].hole = raw, h
	return nil
}

// putAll writes fields in the order of their names.
func (n *node) putAll(fields map[string]string) error {
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		if err := n.put(name, value(fields[name]), holeNone); err != nil {
			return err
		}
	}
	return nil
}

// value writes a value of a description as JSON: as it is if it is some, else as a text.
func value(s string) string {
	if json.Valid([]byte(s)) {
		return s
	}
	return string(appendText(nil, s))
}

// document is a JSON object with holes in it.
type document []piece

// piece is a text, and the hole behind it.
type piece struct {
	text string
	hole hole
}

func (n *node) document() document {
	var d document
	var text strings.Builder
	var walk func(n *node)
	walk = func(n *node) {
		switch {
		case n.hole != holeNone:
			d = append(d, piece{text.String(), n.hole})
			text.Reset()
		case n.raw != "":
			text.WriteString(n.raw)
		default:
			text.WriteByte('{')
			for i, k := range n.kids {
				if i > 0 {
					text.WriteByte(',')
				}
				text.Write(appendText(nil, k.name))
				text.WriteByte(':')
				walk(k)
			}
			text.WriteByte('}')
		}
	}
	walk(n)
	return append(d, piece{text: text.String()})
}

// append writes the document with its holes filled.
func (d document) append(b []byte, fill func(b []byte, h hole) []byte) []byte {
	for _, p := range d {
		b = append(b, p.text...)
		if p.hole != holeNone {
			b = fill(b, p.hole)
		}
	}
	return b
}

// appendText appends a JSON string. Most of them have nothing to escape.
func appendText(b []byte, s string) []byte {
	if strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r > '~' || r == '"' || r == '\\' }) {
		var out bytes.Buffer
		enc := json.NewEncoder(&out)
		enc.SetEscapeHTML(false)
		_ = enc.Encode(s) // a text can always be written
		return append(b, bytes.TrimSuffix(out.Bytes(), []byte("\n"))...)
	}
	b = append(b, '"')
	b = append(b, s...)
	return append(b, '"')
}

// appendCode appends a code: as a number if it is a whole one, else as a text.
func appendCode(b []byte, code string) []byte {
	digits := strings.TrimPrefix(code, "-")
	if digits == "" || len(digits) > 18 || digits[0] == '0' && code != "0" || strings.Trim(digits, "0123456789") != "" {
		return appendText(b, code)
	}
	return append(b, code...)
}
