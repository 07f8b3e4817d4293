// Package oauth2 gets tokens from any provider of OAuth 2.0 (RFC 6749): by the client
// credentials of an app, or by a refresh token that somebody has authorized it with. Unlike
// other platforms it has no host of its own. Every app says where its tokens come from
// ([broker.App.OAuth2]), and where its calls go (its base URL), without which none are passed
// on.
package oauth2
