package sandbox

import (
	"encoding/json"
	"iter"
	"mime"
	"net/http"
	"net/url"
	"strings"
)

// place is a part of a call in which something can be said.
type place string

const (
	inQuery  place = "query"
	inJSON   place = "JSON body"
	inForm   place = "form"
	inBasic  place = "HTTP Basic"
	inHeader place = "header"
)

// The two names in HTTP Basic.
const (
	basicID     = "user"
	basicSecret = "password"
)

// spot is where something is said: in the place, under the name.
type spot struct {
	in   place
	name string
}

// value is what a call says there: the empty string where it says nothing.
func (c *call) value(s spot) string {
	switch s.in {
	case inQuery:
		return c.query.Get(s.name)
	case inJSON:
		v, _ := c.object()[s.name].(string)
		return v
	case inForm:
		return c.form().Get(s.name)
	case inBasic:
		id, secret, _ := (&http.Request{Header: c.header}).BasicAuth()
		if s.name == basicID {
			return id
		}
		return secret
	case inHeader:
		return c.header.Get(s.name)
	default:
		return ""
	}
}

// object is the body as a JSON object, and nil where it is none.
func (c *call) object() map[string]any {
	var o map[string]any
	if decode(c.body, &o) != codeOK {
		return nil
	}
	return o
}

// form is the body as a form, and empty where it does not say that it is one.
func (c *call) form() url.Values {
	if !c.declares("application/x-www-form-urlencoded") {
		return nil
	}
	v, err := url.ParseQuery(string(c.body))
	if err != nil {
		return nil
	}
	return v
}

// declares reports whether the call says that its body is of a type.
func (c *call) declares(contentType string) bool {
	t, _, err := mime.ParseMediaType(c.header.Get("Content-Type"))
	return err == nil && t == contentType
}

// said yields everything that the call says, wherever.
func (c *call) said() iter.Seq2[spot, string] {
	return func(yield func(spot, string) bool) {
		values := func(in place, v url.Values) bool {
			for name, list := range v {
				for _, value := range list {
					if !yield(spot{in, name}, value) {
						return false
					}
				}
			}
			return true
		}
		if !values(inQuery, c.query) || !values(inForm, c.form()) {
			return
		}
		if id, secret := c.value(spot{inBasic, basicID}), c.value(spot{inBasic, basicSecret}); id != "" || secret != "" {
			if !yield(spot{inBasic, basicID}, id) || !yield(spot{inBasic, basicSecret}, secret) {
				return
			}
		}
		for name, list := range c.header {
			for _, value := range list {
				// What follows the name of a scheme, such as Bearer, counts.
				if !yield(spot{inHeader, name}, value[strings.LastIndexByte(value, ' ')+1:]) {
					return
				}
			}
		}
		texts("", c.object(), func(name, text string) bool { return yield(spot{inJSON, name}, text) })
	}
}

// texts goes through all texts in a JSON value. Those inside of others have the name of
// the field in which they stand.
func texts(name string, v any, yield func(name, text string) bool) bool {
	switch v := v.(type) {
	case string:
		return yield(name, v)
	case map[string]any:
		for name, v := range v {
			if !texts(name, v, yield) {
				return false
			}
		}
	case []any:
		for _, v := range v {
			if !texts(name, v, yield) {
				return false
			}
		}
	}
	return true
}

// number is a code as it stands in JSON: a number, if it is one.
func number(code string) any {
	var n json.Number
	if json.Unmarshal([]byte(code), &n) == nil {
		return n
	}
	return code
}
