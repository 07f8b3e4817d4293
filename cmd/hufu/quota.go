package main

import (
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/hufu-io/hufu/api"
)

func newQuota() *cobra.Command {
	cmd := &cobra.Command{
		Use: "quota APP", Short: "Show the calls of an app that passed today, and what is throttled",
		Long: "Show the calls of an app that passed through the server on the platform's day, by path,\n" +
			"and the paths that the platform has throttled. The counts are the server's own since\n" +
			"its start: the platform also counts what others call.",
		Args: args(cobra.ExactArgs(1)),
	}
	out := outputFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		c, err := dial()
		if err != nil {
			return err
		}
		q, err := c.Quota(cmd.Context(), args[0])
		if err != nil {
			return err
		}
		return out.print(cmd, q, func(t *table) { printQuota(t, q, time.Now()) })
	}
	return cmd
}

func printQuota(t *table, q api.Quota, now time.Time) {
	t.row("PATH", "TODAY", "THIS MINUTE", "THROTTLED UNTIL", "PLATFORM SAID")
	for _, p := range q.Paths {
		until, said := "-", "-"
		if x := p.Throttled; x != nil {
			until, said = moment(x.Until, now), x.Code+": "+x.Message
		}
		t.row(p.Path, strconv.FormatInt(p.Today, 10), strconv.FormatInt(p.ThisMinute, 10), until, said)
	}
	t.row("")
	t.row(fmt.Sprintf("the platform's day %s ends at %s", q.Day, moment(q.Resets, now)))
	t.row("this server counts since " + moment(q.Since, now))
}
