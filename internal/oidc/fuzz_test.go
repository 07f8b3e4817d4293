package oidc_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// FuzzStrangers sends what strangers may send, to every endpoint: nobody but a client with its
// key gets anything, and nothing breaks.
func FuzzStrangers(f *testing.F) {
	for _, seed := range [][3]string{
		{"/oauth/shop/oidc/authorize", "client_id=forum&redirect_uri=https%3A%2F%2Fwww.example.com%2Flogin%2Fcb&response_type=code&scope=openid", ""},
		{"/oauth/shop/oidc/authorize", "client_id=forum&redirect_uri=//evil.example.com&response_type=code&scope=openid&prompt=none&max_age=-1", ""},
		{"/oauth/shop/oidc/token", "grant_type=authorization_code&code=" + strings.Repeat("A", 43), "Basic Zm9ydW06eA=="},
		{"/oauth/shop/oidc/userinfo", "access_token=ho1_AAAA", "Bearer ho1_" + strings.Repeat("A", 200)},
		{"/oauth/shop/.well-known/openid-configuration", "", ""},
	} {
		f.Add(seed[0], seed[1], seed[2])
	}
	s := start(f)
	f.Fuzz(func(t *testing.T, path, form, authorization string) {
		if !s.replicas[0].Serves(path) {
			return
		}
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			r := httptest.NewRequestWithContext(t.Context(), method, "/", strings.NewReader(form))
			r.URL.Path, r.URL.RawQuery = path, ""
			if method == http.MethodGet {
				r.URL.RawQuery = form
			}
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			r.Header["Authorization"] = []string{authorization}
			w := httptest.NewRecorder()
			s.replicas[0].ServeHTTP(w, r)
			to := w.Header().Get("Location")
			public := strings.HasSuffix(path, "/openid-configuration") || strings.HasSuffix(path, "/keys")
			switch {
			case w.Code == http.StatusOK && !public:
				t.Errorf("%s %s: %s", method, path, w.Body)
			case to != "" && !strings.HasPrefix(to, "/wechat?") && !strings.HasPrefix(to, "https://www.example.com/login/"):
				t.Errorf("%s %s: the browser is sent to %s", method, path, to)
			}
		}
	})
}
