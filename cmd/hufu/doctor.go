package main

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/hufu-io/hufu/api"
	"github.com/hufu-io/hufu/client"
)

func newDoctor() *cobra.Command {
	cmd := &cobra.Command{
		Use: "doctor [APP]", Short: "Find out what stands between an app and its tokens",
		Long: "Let the server find out what stands between an app and its tokens: whether it can reach\n" +
			"the platform, whether the platform takes the secret and lets the server's address in,\n" +
			"and what it knows itself. No token is replaced by it. The exit code is 1 if something\n" +
			"is at fault.\n\n" +
			"Without APP all apps that the client manages are examined, one after another; with --json\n" +
			"each has a line.",
		Args: args(cobra.MaximumNArgs(1)),
	}
	out := outputFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		c, err := dial()
		if err != nil {
			return err
		}
		ids, one := args, len(args) == 1
		if !one {
			if ids, err = allIDs(cmd, c); err != nil {
				return err
			}
		}
		healthy, errs := true, []error(nil)
		for i, id := range ids {
			if err := cmd.Context().Err(); err != nil && i > 0 {
				errs = append(errs, err)
				break
			}
			d, err := c.Doctor(cmd.Context(), id)
			switch {
			case err != nil && one:
				return err
			case err != nil:
				errs = append(errs, fmt.Errorf("app %s: %w", id, err))
				continue
			case *out.json:
				err = writeJSON(cmd.OutOrStdout(), d)
			default:
				err = printDiagnosis(cmd.OutOrStdout(), d, i > 0)
			}
			if err != nil {
				return err
			}
			healthy = healthy && d.Healthy
		}
		if len(errs) == 0 && !healthy {
			return errUnhealthy // all is said already
		}
		return errors.Join(errs...)
	}
	return cmd
}

// allIDs are those of the apps that the client manages.
func allIDs(cmd *cobra.Command, c *client.Client) (ids []string, err error) {
	apps, err := allApps(cmd.Context(), c)
	for _, a := range apps {
		ids = append(ids, a.ID)
	}
	if err == nil && len(ids) == 0 {
		cmd.PrintErrln("there is no app that this client manages")
	}
	return ids, err
}

// errUnhealthy is the fault of an app that the output has told of.
var errUnhealthy = errors.New("")

// printDiagnosis prints a line for each finding, and below it what to do about it; more: one
// of another app stands above it.
func printDiagnosis(w io.Writer, d api.Diagnosis, more bool) error {
	var lines []string
	if more {
		lines = append(lines, "")
	}
	for _, f := range d.Findings {
		lines = append(lines, mark(f.State)+" "+title(f)+": "+f.Detail+took(f))
		if f.Platform != nil && !strings.Contains(f.Detail, f.Platform.Message) {
			lines = append(lines, "    platform said "+f.Platform.Code+": "+f.Platform.Message)
		}
		if f.Hint != "" {
			lines = append(lines, "    hint: "+f.Hint)
		}
	}
	lines = append(lines, summary(d))
	for _, l := range lines {
		if _, err := fmt.Fprintln(w, printable(l)); err != nil {
			return err
		}
	}
	return nil
}

func mark(state string) string {
	switch state {
	case api.FindingOK:
		return "✓"
	case api.FindingFault:
		return "✗"
	default:
		return "?"
	}
}

func title(f api.Finding) string {
	if f.Kind != "" {
		return f.Name + " of " + f.Kind
	}
	return f.Name
}

func took(f api.Finding) string {
	if f.TookMS == 0 {
		return ""
	}
	return fmt.Sprintf(" (%d ms)", f.TookMS)
}

func summary(d api.Diagnosis) string {
	faults, unknown := 0, 0
	for _, f := range d.Findings {
		switch f.State {
		case api.FindingOK:
		case api.FindingFault:
			faults++
		default:
			unknown++
		}
	}
	s := "app " + d.App + " is well"
	if !d.Healthy {
		s = "app " + d.App + " has " + count(faults, "fault")
	}
	if unknown > 0 {
		s += fmt.Sprintf(", and %d of the findings could not be made", unknown)
	}
	return s
}
