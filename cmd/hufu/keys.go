package main

import (
	"fmt"

	"github.com/spf13/cobra"
)

func newKeys() *cobra.Command {
	return group("keys", "Rotate the keys that seal everything secret at rest", newKeysRotate())
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
