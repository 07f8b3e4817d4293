package config

import (
	"log/slog"
	"strings"
	"time"
)

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

// keep reads an object that says for how long something is kept.
func (v value) keep(def time.Duration) time.Duration {
	o := v.object()
	if o == nil {
		return def
	}
	if keep := o.field("keep").duration(time.Hour, 10*365*24*time.Hour); keep > 0 {
		def = keep
	}
	o.done()
	return def
}
