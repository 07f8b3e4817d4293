package declared

import (
	"bytes"
	"net/http"
	"slices"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/platform"
)

// Judge implements [broker.Upstream]. Only an object with a code that is none of a success
// is a refusal, whatever type it is said to be of. Whether the app's token is good is seen
// only where it was shown: what is said about a user's token or a login code, and about
// their quotas, which are each user's own, changes nothing for anybody else.
func (u upstream) Judge(path string, resp *http.Response, body []byte) broker.Judgement {
	sort, s := u.route(path).Sort, u.surface(path)
	if sort == broker.CallApp && resp.StatusCode < http.StatusMultipleChoices && s.silent(body) && u.given[platform.Canonical(path)] == nil {
		return broker.Judgement{Verdict: broker.VerdictOK} // most answers, and nothing in them to read
	}
	a, j, judged := platform.ReadCall(resp, body)
	if judged {
		return j
	}
	at := AtCall
	if sort == broker.CallExchange || sort == broker.CallManaged || sort == broker.CallForeign {
		at = AtIssue
	}
	said, err := u.judge(s, a, at, u.carried(path, resp.Request)...)
	switch {
	case err != nil && said.Code == "" && resp.StatusCode < http.StatusBadRequest:
		return broker.Judgement{} // no code where there has to be one, or something that is none
	case err != nil:
		e := platform.Settled(err)
		if sort == broker.CallUser && said.Rejects {
			e = ofUser(e)
		}
		return broker.Judgement{Verdict: verdict(sort, said, e), Err: e}
	case resp.StatusCode >= http.StatusMultipleChoices:
		return broker.Judgement{}
	}
	return broker.Judgement{Verdict: broker.VerdictOK, Users: u.users(path, a)}
}

// silent reports whether no code stands in the body, nor has to.
func (s *surface) silent(body []byte) bool {
	if s.Errors.ByStatus {
		return true
	}
	return !s.Errors.NeedCode && !slices.ContainsFunc(s.leaves, func(leaf string) bool { return bytes.Contains(body, []byte(leaf)) })
}

// ofUser is the error for a user's token that is not good, which is nothing that could be
// renewed here.
func ofUser(e *broker.Error) *broker.Error {
	x := *broker.ErrUserTokenRejected
	x.PlatformCode, x.PlatformMessage = e.PlatformCode, e.PlatformMessage
	return &x
}

func verdict(sort broker.CallSort, said Code, e *broker.Error) broker.Verdict {
	switch {
	case sort != broker.CallApp:
		return broker.VerdictUnknown
	case said.Rejects:
		return broker.VerdictRejected
	case throttles(e):
		return broker.VerdictThrottled
	default:
		return broker.VerdictUnknown
	}
}

// users finds the tokens of a user that an answer gives.
func (u upstream) users(path string, a platform.Answer) []broker.Secret {
	var found []broker.Secret
	for _, name := range u.given[platform.Canonical(path)] {
		if tok, err := a.Token(name); err == nil {
			found = append(found, tok)
		}
	}
	return found
}

// carried are the credentials that a request of a path took along, which its answer may
// repeat. The request's own path may have something before it that is the app's base URL's.
func (u upstream) carried(path string, r *http.Request) []broker.Secret {
	if r == nil || r.URL == nil {
		return nil
	}
	var secrets []broker.Secret
	for _, p := range u.places {
		if tok := p.shown(r); !tok.IsZero() {
			secrets = append(secrets, tok)
		}
	}
	if x := u.exchange(path); x != nil {
		id, key := x.shown(r)
		secrets = append(secrets, key)
		if x.In == inBasic {
			secrets = append(secrets, (&platform.Basic{Name: id, Password: key}).Secrets()...)
		}
	}
	return secrets
}
