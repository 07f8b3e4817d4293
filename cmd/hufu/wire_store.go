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
	"syscall"

	"github.com/google/renameio/v2"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/config"
	"github.com/hufu-io/hufu/internal/registry"
	"github.com/hufu-io/hufu/internal/seal"
	"github.com/hufu-io/hufu/internal/store/sqlstore"
)

const (
	// storeFile and adminKeyFile lie in the data folder.
	storeFile    = "hufu.db"
	adminKeyFile = "admin.key"
	// adminName is the client that the admin key belongs to.
	adminName = "admin"
	// proofSetting names what tells the right keyset from a wrong one.
	proofSetting = "keyset_proof"
	minAdminKey  = 32
)

// openStore opens the embedded store in the data folder, which it makes if need be.
func openStore(ctx context.Context, cfg *config.Config) (broker.Store, error) {
	if err := os.MkdirAll(cfg.DataDir, 0o700); err != nil {
		return nil, fmt.Errorf("make the data folder: %w; set data_dir to a folder that the server may write", err)
	}
	if err := checkFolder(cfg.DataDir); err != nil {
		return nil, err
	}
	s, err := sqlstore.Open(ctx, sqlstore.Config{Path: filepath.Join(cfg.DataDir, storeFile)})
	if err != nil {
		return nil, err
	}
	return s, nil
}

// checkFolder refuses a data folder of somebody else, who could change what is in it at
// any time, whatever its mode is now.
func checkFolder(dir string) error {
	info, err := os.Stat(dir)
	if err != nil {
		return fmt.Errorf("look at the data folder: %w", err)
	}
	if owner, ours := ownerOf(info); !ours {
		return fmt.Errorf("data folder %s: it belongs to user %d, the server runs as user %d: run chown %[3]d on it, or start the server as its owner", dir, owner, os.Geteuid())
	}
	return nil
}

// ownerOf tells whose a file is, and whether this process runs as that user.
func ownerOf(info fs.FileInfo) (uid int64, ours bool) {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, true
	}
	uid = int64(stat.Uid)
	return uid, uid == int64(os.Geteuid())
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

// adminClient is the client with every right, whose key lies in the data folder. The
// first start makes the key.
func adminClient(ctx context.Context, dir string, log *slog.Logger) (*broker.Client, error) {
	path := filepath.Join(dir, adminKeyFile)
	key, err := readAdminKey(path)
	if errors.Is(err, fs.ErrNotExist) {
		key = registry.NewKey()
		err = renameio.WriteFile(path, []byte(key.Reveal()+"\n"), 0o600, renameio.WithTempDir(dir), renameio.WithStaticPermissions(0o600))
		if err == nil {
			log.InfoContext(ctx, "an admin key was made; the operator commands find it by themselves, or set HUFU_KEY to what the file holds", "file", path)
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
	case info.Mode().Perm()&0o077 != 0:
		return broker.Secret{}, fmt.Errorf("unsafe permissions %#o: others may have read it; remove it, and the next start makes a new key", info.Mode().Perm())
	}
	if owner, ours := ownerOf(info); !ours {
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
