package whole_test

import (
	"net/http"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/platform/declared"
)

// Where a credential can stand in a call of a platform.
const (
	inQuery  = "query"
	inHeader = "header"
	inJSON   = "json"
	inForm   = "form"
)

// site is what is known from outside of one of the platforms: how it is called.
type site struct {
	name  string
	below string // where it is at the sandbox; "": it is not there, or is the root
	// tokens are its token paths, tickets those that a token opens.
	tokens  []secretPath
	tickets []tokenPath
	// calls are opened by an app's token, users by a user's.
	calls []tokenPath
	users []tokenPath
	// exchanges give what is a user's for a code.
	exchanges []secretPath
}

// secretPath is a path that is opened by an id and a secret.
type secretPath struct {
	method, path string
	in           string // query, json or form
	id, secret   string // the names of the fields
	more         map[string]string
	basic        bool // callers may show both by HTTP Basic
	kind         broker.Kind
}

// tokenPath is a path that is opened by a token.
type tokenPath struct {
	method, path string
	name         string // of the query parameter, or of the header, where it begins with a capital letter
	scheme       string // before it
	more         []string
	kind         broker.Kind // of the ticket that it gives
	opener       broker.Kind // where it is not the access token
}

func (p tokenPath) inHeader() bool { return p.name[0] >= 'A' && p.name[0] <= 'Z' }

const (
	bearerName   = "Authorization"
	dingtalkName = "X-Acs-Dingtalk-Access-Token"
)

func queried(method, path string, more ...string) tokenPath {
	return tokenPath{method: method, path: path, name: "access_token", more: more}
}

func headed(method, path, name string) tokenPath {
	p := tokenPath{method: method, path: path, name: name}
	if name == bearerName {
		p.scheme = "Bearer "
	}
	return p
}

func (p tokenPath) gives(k broker.Kind) tokenPath {
	p.kind = k
	return p
}

func (p tokenPath) by(k broker.Kind) tokenPath {
	p.opener = k
	return p
}

