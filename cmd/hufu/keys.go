package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/hufu-io/hufu/internal/seal"
)

func newKeys() *cobra.Command {
	return group("keys", "Make and rotate the keys that seal everything secret at rest", newKeysNew(), newKeysRotate())
}

func newKeysNew() *cobra.Command {
	return &cobra.Command{
		Use: "new FILE", Short: "Make a keyset file, for servers that share it",
		Long: "Make a keyset of one fresh key in FILE, with mode 0600, in a folder that is there. What is in\n" +
			"FILE already is never overwritten.\n\n" +
			"A single server makes its keyset by itself. This is for several servers, whose keyset_file\n" +
			"has to be there before the first of them starts. It has to belong to the user that they run\n" +
			"as, or be mounted for its group. Keep a copy of it elsewhere: without it, what a store holds\n" +
			"cannot be read.",
		Args: args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := seal.Create(args[0]); err != nil {
				return err
			}
			cmd.PrintErrf("a keyset is in %s; keep a copy of it elsewhere\n", args[0])
			return nil
		},
	}
}

func newKeysRotate() *cobra.Command {
	cmd := &cobra.Command{
		Use: "rotate", Short: "Add a new key to the keyset and seal everything with it",
		Long: "Add a new key to the running server's keyset, seal everything stored with it, and remove\n" +
			"keys that nothing uses any more. The key before the new one stays until the next\n" +
			"rotation, so that a backup of the store from just before can still be read. Make a\n" +
			"backup of the keyset file afterwards.",
		Args: args(cobra.NoArgs),
	}
	out := outputFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		c, err := dial()
		if err != nil {
			return err
		}
		r, err := c.RotateKeys(cmd.Context())
		if err != nil {
			return err
		}
		return out.print(cmd, r, func(t *table) {
			t.row(fmt.Sprintf("key %d seals from now on; %d stored secrets were sealed again, %d old keys removed", r.Primary, r.Resealed, r.Removed))
		})
	}
	return cmd
}
