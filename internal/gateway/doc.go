// Package gateway passes calls on to the platforms. A caller shows a client key, or a
// token that was handed out here, real or virtual; the app's own token is attached, and a
// call that the platform rejects for its token is made once more with the token's
// successor, so that no caller meets a dead token.
//
// What holds for every call:
//
//   - It goes to the base URL of its app and nowhere else, whatever its path, its host or
//     its headers say. A path that could mean more than one thing is refused.
//   - The client key, cookies and what proxies have added stay here, and the app's token
//     and secret do not come back in an answer.
//   - A token of a user passes untouched and is never taken for the app's own, nor the
//     other way round (I8). What is known to be another app's, or nobody's but this server's,
//     does not go along in the query or a header.
//   - Bodies stream in both ways. Only what is small is kept: up to 1 MiB of a request, so
//     that it can be made again, and a few KiB of an answer that could be an error.
//   - A call is made again only because the platform itself said that the token was not
//     good, and so has done nothing. What happened to a call that got no answer is not
//     known, and it is not made again; only a GET whose connection breaks before an answer
//     begins, net/http makes once more, and not one that shows a code.
//
// Where the platform has throttled a path of an app, calls are answered with its own
// words until it listens again.
package gateway
