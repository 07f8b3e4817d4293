package sandbox

import (
	"net/http"
	"path"
	"slices"
	"time"
)

// scheme is what a platform is. Each has a file that says it.
type scheme struct {
	name  string
	title words  // what people call it
	modes []mode // the first is meant where none is named
	// routes are its paths, below its name. A * stands for one segment.
	routes map[string]route
	// ids are the names under which callers say which app they are.
	ids []string
	// refusal is how it says no.
	refusal func(c *call, code string) answer
	// nowhere answers calls of a path, or with a method, that there is not.
	nowhere func(c *call) answer
	// busy is the code of a platform that is not well, notObject of a body that is no JSON
	// object, notFrom of an address that may not call; empty where addresses do not matter.
	busy, notObject, notFrom string
	// tickets and calls are what it allows.
	tickets, calls []rate
}

// mode is one of the ways in which a platform issues. Their tokens know nothing of each
// other.
type mode struct {
	name   Mode
	family family
	value  func(t token) string // makes the token up
	issues []rate               // how often it may be asked
}

// route is one path of a platform.
type route struct {
	method string
	// secrets are where an app's secret is to stand; nowhere else.
	secrets []spot
	// probe says that the call only shows whether a token is good.
	probe bool
	serve func(*Platform, *call) answer // is called with the lock held
}

// rate is how often something may be done.
type rate struct {
	n       int
	every   time.Duration
	company bool // by all apps of a company together
	paths   bool // each path by itself
	code    string
}

// find is the route of a path.
func (s *scheme) find(local string) (route, bool) {
	if r, ok := s.routes[local]; ok {
		return r, true
	}
	for pattern, r := range s.routes {
		if ok, err := path.Match(pattern, local); ok && err == nil {
			return r, true
		}
	}
	return route{}, false
}

// codes are what a platform says of a token that does not open a call.
type codes struct{ missing, bad, expired string }

func (cs codes) of(value string, t *token) string {
	switch {
	case value == "":
		return cs.missing
	case t != nil && t.end == endExpiry:
		return cs.expired
	default:
		return cs.bad
	}
}

// door is where a call wants a token, and of which modes.
type door struct {
	at spot
	// prefix stands before the token, such as "Bearer ".
	prefix string
	opens  []Mode // none: those of all modes
	// says is the code for a token that is not good; t is nil where it is none of these.
	says func(value string, t *token) string
}

func (d door) opened(by *token) bool {
	return len(d.opens) == 0 || slices.Contains(d.opens, by.mode)
}

// guard makes a call of one that needs a live token.
func (d door) guard(serve func(*Platform, *call, *account) answer) func(*Platform, *call) answer {
	return func(p *Platform, c *call) answer {
		m, code := p.enter(c, d)
		if code != "" {
			return p.refuse(c, m, code)
		}
		return serve(p, c, m)
	}
}

// asks is a call that changes nothing. Its answer says whose token it came with; form
// makes the platform's answer of that.
func (d door) asks(form func(who map[string]any) any) route {
	return route{method: http.MethodGet, probe: true, serve: d.guard(func(_ *Platform, _ *call, m *account) answer {
		return reply(http.StatusOK, form(m.who()))
	})}
}

// takes is a call with a JSON object, and an answer as that of asks.
func (d door) takes(form func(who map[string]any) any) route {
	return route{method: http.MethodPost, serve: d.guard(func(p *Platform, c *call, m *account) answer {
		if c.object() == nil {
			return p.refuse(c, m, p.notObject)
		}
		return reply(http.StatusOK, form(m.who()))
	})}
}

// reply is an answer in JSON. All platforms but WeChat declare it as everybody does.
func reply(status int, v any) answer {
	a := jsonAnswer(v)
	a.status = status
	a.header.Set("Content-Type", "application/json; charset=utf-8")
	return a
}

// notFound is what a web server says.
func notFound(*call) answer {
	return textAnswer(http.StatusNotFound, "text/plain; charset=utf-8", "404 page not found")
}
