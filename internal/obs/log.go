package obs

import (
	"context"
	"io"
	"log/slog"

	"github.com/hufu-io/hufu/internal/broker"
)

// The formats of logs.
const (
	Text = "text"
	JSON = "json"
)

// NewLogger returns a logger that writes records from level on to w, as JSON if
// format is [JSON] and else as text, with secrets redacted.
func NewLogger(w io.Writer, level slog.Level, format string) *slog.Logger {
	opts := &slog.HandlerOptions{Level: level}
	if format == JSON {
		return slog.New(Redact(slog.NewJSONHandler(w, opts)))
	}
	return slog.New(Redact(slog.NewTextHandler(w, opts)))
}

// Redact returns a handler that passes records on to h without the secrets in
// them. Values that are neither basic nor groups arrive at h as text, because
// that is the one form in which all that will be shown can be seen beforehand.
func Redact(h slog.Handler) slog.Handler { return &redactor{next: h} }

type redactor struct {
	next slog.Handler
	// secret is set inside of a group whose name says that it is secret.
	secret bool
}

// Enabled implements [slog.Handler].
func (h *redactor) Enabled(ctx context.Context, l slog.Level) bool { return h.next.Enabled(ctx, l) }

// Handle implements [slog.Handler].
func (h *redactor) Handle(ctx context.Context, r slog.Record) error {
	msg := Scrub(r.Message)
	changed := msg != r.Message
	if !changed {
		r.Attrs(func(a slog.Attr) bool {
			changed = !h.clean(a)
			return !changed
		})
	}
	if !changed {
		return h.next.Handle(ctx, r)
	}
	out := slog.NewRecord(r.Time, r.Level, msg, r.PC)
	r.Attrs(func(a slog.Attr) bool {
		out.AddAttrs(redactAttr(a, h.secret))
		return true
	})
	return h.next.Handle(ctx, out)
}

// WithAttrs implements [slog.Handler].
func (h *redactor) WithAttrs(attrs []slog.Attr) slog.Handler {
	out := make([]slog.Attr, len(attrs))
	for i, a := range attrs {
		out[i] = redactAttr(a, h.secret)
	}
	return &redactor{next: h.next.WithAttrs(out), secret: h.secret}
}

// WithGroup implements [slog.Handler].
func (h *redactor) WithGroup(name string) slog.Handler {
	if name == "" {
		return h
	}
	return &redactor{next: h.next.WithGroup(name), secret: h.secret || secretKey(name)}
}

// clean reports whether an attribute can pass as it is. It is the cheap way for
// ordinary records, and says no where it would have to work to know.
func (h *redactor) clean(a slog.Attr) bool {
	switch a.Value.Kind() {
	case slog.KindBool, slog.KindDuration, slog.KindTime:
		return true
	case slog.KindInt64, slog.KindUint64, slog.KindFloat64:
		return !h.secret && !secretKey(a.Key)
	case slog.KindString:
		s := a.Value.String()
		return !h.secret && !secretKey(a.Key) && Scrub(s) == s
	case slog.KindAny, slog.KindGroup, slog.KindLogValuer:
		return false
	default:
		return false
	}
}

// redactAttr returns the attribute without what is secret in it.
func redactAttr(a slog.Attr, secret bool) slog.Attr {
	secret = secret || secretKey(a.Key)
	return slog.Attr{Key: a.Key, Value: redactValue(a.Value.Resolve(), secret)}
}

func redactValue(v slog.Value, secret bool) slog.Value {
	switch v.Kind() {
	case slog.KindBool, slog.KindDuration, slog.KindTime:
		return v
	case slog.KindGroup:
		group := v.Group()
		out := make([]slog.Attr, len(group))
		for i, a := range group {
			out[i] = redactAttr(a, secret)
		}
		return slog.GroupValue(out...)
	case slog.KindInt64, slog.KindUint64, slog.KindFloat64:
		if secret {
			return slog.StringValue(redacted)
		}
		return v
	case slog.KindString:
		if secret && v.String() != "" {
			return slog.StringValue(redacted)
		}
		return slog.StringValue(Scrub(v.String()))
	case slog.KindAny, slog.KindLogValuer: // a LogValuer has been resolved before
		return redactAny(v.Any(), secret)
	default:
		return slog.StringValue(redacted)
	}
}

func redactAny(v any, secret bool) slog.Value {
	switch x := v.(type) {
	case nil, *slog.Source:
		return slog.AnyValue(v)
	case broker.Key:
		return slog.StringValue(x.String())
	}
	if secret {
		return slog.StringValue(redacted)
	}
	return slog.StringValue(format(v))
}
