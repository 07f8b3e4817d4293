// Package baidu describes the AI services of Baidu (AIP, Qianfan) that are opened by an
// access token: how they issue, rotate and refuse.
//
// Services of other hosts, such as those for speech, want the same token under names of
// their own; read it for them. The newer Qianfan API has keys instead of tokens.
//
// Facts are marked by where they are from: [A] the platform's documentation, [A*] the same
// in a quotation or of one service for all, [P] a probe or log of the live API, [S] public
// source code, [I] inferred, [U] not known.
package baidu
