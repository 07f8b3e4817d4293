package dropin

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"strconv"
	"sync"

	"github.com/hufu-io/hufu/internal/broker"
)

// The platform's codes for what is refused here.
const (
	codeBadToken    = 40001
	codeBadGrant    = 40002
	codeBadAppID    = 40013
	codeInvalidURL  = 40066
	codeInvalidArgs = 40097
	codeBadSecret   = 40125
	codeNoToken     = 41001
	codeNoAppID     = 41002
	codeNoSecret    = 41004
	codeRequireGet  = 43001
	codeRequirePost = 43002
	codeEmptyBody   = 44002
	codeBadJSON     = 47001

	codeUnauthorized = 48001
)

// errmsg is what the platform says with them, without the rid.
func errmsg(code int) string {
	switch code {
	case codeBadToken:
		return "invalid credential, access_token is invalid or not latest, could get access_token by " +
			"getStableAccessToken, more details at https://mmbizurl.cn/s/JtxxFh33r"
	case codeBadGrant:
		return "invalid grant_type"
	case codeBadAppID:
		return "invalid appid"
	case codeInvalidURL:
		return "invalid url"
	case codeInvalidArgs:
		return "invalid args"
	case codeBadSecret:
		return "invalid appsecret"
	case codeNoToken:
		return "access_token missing"
	case codeNoAppID:
		return "appid missing"
	case codeNoSecret:
		return "appsecret missing"
	case codeRequireGet:
		return "require GET method"
	case codeRequirePost:
		return "require POST method"
	case codeEmptyBody:
		return "empty post data"
	case codeBadJSON:
		return "data format error"
	case codeUnauthorized:
		return "api unauthorized"
	default:
		return "system error"
	}
}

// refusal is why a caller gets nothing, through a fault of its own.
type refusal struct {
	code   int
	more   string         // what else the caller is told
	said   *broker.Error  // what the caller is told instead; nil: that of the code
	reason string         // for the log
	client *broker.Client // nil: not known
	app    string         // our id; "": not known
}

// refuse answers with a refusal and logs it under its rid: where no client is known, for
// who wants to see that only, because anybody could fill the log.
func (h *Handler) refuse(w http.ResponseWriter, r request, x refusal) outcome {
	msg := errmsg(x.code)
	if x.more != "" {
		msg += ", " + x.more
	}
	level := slog.LevelDebug
	if x.client != nil {
		level = slog.LevelInfo
	}
	h.log.LogAttrs(r.Context(), level, "a drop-in call was refused",
		slog.String("request_id", r.rid), slog.String("path", r.place.String()), slog.Int("errcode", x.code),
		slog.String("reason", x.reason), slog.String("client", broker.Caller{Client: x.client}.Name()), slog.String("app", x.app),
		slog.String("remote", r.RemoteAddr))
	if x.said == nil {
		x.said = &broker.Error{PlatformCode: strconv.Itoa(x.code), PlatformMessage: msg}
	}
	h.writeError(w, r.rid, x.said)
	return refusedByCaller
}

// fail answers with an error of the server or the platform.
func (h *Handler) fail(w http.ResponseWriter, r request, c broker.Caller, app string, err error) outcome {
	e := broker.AsError(err)
	h.log.LogAttrs(r.Context(), slog.LevelWarn, "a drop-in call got no token",
		slog.String("request_id", r.rid), slog.String("path", r.place.String()), slog.String("code", e.Code),
		slog.String("class", string(e.Class)), slog.String("client", c.Name()), slog.String("app", app), slog.Any("error", err))
	h.writeError(w, r.rid, e)
	return failed
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

// writeError writes an error in the platform's form. Where the platform gave a rid of
// its own that one is kept, because the platform's support asks for it; ours is in the
// header.
func (h *Handler) writeError(w http.ResponseWriter, rid string, err *broker.Error) {
	x := h.cfg.Refuse("", err, rid)
	writeHeader(w, rid)
	w.Header().Set("Content-Type", x.ContentType)
	w.WriteHeader(x.Status)
	_, _ = w.Write(x.Body) // the peer is gone if this fails
}

var buffers = sync.Pool{New: func() any { b := make([]byte, 0, 1024); return &b }}

// writeToken writes a token or ticket: first, the name of its field, the value, and
// for how long.
func writeToken(w http.ResponseWriter, rid, first, value string, expiresIn int64) {
	p := buffers.Get().(*[]byte) //nolint:forcetypeassert // the pool holds nothing else
	defer buffers.Put(p)
	b := (*p)[:0]
	b = append(b, first...)
	b = appendString(b, value)
	b = append(b, `,"expires_in":`...)
	b = strconv.AppendInt(b, expiresIn, 10)
	b = append(b, '}')
	*p = b
	writeHeader(w, rid)
	_, _ = w.Write(b) // the peer is gone if this fails
	clear(b)          // a pooled buffer keeps no token
}

// appendString appends a JSON string. Tokens are letters, digits, - and _; for one
// that is not, encoding/json does it.
func appendString(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			q, err := json.Marshal(s)
			if err != nil {
				return append(b, `""`...)
			}
			return append(b, q...)
		}
	}
	b = append(b, '"')
	b = append(b, s...)
	return append(b, '"')
}
