// Package dropin serves the platforms' own token paths, so that an SDK gets its tokens here
// when its base URL is pointed at this server. The caller's Hufu key stands where the SDK
// sends the app secret, or KEY.APP, which names the app as well; the real secret never
// leaves the server. What is asked on a path, how it is answered and in which words
// something is wrong is the platform's to say: see broker.TokenPath and broker.Upstream.
//
// A path may be that of several platforms. The one counts that has the app for the caller.
//
// The checks come in the platform's order, with one exception: an unknown key is refused
// before it is said whether there is such an app, so that strangers cannot find out
// which apps are served here. A key that has no right to an app is told the same as
// for an app that does not exist.
//
// SDKs cannot say that a token was rejected; they just ask again. So a client that asks
// again before the promise on its token has ended, or by force, raises a suspicion: the
// token is checked at the platform, within a budget, and renewed only if it is really
// dead. A client that runs in several processes under one key looks the same, and costs a
// check now and then.
//
// What it never does: forward a call, which is the gateway's, or log a query or a
// body, which hold keys and tokens.
package dropin
