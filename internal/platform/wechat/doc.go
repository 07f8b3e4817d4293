// Package wechat issues tokens of WeChat's official accounts and mini programs:
// access tokens by stable_token or by cgi-bin/token, and the tickets derived from
// them. It also knows how the platform's other calls look, for a gateway to pass them on,
// the platform's error codes in both directions, and how to find out what stands between
// an app and its tokens.
//
// Users log in by its web authorization and in mini programs: the package has their codes
// exchanged and their tokens refreshed, opens what mini programs send, and signs pages for
// the JS-SDK. It keeps nothing of them.
//
// Facts that come from WeChat's documentation are marked [A], quoted documentation
// [A*], observations on the live platform [P], sources of SDKs [S], developers'
// threads [C], inferences [I] and what is only widely believed [U].
package wechat
