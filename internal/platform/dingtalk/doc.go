// Package dingtalk describes DingTalk (钉钉): the access tokens of a corp's internal apps, the
// ticket for the JS-SDK, how the platform's calls look and what its error codes mean. There
// are two generations of them, at two hosts, which put a token in different places and refuse
// in different forms. All of it is data for package declared, but for how a page is signed.
//
// Facts that come from DingTalk's documentation are marked [A], quoted documentation [A*],
// observations on the live platform [P], sources of SDKs [S], developers' threads [C],
// inferences [I] and what is only widely believed [U].
package dingtalk
