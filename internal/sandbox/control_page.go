package sandbox

import (
	"net/http"
	"time"
)

// pageView is what the page is made of.
type pageView struct {
	state
	reader
	App   string // the only app shown, if any
	Base  string // where the reader reaches the sandbox
	Error error
	Made  made
	Kinds []FaultKind

	Count  int      // of all misuses, shown or not
	Probes []Misuse // those that are only probes, which are shown apart
}

// PlatformName is what people call a platform.
func (v pageView) PlatformName(name string) string {
	if name == weChat {
		return v.Tr("WeChat", "微信")
	}
	for _, s := range schemes() {
		if s.name == name {
			return v.Tr(s.title.english, s.title.chinese)
		}
	}
	return name
}

// KindName is a fault kind in words.
func (v pageView) KindName(k FaultKind) string {
	switch k {
	case FaultHang:
		return v.Tr("hang: never answers", "挂起：一直不应答")
	case FaultSlow:
		return v.Tr("slow: waits, then acts and answers", "缓慢：等待后再处理并应答")
	case FaultLate:
		return v.Tr("late: acts at once, answers later", "迟到：立即处理，延迟应答")
	case FaultStatus:
		return v.Tr("status: an HTTP error such as 502", "状态码：返回 502 等 HTTP 错误")
	case FaultReset:
		return v.Tr("reset: connection reset", "重置：连接被重置")
	case FaultLost:
		return v.Tr("lost: acts, but the answer never arrives", "丢失：已处理，但应答丢失")
	case FaultGarbage:
		return v.Tr("garbage: a web page instead of JSON", "乱码：返回网页而不是 JSON")
	case FaultTruncated:
		return v.Tr("truncated: half of the answer", "截断：应答只到一半")
	case FaultHuge:
		return v.Tr("huge: 64 MiB of answer", "超大：应答 64 MiB")
	case FaultQuoted:
		return v.Tr("quoted: acts, and writes the errcode as text", "带引号：已处理，但 errcode 写成字符串")
	case FaultErrcode:
		return v.Tr("errcode: refuses with a code", "错误码：以指定 errcode 拒绝")
	default:
		return string(k)
	}
}

// MisuseName is a misuse in words.
func (v pageView) MisuseName(k MisuseKind) string {
	switch k {
	case IssueInsideOverlap:
		return v.Tr("issued again inside the overlap", "重叠期内重复获取")
	case SupersededToken:
		return v.Tr("superseded token used", "使用了已被替换的令牌")
	case ExpiredToken:
		return v.Tr("expired token used", "使用了已过期的令牌")
	case KilledToken:
		return v.Tr("killed token used", "使用了已被作废的令牌")
	case OutsideToken:
		return v.Tr("token ended from outside used", "使用了被外部刷新顶掉的令牌")
	case ForcedTooOften:
		return v.Tr("forced beyond the quota", "强制刷新超出配额")
	case MixedUpToken:
		return v.Tr("token of the wrong kind used", "混用了应用令牌与用户令牌")
	case CodeUsedTwice:
		return v.Tr("code used twice", "重复使用 code")
	case RefreshUsedTwice:
		return v.Tr("refresh token used twice", "重复使用 refresh_token")
	case MisplacedSecret:
		return v.Tr("app secret in a wrong place", "应用密钥出现在错误的位置")
	case BadState:
		return v.Tr("state with foreign characters", "state 含不允许的字符")
	case ForcedTooSoon:
		return v.Tr("forced too soon", "强制刷新间隔过短")
	default:
		return string(k)
	}
}

// Story is what a misuse was, in words.
func (v pageView) Story(m Misuse) string { return v.Tr(m.words.english, m.words.chinese) }

// Span is a duration, which comes as Go writes it, in words.
func (v pageView) Span(s string) string {
	d, err := time.ParseDuration(s)
	if err != nil || v.Lang != "zh" {
		return s
	}
	return chineseSpan(d)
}

// maxMisusesShown bounds the page's tables; the JSON has them all.
const maxMisusesShown = 50

func (c *control) renderPage(status int, r *http.Request, lang string, out made, failure error) answer {
	app := r.URL.Query().Get("app")
	v := pageView{
		state: c.sandbox.state(app), reader: reader{"en"}, App: app,
		Base: baseURL(r), Error: failure, Made: out, Kinds: FaultKinds(),
	}
	if lang == "zh" {
		v.Lang = "zh"
	}
	v.apart()
	answer := c.page.render(status, v, "default-src 'none'; style-src 'self'; script-src 'self'; "+
		"connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
	answer.header.Set("Referrer-Policy", "same-origin")
	return answer
}

// apart takes the probes out of the misuses, and of both the newest.
func (v *pageView) apart() {
	var misuses []Misuse
	for _, m := range v.Misuses {
		if m.Probe {
			v.Probes = append(v.Probes, m)
		} else {
			misuses = append(misuses, m)
		}
	}
	v.Count = len(misuses)
	v.Misuses = misuses[:min(len(misuses), maxMisusesShown)]
	v.Probes = v.Probes[:min(len(v.Probes), maxMisusesShown)]
}

func asset(name, contentType string) answer {
	b, err := pageFiles.ReadFile(name)
	if err != nil {
		return plainError(http.StatusNotFound, errNoSuchPage)
	}
	a := textAnswer(http.StatusOK, contentType, string(b))
	a.header.Set("X-Content-Type-Options", "nosniff")
	return a
}

func baseURL(r *http.Request) string {
	if r.TLS != nil || r.URL.Scheme == "https" { // the second of a call in process
		return "https://" + r.Host
	}
	return "http://" + r.Host
}
