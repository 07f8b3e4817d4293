package declared

import (
	"strings"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/platform"
)

// Refuse implements [broker.Upstream]. What the platform said itself is said again as it
// was; with an error of this server comes what to do about it, because the developer of
// the caller may see nothing else.
func (u upstream) Refuse(path string, err *broker.Error, requestID string) broker.Refusal {
	if err == nil {
		err = broker.AsError(nil)
	}
	s := u.surface(path)
	code, msg, status := err.PlatformCode, err.PlatformMessage, s.Errors.status()
	if code == "" {
		w := s.word(err)
		code, msg = w.Code, explained(w, err)
		if w.Status != 0 {
			status = w.Status
		}
	}
	if id := s.Errors.RequestID; requestID != "" && (id == "" || isHeader(id)) {
		msg = strings.TrimLeft(msg+" (request id "+requestID+")", " ")
	}
	doc, outer := s.refusal, code
	if c, ok := u.lookup(code, AtCall); ok && c.Beside != "" && len(s.Errors.Detail) > 0 {
		doc, outer = s.detail, c.Beside
	}
	if more, ok := s.more[code]; ok {
		doc = more
	}
	body := doc.append(nil, func(b []byte, h hole) []byte {
		switch h {
		case holeCode:
			return appendCode(b, outer)
		case holeDetail:
			return appendText(b, code)
		case holeRequest:
			return appendText(b, requestID)
		case holeMessage, holeNone, holeToken, holeLifetime:
		}
		return appendText(b, msg)
	})
	return broker.Refusal{Status: status, ContentType: "application/json", Body: body}
}

// explained is a word with our own words behind it, which are not said again where they are
// the same.
func explained(w Word, err *broker.Error) string {
	msg := strings.TrimLeft(w.Message+" ("+err.Code+")", " ")
	if err.Message != "" && err.Message != w.Message {
		msg += ": " + platform.Clean(err.Message)
	}
	if err.Hint != "" {
		msg += "; " + platform.Clean(err.Hint)
	}
	return msg
}
