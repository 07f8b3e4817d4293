package declared

import (
	"bytes"
	"encoding/json"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"

	"github.com/hufu-io/hufu/internal/broker"
)

// Where the id and secret of an exchange stand.
const (
	inQuery = "query"
	inForm  = "form"
	inJSON  = "json"
	inBasic = "basic"
)

// maxBody bounds the bodies that are read for what they show.
const maxBody = 1 << 20

// fields are those of a body: of a JSON object, or of a form.
type fields struct {
	json map[string]json.RawMessage
	form url.Values
}

// readBody reads a body, whatever type it is said to be of where an object begins. The
// second result says that it is one of the two.
func readBody(body []byte, contentType string) (fields, bool) {
	body = bytes.Trim(bytes.TrimPrefix(body, []byte("\xef\xbb\xbf")), " \t\r\n")
	if len(body) > 0 && body[0] == '{' {
		var f fields
		return f, json.Unmarshal(body, &f.json) == nil
	}
	if t, _, err := mime.ParseMediaType(contentType); err != nil || t != "application/x-www-form-urlencoded" {
		return fields{}, false
	}
	form, err := url.ParseQuery(string(body))
	return fields{form: form}, err == nil
}

// text is a field that is a text, or a number as it is written; "" where there is none.
func (f fields) text(name string) string {
	if f.form != nil {
		return f.form.Get(name)
	}
	v := f.json[name]
	var s string
	if json.Unmarshal(v, &s) == nil {
		return s
	}
	var n json.Number
	if json.Unmarshal(v, &n) == nil {
		return n.String()
	}
	return ""
}

// again is the body of a request as far as it has been kept.
func again(r *http.Request) []byte {
	if r.GetBody == nil {
		return nil
	}
	body, err := r.GetBody()
	if err != nil {
		return nil
	}
	return readAll(body)
}

func readAll(body io.ReadCloser) []byte {
	defer func() { _ = body.Close() }()
	b, err := io.ReadAll(io.LimitReader(body, maxBody))
	if err != nil {
		return nil
	}
	return b
}

// substitute gives a request another body, in which the id and secret are the app's. Of one
// that cannot be read nothing is kept.
func substitute(r *http.Request, x *Exchange, appID string, secret broker.Secret) {
	var body []byte
	if r.Body != nil {
		body = readAll(r.Body)
	}
	in, _ := readBody(body, r.Header.Get("Content-Type"))
	contentType := "application/json"
	if in.form != nil || in.json == nil && x.In == inForm {
		contentType = "application/x-www-form-urlencoded"
		if in.form == nil {
			in.form = url.Values{}
		}
		dropFold(in.form, x.AppID, x.Secret)
		in.form.Set(x.AppID, appID)
		in.form.Set(x.Secret, secret.Reveal())
		body = []byte(in.form.Encode())
	} else {
		if in.json == nil {
			in.json = map[string]json.RawMessage{}
		}
		dropFold(in.json, x.AppID, x.Secret)
		in.json[x.AppID] = appendText(nil, appID)
		in.json[x.Secret] = appendText(nil, secret.Reveal())
		body, _ = json.Marshal(in.json) // what was read can be written
	}
	r.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
	r.Body, _ = r.GetBody()
	r.ContentLength, r.TransferEncoding = int64(len(body)), nil
	r.Header.Set("Content-Type", contentType)
	r.Header.Del("Content-Length") // the request's own field says it
	r.Header.Del("Content-Encoding")
}

// dropFold takes fields away in every case of their names: not every platform minds it.
func dropFold[V any](m map[string]V, names ...string) {
	for k := range m {
		for _, name := range names {
			if strings.EqualFold(k, name) {
				delete(m, k)
			}
		}
	}
}
