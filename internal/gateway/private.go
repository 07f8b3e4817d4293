package gateway

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/hufu-io/hufu/internal/broker"
)

const hidden = "[hidden]"

// hide takes what opened the call out of what an answer says about its request: redirects
// and errors may quote it. Larger answers are data and are not looked through.
func (x *call) hide(resp *http.Response, h head) {
	switch x.route.Sort {
	case broker.CallApp:
		if !x.shown.Token.Equal(x.token.Secret) { // Else the caller has it already.
			h.hide(resp, x.token.Secret)
		}
	case broker.CallExchange:
		for _, s := range x.secrets {
			h = h.hide(resp, s)
			h = h.hide(resp, broker.NewSecret(base64.StdEncoding.EncodeToString([]byte(x.app.AppID+":"+s.Reveal())))) // as HTTP Basic has it
		}
	case broker.CallUser, broker.CallManaged, broker.CallForeign:
	}
}

func (h head) hide(resp *http.Response, s broker.Secret) head {
	value := s.Reveal()
	if value == "" {
		return h
	}
	h = h.blot(resp, value)
	if !strings.ContainsFunc(value, escapable) {
		return h
	}
	written := spellings(nil, string(h.plain(resp)), value)
	for _, vs := range resp.Header {
		for _, v := range vs {
			written = spellings(written, v, value)
		}
	}
	for _, w := range written {
		h = h.blot(resp, w)
	}
	return h
}

func (h head) blot(resp *http.Response, value string) head {
	for _, vs := range resp.Header {
		for i, v := range vs {
			if strings.Contains(v, value) {
				vs[i] = strings.ReplaceAll(v, value, hidden)
			}
		}
	}
	if plain := h.plain(resp); bytes.Contains(plain, []byte(value)) {
		return h.replaced(resp, bytes.ReplaceAll(plain, []byte(value), []byte(hidden)))
	}
	return h
}

// replaced gives the answer another content, which is not packed.
func (h head) replaced(resp *http.Response, content []byte) head {
	_ = resp.Body.Close() // It has been read to its end.
	h.raw = content
	resp.Body = &headed{Reader: bytes.NewReader(content), body: http.NoBody}
	resp.ContentLength = int64(len(content))
	resp.Header.Set("Content-Length", strconv.Itoa(len(content)))
	resp.Header.Del("Content-Encoding")
	return h
}

var errKeyInside = &broker.Error{
	Code: "key_inside", Class: broker.Invalid, Message: "the client key stands in the call itself, and would have gone to the platform",
	Hint: "send it in the header Authorization: Bearer CLIENT_KEY and nowhere else, or where the platform's own token paths want the app secret",
}

// leaks reports whether the client key stands in what is about to be sent, as it is or
// with some of it percent-encoded or, in a body, escaped as JSON does.
func (x *call) leaks(r *http.Request, body kept) (bool, error) {
	key := x.key.Reveal()
	if key == "" {
		return false, nil
	}
	data := body.data
	if x.body != nil && r.Body != nil {
		// It is not the caller's any more.
		var err error
		if data, err = io.ReadAll(r.Body); err != nil {
			return false, errBody
		}
		kept{data: data}.rewind(r)
	}
	if shows(r.URL.RawQuery, key) || shows(r.URL.Path, key) || len(data) >= len(key) && (bytes.Contains(data, []byte(key)) || escapes(data, key)) {
		return true, nil
	}
	if strings.HasPrefix(strings.ToLower(r.Header.Get("Content-Type")), "application/x-www-form-urlencoded") && shows(string(data), key) {
		return true, nil
	}
	for _, vs := range r.Header {
		if slices.ContainsFunc(vs, func(v string) bool { return shows(v, key) }) {
			return true, nil
		}
	}
	return false, nil
}

func shows(text, key string) bool {
	if strings.Contains(text, key) {
		return true
	}
	return strings.Contains(text, "%") && strings.Contains(decoded(text), key)
}

// escapes reports whether a key stands in a JSON body with some of it escaped.
func escapes(body []byte, key string) bool {
	return bytes.IndexByte(body, '\\') >= 0 && bytes.Contains(unescaped(body), []byte(key))
}

// unescaped takes what JSON has escaped for the characters that it stands for, as far as a
// key may have them, and leaves alone everything else.
func unescaped(text []byte) []byte {
	b := make([]byte, 0, len(text))
	for i := 0; i < len(text); i++ {
		if text[i] != '\\' || i+1 == len(text) {
			b = append(b, text[i])
			continue
		}
		i++
		switch c := text[i]; c {
		case '/', '"', '\\':
			b = append(b, c)
			continue
		case 'u':
			if i+4 < len(text) {
				if c, err := strconv.ParseUint(string(text[i+1:i+5]), 16, 16); err == nil {
					b = utf8.AppendRune(b, rune(c))
					i += 4
					continue
				}
			}
		}
		b = append(b, '\\', text[i])
	}
	return b
}

// decoded takes every percent-encoding for what it stands for, and leaves alone what is
// none.
func decoded(text string) string {
	b := make([]byte, 0, len(text))
	for i := 0; i < len(text); i++ {
		if text[i] == '%' && i+2 < len(text) {
			var c [1]byte
			if _, err := hex.Decode(c[:], []byte(text[i+1:i+3])); err == nil {
				b = append(b, c[0])
				i += 2
				continue
			}
		}
		b = append(b, text[i])
	}
	return string(b)
}
