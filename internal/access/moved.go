package access

import (
	"time"

	"github.com/hufu-io/hufu/internal/broker"
)

// errMoved ends a call on an app that was made another one while the call waited.
var errMoved = &broker.Error{
	Code: broker.ErrNoToken.Code, Class: broker.Transient, RetryAfter: time.Second,
	Message: "the app was changed or removed while the call waited for its token", Hint: "make the call again: it is then one on the app as it is now",
}

// Moved returns an error where an app is not any more what it was when a call on it began:
// it may have become another registration, perhaps at another place, and the token that is
// there by now is that one's (I8). It is asked after the token was got.
func (s *Service) Moved(a *broker.App) error {
	now := s.registry.App(a.ID)
	if now == a || now != nil && now.Source() == a.Source() {
		return nil
	}
	return errMoved
}
