package platform

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"unicode"

	"github.com/hufu-io/hufu/internal/broker"
)

const (
	maxText = 512 // bytes of a foreign text that are kept
	keptEnd = 128 // of which so many are its end: platforms put the request's id there
	blot    = "[secret]"
)

// Clean makes a text that somebody else wrote fit for errors, logs and consoles: the
// given secrets are blotted out of it, whatever cannot be printed is dropped, and it
// is bounded, keeping both ends.
func Clean(text string, secrets ...broker.Secret) string {
	text = redact(text, secrets)
	text = strings.Map(func(r rune) rune {
		switch {
		case r == unicode.ReplacementChar:
			return '?'
		case unicode.IsPrint(r):
			return r
		case unicode.IsSpace(r):
			return ' '
		default:
			return -1 // control characters, and those that turn the direction of writing
		}
	}, text)
	// Once more, for a secret that was interspersed with what has been dropped.
	text = redact(text, secrets)
	if len(text) <= maxText {
		return text
	}
	const dots = "…"
	head, tail := text[:maxText-keptEnd-len(dots)], text[len(text)-keptEnd:]
	return strings.ToValidUTF8(head, "") + dots + strings.ToValidUTF8(tail, "")
}

// redact blots out the secrets, also as they stand in a URL.
func redact(text string, secrets []broker.Secret) string {
	for _, s := range secrets {
		v := s.Reveal()
		if v == "" {
			continue
		}
		for _, form := range []string{v, url.QueryEscape(v), url.PathEscape(v)} {
			text = strings.ReplaceAll(text, form, blot)
		}
	}
	return text
}

// concealed stands for a cause whose text, fields and wrapped errors may quote the
// request, as those of [*url.Error] do. It keeps a cleaned text and, of the causes,
// only whether it was one of the context's.
type concealed struct {
	text string
	ctx  error
}

func conceal(err error, secrets []broker.Secret) error {
	if err == nil {
		return nil
	}
	c := &concealed{}
	for _, known := range []error{context.Canceled, context.DeadlineExceeded} {
		if errors.Is(err, known) {
			c.ctx = known
		}
	}
	if u := (*url.Error)(nil); errors.As(err, &u) {
		err = u.Err
	}
	c.text = Clean(err.Error(), secrets...)
	return c
}

// Error implements error.
func (c *concealed) Error() string { return c.text }

// Unwrap returns the context's error, if it was one.
func (c *concealed) Unwrap() error { return c.ctx }
