package login

// What pages say. The reader is somebody who wanted to log in: no page expects her to know
// what this server is.
var (
	pageNowhere = Page{
		Title: Words{"There is nothing here", "这里没有内容"},
		Text: Words{
			"The address is not one that a login uses. Go back to the site and log in from there.",
			"这个地址不是登录所用的地址。请回到网站，从那里重新登录。",
		},
	}
	pageNoLogin = Page{
		Title: Words{"No login here", "此处无法登录"},
		Text: Words{
			"Users cannot log in to this app here. If a site sent you, please tell its staff.",
			"这个应用没有开通此处的登录。如果您是从某个网站过来的，请告知该网站的工作人员。",
		},
	}
	pageBadRequest = Page{
		Title: Words{"The login could not begin", "登录未能开始"},
		Text: Words{
			"The site asked for it in a way that is not understood. Nothing has happened to your account. Please tell the site’s staff.",
			"网站发来的登录请求有误，您的账号没有任何变动。请告知该网站的工作人员。",
		},
	}
	pageBadRedirect = Page{
		Title: Words{"The login was stopped", "登录已停止"},
		Text: Words{
			"It would have led you to an address that this app does not use. To keep you safe, it does not go on.",
			"登录之后要去的地址不属于这个应用。为了您的安全，登录没有继续。",
		},
	}
	pageForged = Page{
		Title: Words{"This link is not valid", "链接无效"},
		Text: Words{
			"It was not made here, or it was changed on the way. Go back to the site and log in from there.",
			"它不是由本站生成的，或者中途被改动过。请回到网站，从那里重新登录。",
		},
	}
	pageTooOld = Page{
		Title: Words{"The login took too long", "登录已过期"},
		Text: Words{
			"It has to be finished within a few minutes, and works once. Nothing is lost: log in again.",
			"登录须在几分钟内完成，而且只能使用一次。没有任何损失，重新登录即可。",
		},
	}
	pageElsewhere = Page{
		Title: Words{"Please log in again", "请重新登录"},
		Text: Words{
			"This login has ended already, as it has after the back button or a reload, or it was begun in another browser or app. Go back to the site and log in there; cookies have to be allowed.",
			"这次登录已经结束（例如您按了返回键或刷新了页面），或者是在另一个浏览器或应用中开始的。请回到网站重新登录，并允许浏览器使用 Cookie。",
		},
	}
	pageUsed = Page{
		Title: Words{"This login has ended", "这次登录已经完成"},
		Text: Words{
			"Each login works once. If the site does not know you yet, log in again.",
			"每次登录只能使用一次。如果网站还没有认出您，请重新登录。",
		},
	}
	pageRefused = Page{
		Title: Words{"You did not log in", "您没有登录"},
		Text: Words{
			"You did not agree, so the site has learned nothing of you. You can log in whenever you like.",
			"您没有同意授权，网站没有得到您的任何信息。您可以随时重新登录。",
		},
	}
	pageDenied = Page{
		Title: Words{"You cannot log in with this account", "此账号无法登录"},
		Text: Words{
			"The platform does not let this account log in here. Its customer service can tell you why.",
			"平台不允许此账号在这里登录。具体原因请咨询平台客服。",
		},
	}
	pageBusy = Page{
		Title: Words{"A moment, please", "请稍候"},
		Text: Words{
			"Very many people are logging in right now. Wait a few seconds and try again.",
			"现在登录的人很多。请等几秒钟再试。",
		},
	}
	pagePlatformAway = Page{
		Title: Words{"The platform does not answer", "平台暂时没有响应"},
		Text: Words{
			"Your login could not be confirmed just now. Nothing is lost: wait a moment and log in again.",
			"暂时无法确认您的登录。没有任何损失，请稍等片刻再重新登录。",
		},
	}
	pageAway = Page{
		Title: Words{"The login does not work just now", "暂时无法登录"},
		Text: Words{
			"A part of this service cannot be reached. Nothing is lost: wait a moment and log in again.",
			"服务的一部分暂时不可用。没有任何损失，请稍等片刻再重新登录。",
		},
	}
	pageMisconfigured = Page{
		Title: Words{"This app cannot log anybody in", "这个应用目前无法登录"},
		Text: Words{
			"Its settings at the platform have to be put right. Please tell the site’s staff, and give them the number below.",
			"它在平台上的设置需要更正。请告知网站的工作人员，并提供下面的请求编号。",
		},
	}
	pageBroken = Page{
		Title: Words{"Something went wrong", "出了点问题"},
		Text: Words{
			"It is not your fault. Log in again; if it happens again, tell the site’s staff the number below.",
			"这不是您的问题。请重新登录；如果仍然如此，请把下面的请求编号告诉网站的工作人员。",
		},
	}
)
