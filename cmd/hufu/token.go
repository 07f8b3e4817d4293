package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/hufu-io/hufu/api"
	"github.com/hufu-io/hufu/client"
)

func newToken() *cobra.Command {
	return group("token", "Read, renew and watch tokens", newTokenGet(), newTokenRenew(), newTokenWatch())
}

// appAndKind reads the arguments APP [KIND].
func appAndKind(args []string) (app, kind string) {
	if len(args) > 1 {
		return args[0], args[1]
	}
	return args[0], "access_token"
}

func newTokenGet() *cobra.Command {
	var opt client.TokenOptions
	cmd := &cobra.Command{
		Use: "get APP [KIND]", Short: "Print a token",
		Long: "Print the token of an app, of kind access_token unless another is named.",
		Args: args(cobra.RangeArgs(1, 2)),
	}
	out := outputFlag(cmd)
	cmd.Flags().DurationVar(&opt.MinTTL, "min-ttl", 0, "a token that lasts this long, if it can be had")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		c, err := dial()
		if err != nil {
			return err
		}
		app, kind := appAndKind(args)
		t, err := c.Token(cmd.Context(), app, kind, opt)
		if err != nil {
			return err
		}
		return out.print(cmd, t, func(tab *table) { tab.row(t.Token) })
	}
	return cmd
}

func newTokenRenew() *cobra.Command {
	var rejected int64
	var leaked bool
	cmd := &cobra.Command{
		Use: "renew APP [KIND]", Short: "Report a token as rejected, and print the one to use instead",
		Long: "Report that the platform rejects a token, and print the one to use instead. The server\n" +
			"asks the platform where that is cheap: a token that lives is not replaced. Without\n" +
			"--version it is the current token that is reported. What became of it is said on\n" +
			"standard error.",
		Args: args(cobra.RangeArgs(1, 2)),
	}
	out := outputFlag(cmd)
	cmd.Flags().Int64Var(&rejected, "version", 0, "the version of the token that was rejected")
	cmd.Flags().BoolVar(&leaked, "leaked", false, "replace the current token although it is not rejected, because it leaked")
	cmd.MarkFlagsMutuallyExclusive("version", "leaked")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		c, err := dial()
		if err != nil {
			return err
		}
		app, kind := appAndKind(args)
		t, before, err := renewToken(cmd.Context(), c, app, kind, rejected, leaked)
		if err != nil {
			return err
		}
		if leaked || t.Version != before {
			cmd.PrintErrf("replaced: this is version %d\n", t.Version)
		} else {
			cmd.PrintErrf("kept: version %d was not found to be dead\n", t.Version)
		}
		return out.print(cmd, t, func(tab *table) { tab.row(t.Token) })
	}
	return cmd
}

// renewToken also returns the version that was reported.
func renewToken(ctx context.Context, c *client.Client, app, kind string, rejected int64, leaked bool) (t api.Token, before int64, err error) {
	if leaked {
		t, err = c.Replace(ctx, app, kind)
		return t, 0, err
	}
	if rejected == 0 {
		if t, err = c.Token(ctx, app, kind, client.TokenOptions{}); err != nil {
			return api.Token{}, 0, err
		}
		rejected = t.Version
	}
	t, err = c.Renew(ctx, app, kind, rejected)
	return t, rejected, err
}
