package feishu_test

import (
	"net/http"
	"testing"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/platform/feishu"
)

// I8: users' tokens are known where the older paths give them, and the tenant's own is never
// put in the place of one that is not known.
func TestI8UsersTokensAreToldFromTheTenants(t *testing.T) {
	t.Parallel()
	up := feishu.Platform(nil).Upstream
	resp := &http.Response{StatusCode: http.StatusOK, Header: http.Header{}}
	for _, path := range []string{
		"/open-apis/authen/v1/access_token", "/open-apis/authen/v1/refresh_access_token", "/open-apis/authen/v1/oidc/access_token",
		"/open-apis/authen/v1/oidc/refresh_access_token", "/open-apis/mina/v2/tokenLoginValidate",
	} {
		if r := up.Route(path); r.Kind != broker.AppAccessToken {
			t.Errorf("%s: %+v", path, r)
		}
		if j := up.Judge(path, resp, []byte(`{"code":0,"msg":"ok","data":{"access_token":"u-1","refresh_token":"ur-1"}}`)); len(j.Users) != 2 {
			t.Errorf("%s gives %d tokens of users", path, len(j.Users))
		}
	}
	if !up.Route("/open-apis/contact/v3/users/ou_1").Either {
		t.Error("a call with an unknown token would be made as the tenant")
	}
}
