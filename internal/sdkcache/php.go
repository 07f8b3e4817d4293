package sdkcache

import (
	"encoding/binary"
	"strconv"
	"strings"
)

// PHP's two ways to write a value, as far as SDKs use them: a text, or one flat array whose
// keys are texts and whose values are texts, whole numbers, booleans or null. Whatever is no
// text is read as nil.

// serialized reads what PHP's serialize has written.
func serialized(s string) (any, error) {
	v, rest, err := serializedValue(s, true)
	if err != nil || rest != "" {
		return nil, errShape
	}
	return v, nil
}

func serializedValue(s string, arrays bool) (v any, rest string, err error) {
	kind, rest, _ := strings.Cut(s, ":")
	switch kind {
	case "s":
		return serializedText(rest)
	case "i", "b", "d":
		_, rest, found := strings.Cut(rest, ";")
		if !found {
			return nil, "", errShape
		}
		return nil, rest, nil
	case "a":
		if arrays {
			return serializedArray(rest)
		}
	}
	if rest, found := strings.CutPrefix(s, "N;"); found {
		return nil, rest, nil
	}
	return nil, "", errShape
}

// serializedText reads what follows "s:", such as 2:"ab"; and no more.
func serializedText(s string) (v any, rest string, err error) {
	length, s, _ := strings.Cut(s, ":")
	n, err := strconv.Atoi(length)
	if err != nil || n < 0 || n > maxToken || len(s) < n+3 || s[0] != '"' || s[n+1:n+3] != `";` {
		return nil, "", errShape
	}
	return s[1 : n+1], s[n+3:], nil
}

// serializedArray reads what follows "a:", such as 1:{s:1:"a";i:1;} and no more.
func serializedArray(s string) (v any, rest string, err error) {
	length, s, found := strings.Cut(s, ":{")
	n, err := strconv.Atoi(length)
	if err != nil || !found || n < 0 || n > maxElements {
		return nil, "", errShape
	}
	array := map[string]any{}
	for range n {
		var key, value any
		if key, s, err = serializedValue(s, false); err != nil {
			return nil, "", err
		}
		if value, s, err = serializedValue(s, false); err != nil {
			return nil, "", err
		}
		name, isText := key.(string)
		if !isText {
			return nil, "", errShape
		}
		array[name] = value
	}
	if rest, found = strings.CutPrefix(s, "}"); !found {
		return nil, "", errShape
	}
	return array, rest, nil
}

// maxElements is far above the number of fields of a platform's answer.
const maxElements = 64

// igbinaryHeader is version 2 of the format.
const igbinaryHeader = "\x00\x00\x00\x02"

// igbinary reads what follows the header. A text that was there before is written as the
// number of the first one.
func igbinary(s string) (any, error) {
	r := &igbinaryReader{left: s}
	v, ok := r.value(true)
	if !ok || r.left != "" {
		return nil, errShape
	}
	return v, nil
}

type igbinaryReader struct {
	left  string
	texts []string
}

// take returns the next n bytes, and none where there are fewer.
func (r *igbinaryReader) take(n int) (string, bool) {
	if n > len(r.left) {
		return "", false
	}
	head := r.left[:n]
	r.left = r.left[n:]
	return head, true
}

// number reads n bytes, the highest first.
func (r *igbinaryReader) number(n int) (int, bool) {
	b, ok := r.take(n)
	if !ok {
		return 0, false
	}
	var wide [8]byte
	copy(wide[8-n:], b)
	v := binary.BigEndian.Uint64(wide[:])
	return int(v & (1<<31 - 1)), v < 1<<31
}

func (r *igbinaryReader) value(arrays bool) (any, bool) {
	kind, ok := r.take(1)
	if !ok {
		return nil, false
	}
	switch t := kind[0]; t {
	case 0x00, 0x04, 0x05: // null, false, true
		return nil, true
	case 0x06, 0x07: // whole numbers of a byte, positive and negative, and so on
		_, ok := r.take(1)
		return nil, ok
	case 0x08, 0x09:
		_, ok := r.take(2)
		return nil, ok
	case 0x0a, 0x0b:
		_, ok := r.take(4)
		return nil, ok
	case 0x0d: // the empty text
		return "", true
	case 0x0e: // a text that was there before
		i, ok := r.number(1)
		if !ok || i >= len(r.texts) {
			return nil, false
		}
		return r.texts[i], true
	case 0x11, 0x12:
		n, ok := r.number(int(t) - 0x10)
		if !ok {
			return nil, false
		}
		text, ok := r.take(n)
		r.texts = append(r.texts, text)
		return text, ok
	case 0x14:
		if !arrays {
			return nil, false
		}
		return r.array()
	default:
		return nil, false
	}
}

func (r *igbinaryReader) array() (any, bool) {
	n, ok := r.number(1)
	if !ok || n > maxElements {
		return nil, false
	}
	array := map[string]any{}
	for range n {
		key, ok := r.value(false)
		name, isText := key.(string)
		if !ok || !isText {
			return nil, false
		}
		if array[name], ok = r.value(false); !ok {
			return nil, false
		}
	}
	return array, true
}
