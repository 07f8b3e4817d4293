package sandbox

import "time"

// ticket is one issued ticket. It does not depend on the token it was fetched
// with.
type ticket struct {
	value  string
	expiry time.Time
}

type ticketAnswer struct {
	wechatError
	Ticket    string `json:"ticket"`
	ExpiresIn int64  `json:"expires_in"`
}

// serveTicket is GET /cgi-bin/ticket/getticket. It says the whole lifetime
// whatever is left of it, so that nobody who asks can know when the ticket
// ends.
func (w *wechat) serveTicket(c *call, app *wechatApp) answer {
	kind := c.query.Get("type")
	if kind != "jsapi" && kind != "wx_card" {
		return w.refuse(c, app, codeInvalidArgs)
	}
	app.counts.TicketCalls++
	t, ok := app.tickets[kind]
	if !ok || !c.at.Before(t.expiry) {
		t = ticket{value: randomText(64), expiry: c.at.Add(w.cfg.Lifetime)}
		if app.tickets == nil {
			app.tickets = make(map[string]ticket)
		}
		app.tickets[kind] = t
		app.counts.Tickets++
	}
	return jsonAnswer(ticketAnswer{wechatError{0, "ok"}, t.value, seconds(w.cfg.Lifetime)})
}
