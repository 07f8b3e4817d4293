package oauth2

import (
	"cmp"
	"fmt"
	"net/url"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/platform"
)

// assertionType is that of RFC 7523.
const assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

// authenticate puts into a call what proves that it is the app's: one thing and no other,
// as providers refuse calls that prove it twice.
func authenticate(call *platform.Request, end endpoint, req broker.IssueRequest) error {
	id, o := req.App.AppID, req.App.OAuth2
	switch way := cmp.Or(o.Auth, broker.AuthBasic); way {
	case broker.AuthBasic:
		// The id may have a colon in it, so that both are encoded (section 2.3.1).
		call.Basic = &platform.Basic{Name: url.QueryEscape(id), Password: broker.NewSecret(url.QueryEscape(req.Secret.Reveal()))}
	case broker.AuthBody:
		call.Form.Set(fieldID, id)
		call.Form.Set(fieldSecret, req.Secret.Reveal())
	case broker.AuthPrivateKeyJWT:
		signed, err := assertion(id, end.audience, o, req.Secret)
		if err != nil {
			return err
		}
		call.Form.Set(fieldID, id) // RFC 7521 makes it optional, and some providers do not
		call.Form.Set(fieldAssertionType, assertionType)
		call.Form.Set(fieldAssertion, signed)
	default:
		return &broker.Error{
			Code: "bad_auth", Class: broker.Misconfigured, Message: fmt.Sprintf("there is no way %q to prove who asks for tokens", platform.Clean(string(way))),
			Hint: "set oauth2.auth to basic, body or private_key_jwt",
		}
	}
	return nil
}
