package gateway

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/hufu-io/hufu/internal/broker"
)

// minToken is shorter than any platform's token, and longer than most of what else stands in
// headers.
const minToken = 20

// strays returns an error where something stands in the query or in a header of what is about
// to be sent that is known not to be meant for the app's platform: a token of another app or of
// another one's user (I8), a virtual one, or the key of any client (I6). Where the platform
// looks for a token, the right one stands by now; but who takes the app for one of another
// platform shows its token where that one would look.
func (g *Gateway) strays(r *http.Request, x *call) error {
	for pair := range strings.SplitSeq(r.URL.RawQuery, "&") {
		_, value, _ := strings.Cut(pair, "=")
		if len(value) < minToken {
			continue
		}
		if plain, err := url.QueryUnescape(value); err == nil {
			value = plain
		}
		if err := g.stray(value, x); err != nil {
			return err
		}
	}
	for _, values := range r.Header {
		for _, value := range values {
			// What follows the name of a scheme, such as Bearer, counts.
			if value = value[strings.LastIndexByte(value, ' ')+1:]; len(value) < minToken {
				continue
			}
			if err := g.stray(value, x); err != nil {
				return err
			}
		}
	}
	return nil
}

func (g *Gateway) stray(value string, x *call) error {
	tok := broker.NewSecret(value)
	if tok.Equal(x.token.Secret) {
		return nil // It is what opens the call.
	}
	o, users := g.users.owner(tok)
	switch {
	case !g.svc.GoesTo(x.app.ID, tok), users && !g.is(o, x.app):
		return errStray
	case g.svc.IsKey(value):
		return errKeyInside
	}
	return nil
}
