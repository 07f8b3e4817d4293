// Package broker is the domain of Hufu: apps, keys, tokens, records, how each
// platform rotates, and the decisions that follow from it. It does no I/O and
// imports the standard library only; the packages around it issue, store, serve
// and watch tokens through the ports declared here.
//
// Decisions are pure functions of a record, a rotation, a policy and an instant:
// when to renew ([PlanIssued]), how long a token may be promised ([Token.Promise]),
// whether a renewal is due at all ([Decide]), what a failure means for the next
// attempt ([PlanFailed]) and what the day's budget still allows ([Budget.Allow]).
//
// Every instant in a record is on the store's clock, which all replicas share.
package broker
