package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/hufu-io/hufu/api"
	"github.com/hufu-io/hufu/client"
	"github.com/hufu-io/hufu/internal/broker"
)

func newApp() *cobra.Command {
	return group("app", "List, add and remove apps", newAppList(), newAppAdd(), newAppRemove())
}

// fromFile is the origin of what only a change of the server's configuration file changes.
const fromFile = string(broker.FromFile)

// pageSize is how many apps one call asks for.
const pageSize = 500

func newAppList() *cobra.Command {
	cmd := &cobra.Command{Use: "ls", Short: "List the apps and how their tokens stand", Args: args(cobra.NoArgs)}
	out := outputFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		c, err := dial()
		if err != nil {
			return err
		}
		apps, err := allApps(cmd.Context(), c)
		if err != nil {
			return err
		}
		return out.print(cmd, apps, func(t *table) { printApps(t, apps, time.Now()) })
	}
	return cmd
}

// allApps are those that the client manages.
func allApps(ctx context.Context, c *client.Client) ([]api.App, error) {
	apps := []api.App{}
	for after := ""; ; {
		page, err := c.Apps(ctx, client.Page{After: after, Limit: pageSize})
		if err != nil {
			return nil, err
		}
		if apps = append(apps, page...); len(page) < pageSize {
			return apps, nil
		}
		after = page[len(page)-1].ID
	}
}

// printApps prints a line for every kind of token of every app, and below them what is
// to be said about those that have a problem.
func printApps(t *table, apps []api.App, now time.Time) {
	t.row("ID", "PLATFORM", "APP ID", "MODE", "ORIGIN", "KIND", "STATE", "EXPIRY", "PROBLEM")
	var problems []string
	for _, a := range apps {
		head := []string{a.ID, a.Platform, a.AppID + besides(a), orDash(a.Mode), a.Origin}
		if len(a.Tokens) == 0 {
			t.row(append(head, "-", "-", "-", "-")...)
		}
		for _, s := range a.Tokens {
			t.row(append(head, tokenRow(s, now)...)...)
			if s.Problem != nil {
				problems = append(problems, fmt.Sprintf("%s %s: %s", a.ID, s.Kind, s.Problem.Error()))
			}
		}
	}
	for i, p := range problems {
		if i == 0 {
			t.row("")
		}
		t.row(p)
	}
}

// besides is what tells apps of one app id apart, such as the agents of a WeCom corp.
func besides(a api.App) string {
	var list []string
	for _, name := range slices.Sorted(maps.Keys(a.Params)) {
		list = append(list, name+"="+a.Params[name])
	}
	if a.OAuth2 != nil {
		list = append(list, a.OAuth2.Scopes...)
	}
	if len(list) == 0 {
		return ""
	}
	return " (" + strings.Join(list, " ") + ")"
}

// tokenRow tells how one kind of token stands. Of a token that is dead the expiry says
// nothing: it may well lie in the future.
func tokenRow(s api.TokenState, now time.Time) []string {
	state, expiry, problem := "ok", moment(s.Expiry, now), ""
	switch {
	case !s.Usable && s.Version > 0:
		state, expiry = "dead", "-"
	case !s.Usable:
		state, expiry = "missing", "-"
	case s.Problem != nil:
		state = "failing"
	}
	if s.Problem != nil {
		problem = s.Problem.Code
	}
	return []string{s.Kind, state, expiry, problem}
}

