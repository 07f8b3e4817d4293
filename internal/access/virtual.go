package access

import "github.com/hufu-io/hufu/internal/broker"

// noVirtual stands where there are no virtual tokens.
type noVirtual struct{}

func (noVirtual) Make(broker.Claim) (broker.Secret, error) {
	return broker.Secret{}, &broker.Error{Code: broker.ErrNotReady.Code, Class: broker.Transient, Message: "virtual tokens are not served here"}
}

func (noVirtual) Read(broker.Secret) (broker.Claim, bool) { return broker.Claim{}, false }
