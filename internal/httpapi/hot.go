package httpapi

import (
	"encoding/json"
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
	id := a.ids.next()
	held, ok := a.svc.ReadNow(broker.Caller{Client: client, Remote: r.RemoteAddr, RequestID: id}, app, kind)
	if !ok {
		return false
	}
	writeToken(w, id, &held)
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

// writeToken writes a token's JSON and headers. The two header values that differ from
// answer to answer share one slice.
func writeToken(w http.ResponseWriter, id string, t *access.Held) {
	p := buffers.Get().(*[]byte) //nolint:forcetypeassert // the pool holds nothing else
	defer buffers.Put(p)

	list := []string{etag(t.Version), id}
	h := w.Header()
	h["Etag"], h["X-Request-Id"] = list[:1:1], list[1:]
	h["Content-Type"], h["Cache-Control"] = contentJSON, noStore

	b := appendToken((*p)[:0], t)
	*p = b
	_, _ = w.Write(b) //nolint:gosec // JSON that is sent as JSON; the peer is gone if it fails
	clear(b)          // a pooled buffer keeps no token
}

// appendToken appends the token as [api.Token] would be encoded.
func appendToken(b []byte, t *access.Held) []byte {
	promise := t.Promise()
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

// appendString appends a JSON string. Ids, kinds and tokens hardly ever hold anything
// that is written otherwise in JSON; where one does, encoding/json writes it.
func appendString(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' || c == '<' || c == '>' || c == '&' {
			q, err := json.Marshal(s)
			if err != nil {
				return append(b, `""`...)
			}
			return append(b, q...)
		}
	}
	b = append(b, '"')
	b = append(b, s...)
	return append(b, '"')
}
