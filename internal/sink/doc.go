// Package sink writes renewed tokens to where programs that do not ask for them
// read them: a line of a Java properties file, a JSON file, or a key of a Redis;
// and tells those of them that want to be told, by webhooks.
//
// # What always holds
//
//   - A file is whole at every moment, with the old token or with the new one,
//     whatever crashes and whenever. It is replaced, never rewritten.
//   - What the file held beside the token stays byte for byte; so do its owner
//     and its mode. A new file is 0600. A symbolic link stays one: the file that
//     it leads to is replaced.
//   - An older version never replaces a newer one that this process wrote, nor
//     one that a JSON file or a Redis key says it holds. A file that already has
//     the token is not touched.
//   - A Redis key is gone when the promise on its token ends (I2). A webhook has
//     one name for one token, whoever sends it and however often.
//   - What opens another server is in no error, log line or status (I6).
//   - A token goes only into sinks of its own app and kind, and only the app's
//     own tokens, those without a subject, are written (I8).
//   - [Runner.Deliver] takes no time: a sink that fails, hangs or panics never
//     delays a reader or another file (I3). It is retried, with the newest token
//     only, and it is visible in [Runner.Status] and in the metrics. Other servers
//     have workers of their own, and one of them costs one worker.
//
// # What readers of a file must do
//
// Nothing tells them that the file has changed, and no expires_in in it would
// still be true when they read it. So they must read it again: before each use,
// which is cheap, or at least once a minute. Every new token is written at once,
// when it is issued, never later for the old one's sake.
//
// The old content goes on working for a while after it was replaced, which is
// the time a reader has to notice. Where a new token kills the old one, that is
// the app's overlap (WeChat: five minutes); elsewhere the old token works to its
// own expiry. This is the promise that callers of the API get with expires_in,
// and it ends the same way: a token that was renewed because it had been
// rejected is dead already when its successor is written. A reader whose token
// is rejected reads the file again before anything else.
//
// # What it does not do
//
// A file belongs to one server process: sinks of one process that share a file
// wait for each other, two processes do not. Hard links, extended attributes and
// access control lists are not carried over to the replaced file. A single file
// that is bind-mounted into a container cannot be replaced from within; mount
// its folder.
//
// Lock order: that of [Runner], then those of the servers of Redis sinks; that of
// [Files] is taken alone. None is held across I/O. Turns at a file, and a client that
// is being made, are waited for on a channel.
package sink
