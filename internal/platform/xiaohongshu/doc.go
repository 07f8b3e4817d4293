// Package xiaohongshu describes mini programs of Xiaohongshu (RED): how they issue, rotate
// and refuse.
//
// The platform documents how a refusal looks and next to nothing of its codes. What is known
// of them is from its own issue tracker, where its staff answers; the rest is a guess and
// says so.
//
// Facts are marked by where they are from: [A] the platform's documentation, [A*] the same
// in a quotation, [S] public source code, [C] the platform's issue tracker and other public
// reports, [I] inferred, [U] not known.
package xiaohongshu
