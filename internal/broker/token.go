package broker

import "time"

// deliverySlack is taken off every promise for the time an answer may be on its way.
const deliverySlack = time.Second

// Token is one token as readers get it. It is a value and never changes.
type Token struct {
	Key     Key
	Secret  Secret
	Version Version
	// Issued is when the request left that last brought this token.
	Issued time.Time
	// Expiry is the end by the platform's own figure, counted from Issued.
	Expiry time.Time
	// Until is the end of the promise: up to then the token works, whatever this
	// server does by plan. It is never after Expiry.
	Until time.Time
}

// Promise is how long the token may be relied on from now, in whole seconds and
// never negative.
func (t Token) Promise(now time.Time) time.Duration {
	// Sub saturates: of a promise that never was, nothing may be taken off.
	return max(max(t.Until.Sub(now), 0)-deliverySlack, 0).Truncate(time.Second)
}

// Live reports whether the token may still work by the platform's figure.
func (t Token) Live(now time.Time) bool {
	return !t.Secret.IsZero() && now.Before(t.Expiry)
}
