// Package api holds the wire types of Hufu's native HTTP API and its stable error
// codes. It imports the standard library only and is part of the public contract:
// fields are added, never changed or removed.
package api
