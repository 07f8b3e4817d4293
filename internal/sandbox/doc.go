// Package sandbox simulates open platforms, so that a token server, an SDK or
// a business server can be developed and tested offline, and so that tests can
// ask the one party that really knows which token lives.
//
// WeChat (official accounts and mini programs) is at the root: the two isolated token
// states of cgi-bin/token and cgi-bin/stable_token, tickets, quotas, the IP whitelist and
// rids; the web authorization and the codes of mini programs under sns/, with the pages on
// which users log in; and calls of business servers:
//
//   - cgi-bin/media/ upload, uploadimg and get, and cgi-bin/material/
//     add_material, get_material, get_materialcount, batchget_material and
//     del_material, which hand the very bytes out again;
//   - cgi-bin/user/, tags/, groups/, menu/, message/, template/, qrcode/create,
//     shorturl and a few under customservice/ and wxa/, which have the
//     platform's forms, but remember nothing.
//
// The other platforms ([Platforms]) are below their names, such as /wecom/cgi-bin/gettoken:
// their token paths, tickets, and a few calls that need a token and say whose it was. Each
// is a file with a scheme, which says by which rule its tokens follow one another, where it
// wants to be told what, and how it refuses. [Sandbox.Of] has them; the methods of the
// sandbox itself are about WeChat.
//
// The people who use the apps are made up ([Users]), each with a profile, an open
// id for every app ([OpenID]) and a union id for every company ([UnionID]). A browser
// that opens connect/oauth2/authorize or connect/qrconnect, with the parameters
// of the real ones, shows a page on which one chooses who it is and whether they
// agree. It needs no script and has stable ids: #user-alice and so on, #agree (which is
// called "continue" where WeChat would not ask) and #refuse; on error pages
// #error and #errcode. Who has no browser sends the choice by POST to the same address:
//
//	curl -i 'BASE/connect/oauth2/authorize?appid=…&redirect_uri=…&response_type=code&scope=snsapi_userinfo&state=…' \
//	  -d 'user=alice&answer=agree'
//
// A [Sandbox] answers over HTTP ([Sandbox.Handler]) or in process ([Sandbox.Transport], which
// needs no socket and works inside a synctest bubble). [Sandbox.Inject] makes it fail in the
// ways real platforms fail, methods such as [Sandbox.RotateOutside] and [Sandbox.Kill]
// interfere the way outsiders do, [Sandbox.NewCode], [Sandbox.NewJSCode], [Sandbox.SignRaw]
// and [Sandbox.Encrypt] stand for a user's browser and phone, [Sandbox.Revoke],
// [Sandbox.ExpireUser], [Sandbox.KillUser], [Sandbox.ExpireRefresh] and [Sandbox.Block] for
// what becomes of users, and [Sandbox.Live], [Sandbox.LiveUser], [Sandbox.Counts],
// [Sandbox.Issues], [Sandbox.Calls] and [Sandbox.Misuses] tell the truth afterwards. People
// get the same under /_sandbox/, and scripts by POST:
//
//	/_sandbox/faults                {"kind":"lost","path":"/cgi-bin/token","times":1}
//	/_sandbox/faults/clear
//	/_sandbox/apps/APPID/kill       {"mode":"classic"}, {"mode":"stable"} or {"token":"TOKEN"}
//	/_sandbox/apps/APPID/rotate     {"mode":"classic"}: somebody outside had a new token issued
//	/_sandbox/apps/APPID/secret     {"secret":"NEW"}
//	/_sandbox/apps/APPID/whitelist  {"whitelist":["10.0.0.0/8"]}
//	/_sandbox/apps/APPID/freeze     {"errcode":40243}
//	/_sandbox/apps/APPID/unfreeze
//
// of other platforms /_sandbox/PLATFORM/apps/APPID/kill and so on, with their own modes,
// and {"code":"CODE"} for freeze; and about a user of WeChat, who is named by
// {"openid":"OPENID"} or {"user":"bob"}, and is Alice where nobody is named:
//
//	/_sandbox/apps/APPID/code             {"scope":"snsapi_userinfo"}, answers {"code":"CODE"}
//	/_sandbox/apps/APPID/jscode           {}, answers {"code":"CODE"}: of a mini program
//	/_sandbox/apps/APPID/expire-user      {}, answers {"ended":1}: tokens are too old (42001)
//	/_sandbox/apps/APPID/kill-user        {}, the same: tokens are invalid (40001)
//	/_sandbox/apps/APPID/expire-refresh   {}, the same: refresh tokens are too old (42002)
//	/_sandbox/apps/APPID/revoke           {}, the same: neither is good any more (42007)
//	/_sandbox/apps/APPID/block            {}: codes of a mini program are refused (40226)
//	/_sandbox/apps/APPID/unblock          {}
//	/_sandbox/apps/APPID/new-session-key  {}
//	/_sandbox/apps/APPID/sign             {"raw_data":"TEXT"}, answers {"signature":"HEX"}
//	/_sandbox/apps/APPID/encrypt          {"data":{"phoneNumber":"…"}}, answers {"encrypted_data":"…","iv":"…"}
//
// GET /_sandbox/state answers with the state of everything.
//
// What always holds:
//
//   - a token that [Sandbox.Live] calls live opens every guarded call, and no
//     other token does; so it is with [Platform.Live] and the calls of its mode;
//   - at most the newest two tokens of a mode live at any time, unless the platform's
//     tokens know nothing of each other;
//   - tokens of users open calls under sns/ and nothing else, and nothing else
//     opens those that need one;
//   - a code is good once; that it comes again is recorded as a misuse;
//   - a browser is sent nowhere but to the callback domains of the app;
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
