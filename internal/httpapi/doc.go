// Package httpapi is the native HTTP API: it authenticates, translates requests into
// calls of package access and their outcomes into answers. One function serves every
// call and one renders every error; handlers are a type and a few lines.
//
// What it never does: log a query string or a body, since both may hold secrets.
package httpapi
