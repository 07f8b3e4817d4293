// Package login is the relay by which users log in to apps in their browsers: it sends a
// browser to the platform with this server's one callback, has the code that it comes back with
// turned into a grant, and sends it on to the page of the business that it came from, with
// a code of its own.
//
// What holds for every login:
//
//   - A browser is sent to the platform, or to an address that the app allows, and nowhere
//     else. Whatever is not in order ends on a page of this server, from which the user goes on by
//     herself.
//   - Who begins a login costs nothing but arithmetic: what has to be remembered of it is
//     sealed and lies in the browser (I7). The store is written to only when a browser comes back
//     with what it was given, and with a state that was made here within ten minutes.
//   - A login is finished by the browser that began it, for the app that it was begun for (I8),
//     and once, on whichever server. The platform's code is sent to the platform once at most, and
//     never again after an outcome that is not known.
//   - The grant is on durable storage before a code of ours exists, and that before the
//     browser is sent on with it (I5).
//   - No code, state or token is in a log, a metric or a page (I6).
//
// It does not keep grants, and knows no platform: see internal/grant and the ports in
// internal/broker. Protocols that begin logins of their own, such as OpenID Connect, use
// [Relay.Begin] and are a [Continuation].
package login
