package httpapi

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/hufu-io/hufu/api"
	"github.com/hufu-io/hufu/internal/access"
	"github.com/hufu-io/hufu/internal/broker"
)

// TestATokenIsWrittenAsEncodingJSONWouldDo holds the short way against the ordinary
// one, for tokens of any characters and any instant.
func TestATokenIsWrittenAsEncodingJSONWouldDo(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		now := time.Unix(rapid.Int64Range(0, 1<<34).Draw(t, "seconds"), rapid.Int64Range(0, 999_999_999).Draw(t, "nanoseconds"))
		held := access.Held{
			Token: broker.Token{
				Key:     broker.Key{App: rapid.String().Draw(t, "app"), Kind: broker.Kind(rapid.String().Draw(t, "kind"))},
				Secret:  broker.NewSecret(string(rapid.SliceOf(rapid.Byte()).Draw(t, "token"))),
				Version: broker.Version(rapid.Int64().Draw(t, "version")),
				Until:   now.Add(time.Duration(rapid.Int64Range(-1e12, 1e14).Draw(t, "promise"))),
			},
			Now: now,
		}
		want, err := json.Marshal(tokenOf(&held))
		if err != nil {
			t.Fatal(err)
		}
		if got := string(appendToken(nil, &held)); got != string(want)+"\n" {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	})
}

// FuzzHotPath holds the short way's reading of paths against that of http.ServeMux.
func FuzzHotPath(f *testing.F) {
	for _, seed := range []string{
		"/v1/apps/shop/tokens/access_token", "/v1/apps//tokens/x", "/v1/apps/shop/tokens/", "/v1/apps/a/b/tokens/x", "/v1/apps/shop/tokens/x/renew",
		"/v1/apps/../tokens/x", "/v1/apps/./tokens/.", "/v1/apps/a/tokens/..", "/v1/apps/tokens/tokens/tokens",
	} {
		f.Add(seed)
	}
	var app, kind string
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/apps/{app}/tokens/{kind}", func(_ http.ResponseWriter, r *http.Request) {
		app, kind = r.PathValue("app"), r.PathValue("kind")
	})
	f.Fuzz(func(t *testing.T, path string) {
		if !strings.HasPrefix(path, "/") || strings.ContainsAny(path, "%?# \x00\r\n\t") {
			return
		}
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.URL.Path = path
		app, kind = "", ""
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, r)
		gotApp, gotKind, ok := hotPath(path)
		switch {
		case ok && w.Code == http.StatusOK && (gotApp != app || string(gotKind) != kind):
			t.Errorf("%q is app %q, kind %q for the mux, and %q, %q for the hot path", path, app, kind, gotApp, gotKind)
		case !ok && w.Code == http.StatusOK && !strings.Contains(app+kind, "/"):
			t.Errorf("%q is not taken by the hot path, but app %q, kind %q for the mux", path, app, kind)
		case ok && w.Code != http.StatusOK && broker.ValidAppID(gotApp) && gotKind == broker.AccessToken:
			t.Errorf("%q is app %q, kind %q for the hot path, and %d for the mux", path, gotApp, gotKind, w.Code)
		}
	})
}

// FuzzIfNoneMatch feeds what strangers put into a header. Whatever it is, it is a
// version or nothing.
func FuzzIfNoneMatch(f *testing.F) {
	for _, seed := range []string{"", `"17"`, `W/"17"`, `17`, `"17","18"`, `*`, `"-1"`, `"9999999999999999999999"`, `"""17"""`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header["If-None-Match"] = []string{value}
		if v, ok := ifNoneMatch(r); ok && v <= 0 {
			t.Errorf("%q is read as version %d", value, v)
		}
	})
}

// FuzzDecode feeds bodies. Whatever is accepted is one JSON object of the right shape;
// whatever is not is refused without quoting more of it than a field's name.
func FuzzDecode(f *testing.F) {
	for _, seed := range []string{"", "{}", `{"version":17}`, `{"version":"17"}`, `{"token":"x"}{}`, `{"x":1}`, "[]", "null", `{"token":` + strings.Repeat("[", 100)} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(string(body)))
		var req api.RenewRequest
		err := decode(r, &req)
		if err == nil && !json.Valid(body) {
			t.Errorf("%q was accepted", body)
		}
		if err != nil && broker.AsError(err).Class != broker.Invalid {
			t.Errorf("%q: %v", body, err)
		}
	})
}

func TestRequestIDsTellProcessesApart(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for range 100 {
		ids := newRequestIDs()
		for range 100 {
			id := ids.next()
			if seen[id] || len(id) > 32 {
				t.Fatalf("id %q", id)
			}
			seen[id] = true
		}
	}
}
