// Package xiaohongshu describes mini programs of Xiaohongshu (RED): how they issue, rotate
// and refuse.
//
// The platform documents how a refusal looks and next to nothing of its codes, so that
// most of what is known of them here is a guess and says so.
//
// Facts are marked by where they are from: [A] the platform's documentation, [A*] the same
// in a quotation, [S] public source code, [I] inferred, [U] not known.
package xiaohongshu
