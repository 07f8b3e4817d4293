package oauth2

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/platform"
)

// endpoint is a token endpoint, taken apart.
type endpoint struct {
	origin   string // scheme and host
	path     string // in escaped form
	query    url.Values
	audience string // the whole of it, which assertions are made for
}

// parseEndpoint takes a token endpoint's URL apart. Its scheme is held to the same rule as
// that of base URLs, because the secret goes there.
func parseEndpoint(s string) (endpoint, error) {
	bare, rest, _ := strings.Cut(s, "?")
	if _, _, err := broker.ParseBaseURL(bare); err != nil {
		return endpoint{}, err
	}
	u, err := url.Parse(s)
	if err != nil || u.Fragment != "" {
		return endpoint{}, fmt.Errorf("cannot be read, or has a fragment")
	}
	query, err := url.ParseQuery(rest)
	if err != nil {
		return endpoint{}, fmt.Errorf("has a query that cannot be read")
	}
	return endpoint{origin: u.Scheme + "://" + u.Host, path: u.EscapedPath(), query: query, audience: s}, nil
}

const (
	// metadataLife is how long an issuer's metadata are believed.
	metadataLife = time.Hour
	// maxLook is how long they are waited for where it is known what they said before. The
	// rest of the time is for the issue.
	maxLook = 3 * time.Second
	// maxIssuers bounds how many of them are kept.
	maxIssuers = 1024
)

// endpoints finds the token endpoints of apps, and remembers those of issuers. It is safe
// for concurrent use.
type endpoints struct {
	caller *platform.Caller

	mu    sync.Mutex
	known map[string]finding // by issuer
}

type finding struct {
	end   endpoint
	until time.Time
}

func newEndpoints(c *platform.Caller) *endpoints {
	return &endpoints{caller: c, known: map[string]finding{}}
}

// of is the token endpoint that an app's tokens come from.
func (e *endpoints) of(ctx context.Context, o *broker.OAuth2) (endpoint, error) {
	switch {
	case o.TokenURL != "":
		end, err := parseEndpoint(o.TokenURL)
		if err != nil {
			return endpoint{}, &broker.Error{
				Code: "bad_token_url", Class: broker.Misconfigured, Message: "the app's oauth2.token_url " + err.Error(),
				Hint: "set it to the provider's token endpoint, such as https://login.example.com/oauth2/token",
			}
		}
		return end, nil
	case o.Issuer == "":
		return endpoint{}, &broker.Error{
			Code: "token_url_missing", Class: broker.Misconfigured, Message: "the app does not say where its tokens come from",
			Hint: "set oauth2.token_url, or oauth2.issuer where the provider publishes its metadata (RFC 8414)",
		}
	}
	now := time.Now()
	f, ok := e.recall(o.Issuer)
	if ok && now.Before(f.until) {
		return f.end, nil
	}
	look, cancel := ctx, context.CancelFunc(func() {})
	if ok {
		look, cancel = context.WithTimeout(ctx, maxLook)
	}
	defer cancel()
	end, err := e.discover(look, o.Issuer)
	switch {
	case err == nil:
		e.remember(o.Issuer, finding{end, now.Add(metadataLife)}, now)
		return end, nil
	case ok:
		return f.end, nil // Endpoints rarely move, and what issues may well be there.
	default:
		return endpoint{}, err
	}
}

func (e *endpoints) recall(issuer string) (finding, bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	f, ok := e.known[issuer]
	return f, ok
}

// remember keeps a finding. Where there are too many, those that are too old go, and then
// any: they can be found again.
func (e *endpoints) remember(issuer string, f finding, now time.Time) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.known) >= maxIssuers {
		for name, old := range e.known {
			if !now.Before(old.until) {
				delete(e.known, name)
			}
		}
	}
	for name := range e.known {
		if len(e.known) < maxIssuers {
			break
		}
		delete(e.known, name)
	}
	e.known[issuer] = f
}

// discover reads an issuer's metadata where RFC 8414 has them, and then where OpenID
// Connect does.
func (e *endpoints) discover(ctx context.Context, issuer string) (endpoint, error) {
	base, _, err := broker.ParseBaseURL(issuer)
	if err != nil {
		return endpoint{}, &broker.Error{
			Code: "bad_issuer", Class: broker.Misconfigured, Message: "the app's oauth2.issuer " + err.Error(),
			Hint: "set it to the issuer that the provider names in its metadata, letter by letter",
		}
	}
	u, err := url.Parse(base)
	if err != nil {
		return endpoint{}, &broker.Error{Code: "bad_issuer", Class: broker.Misconfigured, Message: "the app's oauth2.issuer cannot be read"}
	}
	origin, path := u.Scheme+"://"+u.Host, u.EscapedPath()
	var first error
	for _, at := range []string{"/.well-known/oauth-authorization-server" + path, path + "/.well-known/openid-configuration"} {
		a, err := e.caller.Do(ctx, platform.Request{Method: http.MethodGet, BaseURL: origin, Path: at})
		if err == nil && a.Status >= http.StatusBadRequest {
			err = a.StatusError()
		}
		if err == nil {
			return endpointOf(a, issuer, u.Scheme)
		}
		if first == nil {
			first = err
		}
		if broker.AsError(err).Code != platform.CodeHTTP4xx && broker.AsError(err).Code != platform.CodeGarbage {
			break // It is not that there is nothing at this place.
		}
	}
	x := *broker.AsError(first)
	x.Unknown = false // nothing was issued
	x.Hint = "check that oauth2.issuer is the provider's, and that this server reaches it; or set oauth2.token_url"
	return endpoint{}, fmt.Errorf("read the metadata of the app's issuer: %w", &x)
}

// endpointOf reads the token endpoint in an issuer's metadata. Those of another issuer are
// none: somebody else's endpoint would be sent the secret (RFC 8414, section 3.3).
func endpointOf(a platform.Answer, issuer, scheme string) (endpoint, error) {
	if got := a.Text("issuer"); got != issuer {
		return endpoint{}, &broker.Error{
			Code: "wrong_issuer", Class: broker.Misconfigured, Message: fmt.Sprintf("the metadata of the app's issuer are of %q", platform.Clean(got)),
			Hint: "set oauth2.issuer to what the metadata say, letter by letter, if that is your provider",
		}
	}
	s := a.Text("token_endpoint")
	end, err := parseEndpoint(s)
	switch {
	case err != nil:
	case scheme == "https" && strings.HasPrefix(end.origin, "http://"):
		err = fmt.Errorf("is plain http, where the metadata are not")
	default:
		return end, nil
	}
	return endpoint{}, &broker.Error{
		Code: "bad_metadata", Class: broker.Misconfigured, Message: "the token_endpoint in the metadata of the app's issuer " + err.Error(),
		Hint: "set oauth2.token_url to the provider's token endpoint",
	}
}
