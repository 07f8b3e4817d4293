package main

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/hufu-io/hufu/api"
	"github.com/hufu-io/hufu/client"
)

func newUser() *cobra.Command {
	return group("user", "List, delete and import what users have granted apps, and read their tokens", newUserList(), newUserRemove(), newUserToken(), newUserImport())
}

func newUserList() *cobra.Command {
	var p client.Page
	cmd := &cobra.Command{
		Use: "ls APP [OPENID]", Short: "List what users have granted an app",
		Long: "List what users have granted an app, or what one of them has, without the tokens. Where\n" +
			"there are more, standard error says what to give to --after.",
		Args: args(cobra.RangeArgs(1, 2)),
	}
	out := outputFlag(cmd)
	cmd.Flags().IntVar(&p.Limit, "limit", 100, "how many grants, from 1 to 1000")
	cmd.Flags().StringVar(&p.After, "after", "", "the page after the one that ended with this")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		c, err := dial()
		if err != nil {
			return err
		}
		var g api.Grants
		if len(args) > 1 {
			g.Grants, err = c.User(cmd.Context(), args[0], args[1])
		} else {
			g, err = c.Users(cmd.Context(), args[0], p)
		}
		if err != nil {
			return err
		}
		if g.Next != "" {
			cmd.PrintErrf("there are more: --after %s\n", printable(g.Next))
		}
		return out.print(cmd, g, func(t *table) { printGrants(t, g.Grants, time.Now()) })
	}
	return cmd
}

func printGrants(t *table, grants []api.Grant, now time.Time) {
	t.row("OPENID", "KIND", "UNIONID", "STATE", "TOKEN UNTIL", "LOGIN UNTIL", "PROBLEM")
	for _, g := range grants {
		state, problem := "ok", ""
		switch {
		case !g.Ended.IsZero():
			state = "ended"
		case g.Problem != nil:
			state = "failing"
		}
		if g.Problem != nil {
			problem = g.Problem.Code
		}
		t.row(g.OpenID, g.Kind, orDash(g.UnionID), state, moment(g.Expiry, now), moment(g.Deadline, now), problem)
	}
}

func newUserRemove() *cobra.Command {
	return &cobra.Command{
		Use: "rm APP OPENID...", Short: "Delete all that is kept of users", Args: args(cobra.MinimumNArgs(2)),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := dial()
			if err != nil {
				return err
			}
			var errs []error
			for _, id := range args[1:] {
				n, err := c.DeleteUser(cmd.Context(), args[0], id)
				if err != nil {
					errs = append(errs, fmt.Errorf("delete user %s: %w", strings.ToValidUTF8(id, "?"), explained(err)))
					continue
				}
				cmd.PrintErrf("user %s is forgotten: %s deleted\n", printable(id), count(n, "grant"))
			}
			return errors.Join(errs...)
		},
	}
}

func newUserToken() *cobra.Command {
	var opt client.UserTokenOptions
	cmd := &cobra.Command{
		Use: "token APP OPENID", Short: "Print a user's token",
		Long: "Print the token of a user, of the widest scope that she has granted unless another is\n" +
			"named. It opens the platform for this user only and is none of the app's own.",
		Args: args(cobra.ExactArgs(2)),
	}
	out := outputFlag(cmd)
	cmd.Flags().StringVar(&opt.Scope, "scope", "", "a token that reaches at least as far as this scope")
	cmd.Flags().DurationVar(&opt.MinTTL, "min-ttl", 0, "a token that lasts this long, if it can be had")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		c, err := dial()
		if err != nil {
			return err
		}
		t, err := c.UserToken(cmd.Context(), args[0], args[1], opt)
		if err != nil {
			return err
		}
		return out.print(cmd, t, func(tab *table) { tab.row(t.Token) })
	}
	return cmd
}
