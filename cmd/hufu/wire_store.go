package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/google/renameio/v2"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/config"
	"github.com/hufu-io/hufu/internal/privatefile"
	"github.com/hufu-io/hufu/internal/registry"
	"github.com/hufu-io/hufu/internal/seal"
	"github.com/hufu-io/hufu/internal/store/redisstore"
	"github.com/hufu-io/hufu/internal/store/sqlstore"
)

const (
	// storeFile lies in the data folder.
	storeFile = "hufu.db"
	// adminName is the client that the admin key belongs to.
	adminName = "admin"
	// proofSetting names what tells the right keyset from a wrong one.
	proofSetting = "keyset_proof"
	minAdminKey  = 32
)

// openStore opens the configured store.
func openStore(ctx context.Context, cfg *config.Config, log *slog.Logger) (broker.Store, error) {
	if needsFolder(cfg) {
		if err := makeFolder(cfg.DataDir); err != nil {
			return nil, err
		}
	}
	return openEngine(ctx, cfg.Store, cfg.DataDir, log)
}

// openEngine opens a store, of which an embedded one is in a folder.
func openEngine(ctx context.Context, st config.Store, dir string, log *slog.Logger) (broker.Movable, error) {
	switch st.Engine {
	case config.PostgreSQL, config.MySQL:
		s, err := sqlstore.OpenServer(ctx, sqlstore.ServerConfig{URL: st.URL, Logger: log})
		if err != nil {
			return nil, err
		}
		return s, nil
	case config.Redis:
		s, err := redisstore.Open(ctx, redisstore.Config{URL: st.URL, Logger: log})
		if err != nil {
			return nil, err
		}
		return s, nil
	case config.Embedded:
		s, err := sqlstore.Open(ctx, sqlstore.Config{Path: filepath.Join(dir, storeFile)})
		if err != nil {
			return nil, err
		}
		return s, nil
	default:
		return nil, fmt.Errorf("no storage engine is called %q", st.Engine)
	}
}

// checkStore says what is wrong with a store's URL, without a connection.
func checkStore(s config.Store) error {
	switch s.Engine {
	case config.PostgreSQL, config.MySQL:
		return sqlstore.CheckURL(s.URL)
	case config.Redis:
		return redisstore.CheckURL(s.URL)
	case config.Embedded:
		return nil
	default:
		return fmt.Errorf("no storage engine is called %q", s.Engine)
	}
}

// needsFolder reports whether anything is kept in the data folder. A server whose store,
// keyset and admin key are all elsewhere runs without one.
func needsFolder(cfg *config.Config) bool {
	return cfg.Store.Engine == config.Embedded ||
		filepath.Dir(cfg.KeysetFile) == filepath.Clean(cfg.DataDir) || filepath.Dir(cfg.AdminKeyFile) == filepath.Clean(cfg.DataDir)
}

// makeFolder makes sure that the data folder is there, and that it is our own.
func makeFolder(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make the data folder: %w; set data_dir to a folder that the server may write", err)
	}
	return checkFolder(dir)
}

// checkFolder refuses a data folder of somebody else, who could change what is in it at
// any time, whatever its mode is now.
func checkFolder(dir string) error {
	info, err := os.Stat(dir)
	if err != nil {
		return fmt.Errorf("look at the data folder: %w", err)
	}
	if owner, _ := privatefile.Owner(info); owner != int64(os.Geteuid()) {
		return fmt.Errorf("data folder %s: it belongs to user %d, the server runs as user %d: run chown %[3]d on it, or start the server as its owner", dir, owner, os.Geteuid())
	}
	return nil
}

// openKeyset opens the keyset, or makes one for a store that holds nothing sealed yet.
// The store's proof of it is there before the first box, and no keyset but the right
// one is ever used with the store.
func openKeyset(ctx context.Context, path string, store broker.Store) (*seal.Keyring, error) {
	proof, err := store.Setting(ctx, proofSetting)
	if err != nil && !errors.Is(err, broker.ErrNotFound) {
		return nil, fmt.Errorf("read the proof of the keyset: %w", err)
	}
	keyring, err := seal.Start(path, proof)
	if err != nil || len(proof) > 0 {
		return keyring, err
	}
	if proof, err = keyring.Proof(); err != nil {
		return nil, fmt.Errorf("prove the keyset: %w", err)
	}
	err = store.AddSetting(ctx, proofSetting, proof)
	if errors.Is(err, broker.ErrConflict) {
		err = checkProof(ctx, keyring, store)
	}
	if err != nil {
		return nil, fmt.Errorf("store the proof of the keyset: %w", err)
	}
	return keyring, nil
}

