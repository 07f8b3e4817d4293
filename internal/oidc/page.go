package oidc

import "net/http"

// Words are what a page says, in the languages that there are.
type Words struct{ English, Chinese string }

// Page is what a user is shown whose browser must not be sent on, because it is not certain
// that whoever asked for the login may.
type Page struct {
	Title Words // what has happened
	Text  Words // what the user does now
	// Detail is for those who build the page that the user came from, in plain English.
	Detail string
}

func noLoginPage() Page {
	return Page{
		Title:  Words{"There is no login here", "这里不能登录"},
		Text:   Words{"Users cannot log in to this app on this server. Go back to where you came from.", "用户不能在此服务器上登录该应用。请返回原来的页面。"},
		Detail: "the path names no app that has a login; give it one with redirect_uris in the configuration",
	}
}

// notEntitled is for faults of those who have set up the site.
func notEntitled(detail string) *Page {
	return &Page{
		Title:  Words{"This login is not set up", "登录尚未设置好"},
		Text:   Words{"The site that you came from may not log users in here, or not at this address. Please tell its operators.", "您所访问的网站无权在此登录用户，或其地址未被允许。请告知该网站的管理员。"},
		Detail: detail,
	}
}

func badRequest(detail string) Page {
	return Page{
		Title:  Words{"This login cannot go on", "登录无法继续"},
		Text:   Words{"Please go back to where you came from and log in again.", "请返回原来的页面，重新登录。"},
		Detail: detail,
	}
}

// page shows what the client cannot be told.
func (p *Provider) page(w http.ResponseWriter, r *http.Request, status int, page Page) {
	p.metrics.ended(authorizePath, resultPage)
	p.cfg.Relay.Page(w, r, status, page)
}
