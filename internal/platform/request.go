package platform

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strings"

	"github.com/hufu-io/hufu/internal/broker"
)

// Request is one call of a platform.
type Request struct {
	Method string
	// BaseURL is where the platform is, and Path is appended to the path of that. It is in
	// escaped form.
	BaseURL, Path string
	Query         url.Values
	Header        http.Header
	// At most one of JSON and Form is there: what is sent as the body.
	JSON any
	Form url.Values
	// Basic is shown by HTTP Basic. Nil: nothing is.
	Basic *Basic
}

// Basic is a name and a password as HTTP Basic shows them.
type Basic struct {
	Name     string
	Password broker.Secret
}

// Secrets are what of it an answer may repeat: the password, and how the header says it.
func (b *Basic) Secrets() []broker.Secret {
	if b == nil {
		return nil
	}
	return []broker.Secret{b.Password, broker.NewSecret(base64.StdEncoding.EncodeToString([]byte(b.Name + ":" + b.Password.Reveal())))}
}

// build makes the request that is sent. Besides it returns what is said in it that must not
// come back in an error.
func (r Request) build(ctx context.Context) (*http.Request, []broker.Secret, error) {
	u, err := url.Parse(r.BaseURL)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || u.RawQuery != "" || u.Fragment != "" {
		return nil, nil, &broker.Error{
			Code: "bad_base_url", Class: broker.Misconfigured,
			Message: "the app's base_url is not an http or https URL",
			Hint:    "set base_url to the platform's own, such as https://api.weixin.qq.com, or leave it out",
		}
	}
	u = u.JoinPath(r.Path)
	u.RawQuery = r.Query.Encode()
	payload, contentType, err := r.payload()
	if err != nil {
		return nil, nil, err
	}
	req, err := http.NewRequestWithContext(ctx, r.Method, u.String(), nil)
	if err != nil {
		return nil, nil, errBadRequest("the request could not be built")
	}
	maps.Copy(req.Header, r.Header)
	// With one of these net/http makes a call twice by itself.
	req.Header.Del("Idempotency-Key")
	req.Header.Del("X-Idempotency-Key")
	if r.Basic != nil {
		req.SetBasicAuth(r.Basic.Name, r.Basic.Password.Reveal())
	}
	if !sendable(req.Header) {
		return nil, nil, errBadRequest("a value of the app cannot stand in a header, because there is a control character in it")
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "hufu")
	sendOnce(req, payload, contentType)
	return req, r.mentioned(payload), nil
}

func errBadRequest(why string) error {
	return &broker.Error{Code: "bad_request", Class: broker.Misconfigured, Message: why, Hint: "look for blanks and line breaks in the app's id, secret and params"}
}

// payload is the body and its type; "" where there is no body.
func (r Request) payload() ([]byte, string, error) {
	switch {
	case r.JSON != nil:
		b, err := encode(r.JSON)
		return b, "application/json", err
	case r.Form != nil:
		return []byte(r.Form.Encode()), "application/x-www-form-urlencoded", nil
	default:
		return nil, "", nil
	}
}

// sendable reports whether net/http sends the header. It would refuse another in words that
// do not say that the request never left.
func sendable(h http.Header) bool {
	for _, vs := range h {
		for _, v := range vs {
			if strings.ContainsFunc(v, func(c rune) bool { return c < ' ' && c != '\t' || c == 0x7f }) {
				return false
			}
		}
	}
	return true
}

func encode(body any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(body); err != nil {
		// The encoder's error may quote a value, so it is not kept.
		return nil, &broker.Error{Code: "bad_request", Class: broker.Misconfigured, Message: "the request's body could not be encoded"}
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// sendOnce gives the request its body in such a way that net/http never sends it a
// second time by itself.
//
// [http.Transport] repeats a request if a connection that it has used before breaks
// before the first byte of the answer, and the request "is replayable": its method is
// GET or the like, and its body is nil, NoBody or can be had again from GetBody
// (persistConn.shouldRetryRequest, Request.isReplayable). On a platform that gives a
// new token at every call, that silent repetition is a second issue, which kills the
// token before last. A body that is neither nil nor NoBody and has no GetBody is never
// repeated, at any stage. The alternative, a new connection for every call, costs a
// TLS handshake each and does not bind transports that are not ours.
//
// A request without content therefore gets a body that is empty. Saying "identity"
// keeps net/http from looking for its length, which ends in a chunked GET if the
// machine is busy; nothing of it is seen on the wire. A POST needs none of that, since it is
// not replayable, and some servers insist on being told that it is empty.
func sendOnce(req *http.Request, payload []byte, contentType string) {
	req.GetBody = nil
	if contentType == "" && req.Method == http.MethodPost {
		req.Body = http.NoBody
		return
	}
	if contentType == "" {
		req.Body = onceBody{strings.NewReader("")}
		req.TransferEncoding = []string{"identity"}
		return
	}
	req.Body = onceBody{bytes.NewReader(payload)}
	req.ContentLength = int64(len(payload))
	req.Header.Set("Content-Type", contentType)
}

// onceBody hides the reader's type, so that nothing finds a way to rewind it.
type onceBody struct{ io.Reader }

func (onceBody) Close() error { return nil }

// mentioned lists the values in a request that are long enough to be secrets. Which
// ones really are is not known here, and an error text does not need any of them.
func (r Request) mentioned(payload []byte) []broker.Secret {
	const shortest = 6
	var out []broker.Secret
	add := func(v string) {
		if len(v) >= shortest {
			out = append(out, broker.NewSecret(v))
		}
	}
	for _, values := range []url.Values{r.Query, r.Form} {
		for _, vs := range values {
			for _, v := range vs {
				add(v)
			}
		}
	}
	for _, vs := range r.Header {
		for _, v := range vs {
			add(v)
			add(v[strings.LastIndexByte(v, ' ')+1:]) // what comes behind a scheme
		}
	}
	if r.Basic != nil {
		add(r.Basic.Name)
		for _, s := range r.Basic.Secrets() {
			add(s.Reveal())
		}
	}
	var walk func(v any)
	walk = func(v any) {
		switch v := v.(type) {
		case string:
			add(v)
		case []any:
			for _, e := range v {
				walk(e)
			}
		case map[string]any:
			for _, e := range v {
				walk(e)
			}
		}
	}
	var tree any
	if r.JSON != nil && json.Unmarshal(payload, &tree) == nil {
		walk(tree)
	}
	return out
}
