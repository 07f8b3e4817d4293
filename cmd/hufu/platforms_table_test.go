package main

import (
	"cmp"
	"flag"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
)

var update = flag.Bool("update", false, "write docs/platforms.md anew")

// The table stands between these two lines of a page.
const (
	tableBegins = "<!-- The table is written by: go test ./cmd/hufu -run TestThePagesOfPlatformsAreCurrent -update -->\n"
	tableEnds   = "<!-- end of the table -->\n"
)

// TestThePagesOfPlatformsAreCurrent holds what the pages say of each platform to what the
// program does. A platform that is added or changed without them fails it.
func TestThePagesOfPlatformsAreCurrent(t *testing.T) {
	t.Parallel()
	for page, words := range map[string]tableWords{
		"platforms.md":                         english(),
		filepath.Join("zh-CN", "platforms.md"): chinese(),
	} {
		path := filepath.Join("..", "..", "docs", page)
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		before, rest, begins := strings.Cut(string(text), tableBegins)
		_, after, ends := strings.Cut(rest, tableEnds)
		if !begins || !ends {
			t.Fatalf("%s has no lines %q and %q", path, tableBegins, tableEnds)
		}
		want := before + tableBegins + platformTable(t, words) + tableEnds + after
		if want == string(text) {
			continue
		}
		if !*update {
			t.Errorf("%s does not say what the program does; go test ./cmd/hufu -run TestThePagesOfPlatformsAreCurrent -update writes it anew", path)
			continue
		}
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// platformTable is a row for each platform, mode and kind, as the program has them.
func platformTable(t *testing.T, w tableWords) string {
	t.Helper()
	var b strings.Builder
	row := func(cells ...string) { fmt.Fprintf(&b, "| %s |\n", strings.Join(cells, " | ")) }
	row(w.header[:]...)
	row(slices.Repeat([]string{"---"}, len(w.header))...)
	for _, p := range platforms() {
		seen := standing()[p.Name]
		for i, mode := range p.Modes {
			if i == 0 {
				mode += w.isDefault
			}
			kinds := p.Kinds(p.Modes[i])
			for _, kind := range sortedKinds(kinds) {
				src := kinds[kind]
				check := "–"
				if _, can := src.Issuer.(broker.Checker); can {
					check = w.yes
				}
				row("`"+p.Name+"`", mode, "`"+string(kind)+"`", w.rotation(src.Rotation), tokenPaths(t, p, kind), attached(t, p, kind, seen.paths), check, w.standing(seen))
			}
		}
	}
	return b.String()
}

// sortedKinds has the access token first.
func sortedKinds(kinds map[broker.Kind]broker.Source) []broker.Kind {
	return slices.SortedFunc(maps.Keys(kinds), func(a, b broker.Kind) int {
		switch {
		case a == broker.AccessToken:
			return -1
		case b == broker.AccessToken:
			return 1
		default:
			return strings.Compare(string(a), string(b))
		}
	})
}

// tokenPaths are the platform's own paths that give a kind here to SDKs.
func tokenPaths(t *testing.T, p broker.Platform, kind broker.Kind) string {
	t.Helper()
	var out []string
	for _, tp := range p.TokenPaths {
		path := strings.NewReplacer("{", "", "}", "").Replace(tp.Path)
		// Where a path gives several kinds, its query says which.
		for _, query := range []string{"", "?type=jsapi", "?type=wx_card", "?type=agent_config"} {
			for contentType, body := range map[string]string{"application/json": "{}", "application/x-www-form-urlencoded": "grant_type=client_credentials"} {
				r := httptest.NewRequestWithContext(t.Context(), tp.Method, "http://hufu"+path+query, nil)
				r.Header.Set("Content-Type", contentType)
				asked, _ := tp.Ask(r, []byte(body))
				if cell := "`" + tp.Method + " " + tp.Path + "`"; asked.Kind == kind && !slices.Contains(out, cell) {
					out = append(out, cell)
				}
			}
		}
	}
	return orNone(out)
}

// attached says where the gateway puts a token of a kind on the paths of a platform.
func attached(t *testing.T, p broker.Platform, kind broker.Kind, paths []string) string {
	t.Helper()
	if p.Upstream == nil {
		return "–"
	}
	const mark = "THE-TOKEN"
	var out []string
	for _, path := range append([]string{"/"}, paths...) {
		route := p.Upstream.Route(path)
		if route.Sort != broker.CallApp || cmp.Or(route.Kind, broker.AccessToken) != kind {
			continue
		}
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "http://hufu"+path, nil)
		p.Upstream.Attach(r, broker.NewSecret(mark))
		for name, values := range r.URL.Query() {
			if values[0] == mark {
				out = append(out, "`?"+name+"=`")
			}
		}
		for name, values := range r.Header {
			if before, is := strings.CutSuffix(values[0], mark); is {
				out = append(out, "`"+strings.TrimSpace(name+": "+before)+"`")
			}
		}
	}
	slices.Sort(out)
	return orNone(slices.Compact(out))
}

func orNone(cells []string) string {
	if len(cells) == 0 {
		return "–"
	}
	return strings.Join(cells, ", ")
}

// stands is what is known of how a platform was tried.
type stands struct {
	live  bool     // somebody has used it against the platform itself
	sdks  []string // that were run unmodified against this server
	paths []string // one of each group of paths that want their token somewhere else
}

// standing is by platform. One that is not in it was tried against the sandbox only.
func standing() map[string]stands {
	return map[string]stands{
		"wechat":   {sdks: []string{"co-wechat-api", "silenceper/wechat", "wechat-api", "wechatpy", "WxJava"}},
		"wecom":    {sdks: []string{"silenceper/wechat", "wechat-enterprise-api", "wechatpy", "WxJava"}},
		"feishu":   {sdks: []string{"@larksuiteoapi/node-sdk", "oapi-sdk-java", "oapi-sdk-python"}},
		"lark":     {sdks: []string{"@larksuiteoapi/node-sdk"}},
		"dingtalk": {sdks: []string{"@alicloud/dingtalk", "com.aliyun:dingtalk"}, paths: []string{"/v1.0/contact/users", "/topapi/v2/user/get"}},
	}
}

// tableWords are the table in one language.
type tableWords struct {
	header    [8]string
	isDefault string
	yes       string
	families  map[broker.Family]string // with verbs for the lifetime and the overlap or window
	ageless   string
	said      string // of a lifetime that is not known before
	sandbox   string
	live      string
	and       string
	sdks      string
	hours     string
	minutes   string
	days      string
}

func (w tableWords) rotation(r broker.Rotation) string {
	s := w.families[r.Family]
	s = strings.ReplaceAll(s, "{lifetime}", cmp.Or(w.length(r.Lifetime), w.said))
	s = strings.ReplaceAll(s, "{overlap}", w.length(r.Overlap))
	s = strings.ReplaceAll(s, "{window}", w.length(r.Window))
	if r.AgeUnknown {
		s += w.ageless
	}
	return s
}

func (w tableWords) length(d time.Duration) string {
	switch {
	case d == 0:
		return ""
	case d >= 72*time.Hour:
		return fmt.Sprintf("%d%s", d/(24*time.Hour), w.days)
	case d >= time.Hour:
		return fmt.Sprintf("%d%s", d/time.Hour, w.hours)
	default:
		return fmt.Sprintf("%d%s", d/time.Minute, w.minutes)
	}
}

func (w tableWords) standing(s stands) string {
	out := w.sandbox
	if s.live {
		out = w.live
	}
	if len(s.sdks) > 0 {
		out += w.and + w.sdks + strings.Join(s.sdks, ", ")
	}
	return out
}

func english() tableWords {
	return tableWords{
		header:    [8]string{"platform", "mode", "kind", "rotation", "drop-in path", "gateway attaches", "check", "confirmed"},
		isDefault: " (default)", yes: "yes", ageless: ", of unknown age", said: "as long as the provider says",
		families: map[broker.Family]string{
			broker.Eager:       "eager: {lifetime}, the old one {overlap} more",
			broker.Late:        "late: {lifetime}, a new one in the last {window}",
			broker.Fixed:       "fixed: {lifetime}",
			broker.Sliding:     "sliding: {lifetime}",
			broker.Independent: "independent: {lifetime}",
		},
		sandbox: "sandbox", live: "sandbox, platform", and: "; ", sdks: "SDKs: ", hours: " h", minutes: " min", days: " days",
	}
}

func chinese() tableWords {
	return tableWords{
		header:    [8]string{"平台", "模式", "种类", "轮换", "原生路径", "网关把 token 放在", "探活", "验证过"},
		isDefault: "（默认）", yes: "有", ageless: "，年龄未知", said: "多久由对方说",
		families: map[broker.Family]string{
			broker.Eager:       "eager：{lifetime}，旧的再活 {overlap}",
			broker.Late:        "late：{lifetime}，最后 {window}才换新",
			broker.Fixed:       "fixed：{lifetime}",
			broker.Sliding:     "sliding：{lifetime}",
			broker.Independent: "independent：{lifetime}",
		},
		sandbox: "沙箱", live: "沙箱、真实平台", and: "；", sdks: "SDK：", hours: " 小时", minutes: " 分钟", days: " 天",
	}
}
