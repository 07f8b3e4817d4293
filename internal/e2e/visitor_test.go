package e2e_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"
)

// landing is where visitors are sent back to; nothing has to be there.
const landing = "http://127.0.0.1:9/login/done"

// onThisMachine is a transport for which hosts that end in .test are here, as they are for
// the real browser.
func onThisMachine(t *testing.T) *http.Transport {
	t.Helper()
	transport := &http.Transport{MaxIdleConnsPerHost: 8}
	transport.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
		if host, port, err := net.SplitHostPort(addr); err == nil && strings.HasSuffix(host, ".test") {
			addr = net.JoinHostPort("127.0.0.1", port)
		}
		return new(net.Dialer).DialContext(ctx, network, addr)
	}
	t.Cleanup(transport.CloseIdleConnections)
	return transport
}

// visitor is somebody with a browser, as far as a login needs one: it keeps cookies, goes
// where it is sent and answers the platform's page.
type visitor struct {
	t      *testing.T
	client *http.Client
	jar    *cookiejar.Jar
}

func newVisitor(t *testing.T, transport http.RoundTripper) *visitor {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &visitor{t, &http.Client{
		Transport: transport, Jar: jar,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}, jar}
}

// sight is what a browser gets for one address.
type sight struct {
	status int
	to     string // where it is sent on to, or ""
	text   string
}

// title is what a page is about.
func (s sight) title() string {
	_, rest, _ := strings.Cut(s.text, "<h1>")
	title, _, _ := strings.Cut(rest, "</h1>")
	return title
}

func (s sight) String() string { return fmt.Sprintf("%d %q", s.status, s.title()) }

// get asks for one address, and does not go on.
func (v *visitor) get(at string) (sight, error) { return v.send(http.MethodGet, at, nil) }

func (v *visitor) send(method, at string, form url.Values) (sight, error) {
	req, err := http.NewRequestWithContext(v.t.Context(), method, at, strings.NewReader(form.Encode()))
	if err != nil {
		return sight{}, err
	}
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	res, err := v.client.Do(req)
	if err != nil {
		return sight{}, err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		return sight{}, err
	}
	s := sight{status: res.StatusCode, text: string(b)}
	if to, err := res.Location(); err == nil {
		s.to = to.String()
	}
	return s, nil
}

// What people do on the platform's page.
func agree(user string) url.Values { return url.Values{"user": {user}, "answer": {"agree"}} }

func refuse() url.Values { return url.Values{"answer": {"refuse"}} }

// logIn goes where a link leads and answers the platform's page on the way. It ends at the
// first address below home, whose query it returns, or at a page.
func (v *visitor) logIn(link, home string, choice url.Values) (url.Values, sight) {
	v.t.Helper()
	for at := link; ; {
		u, err := url.Parse(at)
		if err != nil {
			v.t.Fatal(err)
		}
		if strings.HasPrefix(at, home) {
			return u.Query(), sight{}
		}
		seen, err := v.get(at)
		if err == nil && choice != nil && strings.HasPrefix(u.Path, "/connect/") {
			if !strings.Contains(seen.text, "<form") {
				v.t.Fatalf("the platform does not ask: %d %s", seen.status, seen.text)
			}
			seen, err = v.send(http.MethodPost, at, choice)
			choice = nil // it asks once
		}
		if err != nil {
			v.t.Fatal(err)
		}
		if seen.to == "" {
			return nil, seen
		}
		at = seen.to
	}
}