// sites are the platforms, from their documentation and not from the server's tables.
func sites() []*site {
	credentials := map[string]string{"grant_type": "client_credentials"}
	session := secretPath{method: "GET", path: "/sns/jscode2session", in: inQuery, id: "appid", secret: "secret", more: map[string]string{"grant_type": "authorization_code", "js_code": "c1"}}
	open := func(name string) *site {
		return &site{
			name: name, below: "/" + name,
			tokens: []secretPath{
				{method: "POST", path: "/open-apis/auth/v3/tenant_access_token/internal", in: inJSON, id: "app_id", secret: "app_secret", kind: broker.AccessToken},
				{method: "POST", path: "/open-apis/auth/v3/app_access_token/internal", in: inJSON, id: "app_id", secret: "app_secret", kind: broker.AppAccessToken},
				{method: "POST", path: "/oauth/v3/token", in: inForm, id: "client_id", secret: "client_secret", more: credentials, basic: true, kind: broker.AccessToken},
			},
			tickets: []tokenPath{headed("POST", "/open-apis/jssdk/ticket/get", bearerName).gives(broker.JSAPITicket)},
			calls: []tokenPath{
				headed("GET", "/open-apis/bot/v3/info", bearerName), headed("POST", "/open-apis/im/v1/messages", bearerName),
				headed("POST", "/open-apis/authen/v1/access_token", bearerName).by(broker.AppAccessToken),
			},
			users:     []tokenPath{headed("GET", "/open-apis/authen/v1/user_info", bearerName)},
			exchanges: []secretPath{{method: "POST", path: "/open-apis/authen/v2/oauth/token", in: inJSON, id: "client_id", secret: "client_secret"}},
		}
	}
	return []*site{
		{
			name: "wechat",
			tokens: []secretPath{
				{method: "GET", path: "/cgi-bin/token", in: inQuery, id: "appid", secret: "secret", more: map[string]string{"grant_type": "client_credential"}, kind: broker.AccessToken},
				{method: "POST", path: "/cgi-bin/stable_token", in: inJSON, id: "appid", secret: "secret", more: map[string]string{"grant_type": "client_credential"}, kind: broker.AccessToken},
			},
			tickets:   []tokenPath{queried("GET", "/cgi-bin/ticket/getticket", "type", "jsapi").gives(broker.JSAPITicket)},
			calls:     []tokenPath{queried("GET", "/cgi-bin/user/get"), queried("POST", "/cgi-bin/menu/create")},
			users:     []tokenPath{queried("GET", "/sns/userinfo")},
			exchanges: []secretPath{session},
		},
		{
			name: "wecom", below: "/wecom",
			tokens: []secretPath{{method: "GET", path: "/cgi-bin/gettoken", in: inQuery, id: "corpid", secret: "corpsecret", kind: broker.AccessToken}},
			tickets: []tokenPath{
				queried("GET", "/cgi-bin/get_jsapi_ticket").gives(broker.JSAPITicket),
				queried("GET", "/cgi-bin/ticket/get", "type", "agent_config").gives(broker.AgentConfigTicket),
			},
			calls: []tokenPath{queried("GET", "/cgi-bin/agent/get"), queried("GET", "/cgi-bin/user/get"), queried("POST", "/cgi-bin/message/send")},
		},
		open("feishu"), open("lark"),
		{
			name: "dingtalk", below: "/dingtalk",
			tokens: []secretPath{
				{method: "GET", path: "/gettoken", in: inQuery, id: "appkey", secret: "appsecret", kind: broker.AccessToken},
				{method: "POST", path: "/v1.0/oauth2/accessToken", in: inJSON, id: "appKey", secret: "appSecret", kind: broker.AccessToken},
				{method: "POST", path: "/v1.0/oauth2/" + corpID + "/token", in: inJSON, id: "client_id", secret: "client_secret", more: credentials, kind: broker.AccessToken},
			},
			tickets: []tokenPath{
				queried("GET", "/get_jsapi_ticket").gives(broker.JSAPITicket), headed("POST", "/v1.0/oauth2/jsapiTickets", dingtalkName).gives(broker.JSAPITicket),
			},
			calls: []tokenPath{
				queried("GET", "/auth/scopes"), queried("POST", "/topapi/v2/user/get"),
				headed("GET", "/v1.0/microApp/allApps", dingtalkName), headed("POST", "/v1.0/robot/oToMessages/batchSend", dingtalkName),
			},
			users:     []tokenPath{headed("GET", "/v1.0/contact/users/me", dingtalkName)},
			exchanges: []secretPath{{method: "POST", path: "/v1.0/oauth2/userAccessToken", in: inJSON, id: "clientId", secret: "clientSecret"}},
		},
		{
			name: "qq", below: "/qq",
			tokens:    []secretPath{{method: "GET", path: "/api/getToken", in: inQuery, id: "appid", secret: "secret", more: map[string]string{"grant_type": "client_credential"}, kind: broker.AccessToken}},
			calls:     []tokenPath{queried("GET", "/api/getPaidUnionId"), queried("POST", "/api/json/security/MsgSecCheck")},
			users:     []tokenPath{queried("GET", "/sns/userinfo")}, // as on WeChat, for all that is known
			exchanges: []secretPath{session},
		},
		{
			name: "oauth2", below: "/oauth2",
			tokens: []secretPath{{method: "POST", path: "/oauth2/token", in: inForm, id: "client_id", secret: "client_secret", more: credentials, basic: true, kind: broker.AccessToken}},
			calls:  []tokenPath{headed("GET", "/v1/me", bearerName), headed("POST", "/v1/customers", bearerName)},
		},
		{
			name:      acmeName,
			tokens:    []secretPath{{method: "POST", path: "/auth/token", in: inJSON, id: "app", secret: "key", more: map[string]string{"tenant": "t1"}, kind: broker.AccessToken}},
			calls:     []tokenPath{headed("GET", "/ping", bearerName), headed("POST", "/things", bearerName)},
			users:     []tokenPath{headed("GET", "/me", bearerName)},
			exchanges: []secretPath{{method: "POST", path: "/auth/session", in: inForm, id: "app", secret: "key"}},
		},
	}
}

const (
	acmeName = "acme"
	corpID   = "ding00000000000000aa"
)

// acmeDefinition is the platform that a configuration describes.
func acmeDefinition() declared.Definition {
	return declared.Definition{
		Name: acmeName, BaseURL: "https://api.acme.test", Params: []broker.Param{{Name: "tenant", Required: true}},
		Modes: []declared.Mode{{Name: "token", Tokens: []declared.Token{{
			Kind:     broker.AccessToken,
			Request:  declared.Request{Method: http.MethodPost, Path: "/auth/token", JSON: map[string]string{"app": "{app_id}", "key": "{secret}", "tenant": "{param.tenant}"}},
			Answer:   declared.Answer{Token: "data.token", Lifetime: "data.ttl", Extra: map[string]string{"code": "0"}},
			Rotation: broker.Rotation{Family: broker.Eager, Lifetime: 2 * time.Hour, Overlap: 5 * time.Minute, Limits: broker.Limits{PerDay: 2000, Unplanned: 100}},
			DropIn:   "token",
		}}}},
		Surfaces: []declared.Surface{{
			Attach: declared.Place{Header: bearerName, Scheme: "Bearer"},
			Errors: declared.Errors{Code: []string{"code"}, OK: []string{"0"}, Message: []string{"msg"}},
		}},
		Codes:     []declared.Code{{Code: "4001", At: declared.AtCall, Name: "token_rejected", Class: broker.Transient, Says: "the token is not good", Hint: "get another one", Rejects: true}},
		Words:     map[string]declared.Word{"": {Code: "9999", Message: "refused"}},
		Check:     &declared.Check{Method: http.MethodGet, Path: "/ping"},
		Exchanges: []declared.Exchange{{Method: http.MethodPost, Path: "/auth/session", In: inForm, AppID: "app", Secret: "key", Tokens: []string{"token"}}},
		Users:     []string{"/me"},
	}
}
