// Package virtual makes and reads virtual tokens: opaque strings that stand for one of
// an app's tokens in the hands of one client. They open this server's gateway and
// nothing else.
//
// A token is a claim (which client, which of its keys, which app's token) under AES-SIV,
// a deterministic cipher that also authenticates: the same claim always gives the same
// token, on every replica and after every restart, so that nobody ever sees one rotate,
// and nothing is stored for it. What a token says can be neither read nor changed
// without the key. Whether the claim still holds, its reader looks up.
//
// All replicas share one key. It is made at the first start, sealed by the keyset, and
// kept in the store; see [Open].
package virtual
