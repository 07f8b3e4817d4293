// Package seal keeps secrets unreadable at rest. It seals byte strings with
// Tink's AES-256-GCM, bound to associated data that the caller names, under the
// keys of one keyset file that every replica of a fleet shares.
//
// # What always holds
//
//   - A box opens only with the associated data it was sealed with, so a row
//     moved or copied to another place in a store does not open there (I8).
//   - A box that does not open says which of two things is wrong: the keyset
//     does not have its key ([ErrUnknownKey]), or the box or its associated data
//     is not what was sealed ([ErrAltered]).
//   - No error, log or formatting verb shows plaintext or key bytes (I6).
//   - The keyset file is complete or absent, never half written, and always
//     0600. Changing it is one atomic replacement under a file lock.
//   - A running [Keyring] never loses a key. [Keyring.Reload] refuses a file that
//     is not a later state of the one in use.
//   - A keyset is made only where nothing is sealed yet; see [Start].
//
// # Rotating
//
// [Rotate] adds a key and makes it primary; older keys still open. Each replica
// takes it up with [Keyring.Reload], when told to, or by itself when it meets a box
// of a key that it does not know. A job then opens and seals again every box for which
// [SealedWith] differs from [Keyring.Primary], the proof included. When every
// replica has reloaded and no box names an old key any more, [Prune] removes it.
//
// AES-GCM draws its nonce at random, which is sound for 2³² boxes under one
// key. A million tokens renewed every hour get there in 179 days: rotate at
// least twice a year at that size, yearly below it. Tink's XAES-256-GCM has no
// such bound, but takes about four times as long and eight allocations a box,
// which a start with a million boxes would feel.
//
// # Why the keyset lies in clear
//
// A server that starts unattended must find the first key somewhere, and a
// password beside the file would only add a second file of the same worth. The
// mode of the file is the protection, and it is checked on every read. What
// sealing buys is that the store, its backups and its replicas hold nothing of
// use without this one small file, which is kept and backed up apart from them.
//
// Where a key management service is at hand, the keyset can be encrypted under
// a key that never leaves it: [keyset.ReadWithContext] and WriteWithContext take
// the service's AEAD, and only encode and decode of this package change. Boxes
// stay as they are.
//
// The package needs a Unix: it relies on owners, modes, hard links and flock.
//
// [keyset.ReadWithContext]: https://pkg.go.dev/github.com/tink-crypto/tink-go/v2/keyset#ReadWithContext
package seal
