package gateway

import (
	"bytes"
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/hufu-io/hufu/internal/broker"
)

// look finds what a call shows its platform. A client key that stands in the header
// Authorization is for this server, and not looked at.
func (x *call) look(r *http.Request) {
	auth := r.Header["Authorization"]
	ours := !x.key.IsZero() && slices.ContainsFunc(auth, func(v string) bool { return strings.Contains(v, x.key.Reveal()) })
	if ours {
		delete(r.Header, "Authorization")
	}
	x.asThere(r, func() { x.shown = x.platform.Upstream.Shown(r) })
	switch token := x.shown.Token.Reveal(); {
	case ours:
		r.Header["Authorization"] = auth
	case x.route.Sort == broker.CallUser && token != "" && len(auth) == 1 && strings.HasSuffix(auth[0], token):
		x.authorization = auth[0]
	}
}

// attach puts the app's token where the platform wants it.
func (x *call) attach(r *http.Request) {
	x.asThere(r, func() { x.platform.Upstream.Attach(r, x.token.Secret) })
}

// substitute puts the app's id and one of its secrets where the platform wants them. What
// the time before has made of the body is forgotten.
func (x *call) substitute(r *http.Request, secret broker.Secret) {
	if x.body != nil {
		r.Header["Content-Type"] = x.body.contentType
		if x.body.contentType == nil {
			delete(r.Header, "Content-Type")
		}
	}
	x.asThere(r, func() { x.platform.Upstream.Substitute(r, x.app.AppID, secret) })
}

// asThere shows a platform a request as it would be made there: the path is its own,
// whatever stands before it here or at the base URL.
func (x *call) asThere(r *http.Request, f func()) {
	path, raw := r.URL.Path, r.URL.RawPath
	r.URL.Path, r.URL.RawPath = x.place.path, ""
	f()
	r.URL.Path, r.URL.RawPath = path, raw
}

// taken is a body that was read to look for credentials.
type taken struct {
	kept
	contentType []string
}

// takeBody reads a body whole in which a platform looks for credentials, and leaves the
// request as if nothing had been read. Such bodies are small, and read before it is known
// who calls, as those of the token paths are.
func takeBody(r *http.Request) (*taken, error) {
	x := &taken{kept: kept{whole: true}, contentType: r.Header["Content-Type"]}
	if r.Body == nil || r.Body == http.NoBody || r.ContentLength == 0 {
		x.rewind(r)
		return x, nil
	}
	if enc := r.Header.Get("Content-Encoding"); enc != "" && !strings.EqualFold(enc, "identity") {
		return nil, errPacked
	}
	if r.ContentLength > broker.MaxShownBody {
		return nil, errLargeBody
	}
	var err error
	x.data, err = io.ReadAll(io.LimitReader(r.Body, broker.MaxShownBody+1))
	if err == nil && len(x.data) <= broker.MaxShownBody {
		x.rewind(r)
		return x, nil
	}
	// Another platform may have the path for something else, and pass it on.
	r.Body = struct {
		io.Reader
		io.Closer
	}{io.MultiReader(bytes.NewReader(x.data), r.Body), r.Body}
	if err != nil {
		return nil, errBody
	}
	return nil, errLargeBody
}

var (
	errBody      = &broker.Error{Code: "body_unreadable", Class: broker.Invalid, Message: "the call's body could not be read to its end"}
	errLargeBody = &broker.Error{
		Code: "too_large", Class: broker.Invalid, Message: "the body is over 65536 bytes, and is one in which the app's secret stands",
	}
	errPacked = &broker.Error{
		Code: broker.ErrBadBody.Code, Class: broker.Invalid, Message: "the body is packed, and is one in which the app's secret stands",
		Hint: "send it without Content-Encoding",
	}
)
