package e2e_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/textproto"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hufu-io/hufu/internal/sandbox"
)

const limitedKey = "e2e-limited-key-0123456789abcdef0123456789"

// hostile is what somebody writes to the server's socket who wants more than is theirs.
// They have the key and the tokens of a client that may call the app stable, and nothing
// else. These stand in braces: KEY, REAL and VIRTUAL, SMUGGLED for a request that is to be
// taken for one although it stands in a body, CANARY for another host, and LF for the end
// of a line.
type hostile struct {
	name string
	text string
	// calls is how many calls may arrive at the platform for it, each of them one that its
	// sender may make.
	calls int
	// answer stands in what comes back, if it is not "".
	answer string
}

const (
	keyed = "Host: hufu{LF}Authorization: Bearer {KEY}{LF}"
	users = "/gateway/stable/cgi-bin/user/get"
	send  = "/gateway/stable/cgi-bin/message/custom/send"
	text  = `{"touser":"o1","msgtype":"text"}` // 32 bytes
)

func attempts() []hostile {
	list := []hostile{
		{"nothing unusual", "GET " + users + " HTTP/1.1{LF}" + keyed + "{LF}", 1, `"openid"`},
		{"nothing unusual, with a body", "POST " + send + " HTTP/1.1{LF}" + keyed + "Content-Length: 32{LF}{LF}" + text, 1, `"errcode":0`},
	}
	for _, h := range []struct{ name, head string }{
		// What stands behind is a body to those who believe in the length, and a request
		// to those who believe in the other.
		{"a length and chunks", "Content-Length: {ALL}{LF}Transfer-Encoding: chunked{LF}"},
		{"chunks and a length", "Transfer-Encoding: chunked{LF}Content-Length: {ALL}{LF}"},
		{"chunks after identity", "Content-Length: {ALL}{LF}Transfer-Encoding: identity, chunked{LF}"},
		{"identity after chunks", "Content-Length: {ALL}{LF}Transfer-Encoding: chunked, identity{LF}"},
		{"chunks in another case", "Content-Length: {ALL}{LF}Transfer-Encoding: CHUNKED{LF}"},
		{"chunks after a vertical tab", "Content-Length: {ALL}{LF}Transfer-Encoding: \vchunked{LF}"},
		{"a space before the colon", "Content-Length: {ALL}{LF}Transfer-Encoding : chunked{LF}"},
		{"a folded line", "Content-Length: {ALL}{LF}Transfer-Encoding:{LF} chunked{LF}"},
		{"a folded line without a name", " Transfer-Encoding: chunked{LF}Content-Length: {ALL}{LF}"},
		{"a line that ends in a bare return", "Content-Length: {ALL}{LF}X: y\rTransfer-Encoding: chunked{LF}"},
		{"a line that ends in a bare feed", "Content-Length: {ALL}{LF}X: y\nTransfer-Encoding: chunked{LF}"},
		{"chunks twice", "Transfer-Encoding: chunked{LF}Transfer-Encoding: chunked{LF}Content-Length: {ALL}{LF}"},
		{"an unknown coding", "Transfer-Encoding: xchunked{LF}Content-Length: {ALL}{LF}"},
		{"two lengths", "Content-Length: 5{LF}Content-Length: {ALL}{LF}"},
		{"two lengths in one line", "Content-Length: 5, {ALL}{LF}"},
		{"a length with a sign", "Content-Length: +{ALL}{LF}"},
		{"a length below nothing", "Content-Length: -{ALL}{LF}"},
		{"a length in base 16", "Content-Length: 0x20{LF}"},
		{"a length after a null", "Content-Length: \x00{ALL}{LF}"},
		{"chunks of another protocol version", "Transfer-Encoding: chunked{LF}Content-Length: {ALL}{LF}Connection: close, Content-Length{LF}"},
	} {
		list = append(list, hostile{h.name, "POST " + send + " HTTP/1.1{LF}" + keyed + h.head + "{LF}0{LF}{LF}{SMUGGLED}", 1, ""})
	}
	for _, c := range []struct{ name, chunks string }{
		{"a chunk with an extension", "20;a=b{LF}" + text + "{LF}0{LF}{LF}{SMUGGLED}"},
		{"a chunk with an extension over a line", "20;a=\"{LF}{SMUGGLED}\"{LF}" + text + "{LF}0{LF}{LF}"},
		{"a chunk that ends in a bare feed", "20\n" + text + "\n0\n\n{SMUGGLED}"},
		{"a chunk of more than there is", "ffffffffffffffff1{LF}" + text + "{LF}0{LF}{LF}{SMUGGLED}"},
		{"a chunk below nothing", "-20{LF}" + text + "{LF}0{LF}{LF}{SMUGGLED}"},
		{"a chunk whose size ends early", "0{LF}X: {SMUGGLED}"},
		{"a chunk that is longer than it says", "5{LF}" + text + "{LF}0{LF}{LF}{SMUGGLED}"},
		{"trailers", "20{LF}" + text + "{LF}0{LF}Content-Length: 500{LF}Host: {CANARY}{LF}Authorization: Bearer {KEY}{LF}{LF}{SMUGGLED}"},
	} {
		list = append(list, hostile{c.name, "POST " + send + " HTTP/1.1{LF}" + keyed + "Transfer-Encoding: chunked{LF}{LF}" + c.chunks, 1, ""})
	}
	for _, l := range []struct {
		name, line string
		calls      int
	}{
		// The path is that of the target; what it names otherwise does not count.
		{"another host as an absolute target", "GET http://{CANARY}" + users + " HTTP/1.1", 1},
		{"another host as an absolute target at the root", "GET http://{CANARY}/cgi-bin/user/get?access_token={VIRTUAL} HTTP/1.1", 1},
		{"another host after two slashes", "GET //{CANARY}" + users + " HTTP/1.1", 0},
		{"another host in the path", "GET /gateway/stable//{CANARY}/cgi-bin/user/get HTTP/1.1", 1},
		{"another host as a URL in the path", "GET /gateway/stable/http://{CANARY}/cgi-bin/user/get HTTP/1.1", 1},
		{"another host behind an at", "GET /gateway/stable/@{CANARY}/cgi-bin/user/get HTTP/1.1", 1},
		{"another host in the place of the app", "GET /gateway/{CANARY}/cgi-bin/user/get HTTP/1.1", 0},
		{"another host behind a backslash", `GET /gateway/stable\@{CANARY}/cgi-bin/user/get HTTP/1.1`, 0},
		{"the app's segment left out", "GET /gateway//cgi-bin/user/get HTTP/1.1", 0},
		{"another app", "GET /gateway/classic/cgi-bin/user/get HTTP/1.1", 0},
		{"another app through dots", "GET /gateway/stable/../classic/cgi-bin/user/get HTTP/1.1", 0},
		{"another app through encoded dots", "GET /gateway/stable/%2e%2e/classic/cgi-bin/user/get HTTP/1.1", 0},
		{"another app through an encoded slash", "GET /gateway/stable/..%2fclassic/cgi-bin/user/get HTTP/1.1", 0},
		{"another app through an encoded prefix", "GET /gateway/%73table%2f..%2fclassic/cgi-bin/user/get HTTP/1.1", 0},
		{"the native API through dots", "GET /gateway/stable/../../v1/clients HTTP/1.1", 0},
		{"the native API through encoded dots", "GET /gateway/stable/%2e%2e%2f%2e%2e%2fv1/clients HTTP/1.1", 0},
		{"the native API itself", "GET /v1/clients HTTP/1.1", 0},
		{"the native API after two slashes", "GET //v1/clients HTTP/1.1", 0},
		{"the native API in another case", "GET /V1/clients HTTP/1.1", 0},
		// The caller may read the token, and one that is asked for early is checked.
		{"the token path", "GET /gateway/stable/cgi-bin/token?grant_type=client_credential&appid=wxstable00000001 HTTP/1.1", 1},
		{"the token path of another app", "GET /gateway/stable/cgi-bin/token?grant_type=client_credential&appid=wxclassic0000001 HTTP/1.1", 0},
		{"the token path with slashes", "GET /gateway/stable//cgi-bin///token/?x=1 HTTP/1.1", 0},
		{"the token path with an encoded letter", "GET /gateway/stable/cgi-bin/%74oken HTTP/1.1", 0},
		{"a denied path", "POST /gateway/stable/cgi-bin/clear_quota HTTP/1.1", 0},
		{"a denied path with a parameter", "POST /gateway/stable/cgi-bin/clear_quota;x HTTP/1.1", 0},
		{"a denied path in another case", "POST /gateway/stable/cgi-bin/Clear_Quota/ HTTP/1.1", 0},
		{"a line's end in the path", "GET " + users + "%0d%0aHost:%20{CANARY} HTTP/1.1", 0},
		{"a line's end in the query", "GET " + users + "?a=%0d%0aHost:%20{CANARY}%0d%0a%0d%0a HTTP/1.1", 1},
		{"a fragment in the path", "GET /gateway/stable/cgi-bin/user#/get HTTP/1.1", 0},
		{"a space in the target", "GET " + users + " HTTP/1.1 HTTP/1.1", 0},
		{"the target of OPTIONS", "OPTIONS * HTTP/1.1", 0},
		{"a target for a tunnel", "CONNECT {CANARY} HTTP/1.1", 0},
		{"a tunnel to a path", "CONNECT " + users + " HTTP/1.1", 0},
		{"an echo", "TRACE " + users + " HTTP/1.1", 0},
		{"a method that nobody knows", "SMUGGLED " + users + " HTTP/1.1", 0},
		{"another protocol", "PRI * HTTP/2.0", 0},
		{"an old protocol", "GET " + users + " HTTP/1.0", 1},
		{"no protocol", "GET " + users, 0},
	} {
		list = append(list, hostile{l.name, l.line + "{LF}" + keyed + "{LF}", l.calls, ""})
	}
	for _, h := range []struct {
		name, head string
		calls      int
	}{
		{"another host as Host", "Host: {CANARY}{LF}Authorization: Bearer {KEY}{LF}", 1},
		{"two hosts", keyed + "Host: {CANARY}{LF}", 0},
		{"no host", "Authorization: Bearer {KEY}{LF}", 0},
		{"a host that is a path", "Host: {CANARY}/v1/clients?{LF}Authorization: Bearer {KEY}{LF}", 1},
		{"headers of proxies", keyed + "X-Forwarded-Host: {CANARY}{LF}X-Host: {CANARY}{LF}Forwarded: host={CANARY}{LF}X-Original-URL: http://{CANARY}/v1/clients{LF}X-Rewrite-URL: /v1/clients{LF}", 1},
		{"another method in a header", keyed + "X-HTTP-Method-Override: CONNECT{LF}", 1},
		{"two keys", keyed + "Authorization: Bearer other{LF}", 0},
		{"a key among the headers of the connection", keyed + "Connection: Authorization, Host, keep-alive{LF}", 1},
		{"another protocol on the same connection", keyed + "Connection: Upgrade, HTTP2-Settings{LF}Upgrade: h2c{LF}HTTP2-Settings: AAMAAABkAAQAAP__{LF}", 1},
		{"a web socket", keyed + "Connection: Upgrade{LF}Upgrade: websocket{LF}Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=={LF}Sec-WebSocket-Version: 13{LF}", 1},
		{"a null in a header", keyed + "X: a\x00b{LF}", 0},
		{"a header without a name", keyed + ": x{LF}", 0},
		{"huge headers", keyed + "X: " + strings.Repeat("x", 2<<20) + "{LF}", 0},
		{"a lot of headers", keyed + strings.Repeat("X: y{LF}", 100_000), 0},
		{"an expectation", keyed + "Expect: 200-smuggled{LF}", 0},
	} {
		list = append(list, hostile{h.name, "GET " + users + " HTTP/1.1{LF}" + h.head + "{LF}", h.calls, ""})
	}
	return append(list,
		hostile{"requests in a row", "GET " + users + " HTTP/1.1{LF}" + keyed + "{LF}GET /v1/clients HTTP/1.1{LF}" + keyed + "{LF}{SMUGGLED}GET " + users + "?n=2 HTTP/1.1{LF}" + keyed + "{LF}", 2, `"openid"`},
		hostile{"bytes behind a body", "POST " + send + " HTTP/1.1{LF}" + keyed + "Content-Length: 32{LF}{LF}" + text + "{SMUGGLED}", 1, `"errcode":0`},
		hostile{"a body without a length", "POST " + send + " HTTP/1.1{LF}" + keyed + "{LF}{SMUGGLED}", 1, ""},
		hostile{"a body of a GET", "GET " + users + " HTTP/1.1{LF}" + keyed + "Content-Length: {LENGTH}{LF}{LF}{SMUGGLED}", 1, `"openid"`},
		hostile{"a body of a HEAD", "HEAD " + users + " HTTP/1.1{LF}" + keyed + "Content-Length: {LENGTH}{LF}{LF}{SMUGGLED}", 1, ""},
		hostile{"a token twice", "GET /cgi-bin/user/get?access_token={VIRTUAL}&access_token={REAL}&Access_Token=x;access_token=y HTTP/1.1{LF}Host: hufu{LF}{LF}", 1, `"openid"`},
		hostile{"a token and another app", "GET /gateway/classic/cgi-bin/user/get?access_token={VIRTUAL} HTTP/1.1{LF}Host: hufu{LF}{LF}", 0, ""},
		hostile{"a token at the native API", "GET /v1/clients?access_token={VIRTUAL} HTTP/1.1{LF}Host: hufu{LF}Authorization: Bearer {VIRTUAL}{LF}{LF}", 0, "401"},
		hostile{"the platform's own control page", "GET /gateway/stable/_sandbox/state HTTP/1.1{LF}" + keyed + "{LF}", 1, ""},
	)
}

