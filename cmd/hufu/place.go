package main

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/hufu-io/hufu/internal/config"
)

// place is a store as an operator names it.
type place struct {
	name  string // as it was given, which is no secret
	store config.Store
	dir   string // of the embedded store, absolute
}

// parsePlace reads what names a store. A usage error goes on after the argument's name.
func parsePlace(arg string) (place, error) {
	kind, rest, _ := strings.Cut(arg, ":")
	switch {
	case strings.Contains(arg, "://"):
		if config.HoldsPassword(arg) {
			return place{}, &usageError{err: errors.New("is a URL with a password in it, or with something that has to be escaped; " +
				"every user of the machine can see what is on a command line: use env:NAME, file:PATH or a configuration file")}
		}
		return urlPlace(arg, arg)
	case kind == string(config.Embedded):
		if rest == "" {
			return place{}, &usageError{err: errors.New("names no folder; write embedded:DIR")}
		}
		return embeddedPlace(arg, rest)
	case kind == "env":
		text := os.Getenv(rest)
		if text == "" {
			return place{}, &usageError{err: fmt.Errorf("names the environment variable %q, which is not set", rest)}
		}
		return urlPlace(arg, text)
	case kind == "file":
		text, err := readURL(rest)
		if err != nil {
			return place{}, err
		}
		return urlPlace(arg, text)
	case filepath.Ext(arg) == ".yaml" || filepath.Ext(arg) == ".yml":
		cfg, err := loadConfig(arg, config.Options{Platforms: platforms()})
		if err != nil {
			return place{}, err
		}
		if cfg.Store.Engine == config.Embedded {
			return embeddedPlace(arg, cfg.DataDir)
		}
		return place{name: arg, store: cfg.Store}, nil
	default:
		return place{}, &usageError{err: errors.New("names no store; write embedded:DIR, a URL, env:NAME, file:PATH, or a configuration file")}
	}
}

// readURL reads a file with one line.
func readURL(path string) (string, error) {
	f, err := os.Open(path) //nolint:gosec // The path is the operator's.
	if err != nil {
		return "", fmt.Errorf("read the store's URL: %w", err)
	}
	lines, err := secretLines(f)
	_ = f.Close() // Nothing was written to it.
	if err == nil {
		err = errOneLine(lines)
	}
	if err != nil {
		return "", fmt.Errorf("read the store's URL from %s: %w", path, err)
	}
	return lines[0], nil
}

func urlPlace(name, text string) (place, error) {
	st, problem := config.ParseStore(text)
	if problem == "" && st.Engine == config.Embedded {
		problem = "names no folder; write embedded:DIR"
	}
	if problem != "" {
		return place{}, &usageError{err: errors.New(problem)}
	}
	return place{name: name, store: st}, nil
}

func embeddedPlace(name, dir string) (place, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return place{}, fmt.Errorf("find the folder %s: %w", dir, err)
	}
	return place{name: name, store: config.Store{Engine: config.Embedded}, dir: abs}, nil
}

// is reports whether two places are plainly the same store. Where two names of one server
// hide it, the store's own list does not let the copy begin.
func (p place) is(o place) bool {
	return p.store.Engine == o.store.Engine && p.dir == o.dir && p.store.URL.Equal(o.store.URL)
}

// emptied says how what is in the store is removed.
func (p place) emptied() string {
	switch p.store.Engine {
	case config.PostgreSQL:
		return "drop its database, or the schema that its search_path names, and create it again"
	case config.MySQL:
		return "drop its database and create it again"
	case config.Redis:
		prefix := "hufu"
		if u, err := url.Parse(p.store.URL.Reveal()); err == nil && u.Query().Get("prefix") != "" {
			prefix = u.Query().Get("prefix")
		}
		return fmt.Sprintf("delete the keys with its prefix: redis-cli --scan --pattern '{%s}:*' | xargs redis-cli unlink", prefix)
	case config.Embedded:
		return "remove " + filepath.Join(p.dir, storeFile) + " and the files beside it whose names begin like that"
	default:
		return "empty it"
	}
}
