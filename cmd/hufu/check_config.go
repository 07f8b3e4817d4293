package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/hufu-io/hufu/internal/config"
	"github.com/hufu-io/hufu/internal/seal"
)

func newCheckConfig() *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use: "check-config", Short: "Check the configuration and report every fault with its line",
		Long: "Check the configuration file, or ./" + configFile + " where none is named, and report every fault\n" +
			"with its line, what is wrong with the keyset and the admin key where they are there\n" +
			"already, and folders of sinks that are not there. The exit code is 0, or 2 if there are faults. Nothing is started, and no file is\n" +
			"made. Run it as the user that the server runs as, whose files those two have to be.",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usageOf(cmd, fmt.Errorf("the file is named with a flag: use --config %s", args[0]))
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&file, "config", "", "the configuration file")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		cfg, err := loadConfig(file, config.Options{Platforms: platforms(), CheckKeyset: checkKeyset, CheckAdminKey: checkAdminKey, CheckSinkFile: checkSinkFile})
		if err != nil {
			return err
		}
		if cfg.File == "" { // so that nobody has looked at them
			if err := errors.Join(checkKeyset(cfg.KeysetFile), checkAdminKey(cfg.AdminKeyFile)); err != nil {
				return &usageError{err: err, plain: true}
			}
		}
		what := cfg.File
		if what == "" {
			what = "no ./" + configFile + ", so the defaults"
		}
		_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s: ok, %s, %s\n", what, count(len(cfg.Apps), "app"), count(len(cfg.Clients), "client"))
		return err
	}
	return cmd
}

// checkKeyset says what is wrong with a keyset file. Whether it is the one that the store's
// data was sealed with, only the start finds out, which also makes one where there is none.
func checkKeyset(path string) error {
	if _, err := seal.Open(path); err != nil && !errors.Is(err, seal.ErrNoKeyset) {
		return err
	}
	return nil
}

// checkAdminKey says what is wrong with the file of the admin key. The start makes it where
// there is none.
func checkAdminKey(path string) error {
	if _, err := readAdminKey(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("admin key %s: %w", path, err)
	}
	return nil
}

// checkSinkFile says whether the folder of a sink's file is there, which the server never
// makes: a folder with a slip in its name would have the tokens where nobody reads them. What
// is below /run is gone with every boot, and made by what starts the server.
func checkSinkFile(path string) error {
	info, err := os.Stat(filepath.Dir(path))
	switch {
	case errors.Is(err, fs.ErrNotExist) && strings.HasPrefix(path, "/run/"):
		return nil
	case errors.Is(err, fs.ErrNotExist):
		return errors.New("is in a folder that is not there; make it, writable by the server's user")
	case err != nil:
		return errors.New("is in a folder that cannot be looked at; let the server's user into it and those above")
	case !info.IsDir():
		return errors.New("is below a file; choose a path in a folder")
	}
	return nil
}
