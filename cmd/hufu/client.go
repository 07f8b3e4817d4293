package main

import (
	"cmp"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/hufu-io/hufu/api"
	"github.com/hufu-io/hufu/client"
)

func newClient() *cobra.Command {
	return group("client", "List, add and revoke clients", newClientList(), newClientAdd(), newClientRevoke())
}

func newClientList() *cobra.Command {
	cmd := &cobra.Command{
		Use: "ls", Short: "List the clients and what they may do",
		Long: "List the clients and what they may do. The origin of a client is api, if it was added\n" +
			"with client add, or file: those of the configuration, and admin, whose key the server\n" +
			"keeps in data_dir/admin.key.",
		Args: args(cobra.NoArgs),
	}
	out := outputFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		c, err := dial()
		if err != nil {
			return err
		}
		clients, err := c.Clients(cmd.Context())
		if err != nil {
			return err
		}
		return out.print(cmd, clients, func(t *table) {
			t.row("NAME", "APPS", "ALLOW", "PATHS", "HANDOUT", "SESSION KEYS", "SDK", "ORIGIN")
			for _, x := range clients {
				t.row(x.Name, strings.Join(x.Apps, ","), strings.Join(x.Allow, ","), orDash(strings.Join(x.Paths, ",")),
					cmp.Or(x.Handout, "real"), yesNo(x.SessionKeys), cmp.Or(x.SDK, "generic"), x.Origin)
			}
		})
	}
	return cmd
}

func newClientAdd() *cobra.Command {
	var n api.Client
	cmd := &cobra.Command{
		Use: "add NAME --app ID...", Short: "Add a client and print its new key, once",
		Long: "Add a client and print its new key. The server keeps only a hash of it, so that it is\n" +
			"shown this once. Nothing else is printed to standard output.\n\n" +
			"With --handout virtual it gets tokens that are good for calls through this server only,\n" +
			"so that it needs the right call: without --allow it may read, renew and call. For one\n" +
			"that is to read tickets and nothing else use --allow read and no --handout.",
		Args: args(cobra.ExactArgs(1)),
	}
	out := outputFlag(cmd)
	f := cmd.Flags()
	f.StringSliceVar(&n.Apps, "app", nil, "an app's id, or a pattern with *, that the client may use; several times or with commas (required)")
	f.StringSliceVar(&n.Allow, "allow", nil, "what it may do: read, renew, call, users, admin (default read,renew, and call with --handout virtual)")
	f.StringSliceVar(&n.Paths, "path", nil, "a platform's path, or a pattern with *, that it may call; needs the right call (default: all)")
	f.StringVar(&n.Handout, "handout", "", "the access tokens it gets: real (default), or virtual, which are good for calls through this server only")
	f.BoolVar(&n.SessionKeys, "session-keys", false, "it may have the session keys of mini programs; needs the right users")
	f.StringVar(&n.SDK, "sdk", "", "the SDK that caches for the client; it decides about expires_in (default generic)")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		n.Name = args[0]
		if len(n.Apps) == 0 {
			return usageOf(cmd, errors.New("--app is missing: name the apps the client may use"))
		}
		if !cmd.Flags().Changed("allow") {
			n.Allow = defaultAllow(n.Handout)
		}
		c, err := dial()
		if err != nil {
			return err
		}
		added, err := c.AddClient(cmd.Context(), n)
		if err != nil && added.Key == "" {
			if p, ok := errors.AsType[*api.Problem](err); ok && p.Code == api.CodeExists {
				p.Hint = fmt.Sprintf("take another name, or revoke that client first: hufu client revoke %s", n.Name)
			}
			return err
		}
		err = errors.Join(err, out.print(cmd, added, func(t *table) {
			t.row(added.Key)
			cmd.PrintErrf("client %s is added; its key is shown this once\n", added.Name)
		}))
		warnOfMissing(cmd, c, added.Apps)
		return err
	}
	return cmd
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

// defaultAllow is what a client may do for whom nothing else is said.
func defaultAllow(handout string) []string {
	if handout == "virtual" {
		return []string{"read", "renew", "call"}
	}
	return []string{"read", "renew"}
}

// warnOfMissing tells of apps that a client was given and that are not there. They may
// be added later, so that it is no error.
func warnOfMissing(cmd *cobra.Command, c *client.Client, apps []string) {
	for _, id := range apps {
		if strings.Contains(id, "*") {
			continue
		}
		_, err := c.App(cmd.Context(), id)
		if p, ok := errors.AsType[*api.Problem](err); ok && p.Code == api.CodeUnknownApp {
			cmd.PrintErrf("there is no app %s: the client gets nothing of it until it is added\n", id)
		}
	}
}

func newClientRevoke() *cobra.Command {
	return &cobra.Command{
		Use: "revoke NAME...", Short: "Revoke clients: their keys stop working at once", Args: args(cobra.MinimumNArgs(1)),
		RunE: func(cmd *cobra.Command, names []string) error {
			c, err := dial()
			if err != nil {
				return err
			}
			var errs []error
			for _, name := range names {
				if err := c.DeleteClient(cmd.Context(), name); err != nil {
					errs = append(errs, fmt.Errorf("revoke client %q: %w", name, adminKept(name, explained(err))))
					continue
				}
				cmd.PrintErrf("client %s is revoked\n", printable(name))
			}
			return errors.Join(errs...)
		},
	}
}

// adminKept says how to revoke the client that cannot be revoked through the API.
func adminKept(name string, err error) error {
	if p, ok := errors.AsType[*api.Problem](err); ok && name == adminName && p.Code == api.CodeReadOnly {
		return errors.New("its key is in the server's admin_key_file (admin.key in data_dir, if nothing else is said): delete that file and restart the server, which makes a new key")
	}
	return err
}
