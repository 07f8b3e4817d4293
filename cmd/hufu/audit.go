package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/hufu-io/hufu/client"
)

// auditActions are what an entry of the audit can be about.
func auditActions() []string {
	return []string{
		"read", "report", "suspect", "replace", "renew", "foreign_rotation",
		"call", "call_rejected", "call_denied_path", "doctor",
		"login", "exchange", "list_users", "read_user", "read_user_token", "report_user", "read_profile", "read_subscription",
		"read_session_key", "verify", "decrypt", "sign_page", "sign_card", "delete_user", "import_token", "import_user",
		"put_app", "delete_app", "add_client", "delete_client", "rotate_keys",
	}
}

func newAudit() *cobra.Command {
	var q client.AuditQuery
	var from, to string
	cmd := &cobra.Command{
		Use: "audit", Short: "Show who read, renewed and changed what",
		Long: "Show the newest entries of the audit. An instant is written as 2026-11-21T10:00:00Z, or\n" +
			"as a duration that has passed since it, such as 24h.",
		Args: args(cobra.NoArgs),
	}
	out := outputFlag(cmd)
	f := cmd.Flags()
	f.StringVar(&q.Client, "client", "", "of this client only")
	f.StringVar(&q.Action, "action", "", "of this action only: "+strings.Join(auditActions(), ", "))
	f.StringVar(&q.App, "app", "", "of this app only")
	f.StringVar(&from, "from", "", "from this instant on")
	f.StringVar(&to, "to", "", "before this instant")
	f.Int64Var(&q.Before, "before", 0, "the page after the one that ended with this next")
	f.IntVar(&q.Limit, "limit", 100, "how many entries, from 1 to 1000")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if q.Action != "" && !slices.Contains(auditActions(), q.Action) {
			return usageOf(cmd, fmt.Errorf("--action: no action is called %.40q; there are %s", q.Action, strings.Join(auditActions(), ", ")))
		}
		var err error
		if q.From, err = instant(from); err != nil {
			return usageOf(cmd, fmt.Errorf("--from: %w", err))
		}
		if q.To, err = instant(to); err != nil {
			return usageOf(cmd, fmt.Errorf("--to: %w", err))
		}
		c, err := dial()
		if err != nil {
			return err
		}
		page, err := c.Audit(cmd.Context(), q)
		if err != nil {
			return err
		}
		return out.print(cmd, page, func(t *table) {
			t.row("AT", "CLIENT", "ACTION", "APP", "KIND", "VERSION", "TARGET", "COUNT", "RESULT", "REMOTE")
			for _, e := range page.Entries {
				t.row(e.At.UTC().Format(time.RFC3339), orDash(e.Client), e.Action, orDash(e.App), orDash(e.Kind), number(e.Version),
					orDash(e.Target), number(int64(e.Count)), e.Result, orDash(e.Remote))
			}
			if page.Next != 0 {
				cmd.PrintErrf("there is more: --before %d\n", page.Next)
			}
		})
	}
	return cmd
}

func number(n int64) string {
	if n == 0 {
		return "-"
	}
	return strconv.FormatInt(n, 10)
}

func instant(s string) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	if d, err := time.ParseDuration(s); err == nil && d >= 0 {
		return time.Now().Add(-d), nil
	}
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return time.Time{}, fmt.Errorf("%q is neither an instant such as 2026-11-21T10:00:00Z nor a duration such as 24h", s)
	}
	return t, nil
}
