// Package declared makes platforms of descriptions: how a token is asked for, where it,
// its lifetime and an error stand in the answer, how tokens rotate, where a token stands in
// a call, and what the codes mean. From one description follow the issuer, the check, the
// gateway's side and the drop-in token paths.
package declared
