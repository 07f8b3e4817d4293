package wechat

import (
	"maps"

	"github.com/hufu-io/hufu/internal/broker"
)

// particular are the codes that mean something else at a place than in general. It is
// never written to.
var particular = map[place]map[int64]meaning{
	atUser:    userMeanings(),
	atProfile: profileMeanings(),
	atRefresh: refreshMeanings(),
}

// userMeanings are those of calls with a user's token. The app's own has nothing to do
// with what is said of it (I8).
func userMeanings() map[int64]meaning {
	rejected := func(says string) meaning {
		e := broker.ErrUserTokenRejected
		return meaning{code: e.Code, class: e.Class, says: says, hint: e.Hint}
	}
	return map[int64]meaning{
		// The answer is the same to a token that was never a user's [P].
		codeBadToken:     rejected("the platform rejects the user's token; it would say the same of an app's own token, shown in its place"),
		codeInvalidToken: rejected(broker.ErrUserTokenRejected.Message),
		codeExpired:      rejected("the user's token has expired"),
	}
}

// profileMeanings are those of sns/userinfo, which needs more than the narrowest scope.
func profileMeanings() map[int64]meaning {
	all := maps.Clone(userMeanings())
	e := broker.ErrScopeLacking
	all[codeUnauthorized] = meaning{
		code: e.Code, class: e.Class, says: "what the user granted does not reach to who she is",
		hint: "have the user log in with the scope snsapi_userinfo, or snsapi_login at a web site",
	}
	return all
}

// refreshMeanings are those of sns/oauth2/refresh_token. Nobody but the user can do
// something about these, by logging in.
func refreshMeanings() map[int64]meaning {
	ended := func(says string) meaning {
		e := broker.ErrGrantEnded
		return meaning{code: e.Code, class: e.Class, says: says, hint: hintAgain}
	}
	return map[int64]meaning{
		codeGrantOver:  meanings[codeGrantOver],
		codeBadRefresh: ended("the platform does not know the refresh token, or knows it no more"),
		codeOldRefresh: ended("the refresh token has lived out its 30 days"),
		// The page of this call has this code and no other [A], and the refresh token is all
		// that it can be about.
		codeBadCode: ended("the platform does not take the refresh token"),

		// These are about access tokens, and none is shown.
		codeBadToken: unfamiliar, codeInvalidToken: unfamiliar, codeExpired: unfamiliar,
	}
}
