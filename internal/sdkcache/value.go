package sdkcache

import (
	"encoding/json"
	"errors"
	"strings"
)

// maxToken is far above the length of any token.
const maxToken = 8 << 10

var (
	errBinary = errors.New("it is not a plain text: another codec wrote it, such as Redisson's own")
	errShape  = errors.New("it is not what the SDK writes there")
	errEmpty  = errors.New("it is empty")
)

// plain reads a token that is stored as it is, or as a JSON text, as other codecs and older
// versions write it.
func plain(value string) (string, error) {
	if strings.HasPrefix(value, `"`) {
		var text string
		if err := json.Unmarshal([]byte(value), &text); err != nil {
			return "", errShape // without the value, which the error would quote
		}
		value = text
	}
	switch {
	case value == "":
		return "", errEmpty
	case !isToken(value):
		return "", errBinary
	}
	return value, nil
}

// isToken reports whether a text may be a token: it goes into URLs and headers.
func isToken(s string) bool {
	return s != "" && len(s) <= maxToken && !strings.ContainsFunc(s, func(c rune) bool { return c <= ' ' || c > '~' })
}

// php reads a token that PHP's serialize or igbinary has written: a text, or an element of
// an array of them. Other caches write the text as it is.
func php(p Place, value string) (string, error) {
	v, err := phpValue(value)
	if err != nil {
		return "", err
	}
	text, ok := v.(string)
	if p.element != "" {
		array, isArray := v.(map[string]any)
		if !isArray {
			return "", errShape
		}
		text, ok = array[p.element].(string)
	}
	if !ok || !isToken(text) {
		return "", errShape
	}
	return text, nil
}

func phpValue(value string) (any, error) {
	switch {
	case strings.HasPrefix(value, igbinaryHeader):
		return igbinary(value[len(igbinaryHeader):])
	case len(value) > 1 && (value[1] == ':' || value[1] == ';'):
		return serialized(value)
	default:
		return plain(value)
	}
}
