// Package qq describes mini programs and mini games of QQ: how they issue, rotate and
// refuse. Its API is a clone of WeChat's, with the same words and mostly the same codes.
//
// Facts are marked by where they are from: [A] the platform's documentation, [A*] the same
// in a quotation, [S] public source code, [I] inferred, [U] not known.
package qq
