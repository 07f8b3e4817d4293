package httpapi

import (
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/hufu-io/hufu/internal/access"
	"github.com/hufu-io/hufu/internal/broker"
)

// serveHot serves the one call that nearly all requests are, a plain read of a token
// that is in memory, without routing, reflection or garbage. It returns false, having
// done nothing, for everything else; the ordinary handler gives the same answers.
func (a *API) serveHot(w http.ResponseWriter, r *http.Request) bool {
	app, kind, ok := hotPath(r.URL.Path)
	if !ok || r.URL.RawQuery != "" || r.URL.RawPath != "" || r.Header["If-None-Match"] != nil {
		return false
	}
	key, ok := bearer(r)
	if !ok {
		return false
	}
	client := a.svc.Authenticate(key)
	if client == nil {
		return false
	}
	c := broker.Caller{Client: client, Remote: r.RemoteAddr}
	held, ok := a.svc.ReadNow(c, app, kind)
	if !ok {
		return false
	}
	writeToken(w, a.ids, &held)
	return true
}

// hotPath splits /v1/apps/{app}/tokens/{kind}.
func hotPath(path string) (app string, kind broker.Kind, ok bool) {
	const prefix, middle = "/v1/apps/", "/tokens/"
	if !strings.HasPrefix(path, prefix) {
		return "", "", false
	}
	rest := path[len(prefix):]
	i := strings.IndexByte(rest, '/')
	if i <= 0 || !strings.HasPrefix(rest[i:], middle) {
		return "", "", false
	}
	k := rest[i+len(middle):]
	if k == "" || strings.IndexByte(k, '/') >= 0 {
		return "", "", false
	}
	return rest[:i], broker.Kind(k), true
}

var buffers = sync.Pool{New: func() any { b := make([]byte, 0, 1024); return &b }}

// writeToken writes a token's JSON and headers. The two header values that differ
// from answer to answer share one string and one slice.
func writeToken(w http.ResponseWriter, ids *requestIDs, t *access.Held) {
	p := buffers.Get().(*[]byte) //nolint:forcetypeassert // the pool holds nothing else
	defer buffers.Put(p)

	b := strconv.AppendInt(append((*p)[:0], '"'), int64(t.Version), 10)
	b = append(b, '"')
	n := len(b)
	values := string(ids.append(b))
	list := []string{values[:n], values[n:]}
	h := w.Header()
	h["Etag"], h["X-Request-Id"] = list[:1:1], list[1:]
	h["Content-Type"], h["Cache-Control"] = contentJSON, noStore

	b = appendToken(b[:0], t)
	*p = b
	_, _ = w.Write(b) // the peer is gone if this fails
	clear(b)          // a pooled buffer keeps no token
}

// appendToken appends the token as [api.Token] would be encoded.
func appendToken(b []byte, t *access.Held) []byte {
	promise := t.Promise(t.Now)
	b = append(b, `{"app":`...)
	b = appendString(b, t.Key.App)
	b = append(b, `,"kind":`...)
	b = appendString(b, string(t.Key.Kind))
	b = append(b, `,"token":`...)
	b = appendString(b, t.Secret.Reveal())
	b = append(b, `,"version":`...)
	b = strconv.AppendInt(b, int64(t.Version), 10)
	b = append(b, `,"expires_in":`...)
	b = strconv.AppendInt(b, int64(promise/time.Second), 10)
	b = append(b, `,"expiry":"`...)
	b = t.Now.Add(promise).UTC().AppendFormat(b, "2006-01-02T15:04:05Z")
	return append(b, "\"}\n"...)
}

// appendString appends a JSON string. Ids, kinds and tokens hardly ever need escapes;
// where one does, strconv's \x escapes would not be JSON, so it is built by hand.
func appendString(b []byte, s string) []byte {
	b = append(b, '"')
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		case c < ' ':
			const hex = "0123456789abcdef"
			b = append(b, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		default:
			b = append(b, c)
		}
	}
	return append(b, '"')
}
