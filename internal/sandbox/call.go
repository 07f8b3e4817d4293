package sandbox

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"time"
)

// maxBody bounds what is read of a request other than an upload.
const maxBody = 32 << 20

var errBodyTooLarge = errors.New("request body too large")

// call is one request to a platform, at the moment it is answered.
type call struct {
	at     time.Time
	method string
	path   string
	query  url.Values
	ip     netip.Addr
	owner  string // the id of the app whose call it is, known or not

	local  string      // the path below the platform's name; of WeChat's the whole
	header http.Header // as it came
	issued []*token    // new tokens that the answer has

	base     string // where the caller reaches the sandbox
	language string // of a browser, as it asks for it

	body   []byte  // read whole, of anything but an upload
	upload *stream // still to be read, of an upload
}

// newCall looks at everything but the body.
func newCall(r *http.Request) *call {
	return &call{
		method: r.Method,
		path:   r.URL.Path,
		query:  r.URL.Query(),
		ip:     clientIP(r.RemoteAddr),
		local:  r.URL.Path,
		header: r.Header,

		base:     baseURL(r),
		language: r.Header.Get("Accept-Language"),
	}
}

// readBody reads the body whole. That comes before anything else happens:
// net/http notices that a caller has gone away only once its body is read, and
// faults that hang rely on that.
func readBody(r *http.Request) ([]byte, error) {
	if r.Body == nil {
		return nil, nil
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
	if err != nil {
		return nil, fmt.Errorf("read request body: %w", err)
	}
	if len(body) > maxBody {
		return nil, errBodyTooLarge
	}
	return body, nil
}

// clientIP is the caller's address as the platform sees it. Forwarding headers
// are not believed: the platform does not know the caller's proxies.
func clientIP(remote string) netip.Addr {
	host, _, err := net.SplitHostPort(remote)
	if err != nil {
		host = remote
	}
	ip, err := netip.ParseAddr(host)
	if err != nil {
		return netip.AddrFrom4([4]byte{127, 0, 0, 1})
	}
	return ip.Unmap().WithZone("")
}
