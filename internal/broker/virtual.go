package broker

// Claim is what a virtual token says: which client it was made for, and for which of an
// app's tokens it stands.
type Claim struct {
	Client string
	// Mark tells keys of the client apart: a client that was revoked and added again
	// under its name has another one, and tokens of the first are dead.
	Mark [8]byte
	Key  Key
}

// Mark of a client for [Claim].
func (c *Client) Mark() (m [8]byte) {
	copy(m[:], c.Key[:])
	return m
}

// VirtualTokens makes and reads virtual tokens: opaque, URL-safe, at most 512 characters
// long, and worth nothing to the platform. The same claim always gives the same token,
// on every replica. Whether the claim still holds is not its business. It is safe for
// concurrent use and asks no store.
type VirtualTokens interface {
	Make(c Claim) (Secret, error)
	// Read returns false for everything that Make did not return.
	Read(tok Secret) (Claim, bool)
}