// checkProof is for a server that found no proof and, when it wanted to store its own,
// that of another one that was started at the same time.
func checkProof(ctx context.Context, keyring *seal.Keyring, store broker.SettingStore) error {
	proof, err := store.Setting(ctx, proofSetting)
	if err != nil {
		return fmt.Errorf("read the proof of the keyset: %w", err)
	}
	return keyring.Check(proof)
}

// adminClient is the client with every right, whose key is in the file. The first start
// makes the key.
func adminClient(ctx context.Context, path string, log *slog.Logger) (*broker.Client, error) {
	key, err := readAdminKey(path)
	if errors.Is(err, fs.ErrNotExist) {
		key = registry.NewKey()
		err = writeAdminKey(path, key)
		if errors.Is(err, fs.ErrExist) {
			key, err = readAdminKey(path) // another server that shares the file came first
		} else if err == nil {
			how := "for the operator commands set HUFU_KEY to what the file holds"
			if strings.HasSuffix(path, string(filepath.Separator)+adminKeyPath) {
				how = "the operator commands find it by themselves in this folder, or set HUFU_KEY to what the file holds"
			}
			log.InfoContext(ctx, "an admin key was made", "file", path, "next", how)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("admin key %s: %w", path, err)
	}
	return &broker.Client{
		Name: adminName, Key: registry.HashKey(key.Reveal()), Apps: []string{"*"}, Rights: broker.Rights(broker.Admin),
		Handout: broker.HandoutReal, Origin: broker.FromFile,
	}, nil
}

// writeAdminKey writes a new key, unless there is one by now: never half of it, and never
// over another one.
func writeAdminKey(path string, key broker.Secret) error {
	tmp, err := renameio.NewPendingFile(path, renameio.WithTempDir(filepath.Dir(path)), renameio.WithStaticPermissions(0o600))
	if err != nil {
		return err
	}
	defer func() { _ = tmp.Cleanup() }() // It has another name by then, or is of no use.
	if _, err := tmp.WriteString(key.Reveal() + "\n"); err != nil {
		return err
	}
	if err := tmp.Sync(); err != nil {
		return err
	}
	return os.Link(tmp.Name(), path)
}

// readAdminKey reads a key that nobody else can read or has put there.
func readAdminKey(path string) (broker.Secret, error) {
	// Without O_NONBLOCK, opening a named pipe would wait for a writer for ever.
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0) //nolint:gosec // The path is the operator's.
	if err != nil {
		return broker.Secret{}, err
	}
	defer func() { _ = f.Close() }() // Nothing was written to it.
	info, err := f.Stat()
	switch {
	case err != nil:
		return broker.Secret{}, err
	case !info.Mode().IsRegular():
		return broker.Secret{}, errors.New("it is not a regular file; remove it, and the next start makes a new key")
	case privatefile.Exposed(info):
		return broker.Secret{}, fmt.Errorf("unsafe permissions %#o: others may have read it; remove it, and the next start makes a new key", info.Mode().Perm())
	}
	if owner, trusted := privatefile.Owner(info); !trusted {
		return broker.Secret{}, fmt.Errorf("it belongs to user %d, who knows it, and the server runs as user %d; remove it, and the next start makes a new key", owner, os.Geteuid())
	}
	data, err := io.ReadAll(io.LimitReader(f, maxSecret))
	if err != nil {
		return broker.Secret{}, err
	}
	key := string(bytes.TrimSpace(data))
	if len(key) < minAdminKey || registry.MistypedKey(key) {
		return broker.Secret{}, errors.New("it does not hold a whole key; remove it, and the next start makes a new one")
	}
	return broker.NewSecret(key), nil
}
