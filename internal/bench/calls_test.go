package bench_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/hufu-io/hufu/internal/gateway"
	"github.com/hufu-io/hufu/internal/platform"
)

// calls measures what it costs to pass a call on, beside a proxy that does nothing but
// send the call to another host and path, with the token in it already: the platform gets
// the same calls from all. It is a process that answers at once.
func calls(t *testing.T) {
	up := "http://" + startChild(t, "platform").addr
	bare, hufu := startChild(t, "proxy@"+up), startChild(t, "hufu@"+up)
	const (
		prefix = "/gateway/"
		sent   = `{"touser":"o6_bmjrPTlm6_2sgVt7hMZOPfL2M","msgtype":"text","text":{"content":"your order is on its way"}}`
		headed = " HTTP/1.1\r\nHost: hufu\r\nAccept: application/json\r\nAccept-Encoding: gzip\r\nUser-Agent: bench\r\n"
		keyed  = headed + "Authorization: Bearer " + clientKey + "\r\n"
	)
	body := "Content-Type: application/json\r\nContent-Length: " + strconv.Itoa(len(sent)) + "\r\n\r\n" + sent
	get, post := "/cgi-bin/user/info?openid=o6_bmjrPTlm6_2sgVt7hMZOPfL2M", "/cgi-bin/message/custom/send?"
	realToken, opaque := "&access_token="+tokenFrom(t, hufu.addr, clientKey), "&access_token="+tokenFrom(t, hufu.addr, virtualKey)
	at := prefix + appID(0)
	fmt.Printf("Calls: server on one core, load and platform on the other, 64 connections, medians of %d alternating rounds of %v\n\n", *rounds, *period)
	compare(t, []*contender{
		{name: "httputil.ReverseProxy, GET", request: "GET " + at + get + realToken + headed + "\r\n", child: bare},
		{name: "with a key", request: "GET " + at + get + keyed + "\r\n", child: hufu},
		{name: "with a real token", request: "GET " + get + realToken + headed + "\r\n", child: hufu},
		{name: "with a virtual token", request: "GET " + get + opaque + headed + "\r\n", child: hufu},
		{name: "httputil.ReverseProxy, POST", request: "POST " + at + post + realToken + headed + body, child: bare, beside: 4},
		{name: "with a key, POST", request: "POST " + at + post + keyed + body, child: hufu, beside: 4},
	})
}

// tokenFrom asks for a token as an SDK does.
func tokenFrom(t *testing.T, addr, clientKey string) string {
	t.Helper()
	res, err := http.Get("http://" + addr + "/cgi-bin/token?grant_type=client_credential&appid=" + appID(0) + "&secret=" + clientKey)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var a struct {
		AccessToken string `json:"access_token"`
	}
	if err := json.NewDecoder(res.Body).Decode(&a); err != nil || a.AccessToken == "" {
		t.Fatal("no token", err)
	}
	return a.AccessToken
}

// fastPlatform answers every call with what WeChat says of a user.
func fastPlatform() http.Handler {
	body := []byte(`{"subscribe":1,"openid":"o6_bmjrPTlm6_2sgVt7hMZOPfL2M","language":"zh_CN","subscribe_time":1382694957,` +
		`"unionid":" o6_bmasdasdsad6_2sgVt7hMZOPfL","remark":"","groupid":0,"tagid_list":[128,2],` +
		`"subscribe_scene":"ADD_SCENE_QR_CODE","qr_scene":98765,"qr_scene_str":"` + strings.Repeat("x", 24) + `"}`)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header()["Content-Type"] = bareType
		_, _ = w.Write(body)
	})
}

// proxyTo is the yardstick: the same library and the same connections as the gateway's,
// and nothing else.
func proxyTo(to string) http.Handler {
	u, err := url.Parse(to)
	if err != nil {
		panic(err)
	}
	prefix := "/gateway/" + appID(0)
	return &httputil.ReverseProxy{
		Transport:  gateway.Tune(platform.NewTransport()),
		BufferPool: &pool{sync.Pool{New: func() any { b := make([]byte, 32<<10); return &b }}},
		Rewrite: func(p *httputil.ProxyRequest) {
			p.Out.URL.Scheme, p.Out.URL.Host, p.Out.Host = u.Scheme, u.Host, ""
			p.Out.URL.Path = strings.TrimPrefix(p.Out.URL.Path, prefix)
		},
	}
}

type pool struct{ pool sync.Pool }

func (p *pool) Get() []byte  { return *p.pool.Get().(*[]byte) }
func (p *pool) Put(b []byte) { p.pool.Put(&b) }
