// Package obs is how the server shows itself without showing a secret: its
// logger, its metrics registry, and what is done about crash dumps (I6).
//
// # The last line of defence
//
// Code keeps secrets in broker.Secret, which no verb prints, and strips them from
// errors where these are made. This package assumes that somewhere somebody
// forgot. [Redact] looks at every attribute of every record: a key that names a
// secret loses its value, and every text, be it a message, an error, a Stringer
// or a field deep in a struct, goes through [Scrub]. Texts that reach the world
// elsewhere, as the HTTP error paths and recovered panics do, go through Scrub
// there.
//
// Scrub knows secrets by their surroundings: the parameter of a URL, the field of
// a JSON text, the scheme of a header, the prefix of a client key. It does not
// know a bare token in the middle of a sentence, and it can do nothing about one
// that was encoded. Nothing else may be built on it.
//
// The standard library's servers log through log.Logger; give them
// slog.NewLogLogger with the handler of [NewLogger].
//
// # Crash dumps
//
// A Go panic that nobody recovers, and SIGQUIT, print the stacks of goroutines.
// Arguments appear there as machine words: a string is an address and a length,
// a broker.Secret is an address. What does print in the clear is the value of the
// panic, if it is a string, an error or a number. So goroutines that handle
// secrets recover, and show a panic only through Scrub; net/http recovers for its
// handlers and logs through the server's ErrorLog.
//
// A core dump is the whole memory, with every secret. The runtime asks for one
// only if GOTRACEBACK is crash, which debug.SetTraceback cannot take back, but a
// fault outside Go's reach or a debugger can make one as well. [NoCoreDumps]
// forbids them to the kernel and is called first in main. It also keeps other
// processes of the same user from reading this one's memory, so that debuggers
// need root. Swap is the machine's business: encrypt it or have none.
package obs
