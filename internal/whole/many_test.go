package whole_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/platform/declared"
	"github.com/hufu-io/hufu/internal/registry"
	"github.com/hufu-io/hufu/internal/sandbox"
	"github.com/hufu-io/hufu/internal/store/memstore"
	"github.com/hufu-io/hufu/internal/whole"
)

// foreign is a token of nobody here.
const foreign sort = "foreign"

// Where the oauth2 apps are: tokens come from the one host, calls go to the other.
const (
	loginHost = "login.crm.test"
	apiHost   = "api.crm.test"
)

// reg is one of our apps, and what it is registered as at its platform.
type reg struct {
	id, appID, mode string
	site            *site
	agent           string // of a corp of WeCom
	secret          string
	params          map[string]string
}

// key is what the sandbox calls it.
func (a *reg) key() string {
	if a.agent != "" {
		return a.appID + ":" + a.agent
	}
	return a.appID
}

func (a *reg) String() string { return a.id }

// kinds are those of its tokens.
func (a *reg) kinds() []broker.Kind {
	var kinds []broker.Kind
	for _, p := range a.site.tokens {
		kinds = append(kinds, p.kind)
	}
	for _, p := range a.site.tickets {
		kinds = append(kinds, p.kind)
	}
	slices.Sort(kinds)
	return slices.Compact(kinds)
}

// arrival is a call that reached a platform.
type arrival struct {
	site  *site
	path  string
	creds []*cred // all that were in it, wherever
}

// many is a server among several platforms, each at its own hosts.
type many struct {
	*whole.Server
	box     *sandbox.Sandbox
	sites   []*site
	regs    []*reg
	clients []*client
	store   *memstore.Store
	keys    *whole.Keys
	starts  int

	mu      sync.Mutex
	desk    *desk
	put     *cred     // what the call under way brings along
	loose   bool      // it stands where no platform looks for one
	came    []arrival // what reached the platforms because of it
	faults  []string
	byValue map[string]*cred // all that there are
	creds   []*cred          // those that somebody outside has
	told    map[string]bool  // users' tokens that this server has handed out since it started
}

const firstRefresh = "refresh-token-to-begin-with-0123456789"

func newMany(t rapid.TB, keys *whole.Keys) *many {
	m := &many{
		keys: keys, store: memstore.New(memstore.Config{}), box: sandbox.New(sandbox.Config{}), sites: sites(), desk: newDesk(),
		byValue: map[string]*cred{}, told: map[string]bool{},
	}
	const qqAndWeChat, feishuAndLark, crmAndAcme = "1100000001", "cli_00000000000000aa", "client-0001"
	m.regs = []*reg{
		{id: "hr", site: m.site("wecom"), appID: "ww000000000000aa", mode: "token", agent: "1000001", params: map[string]string{"agent_id": "1000001"}},
		{id: "sales", site: m.site("wecom"), appID: "ww000000000000aa", mode: "token", agent: "1000002", params: map[string]string{"agent_id": "1000002"}},
		{id: "fs", site: m.site("feishu"), appID: feishuAndLark, mode: "classic"},
		{id: "lk", site: m.site("lark"), appID: feishuAndLark, mode: "classic"},
		{id: "ding", site: m.site("dingtalk"), appID: "ding0000000000000bb", mode: "v1", params: map[string]string{"corp_id": corpID}},
		{id: "game", site: m.site("qq"), appID: qqAndWeChat, mode: "token"},
		{id: "wx", site: m.site("wechat"), appID: qqAndWeChat, mode: "stable"},
		{id: "crm", site: m.site("oauth2"), appID: crmAndAcme, mode: "refresh_token"},
		{id: "erp", site: m.site("oauth2"), appID: "client-0002", mode: "client_credentials"},
		{id: "acme", site: m.site(acmeName), appID: crmAndAcme, mode: "token", params: map[string]string{"tenant": "t1"}},
	}
	all := broker.Rights(allRights)
	m.clients = []*client{
		{name: "office", rights: all, apps: []string{"hr", "ding", "fs"}},
		{name: "corp", rights: all, apps: []string{"hr", "sales", "game"}},
		{name: "opaque", rights: all, apps: []string{"hr", "lk", "ding", "crm", "acme"}, virtual: true},
		{name: "caller", rights: broker.Rights(broker.Call), apps: []string{"sales", "fs", "wx", "erp"}, virtual: true},
		{name: "reader", rights: broker.Rights(broker.Read), apps: []string{"game", "crm", "acme", "lk"}},
		{name: "all", rights: all, apps: []string{"*"}},
		{name: "admin", rights: broker.Rights(broker.Admin), apps: []string{"*"}},
	}
	for _, c := range m.clients {
		c.key = c.name + "-key-0123456789abcdef0123456789abcdef"
		m.hold(&cred{sort: clientKey, client: c.name, value: c.key})
	}
	for i, a := range m.regs {
		a.secret = fmt.Sprintf("secret-%02d-0123456789abcdef0123456789abcdef", i)
		m.hold(&cred{sort: theSecret, app: a.id, value: a.secret})
		if a.site.name != acmeName {
			company := ""
			if a.site.name == "dingtalk" {
				company = corpID
			}
			m.box.AddApp(sandbox.App{Platform: a.site.name, ID: a.appID, Agent: a.agent, Secret: a.secret, Company: company})
		}
	}
	if err := m.box.Of("oauth2").Authorize(m.reg("crm").appID, firstRefresh); err != nil {
		t.Fatal(err)
	}
	m.hold(&cred{sort: sandbox.RefreshToken, app: "crm", value: firstRefresh})
	m.hold(&cred{sort: foreign, value: "t-foreign-0123456789abcdef0123456789abcdef"})
	m.restart(t)
	return m
}