// Whatever is written to the socket, calls go to the platform and to nowhere else, in a
// form that can be read in one way only, on the app that the caller may call.
func TestHostileRequestsReachNothingThatIsNotTheirs(t *testing.T) {
	t.Parallel()
	canary, visits := startCanary(t)
	up := startUpstream(t, sandbox.Config{}, func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Query().Get("redirect") != "" {
				http.Redirect(w, r, "http://"+canary+"/", http.StatusTemporaryRedirect)
				return
			}
			h.ServeHTTP(w, r)
		})
	})
	limited := `  - {name: limited, key: ` + limitedKey + `, apps: [stable], allow: [read, call]}
  - {name: limited-virtual, key: ` + virtualKey + `, apps: [stable], allow: [read, call], handout: virtual}`
	server := start(t, configure(t, up.url, "overlap: 5m", limited), "serve")
	fill := strings.NewReplacer("{LF}", "\r\n", "{KEY}", limitedKey, "{CANARY}", canary,
		"{REAL}", server.handedOut(t, stableID, limitedKey), "{VIRTUAL}", server.handedOut(t, stableID, virtualKey))
	_, other, err := server.token("classic")
	if err != nil || other.Token == "" {
		t.Fatal(other, err)
	}
	smuggled := fill.Replace("GET /cgi-bin/smuggled HTTP/1.1{LF}Host: {CANARY}{LF}{LF}")
	before := requestsOf(t, up)
	list := append(attempts(), hostile{"a redirect to another host", "GET " + users + "?redirect=1 HTTP/1.1{LF}" + keyed + "{LF}", 1, "307"})
	for _, a := range list {
		text := strings.ReplaceAll(fill.Replace(a.text), "{SMUGGLED}", smuggled)
		text = strings.ReplaceAll(text, "{LENGTH}", fmt.Sprint(len(smuggled)))
		text = strings.ReplaceAll(text, "{ALL}", fmt.Sprint(len("0\r\n\r\n")+len(smuggled)))
		answer := server.write(t, text)
		requests := requestsOf(t, up)
		if n := len(requests) - len(before); n > a.calls || a.answer != "" && n != a.calls {
			t.Errorf("%s: %d calls arrived at the platform, want %d: %q", a.name, n, a.calls, slices.DeleteFunc(slices.Clone(requests), func(r string) bool { return slices.Contains(before, r) }))
		}
		before = requests
		if !strings.Contains(answer, a.answer) {
			t.Errorf("%s: the answer is %.300q, want one with %q", a.name, answer, a.answer)
		}
		for _, s := range []string{secret, key, other.Token, `"clients"`, `"origin"`} {
			if strings.Contains(answer, s) {
				t.Errorf("%s: the answer shows what is not the caller's: %q", a.name, answer)
			}
		}
	}
	for _, conn := range up.wire.arrived() {
		if strings.Contains(conn, other.Token) || strings.Contains(conn, limitedKey) {
			t.Error("I8: another app's token, or a client key, was sent to the platform")
		}
	}
	if n := visits.Load(); n > 0 {
		t.Errorf("another host was connected to %d times", n)
	}
	if n := up.Calls(classicID, "/cgi-bin/user/get"); n > 0 {
		t.Errorf("I8: %d calls were made on another app", n)
	}
}

