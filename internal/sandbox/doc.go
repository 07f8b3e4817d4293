// Package sandbox simulates open platforms, so that a token server, an SDK or
// a business server can be developed and tested offline, and so that tests can
// ask the one party that really knows which token lives.
//
// Today it simulates WeChat (official accounts and mini programs): the two
// isolated token states of cgi-bin/token and cgi-bin/stable_token, tickets,
// quotas, the IP whitelist and rids; the web authorization and the codes of
// mini programs under sns/; and calls of business servers:
//
//   - cgi-bin/media/ upload, uploadimg and get, and cgi-bin/material/
//     add_material, get_material, get_materialcount, batchget_material and
//     del_material, which hand the very bytes out again;
//   - cgi-bin/user/, tags/, groups/, menu/, message/, template/, qrcode/create,
//     shorturl and a few under customservice/ and wxa/, which have the
//     platform's forms, but remember nothing.
//
// A [Sandbox] answers over HTTP ([Sandbox.Handler]) or in process
// ([Sandbox.Transport], which needs no socket and works inside a synctest
// bubble). [Sandbox.Inject] makes it fail in the ways real platforms fail,
// methods such as [Sandbox.RotateOutside] and [Sandbox.Kill] interfere the way
// outsiders do, [Sandbox.NewCode] and [Sandbox.NewJSCode] stand for a user's
// browser and phone, and [Sandbox.Live], [Sandbox.Counts], [Sandbox.Issues],
// [Sandbox.Calls] and [Sandbox.Misuses] tell the truth afterwards. People get
// the same under /_sandbox/, and scripts by POST:
//
//	/_sandbox/faults                {"kind":"lost","path":"/cgi-bin/token","times":1}
//	/_sandbox/faults/clear
//	/_sandbox/apps/APPID/kill       {"mode":"classic"}, {"mode":"stable"} or {"token":"TOKEN"}
//	/_sandbox/apps/APPID/rotate     {"mode":"classic"}: somebody outside had a new token issued
//	/_sandbox/apps/APPID/code       {"openid":"OPENID","scope":"snsapi_userinfo"}, answers {"code":"CODE"}
//	/_sandbox/apps/APPID/jscode     {"openid":"OPENID"}, answers {"code":"CODE"}
//	/_sandbox/apps/APPID/secret     {"secret":"NEW"}
//	/_sandbox/apps/APPID/whitelist  {"whitelist":["10.0.0.0/8"]}
//	/_sandbox/apps/APPID/freeze     {"errcode":40243}
//	/_sandbox/apps/APPID/unfreeze
//
// GET /_sandbox/state answers with the state of everything.
//
// What always holds:
//
//   - a token that [Sandbox.Live] calls live opens every guarded call, and no
//     other token does;
//   - at most the newest two tokens of a mode live at any time;
//   - tokens of users open calls under sns/ and nothing else, and nothing else
//     opens those that need one;
//   - errors have the platform's own form, and no input makes it panic;
//   - no secret leaves it, neither through a page nor through rid/get;
//   - no lock is held while a fault sleeps, an upload is read or an answer is
//     sent;
//   - the token of an upload is judged before its body is read, and uploaded
//     content takes no more memory than Config.MediaBytes.
//
// It does not persist anything, and it forgets the oldest part of its history
// (see the limits at the respective methods), so that it can run for weeks.
package sandbox
