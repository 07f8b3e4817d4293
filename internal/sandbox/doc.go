// Package sandbox simulates open platforms, so that a token server, an SDK or
// a business server can be developed and tested offline, and so that tests can
// ask the one party that really knows which token lives.
//
// Today it simulates WeChat (official accounts and mini programs): the two
// isolated token states of cgi-bin/token and cgi-bin/stable_token, tickets,
// quotas, the IP whitelist, rids, and a few calls that need a token.
//
// A [Sandbox] answers over HTTP ([Sandbox.Handler]) or in process
// ([Sandbox.Transport], which needs no socket and works inside a synctest
// bubble). [Sandbox.Inject] makes it fail in the ways real platforms fail,
// methods such as [Sandbox.RotateOutside] and [Sandbox.Kill] interfere the way
// outsiders do, and [Sandbox.Live], [Sandbox.Counts], [Sandbox.Issues] and
// [Sandbox.Misuses] tell the truth afterwards. People get the same under
// /_sandbox/.
//
// What always holds:
//
//   - a token that [Sandbox.Live] calls live opens every guarded call, and no
//     other token does;
//   - at most the newest two tokens of a mode live at any time;
//   - errors have the platform's own form, and no input makes it panic;
//   - no secret leaves it, neither through a page nor through rid/get;
//   - no lock is held while a fault sleeps.
//
// It does not persist anything, and it forgets the oldest part of its history
// (see the limits at the respective methods), so that it can run for weeks.
package sandbox