func (m *many) restart(t rapid.TB) {
	if m.Server != nil {
		m.close(t)
	}
	m.starts++
	m.told = map[string]bool{}
	cfg := whole.Config{
		Holder: fmt.Sprint("server-", m.starts), Store: m.store, Keys: m.keys, Platforms: m, Described: []declared.Definition{acmeDefinition()},
	}
	for _, a := range m.regs {
		x := &broker.App{
			ID: a.id, Platform: a.site.name, AppID: a.appID, Mode: a.mode, Secrets: []broker.Secret{broker.NewSecret(a.secret)}, Params: a.params, Origin: broker.FromFile,
		}
		if a.site.name == "oauth2" {
			x.OAuth2, x.BaseURL = &broker.OAuth2{TokenURL: "https://" + loginHost + "/token"}, "https://"+apiHost
		}
		if a.mode == "refresh_token" {
			x.Refresh = broker.NewSecret(firstRefresh)
		}
		cfg.Apps = append(cfg.Apps, x)
	}
	for _, c := range m.clients {
		x := &broker.Client{Name: c.name, Key: registry.HashKey(c.key), Apps: c.apps, Rights: c.rights, Handout: broker.HandoutReal, Origin: broker.FromFile}
		if c.virtual {
			x.Handout = broker.HandoutVirtual
		}
		cfg.Clients = append(cfg.Clients, x)
	}
	var err error
	if m.Server, err = whole.New(context.Background(), cfg); err != nil {
		t.Fatal(err)
	}
}

func (m *many) close(t rapid.TB) {
	if err := m.Close(context.Background()); err != nil {
		t.Error(err)
	}
}

// inMany runs a test on a server whose tokens are there, and looks at what came to the platforms.
func inMany(t *testing.T, f func(*testing.T, *many)) {
	t.Helper()
	keys := testKeys(t)
	synctest.Test(t, func(t *testing.T) {
		m := newMany(t, keys)
		defer m.close(t)
		time.Sleep(time.Second)
		synctest.Wait()
		f(t, m)
		m.check(t)
	})
}

func (m *many) site(name string) *site {
	return m.sites[slices.IndexFunc(m.sites, func(s *site) bool { return s.name == name })]
}

// reg is the app of an id of ours; nil.
func (m *many) reg(id string) *reg {
	i := slices.IndexFunc(m.regs, func(a *reg) bool { return a.id == id })
	if i < 0 {
		return nil
	}
	return m.regs[i]
}

func (m *many) client(name string) *client {
	return m.clients[slices.IndexFunc(m.clients, func(c *client) bool { return c.name == name })]
}

// keyOf is the client whose key a credential is; nil.
func (m *many) keyOf(c *cred) *client {
	if c.sort != clientKey {
		return nil
	}
	return m.client(c.client)
}

// opensCalls reports whether tokens of a kind open calls, so that virtual ones stand for them.
func opensCalls(kind broker.Kind) bool {
	return kind == broker.AccessToken || kind == broker.AppAccessToken
}

// mayHaveKind is the right to be handed an app's token of a kind, or what stands for it.
func (k *client) mayHaveKind(app string, kind broker.Kind) bool {
	if k.virtual && opensCalls(kind) {
		return k.may(broker.Call, app)
	}
	return k.may(broker.Read, app)
}

// hold notes a credential that somebody outside has.
func (m *many) hold(c *cred) *cred {
	m.mu.Lock()
	defer m.mu.Unlock()
	if was := m.byValue[c.value]; was != nil {
		c = was
	}
	m.byValue[c.value] = c
	if !slices.Contains(m.creds, c) {
		m.creds = append(m.creds, c)
	}
	return c
}

// hosts are those of the platforms.
func (m *many) host(host string) *site {
	name := map[string]string{
		"api.weixin.qq.com": "wechat", "qyapi.weixin.qq.com": "wecom", "open.feishu.cn": "feishu", "accounts.feishu.cn": "feishu",
		"open.larksuite.com": "lark", "accounts.larksuite.com": "lark", "api.dingtalk.com": "dingtalk", "oapi.dingtalk.com": "dingtalk",
		"api.q.qq.com": "qq", loginHost: "oauth2", apiHost: "oauth2", "api.acme.test": acmeName,
	}[host]
	if name == "" {
		return nil
	}
	return m.site(name)
}
