package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode"
)

const (
	// timeout bounds a call whose context has no deadline. It is longer than a server
	// waits for a platform.
	timeout = 60 * time.Second
	// rotateTimeout is the same for a rotation of the keyset.
	rotateTimeout = time.Hour
	// maxAnswer is far above a page of a thousand apps or audit entries.
	maxAnswer = 32 << 20
)

// Config says where the server is and who asks.
type Config struct {
	// Addr is the server's base URL, such as http://127.0.0.1:8080. Required.
	Addr string
	// Key is the client key. Required by all calls but those about health.
	Key string `json:"-"`
	// HTTPClient makes the calls; its redirect policy is not used. Nil: one of its own,
	// which goes through the proxy that the environment names.
	HTTPClient *http.Client `json:"-"`
}

// String shows the configuration without the key.
func (c Config) String() string { return "hufu at " + c.Addr }

// GoString shows the configuration without the key.
func (c Config) GoString() string { return c.String() }

// LogValue shows the configuration without the key.
func (c Config) LogValue() slog.Value { return slog.StringValue(c.String()) }

// Client calls one server with one client key. It is safe for concurrent use.
type Client struct {
	base *url.URL
	http *http.Client
	// authorize puts the key into a request. A function is never printed as what it holds.
	authorize func(*http.Request)
}

// New returns a client. It makes no call.
func New(cfg Config) (*Client, error) {
	base, err := url.Parse(cfg.Addr)
	switch {
	case err != nil || base.Host == "" || base.Scheme != "http" && base.Scheme != "https":
		// The error of url.Parse would quote all of it.
		return nil, errors.New("the server's address is not an http or https URL, such as http://127.0.0.1:8080")
	case base.User != nil || base.RawQuery != "" || base.Fragment != "":
		return nil, errors.New("the server's address has a user, query or fragment; give scheme, host and port only")
	case strings.ContainsFunc(cfg.Key, unicode.IsControl):
		// net/http would say that of the header, at the first call.
		return nil, errors.New("the client key has a line break or another control character in it")
	}
	c := &Client{base: base, authorize: func(*http.Request) {}}
	if cfg.Key != "" {
		header := "Bearer " + cfg.Key
		c.authorize = func(r *http.Request) { r.Header.Set("Authorization", header) }
	}
	hc := http.Client{Transport: newTransport()}
	if cfg.HTTPClient != nil {
		hc = *cfg.HTTPClient
	}
	// The API redirects nowhere. What does is something else, and is not to get the key.
	hc.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	c.http = &hc
	return c, nil
}

func newTransport() *http.Transport {
	dialer := &net.Dialer{Timeout: 5 * time.Second, KeepAlive: 15 * time.Second}
	return &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		DialContext:         dialer.DialContext,
		TLSHandshakeTimeout: 5 * time.Second,
		IdleConnTimeout:     60 * time.Second,
		MaxIdleConnsPerHost: 16,
	}
}

// call is one request and where its answer goes.
type call struct {
	method string
	path   []string // segments, unescaped
	query  url.Values
	seen   int64 // version for If-None-Match; zero: none
	body   any   // nil: none
	answer any   // nil: none is wanted
}

// do makes a call and decodes its answer.
func (c *Client) do(ctx context.Context, in call) error {
	ctx, cancel := within(ctx, timeout)
	defer cancel()
	resp, err := c.send(ctx, in)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	data, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	switch {
	case err != nil:
		return fmt.Errorf("%s: read the answer: %w", in, err)
	case len(data) > maxAnswer:
		return fmt.Errorf("%s: the answer has more than %d MiB", in, maxAnswer>>20)
	case resp.StatusCode == http.StatusNotModified:
		return ErrNotModified
	case resp.StatusCode >= 300:
		return problem(resp, data)
	case in.answer == nil:
		return nil
	}
	if err := json.Unmarshal(data, in.answer); err != nil {
		return unexpected(resp)
	}
	return nil
}

// within gives a context a deadline, if it has none.
func within(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	if _, ok := ctx.Deadline(); ok {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, d)
}

// send makes a request. The caller closes the answer's body.
func (c *Client) send(ctx context.Context, in call) (*http.Response, error) {
	var body io.Reader
	if in.body != nil {
		b, err := json.Marshal(in.body)
		if err != nil {
			return nil, fmt.Errorf("%s: encode the body: %w", in, err)
		}
		body = bytes.NewReader(b)
	}
	u := *c.base
	escaped := strings.TrimRight(u.EscapedPath(), "/") + in.escapedPath()
	if path, err := url.PathUnescape(escaped); err == nil {
		u.Path, u.RawPath = path, escaped
	}
	u.RawQuery = in.query.Encode()
	req, err := http.NewRequestWithContext(ctx, in.method, u.String(), body)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", in, err)
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "hufu-go-client")
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if in.seen > 0 {
		req.Header.Set("If-None-Match", fmt.Sprintf("%q", fmt.Sprint(in.seen)))
	}
	c.authorize(req)
	resp, err := c.http.Do(req)
	if err != nil {
		if ue, ok := errors.AsType[*url.Error](err); ok {
			err = ue.Err // The method and the path are said already.
		}
		return nil, fmt.Errorf("%s at %s: %w", in, c.base.Redacted(), err)
	}
	return resp, nil
}

func (in call) escapedPath() string {
	var b strings.Builder
	for _, s := range in.path {
		b.WriteByte('/')
		b.WriteString(url.PathEscape(s))
	}
	return b.String()
}

// String names the call in errors.
func (in call) String() string { return in.method + " " + in.escapedPath() }
