package declared_test

import (
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/platform"
	"github.com/hufu-io/hufu/internal/platform/declared"
)

func TestARequestIsMadeAsDescribed(t *testing.T) {
	t.Parallel()
	s := &server{answers: []string{`200 {"code":"0","data":{"token":"` + given + `","ttl":"60"}}`}}
	p, app := build(t, modern(), s), testApp(modern())
	app.Params = map[string]string{"tenant": "t/7", "region": "eu"}
	got, err := p.Kinds("")[broker.AccessToken].Issuer.Issue(t.Context(), request(app, broker.AccessToken))
	if err != nil || got.Token.Reveal() != given || got.Lifetime != time.Minute {
		t.Fatalf("%v for %v, %v", got.Token.Reveal(), got.Lifetime, err)
	}
	r := s.seen[0]
	if r.Method != http.MethodPost || r.URL.String() != "https://api.modern.test/v2/t%2F7/Token" || r.Header.Get("X-Region") != "eu" || r.Header.Get("Content-Type") != "application/json" {
		t.Errorf("%s %s with %v", r.Method, r.URL, r.Header)
	}
	if want := `{"app":"the-app","grant_type":"client","key":"5e4f0c2b9d7a41d8"}`; s.body[0] != want {
		t.Errorf("sent %s, want %s", s.body[0], want)
	}

	s = &server{answers: []string{`200 {"access_token":"` + given + `","expires_in":60}`}}
	if _, err := build(t, standard(), s).Kinds("basic")[broker.AccessToken].Issuer.Issue(t.Context(), request(testApp(standard()), broker.AccessToken)); err != nil {
		t.Fatal(err)
	}
	id, secret, ok := s.seen[0].BasicAuth()
	if !ok || id != appID || secret != appSecret || s.body[0] != "grant_type=client_credentials" || s.seen[0].Header.Get("Content-Type") != "application/x-www-form-urlencoded" {
		t.Errorf("sent %s with %v", s.body[0], s.seen[0].Header)
	}
}

func TestAnswersAreReadAsDescribed(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]struct {
		lifetime time.Duration
		code     string // of the error
		unknown  bool
	}{
		`200 {"code":0,"data":{"token":"` + given + `","ttl":60}}`:                      {lifetime: time.Minute},
		`200 {"code":0.0,"data":{"token":"` + given + `","ttl":60}}`:                    {lifetime: time.Minute},
		`200 {"code":" success ","data":{"token":"` + given + `"}}`:                     {lifetime: time.Hour},
		`200 {"code":0,"data":{"token":"` + given + `","ttl":null}}`:                    {lifetime: time.Hour},
		`200 {"data":{"code":"0","token":"` + given + `","ttl":60}}`:                    {lifetime: time.Minute},
		`200 {"code":0,"data":{"token":"` + given + `","ttl":0}}`:                       {code: platform.CodeGarbage, unknown: true},
		`200 {"data":{"token":"` + given + `","ttl":60}}`:                               {code: platform.CodeGarbage, unknown: true},
		`200 {"code":[],"data":{"token":"` + given + `","ttl":60}}`:                     {code: platform.CodeGarbage, unknown: true},
		`200 {"code":"","data":{"token":"` + given + `","ttl":60}}`:                     {code: platform.CodeGarbage, unknown: true},
		`200 {"code":0,"data.token":"` + given + `","data.ttl":60}`:                     {code: platform.CodeGarbage, unknown: true},
		`200 {"code":0,"data":"` + given + `"}`:                                         {code: platform.CodeGarbage, unknown: true},
		`200 {"code":4001,"data":{"token":"` + given + `","ttl":60}}`:                   {code: "wrong_secret"},
		`200 {"code":"4001","msg":"no"}`:                                                {code: "wrong_secret"},
		`200 {"code":4.001e3,"msg":"no"}`:                                               {code: "wrong_secret"},
		`200 {"code":-1,"msg":"no"}`:                                                    {code: "system_busy", unknown: true},
		`200 {"code":"new"}`:                                                            {code: "platform_refused"},
		`429 {"code":"new"}`:                                                            {code: platform.CodeHTTP429},
		`403 {"code":0,"data":{"token":"` + given + `","ttl":60}}`:                      {code: platform.CodeHTTP4xx},
		`403 {"code":{},"message":"a proxy"}`:                                           {code: platform.CodeHTTP4xx},
		`502 {"code":4001}`:                                                             {code: platform.CodeHTTP5xx, unknown: true},
		`401 {"code":4001,"data":{"token":"` + given + `"},"msg":"5e4f0c2b9d7a41d8 !"}`: {code: "wrong_secret"},
	} {
		s := &server{answers: []string{body}}
		got, err := build(t, modern(), s).Kinds("token")[broker.AccessToken].Issuer.Issue(t.Context(), request(testApp(modern()), broker.AccessToken))
		if want.code == "" {
			if err != nil || got.Lifetime != want.lifetime || got.Token.Reveal() != given {
				t.Errorf("%s: %v for %v, %v", body, got.Token.Reveal(), got.Lifetime, err)
			}
			continue
		}
		e, ok := errors.AsType[*broker.Error](err)
		if !ok || e.Code != want.code || e.Unknown != want.unknown || e.Hint == "" || !got.Token.IsZero() {
			t.Errorf("%s: %v, %+v; want %s", body, err, e, want.code)
		}
	}
}

func TestTheBuiltDefinitionsHaveNoFault(t *testing.T) {
	t.Parallel()
	for _, d := range []declared.Definition{modern(), standard()} {
		if err := d.Err(); err != nil {
			t.Error(err)
		}
	}
}