// startCanary listens where nothing is to connect to.
func startCanary(t *testing.T) (address string, visits *atomic.Int64) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	visits = new(atomic.Int64)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			visits.Add(1)
			_ = c.Close()
		}
	}()
	return l.Addr().String(), visits
}

// write sends bytes as they are, and returns all that comes back until the server has
// nothing more to say.
func (p *process) write(t *testing.T, text string) string {
	t.Helper()
	c, err := net.Dial("tcp", strings.TrimPrefix(p.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	go func() { _, _ = io.WriteString(c, text) }() // A server that refuses need not read it all.
	var answer []byte
	b := make([]byte, 64<<10)
	for wait := 2 * time.Second; ; wait = 100 * time.Millisecond {
		_ = c.SetReadDeadline(time.Now().Add(wait))
		n, err := c.Read(b)
		answer = append(answer, b[:n]...)
		if err != nil {
			if !errors.Is(err, os.ErrDeadlineExceeded) && !errors.Is(err, io.EOF) {
				t.Logf("the connection ended with %v", err)
			}
			return string(answer)
		}
	}
}

// requestsOf reads what arrived at a platform as the strictest reader would, and returns
// the requests' first lines.
func requestsOf(t *testing.T, up *upstream) (lines []string) {
	t.Helper()
	host := strings.TrimPrefix(up.url, "http://")
	for _, conn := range up.wire.arrived() {
		for r := bufio.NewReader(strings.NewReader(conn)); ; {
			head, err := readRequestHead(r)
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatalf("what arrived cannot be read: %v: %q", err, conn)
			}
			if h := head.fields["Host"]; len(h) != 1 || h[0] != host {
				t.Errorf("%q arrived for the hosts %q", head.line, h)
			}
			if strings.Contains(head.line, "smuggled") || !strings.Contains(head.line, " /") {
				t.Errorf("%q arrived", head.line)
			}
			for _, name := range []string{"Authorization", "Connection", "Upgrade", "Te", "Trailer", "Transfer-Encoding", "X-Forwarded-Host", "Forwarded", "X-Original-Url"} {
				if v := head.fields[name]; len(v) > 0 {
					t.Errorf("%q arrived with %s: %q", head.line, name, v)
				}
			}
			if n := head.length(t); n > 0 {
				if _, err := r.Discard(n); err != nil {
					t.Fatalf("%q: the body is shorter than it says: %v", head.line, err)
				}
			}
			lines = append(lines, head.line)
		}
	}
	return lines
}

type requestHead struct {
	line   string
	fields textproto.MIMEHeader
}

// readRequestHead reads lines that end in CR LF, none of which is folded or has a bare CR.
func readRequestHead(r *bufio.Reader) (h requestHead, err error) {
	h.fields = textproto.MIMEHeader{}
	for {
		b, err := r.ReadBytes('\n')
		if err != nil {
			return h, err
		}
		line, whole := bytes.CutSuffix(b, []byte("\r\n"))
		if !whole || bytes.ContainsAny(line, "\r\x00") {
			return h, fmt.Errorf("bad line %q", b)
		}
		switch {
		case len(line) == 0:
			return h, nil
		case h.line == "":
			h.line = string(line)
			continue
		}
		name, value, ok := strings.Cut(string(line), ": ")
		if !ok || name != textproto.TrimString(name) || strings.Contains(name, " ") {
			return h, fmt.Errorf("bad field %q", line)
		}
		h.fields.Add(name, value)
	}
}

// length is that of the body, which is said once or not at all.
func (h requestHead) length(t *testing.T) int {
	t.Helper()
	switch v := h.fields["Content-Length"]; len(v) {
	case 0:
		return 0
	case 1:
		var n int
		if _, err := fmt.Sscanf(v[0], "%d", &n); err != nil || fmt.Sprint(n) != v[0] {
			t.Fatalf("%q: the length is %q", h.line, v[0])
		}
		return n
	default:
		t.Fatalf("%q: the lengths are %q", h.line, v)
		return 0
	}
}
