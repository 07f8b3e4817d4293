package client_test

import (
	"io"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hufu-io/hufu/api"
)

// Some answers are taken out of what they come in.
func TestAnswersAboutUsersAreTakenOutOfWhatTheyComeIn(t *testing.T) {
	t.Parallel()
	answers := map[string]string{
		"GET /v1/apps/shop/users/o ":    `{"grants":[{"app":"shop","openid":"o","scope":"s","kind":"s","snapshot_user":true,"version":3}]}`,
		"DELETE /v1/apps/shop/users/o ": `{"deleted":2}`,
		`POST /v1/apps/shop/users/import {"users":[{"openid":"o","scope":"s","refresh_token":"r"}]}`: `{"results":[{"openid":"o","kind":"s","result":"imported"}]}`,
		`POST /v1/apps/shop/sessions/o/verify {"raw_data":"d","signature":"s"}`:                      `{"valid":true}`,
		`POST /v1/apps/shop/sessions/o/decrypt {"encrypted_data":"e","iv":"i"}`:                      `{"data":{"a":1}}`,
	}
	c := newClient(t, func(w http.ResponseWriter, r *http.Request) {
		var body []byte
		if r.Body != nil {
			body, _ = io.ReadAll(r.Body)
		}
		answer, ok := answers[r.Method+" "+r.URL.Path+" "+string(body)]
		if !ok {
			t.Errorf("asked %s %s %s", r.Method, r.URL.Path, body)
		}
		_, _ = io.WriteString(w, answer)
	})
	grants, err := c.User(t.Context(), "shop", "o")
	want := []api.Grant{{User: api.User{App: "shop", OpenID: "o", Scope: "s", Kind: "s", SnapshotUser: true}, Version: 3}}
	if d := cmp.Diff(want, grants); err != nil || d != "" {
		t.Errorf("%v (-want +got):\n%s", err, d)
	}
	if n, err := c.DeleteUser(t.Context(), "shop", "o"); n != 2 || err != nil {
		t.Error(n, err)
	}
	got, err := c.ImportUsers(t.Context(), "shop", []api.ImportedUser{{OpenID: "o", Scope: "s", RefreshToken: "r"}})
	if d := cmp.Diff([]api.Imported{{OpenID: "o", Kind: "s", Result: api.ImportDone}}, got); err != nil || d != "" {
		t.Errorf("%v (-want +got):\n%s", err, d)
	}
	if valid, err := c.Verify(t.Context(), "shop", "o", "d", "s"); !valid || err != nil {
		t.Error(valid, err)
	}
	if data, err := c.Decrypt(t.Context(), "shop", "o", "e", "i"); string(data) != `{"a":1}` || err != nil {
		t.Errorf("%s, %v", data, err)
	}
}
