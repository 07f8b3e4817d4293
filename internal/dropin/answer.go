package dropin

import (
	"cmp"
	"log/slog"
	"net/http"
	"sync"

	"github.com/hufu-io/hufu/internal/broker"
)

// refuse answers a call that gets nothing through a fault of its own, and logs it under its
// rid: where no client is known, for who wants to see that only, because anybody could
// fill the log.
func (h *Handler) refuse(w http.ResponseWriter, r request, v *visit) outcome {
	level := slog.LevelDebug
	if v.caller.Client != nil {
		level = slog.LevelInfo
	}
	if v.reason == "" {
		v.reason = cmp.Or(v.err.Message, v.err.Hint)
	}
	h.log.LogAttrs(r.Context(), level, "a drop-in call was refused", append(v.about(r),
		slog.String("code", v.err.Code), slog.String("reason", v.reason), slog.String("remote", r.RemoteAddr))...)
	h.writeError(w, r, v, v.err)
	return refusedByCaller
}

// fail answers with an error of the server or the platform.
func (h *Handler) fail(w http.ResponseWriter, r request, v *visit, err error) outcome {
	e := broker.AsError(err)
	h.log.LogAttrs(r.Context(), slog.LevelWarn, "a drop-in call got no token", append(v.about(r),
		slog.String("code", e.Code), slog.String("class", string(e.Class)), slog.Any("error", err))...)
	h.writeError(w, r, v, e)
	return failed
}

// about is what logs say of a call.
func (v *visit) about(r request) []slog.Attr {
	platform, path, app := "", "other", v.named
	if v.at != nil {
		platform, path = v.at.platform.Name, v.at.Name
	}
	if v.app != nil {
		app = v.app.ID
	}
	return []slog.Attr{
		slog.String("request_id", r.rid), slog.String("platform", platform), slog.String("path", path),
		slog.String("client", v.caller.Name()), slog.String("app", app),
	}
}

// Header values that are the same in every answer. They are shared and not changed.
var (
	contentJSON = []string{"application/json"}
	noStore     = []string{"no-store"}
)

// writeHeader sets what all answers have. co-wechat-api reads an answer only if it is
// called JSON.
func writeHeader(w http.ResponseWriter, rid string) {
	h := w.Header()
	h["Content-Type"], h["Cache-Control"] = contentJSON, noStore
	h["X-Request-Id"] = []string{rid}
}

// writeError writes an error in the platform's form. Where the platform gave a request id
// of its own that one is kept, because the platform's support asks for it; ours is in the
// header.
func (h *Handler) writeError(w http.ResponseWriter, r request, v *visit, err *broker.Error) {
	p := h.table.first
	if v.at != nil {
		p = v.at.platform
	}
	x := p.Upstream.Refuse(canonical(p, r.path), err, r.rid)
	writeHeader(w, r.rid)
	w.Header().Set("Content-Type", x.ContentType)
	if x.Challenge != "" {
		w.Header().Set("WWW-Authenticate", x.Challenge)
	}
	w.WriteHeader(x.Status)
	_, _ = w.Write(x.Body) // the peer is gone if this fails
}

var buffers = sync.Pool{New: func() any { b := make([]byte, 0, 1024); return &b }}

// writeToken writes a token as its platform's answer.
func writeToken(w http.ResponseWriter, rid string, answer func([]byte, string, int64) []byte, token string, expiresIn int64) {
	p := buffers.Get().(*[]byte) //nolint:forcetypeassert // the pool holds nothing else
	defer buffers.Put(p)
	b := answer((*p)[:0], token, expiresIn)
	*p = b
	writeHeader(w, rid)
	_, _ = w.Write(b) // the peer is gone if this fails
	clear(b)          // a pooled buffer keeps no token
}
