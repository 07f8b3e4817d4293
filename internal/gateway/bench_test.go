package gateway

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/platform"
	"github.com/hufu-io/hufu/internal/platform/wechat"
	"github.com/hufu-io/hufu/internal/quota"
	"github.com/hufu-io/hufu/internal/stacktest"
	"github.com/hufu-io/hufu/internal/virtual"
)

// canned answers without a network, so that what is measured is work of this process. It
// rejects one token.
type canned struct{ dead string }

const (
	cannedUser     = `{"subscribe":1,"openid":"o6_bmjrPTlm6_2sgVt7hMZOPfL2M","language":"zh_CN","subscribe_time":1382694957,"tagid_list":[128,2],"subscribe_scene":"ADD_SCENE_QR_CODE","qr_scene":98765}`
	cannedRejected = `{"errcode":40001,"errmsg":"invalid credential, access_token is invalid or not latest rid: 65f0f1c2-0b1a2c3d-4e5f6071"}`
	benchPath      = "/cgi-bin/user/info"
)

func (c *canned) RoundTrip(r *http.Request) (*http.Response, error) {
	text := cannedUser
	if c.dead != "" && strings.Contains(r.URL.RawQuery, c.dead) {
		text = cannedRejected
	}
	return &http.Response{
		StatusCode: http.StatusOK, ProtoMajor: 1, ProtoMinor: 1, Request: r,
		Header:        http.Header{"Content-Type": {"application/json; encoding=utf-8"}, "Date": {"Sat, 21 Nov 2026 09:00:00 GMT"}},
		ContentLength: int64(len(text)), Body: io.NopCloser(strings.NewReader(text)),
	}, nil
}

// quiet takes an answer and keeps nothing of it.
type quiet struct{ header http.Header }

func (q *quiet) Header() http.Header         { return q.header }
func (q *quiet) Write(b []byte) (int, error) { return len(b), nil }
func (q *quiet) WriteHeader(int)             {}

// benchStack is a gateway over a platform that is canned.
type benchStack struct {
	*stacktest.Stack
	*Gateway
	canned       *canned
	real, opaque *broker.Client
}

func newBenchStack(b *testing.B) *benchStack {
	b.Helper()
	codec, err := virtual.New(bytes.Repeat([]byte("k"), virtual.KeySize))
	if err != nil {
		b.Fatal(err)
	}
	s := &benchStack{
		canned: &canned{},
		real:   stacktest.Client("caller", stacktest.Key("caller"), broker.Read|broker.Call, stacktest.App),
		opaque: stacktest.Client("virtual", stacktest.Key("virtual"), broker.Read|broker.Call, stacktest.App),
	}
	s.opaque.Handout = broker.HandoutVirtual
	s.Stack = stacktest.New(b, stacktest.Config{Mode: wechat.Classic, Virtual: codec, Clients: []*broker.Client{s.real, s.opaque}})
	s.Gateway, err = New(Config{
		Service: s.Service, Platforms: []broker.Platform{wechat.Platform(platform.NewCaller(s.canned))}, Transport: s.canned,
		Meter: quota.New(quota.Config{}), Logger: s.Logger, Registerer: s.Metrics,
	})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = s.Close(context.WithoutCancel(b.Context())) })
	return s
}

// shown is the token that a client is handed out.
func (s *benchStack) shown(b *testing.B, c *broker.Client) broker.Secret {
	b.Helper()
	t, err := s.Service.Read(b.Context(), broker.Caller{Client: c}, stacktest.App, broker.AccessToken, 0)
	if err != nil {
		b.Fatal(err)
	}
	return t.Secret
}

func benchRequest(b *testing.B, query string) *http.Request {
	b.Helper()
	r := httptest.NewRequestWithContext(b.Context(), http.MethodGet, benchPath+"?openid=o6_bmjrPTlm6_2sgVt7hMZOPfL2M"+query, nil)
	r.Header.Set("User-Agent", "bench")
	r.Header.Set("Accept", "application/json")
	r.Header.Set("Accept-Encoding", "gzip")
	return r
}

// BenchmarkCall passes calls on, through each door, beside a proxy that only changes the
// host.
func BenchmarkCall(b *testing.B) {
	s := newBenchStack(b)
	run := func(name, query string, serve func(w http.ResponseWriter, r *http.Request)) {
		b.Run(name, func(b *testing.B) {
			proto := benchRequest(b, query)
			b.ReportAllocs()
			for b.Loop() {
				serve(&quiet{header: http.Header{}}, proto.WithContext(proto.Context()))
			}
		})
	}
	to, err := url.Parse(stacktest.BaseURL)
	if err != nil {
		b.Fatal(err)
	}
	proxy := &httputil.ReverseProxy{
		Transport: s.canned, BufferPool: newBufferPool(),
		Rewrite: func(p *httputil.ProxyRequest) { p.Out.URL.Scheme, p.Out.URL.Host, p.Out.Host = to.Scheme, to.Host, "" },
	}
	run("proxy", "", proxy.ServeHTTP)
	key, caller := broker.NewSecret(stacktest.Key("caller")), broker.Caller{Client: s.real, Remote: "192.0.2.1:1234", RequestID: "r-1"}
	run("key", "", func(w http.ResponseWriter, r *http.Request) {
		if err := s.Call(w, r, caller, key, stacktest.App, benchPath); err != nil { //nolint:contextcheck // the request has it
			b.Fatal(err)
		}
	})
	for _, c := range []*broker.Client{s.real, s.opaque} {
		run(string(c.Handout), "&access_token="+s.shown(b, c).Reveal(), func(w http.ResponseWriter, r *http.Request) {
			s.Forward(w, r, "", benchPath, "r-1") //nolint:contextcheck // as above
		})
	}
}

// BenchmarkReplay makes calls that are rejected for their token, which somebody else has
// had replaced meanwhile, beside calls that are not.
func BenchmarkReplay(b *testing.B) {
	s := newBenchStack(b)
	k := broker.Key{App: stacktest.App, Kind: broker.AccessToken}
	dead, err := s.Manager.Token(b.Context(), k)
	if err != nil {
		b.Fatal(err)
	}
	live, err := s.Manager.Renew(b.Context(), k, dead.Version)
	if err != nil || live.Version == dead.Version {
		b.Fatal(live.Version, err)
	}
	s.canned.dead = dead.Secret.Reveal()
	for _, c := range []struct {
		name string
		tok  broker.Token
	}{{"accepted", live}, {"rejected", dead}} {
		b.Run(c.name, func(b *testing.B) {
			x, err := s.keyed(benchRequest(b, ""), broker.Caller{Client: s.real, RequestID: "r-1"}, broker.Secret{}, stacktest.App, benchPath)
			if err != nil {
				b.Fatal(err)
			}
			if x.url, err = s.base(x.app, x.platform, benchPath); err != nil {
				b.Fatal(err)
			}
			_, r := s.patient(&quiet{}, benchRequest(b, ""), x)
			b.ReportAllocs()
			for b.Loop() {
				x.token, x.kind = c.tok, broker.AccessToken
				resp, err := s.RoundTrip(r) //nolint:bodyclose // nothing is behind it
				if err != nil || resp.ContentLength != int64(len(cannedUser)) {
					b.Fatal(resp, err)
				}
			}
		})
	}
}
