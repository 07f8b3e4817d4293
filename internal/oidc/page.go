package oidc

import (
	"github.com/hufu-io/hufu/internal/login"
)

func noLoginPage() login.Page {
	return login.Page{
		Title:  login.Words{English: "There is no login here", Chinese: "这里不能登录"},
		Text:   login.Words{English: "Users cannot log in to this app on this server. Go back to where you came from.", Chinese: "用户不能在此服务器上登录该应用。请返回原来的页面。"},
		Detail: "the path names no app that has a login; give it one with redirect_uris in the configuration",
	}
}

// notEntitled is for faults of those who have set up the site.
func notEntitled(detail string) *login.Page {
	return &login.Page{
		Title:  login.Words{English: "This login is not set up", Chinese: "登录尚未设置好"},
		Text:   login.Words{English: "The site that you came from may not log users in here, or not at this address. Please tell its operators.", Chinese: "您所访问的网站无权在此登录用户，或其地址未被允许。请告知该网站的管理员。"},
		Detail: detail,
	}
}

func badRequest(detail string) login.Page {
	return login.Page{
		Title:  login.Words{English: "This login cannot go on", Chinese: "登录无法继续"},
		Text:   login.Words{English: "Please go back to where you came from and log in again.", Chinese: "请返回原来的页面，重新登录。"},
		Detail: detail,
	}
}

// page shows what the client cannot be told.
func (p *Provider) page(v visit, status int, page login.Page) {
	p.metrics.ended(authorizePath, resultPage)
	p.cfg.Relay.Page(v.w, v.r, status, page)
}
