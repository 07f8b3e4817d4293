// Package login is the relay by which users log in to apps in their browsers: it sends a
// browser to the platform with this server's one callback, has the code that it comes back with
// turned into a grant, and sends it on to the page of the business that it came from, with
// a code of its own.
package login
