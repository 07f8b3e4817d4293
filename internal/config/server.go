package config

import (
	"log/slog"
	"slices"
	"strings"
	"time"
)

// store reports every storage engine but the one there is. No message quotes more of it
// than its scheme: such a URL holds a password.
func (v value) store() {
	s, ok := v.text()
	if !ok || s == storeEmbedded {
		return
	}
	scheme, _, isURL := strings.Cut(s, "://")
	later := []string{"redis", "rediss", "postgres", "postgresql", "mysql"}
	switch i := slices.Index(later, strings.ToLower(scheme)); {
	case isURL && i >= 0:
		v.fault("a %s store comes in a later release; this build has only: embedded", later[i])
	case isURL:
		v.fault("has a scheme that is not known; write: embedded")
	default:
		v.fault("%s is not known%s", v.shown(), meant(v.node.Value, []string{storeEmbedded}))
	}
}

func (v value) log(def Log) Log {
	o := v.object()
	if o == nil {
		return def
	}
	l := def
	levels := map[string]slog.Level{
		"debug": slog.LevelDebug, "info": slog.LevelInfo, "warn": slog.LevelWarn, "error": slog.LevelError,
	}
	l.Level = levels[o.field("level").choice(strings.ToLower(def.Level.String()), "debug", "info", "warn", "error")]
	l.Format = LogFormat(o.field("format").choice(string(def.Format), string(LogText), string(LogJSON)))
	o.done()
	return l
}

func (v value) limits(def Limits) Limits {
	o := v.object()
	if o == nil {
		return def
	}
	l := Limits{
		MaxHeaderBytes: int(o.field("max_header_bytes").number(int64(def.MaxHeaderBytes), 4<<10, 1<<20)),
		MaxBodyBytes:   o.field("max_body_bytes").number(def.MaxBodyBytes, 4<<10, 64<<20),
		MaxConnections: int(o.field("max_connections").number(int64(def.MaxConnections), 16, 1<<20)),
	}
	o.done()
	return l
}

func (v value) audit(def Audit) Audit {
	o := v.object()
	if o == nil {
		return def
	}
	a := def
	if keep := o.field("keep").duration(time.Hour, 10*365*24*time.Hour); keep > 0 {
		a.Keep = keep
	}
	o.done()
	return a
}
