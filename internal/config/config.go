package config

import (
	"log/slog"
	"path/filepath"
	"time"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/platform/declared"
)

// Config is what the server runs with. Values made by [Load] and [Default] have their
// defaults filled in and are not changed any more.
type Config struct {
	// File is the absolute path of the file this came from; empty: built-in defaults.
	File string
	// Listen is the address to serve at. Default: 127.0.0.1:8080. Port 0 picks a free one.
	Listen string
	// PublicURL is where browsers reach the server: scheme, host and port. Default: none, so
	// that no app has a login.
	PublicURL string
	// DataDir is the folder of the embedded store, and of the keyset and the admin key where
	// they are not elsewhere. Default: data.
	DataDir string
	// Store says where everything is kept. Default: embedded, in DataDir.
	Store Store
	// KeysetFile seals everything secret at rest. Default: keyset.json in DataDir.
	KeysetFile string
	// AdminKeyFile holds the admin key. Default: admin.key in DataDir.
	AdminKeyFile string
	// Platforms are those that the file describes, in its order. Default: none, so that there
	// are those that are built in.
	Platforms []declared.Definition
	// Apps are in the order of the file. Default: none; apps also come through the API.
	Apps []*broker.App
	// Clients are in the order of the file. Default: none.
	Clients []*broker.Client
	// Log says what is logged and how.
	Log Log
	// Metrics serves /metrics. Default: true.
	Metrics bool
	// Limits bound what callers may cost.
	Limits Limits
	// Audit says how long the audit is kept.
	Audit Audit
	// Users says how long what users granted is kept.
	Users Users
}

// Log says what is logged and how.
type Log struct {
	Level  slog.Level // default: info
	Format LogFormat  // default: text
}

// LogFormat is the form of a log line.
type LogFormat string

// The log formats.
const (
	LogText LogFormat = "text"
	LogJSON LogFormat = "json"
)

// Limits bound what callers may cost.
type Limits struct {
	MaxHeaderBytes int   // default: 32 KiB
	MaxBodyBytes   int64 // of requests to the API itself; default: 1 MiB
	// MaxConnections may be open to the server at a time. Default: zero, which stands
	// for half of the files that the process may open, at most 65536.
	MaxConnections int
}

// Audit says how long the audit is kept.
type Audit struct {
	Keep time.Duration // default: 2160h, which is 90 days
}

// Users says how long what users granted is kept once it is of no use any more.
type Users struct {
	Keep time.Duration // default: 2160h, which is 90 days
}

// The names of files in the data folder.
const (
	keysetName   = "keyset.json"
	adminKeyName = "admin.key"
)

// Default is the configuration without a file. Its paths are relative to the working
// directory.
func Default() *Config {
	return &Config{
		Listen:     "127.0.0.1:8080",
		DataDir:    "data",
		Store:      Store{Engine: Embedded},
		KeysetFile: filepath.Join("data", keysetName), AdminKeyFile: filepath.Join("data", adminKeyName),
		Log:     Log{Level: slog.LevelInfo, Format: LogText},
		Metrics: true,
		Limits:  Limits{MaxHeaderBytes: 32 << 10, MaxBodyBytes: 1 << 20},
		Audit:   Audit{Keep: 90 * 24 * time.Hour},
		Users:   Users{Keep: 90 * 24 * time.Hour},
	}
}