func newAppAdd() *cobra.Command {
	var a api.App
	var replace bool
	cmd := &cobra.Command{
		Use: "add ID --platform NAME --app-id ID --secret-file FILE", Short: "Add an app, or replace one",
		Long: "Add an app under our own ID, of a-z, 0-9 and -. Its secret is read from a file, the\n" +
			"environment or standard input, and never from the command line, which others can see.",
		Args: args(cobra.ExactArgs(1)),
	}
	out := outputFlag(cmd)
	secret := newSecretFlags(cmd, "secret", "the app secret")
	f := cmd.Flags()
	f.StringVar(&a.Platform, "platform", "wechat", "the platform the app is registered on")
	f.StringVar(&a.AppID, "app-id", "", "the platform's id of the app (required)")
	f.StringVar(&a.Mode, "mode", "", "how tokens are issued (default: the platform's usual way); wechat: stable or classic")
	f.StringVar(&a.BaseURL, "base-url", "", "where the platform is (default: its own)")
	params := f.StringArray("param", nil, "NAME=VALUE that the platform wants to know as well, such as agent_id=1000002; several times for several")
	oauth2 := newOAuth2Flags(cmd)
	f.DurationVar((*time.Duration)(&a.Overlap), "overlap", 0, "how long a replaced token lives on (default: what the platform documents)")
	f.DurationVar((*time.Duration)(&a.Renew.Every), "every", 0, "renew at the latest this long after the issue (default 1h, or half the lifetime)")
	f.DurationVar((*time.Duration)(&a.Renew.Ahead), "ahead", 0, "renew at least this long before the expiry (default 10m, or the whole window)")
	f.DurationVar((*time.Duration)(&a.Renew.InitialDelay), "initial-delay", 0, "wait this long before the first issue after a start")
	deny := f.StringSlice("deny", nil, "a path, or a pattern with *, that only administrators may call; \"\" denies nothing (default: the platform's own list)")
	login := newLoginFlags(cmd)
	f.StringSliceVar(&a.PageHosts, "page-host", nil, "a host whose pages may use the JS-SDK, or *.HOST for all below it")
	f.BoolVar(&replace, "replace", false, "change the app if there is one with this ID; without a secret it keeps its own")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		a.ID = args[0]
		if f.Changed("deny") {
			a.Deny = deny
		}
		var err error
		if a.Login, err = login.read(); err != nil {
			return usageOf(cmd, err)
		}
		if a.Params, err = named("param", *params); err != nil {
			return usageOf(cmd, err)
		}
		if a.OAuth2, err = oauth2.read(); err != nil {
			return usageOf(cmd, err)
		}
		switch {
		case a.AppID == "":
			return usageOf(cmd, errors.New("--app-id is missing"))
		case !secret.given() && !replace:
			return usageOf(cmd, errors.New("the app's secret is missing: give --secret-file, --secret-env or --secret-stdin"))
		}
		if a.Secret, err = secret.read(cmd.InOrStdin()); err != nil {
			return err
		}
		if a.RefreshToken, err = oauth2.refreshToken(cmd.InOrStdin()); err != nil {
			return err
		}
		c, err := dial()
		if err != nil {
			return err
		}
		if !replace {
			if err := absent(cmd, c, a.ID); err != nil {
				return err
			}
		}
		put, err := c.PutApp(cmd.Context(), a)
		if err != nil {
			return err
		}
		return out.print(cmd, put, func(t *table) { t.row("app " + put.ID + " is registered") })
	}
	return cmd
}

// absent keeps a slip of the fingers from replacing an app that is in use.
func absent(cmd *cobra.Command, c *client.Client, id string) error {
	now, err := c.App(cmd.Context(), id)
	var p *api.Problem
	switch {
	case err == nil && now.Origin == fromFile:
		return fmt.Errorf("there is an app %q already, in the server's configuration file; change it there, and restart the server", id)
	case err == nil:
		return fmt.Errorf("there is an app %q already; give --replace to change it", id)
	case errors.As(err, &p) && p.Code == api.CodeUnknownApp:
		return nil
	default:
		return err
	}
}

func newAppRemove() *cobra.Command {
	return &cobra.Command{
		Use: "rm ID...", Short: "Remove apps and their tokens",
		Long: "Remove apps and their tokens. What users granted an app stays until it is of no use any\n" +
			"more (users.keep); to have it deleted now, delete the users first: hufu user rm.",
		Args: args(cobra.MinimumNArgs(1)),
		RunE: func(cmd *cobra.Command, ids []string) error {
			c, err := dial()
			if err != nil {
				return err
			}
			var errs []error
			for _, id := range ids {
				if err := c.DeleteApp(cmd.Context(), id); err != nil {
					errs = append(errs, fmt.Errorf("remove app %s: %w", strings.ToValidUTF8(id, "?"), explained(err)))
					continue
				}
				cmd.PrintErrf("app %s is removed, with its tokens\n", printable(id))
			}
			return errors.Join(errs...)
		},
	}
}
