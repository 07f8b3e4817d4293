package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/hufu-io/hufu/internal/config"
)

func newCheckConfig() *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use: "check-config", Short: "Check the configuration and report every fault with its line",
		Long: "Check the configuration file, or ./" + configFile + " where none is named, and report every fault\n" +
			"with its line. The exit code is 0, or 2 if there are faults. Nothing is started.",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usageOf(cmd, fmt.Errorf("the file is named with a flag: use --config %s", args[0]))
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&file, "config", "", "the configuration file")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		cfg, err := loadConfig(file, config.Options{Platforms: platforms()})
		if err != nil {
			return err
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
