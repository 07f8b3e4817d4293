// Package client calls the native HTTP API of a Hufu server: one method is one HTTP
// call, with nothing cached, retried or kept in the background.
//
// A call that the server refused returns an [*api.Problem], whose code is stable and
// whose class says who can do something about it:
//
//	c, err := client.New(client.Config{Addr: "http://127.0.0.1:8080", Key: os.Getenv("HUFU_KEY")})
//	…
//	token, err := c.Token(ctx, "shop", "access_token", client.TokenOptions{})
//	if p, ok := errors.AsType[*api.Problem](err); ok && p.Class == api.ClassTransient {
//		// Ask again later.
//	}
//
// Every other error means that the server could not be reached or that ctx ended.
// No error contains the client key or a token.
//
// Besides the apps' own tokens there are those of users who have logged in ([Client.Exchange],
// [Client.UserToken], [Client.Profile]), sessions of mini programs ([Client.Session]) and
// signatures for pages ([Client.SignPage]).
//
// A token may be used for [api.Token.ExpiresIn] seconds from when it arrived. If the
// platform rejects it earlier, say so with [Client.Renew], giving its version, and use
// what comes back. Programs that do not want to think about any of that ask for the
// token before every use: the server answers from memory.
package client
