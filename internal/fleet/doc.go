// Package fleet knows the servers that share a store: who of them is alive, and in which
// order they stand in line for a key.
//
// Every server notes in the store that it is alive, every few seconds, and learns from the
// answer of the others. Who renews which key follows from the list alone: each server
// works out the same order for a key ([Members.Rank]), and those that are not first wait a
// little longer for the planned renewal. So a renewal costs the store one server's work,
// however many there are, and no server has to be told what it is in charge of.
//
// The order saves the store's time and nothing else. Servers whose lists differ for a
// moment try at once, and the lease decides; a server that is gone but still on the list
// costs those after it the wait.
//
// The same notes tell a server that the store has lost what was written to it: restored
// from a backup, or failed over to a replica that had less. The store then does not
// remember its last note ([Config.Forgotten]).
package fleet
