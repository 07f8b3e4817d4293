// Package oidc lets users log in "with WeChat" at programs that know OpenID Connect and nothing
// of WeChat. Every app with a login is an issuer of its own, {public URL}/oauth/{app}; the relay
// of internal/login does the way to the platform and back.
//
// # What always holds
//
//   - What was made for one app is worth nothing at another one's endpoints: codes, access
//     tokens and requests are bound to the app and to its registration at the platform, ID tokens name
//     their issuer (I8). Access tokens are bound to the client's key as well, and end with it.
//   - Nothing is written to the store for a caller who has not proved who he is (I7). A request on its way
//     through the platform is not kept here: it travels along, encrypted. A code is kept
//     once a user has logged in, and used up once a client has shown its key.
//   - A browser is sent only to what the app's login allows, and only on behalf of a client that may
//     log users in to the app. All other faults end on a page of ours.
//   - No code, token, key, nonce or state reaches a log (I6).
//
// What is spoken is github.com/zitadel/oidc: its types, decoding and checks, its encoding of
// answers and its signing. Its server is not used: it logs by the process's default logger,
// with the URL that a browser is sent to, and knows neither pages nor requests that are kept
// nowhere.
package oidc
