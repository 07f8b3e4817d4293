// Package kuaishou describes mini programs and mini games of Kuaishou: how they issue,
// rotate and refuse.
//
// Two calls want their token in the form of the body, such as that for messages [A]. It is
// not put there: read the token for them. The path of the token is also the one where
// websites and mobile apps exchange a user's code; that is not done here.
//
// Facts are marked by where they are from: [A] the platform's documentation, [A*] the same
// in a quotation, [S] public source code, [I] inferred, [U] not known.
package kuaishou
