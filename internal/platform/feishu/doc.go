// Package feishu describes Feishu (飞书) and Lark, which are one platform at two places: the
// tokens of a tenant and of an app itself, the ticket for the JS-SDK, how the platform's
// calls look and what its error codes mean. All of it is data for package declared. Apps are
// those that a tenant has made for itself (自建应用); those of the app store are issued by a
// ticket that the platform pushes.
//
// Facts that come from the platform's documentation are marked [A], quoted documentation
// [A*], observations on the live platform [P], sources of SDKs [S], developers' threads [C],
// inferences [I] and what is only widely believed [U].
package feishu
