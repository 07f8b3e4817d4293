package config

import (
	"cmp"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/platform/declared"
)

// theMode is the name of the only mode of a platform that names none.
const theMode = "token"

// What a day's budget is where nothing is said: that of WeChat's smallest accounts, which
// is more than any token needs.
const (
	defaultPerDay    = 2000
	defaultUnplanned = 100
	maxPerDay        = 1_000_000
)

// modes reads the ways to issue, or the tokens of the only one.
func modes(o *object) []declared.Mode {
	all, tokens := o.field("modes"), o.field("tokens")
	switch {
	case all.present() && tokens.present():
		tokens.fault("is given beside modes; move the tokens into one of them")
		fallthrough
	case all.present():
		return each(all, func(o *object) declared.Mode {
			return declared.Mode{
				Name: o.field("name").word(), BaseURL: o.field("base_url").platformURL(), Tokens: each(o.field("tokens"), token), Check: check(o.field("check")),
			}
		})
	case tokens.present():
		return []declared.Mode{{Name: theMode, Tokens: each(tokens, token)}}
	default:
		return nil
	}
}

func token(o *object) declared.Token {
	return declared.Token{
		Kind: broker.Kind(cmp.Or(o.field("kind").word(), string(broker.AccessToken))), From: broker.Kind(o.field("from").word()),
		Request: tokenRequest(o.field("request")), Answer: tokenAnswer(o.field("answer")), Rotation: rotation(o.field("rotation")),
		DropIn: o.field("drop_in").word(), OnDemand: o.field("on_demand").flag(false),
	}
}

func tokenRequest(v value) declared.Request {
	o := v.object()
	if o == nil {
		return declared.Request{}
	}
	defer o.done()
	return declared.Request{
		Method: o.field("method").method(), BaseURL: o.field("base_url").platformURL(), Path: o.field("path").word(),
		Query: o.field("query").texts(), Header: o.field("header").texts(), JSON: o.field("json").texts(), Form: o.field("form").texts(),
		Basic: o.field("basic").flag(false),
	}
}

func tokenAnswer(v value) declared.Answer {
	o := v.object()
	if o == nil {
		return declared.Answer{}
	}
	defer o.done()
	return declared.Answer{
		Token: o.field("token").word(), Lifetime: o.field("lifetime").word(),
		Default: o.field("default").duration(time.Second, broker.MaxPeriod), Extra: o.field("extra").texts(),
	}
}

func rotation(v value) broker.Rotation {
	o := v.object()
	if o == nil {
		return broker.Rotation{}
	}
	defer o.done()
	families := map[string]broker.Family{}
	names := []string{}
	for f := broker.Eager; f <= broker.Independent; f++ {
		families[f.String()] = f
		names = append(names, f.String())
	}
	r := broker.Rotation{
		Family:   families[o.field("family").choice("", names...)],
		Lifetime: o.field("lifetime").duration(time.Second, broker.MaxPeriod),
		Overlap:  o.field("overlap").duration(time.Second, broker.MaxPeriod),
		Window:   o.field("window").duration(time.Second, broker.MaxPeriod),
	}
	r.AgeUnknown = o.field("age_unknown").flag(false)
	perDay := o.field("per_day").number(defaultPerDay, 1, maxPerDay)
	unplanned := o.field("unplanned").number(min(defaultUnplanned, perDay), 1, maxPerDay)
	r.Limits = broker.Limits{PerDay: int(perDay), Unplanned: int(unplanned)}
	return r
}
