// Package douyin describes the open platform of Douyin and, with the same tokens, the mini
// programs of all apps of ByteDance: how they issue, rotate and refuse.
//
// There are two tokens that know nothing of each other: that of mini programs and mini
// games, of developer.toutiao.com, and client_token, of open.douyin.com, which newer calls
// want. The second one can be had from two paths, which are two modes here.
//
// Some older calls of developer.toutiao.com want their token in the JSON of the body, such
// as POST /api/apps/qrcode [S]. It is not put there: read the token for them.
//
// Facts are marked by where they are from: [A] the platform's documentation, [A*] the same
// in a quotation, [S] public source code, [I] inferred, [U] not known.
package douyin
