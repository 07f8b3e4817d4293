package declared

import (
	"cmp"
	"net/http"
	"net/netip"
	"strings"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/platform"
)

// said is a code and where it is said.
type said struct {
	code string
	at   At
}

// unfamiliar is for codes that are not in the table. They are taken to pass by
// themselves: what is new in a platform is more often a new kind of trouble than a
// setting of ours, the back-off keeps the calls few and inside the app's budget, and
// whoever looks sees the platform's own words. Taken for permanent, a passing fault
// would alarm somebody and be mended late.
func unfamiliar(code string) Code {
	return Code{
		Code: code, Name: "platform_refused", Class: broker.Transient,
		Says: "the platform refused for a reason that is not known here",
		Hint: "look the code up in the platform's own list of error codes",
	}
}

func (d *described) lookup(code string, at At) (Code, bool) {
	if c, ok := d.codes[said{code, at}]; ok {
		return c, true
	}
	c, ok := d.codes[said{code: code}]
	return c, ok
}

// judge returns the error that an answer stands for, nil for a success, and what the
// platform's code says. The secrets are blotted out of the platform's words.
func (d *described) judge(s *surface, a platform.Answer, at At, secrets ...broker.Secret) (Code, error) {
	code, found, refused, err := s.read(a)
	switch {
	case refused:
		return d.refusal(s, a, code, at, secrets)
	case a.Status >= http.StatusBadRequest:
		return Code{}, a.StatusError()
	case err != nil:
		return Code{}, err
	case !found && s.Errors.NeedCode:
		return Code{}, platform.Garbage("one without " + s.Errors.Code[0])
	default:
		return Code{}, nil
	}
}

// refusal is the error for a code that is none of a success. Such an answer is a refusal:
// the platform did not act, and the outcome is known, unless the table says otherwise.
func (d *described) refusal(s *surface, a platform.Answer, code string, at At, secrets []broker.Secret) (Code, error) {
	c, known := d.lookup(code, at)
	if !known {
		c = unfamiliar(code)
	}
	msg := platform.Clean(s.message(a), secrets...)
	e := &broker.Error{Code: c.Name, Class: c.Class, Message: c.Says, Hint: withAddress(c.Hint, msg), Reset: c.Reset, RetryAfter: c.Retry, Unknown: c.Unknown}
	if !known && a.Status == http.StatusTooManyRequests {
		// What the code says is not known, but the status says enough.
		e = broker.AsError(a.StatusError())
	}
	e.PlatformCode, e.PlatformMessage = platform.Clean(code, secrets...), msg
	if e.Class == broker.Throttled {
		e.RetryAfter = cmp.Or(a.Seconds(s.Errors.Wait), e.RetryAfter, a.RetryAfter())
	}
	return c, e
}

// withAddress puts the address that a message names into a hint.
func withAddress(hint, message string) string {
	const slot = "{ip}"
	if !strings.Contains(hint, slot) {
		return hint
	}
	return strings.ReplaceAll(hint, slot, cmp.Or(addressIn(message), "this server's public address"))
}

// addressIn finds the first address that a message names; "" if there is none.
func addressIn(message string) string {
	for _, word := range strings.FieldsFunc(message, func(r rune) bool { return !strings.ContainsRune("0123456789abcdefABCDEF.:", r) }) {
		if a, err := netip.ParseAddr(strings.Trim(word, ".")); err == nil {
			return a.Unmap().String()
		}
	}
	return ""
}
