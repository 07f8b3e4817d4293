// Package wecom describes WeCom (企业微信): the access tokens of a corp's apps, the two
// tickets for the JS-SDK, how the platform's calls look and what its error codes mean. All
// of it is data for package declared.
//
// Facts that come from WeCom's documentation are marked [A], quoted documentation [A*],
// observations on the live platform [P], sources of SDKs [S], developers' threads [C],
// inferences [I] and what is only widely believed [U].
package wecom
