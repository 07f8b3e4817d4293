// Package storecopy copies everything that one store keeps to another one, and makes sure
// that it is the same there: records and definitions with their versions, which clients
// know as ETags, users' grants, settings, and the audit.
//
// What is sealed is copied as it is. Nobody needs the keyset for it, and the same keyset
// opens it afterwards; the proof of that is a setting.
//
// # What is not copied
//
// The list of members says which servers are running, and none is: see keep. Neither
// are leases copied, which are of running servers too, but for one thing. A lease that ran
// out without being released says that its holder may have died in mid-issue, and nothing
// else does. Without it, a token that the platform has replaced meanwhile would be
// promised for longer than it lives (I2).
//
// One-time values are not copied either. They last for minutes, in which no server runs:
// whoever was logging in then logs in again. That a login was used up is forgotten with
// them, but the platform takes its code once only.
//
// # A copy that is not finished
//
// The first thing that is written is a setting that says so, the last thing that is done
// is to remove it, and no server starts on a store that has it: see [Check]. What a copy
// that broke off has left behind can so never pass for the whole.
package storecopy
