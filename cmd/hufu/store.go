package main

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

func newStore() *cobra.Command {
	return group("store", "Move what a server keeps to another store", newStoreCopy())
}

// copyReport is what was copied, as it is printed.
type copyReport struct {
	From     string `json:"from"`
	To       string `json:"to"`
	Records  int    `json:"records"`
	Apps     int    `json:"apps"`
	Clients  int    `json:"clients"`
	Settings int    `json:"settings"`
	Grants   int    `json:"grants"`
	Leases   int    `json:"leases"`
	Audit    *int   `json:"audit,omitempty"` // nil: it was left out
}

func newStoreCopy() *cobra.Command {
	var noAudit, asJSON bool
	cmd := &cobra.Command{
		Use: "copy FROM TO", Short: "Copy everything from one store to another, and compare it",
		Long: "Copy everything that the store FROM keeps to the empty store TO: tokens, users' grants,\n" +
			"apps and clients with their versions, settings, and the audit. Then read all of it again\n" +
			"from both, and compare it. FROM stays as it is. Each of the two is one of\n\n" +
			placeForms() + "\n\n" +
			"Stop all servers of both stores first, and start none before the copy has ended: a store\n" +
			"that is in use is refused.\n\n" +
			"What is sealed is copied as it is, and no keyset is needed for it. The servers on the new\n" +
			"store need the keyset file of the old one: keep it, and point keyset_file at it. Of leases\n" +
			"only those are copied that servers left behind which died.\n\n" +
			"A copy that breaks off leaves a store on which no server starts. Empty it before the next\n" +
			"try; the message says how.",
		Args: args(cobra.ExactArgs(2)),
	}
	cmd.Flags().BoolVar(&noAudit, "no-audit", false, "leave out the audit")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		from, err := parsePlace(args[0])
		if err != nil {
			return placeFault(cmd, "FROM", err)
		}
		to, err := parsePlace(args[1])
		if err != nil {
			return placeFault(cmd, "TO", err)
		}
		if from.is(to) {
			return usageOf(cmd, errors.New("FROM and TO are one store"))
		}
		report, err := copyStore(cmd.Context(), cmd.ErrOrStderr(), from, to, noAudit)
		if err != nil {
			return err
		}
		return output{&asJSON}.print(cmd, report, report.table)
	}
	return cmd
}

// placeFault says which of the two places has a fault.
func placeFault(cmd *cobra.Command, which string, err error) error {
	usage, is := errors.AsType[*usageError](err)
	switch {
	case !is:
		return fmt.Errorf("%s: %w", which, err)
	case usage.plain:
		return err // a configuration file, with lines of its own
	default:
		return usageOf(cmd, fmt.Errorf("%s %w", which, usage.err))
	}
}

func (r copyReport) table(t *table) {
	t.row("COPIED", "COUNT")
	for _, x := range []struct {
		what string
		n    *int
	}{
		{"records", &r.Records},
		{"apps", &r.Apps},
		{"clients", &r.Clients},
		{"settings", &r.Settings},
		{"grants", &r.Grants},
		{"leases", &r.Leases},
		{"audit", r.Audit},
	} {
		if x.n != nil {
			t.row(x.what, fmt.Sprint(*x.n))
		}
	}
	t.row(fmt.Sprintf("%s holds the same as %s: both were read again and compared", r.To, r.From))
}

// progress prints how far a long copy is, every few seconds.
type progress struct {
	say  func(line string)
	last time.Time
}

func newProgress(say func(string)) *progress { return &progress{say, time.Now()} }

func (p *progress) tell(doing, table string, n int) {
	const every = 2 * time.Second
	if time.Since(p.last) < every {
		return
	}
	p.last = time.Now()
	p.say(fmt.Sprintf("%s %s: %d", doing, table, n))
}

// placeForms are the ways to name a store, for the help.
func placeForms() string {
	return strings.Join([]string{
		"  embedded:DIR   the embedded store in a data folder",
		"  URL            postgres://…, mysql://…, redis://… or rediss://…, without a password",
		"  env:NAME       the URL is in the environment variable NAME",
		"  file:PATH      the URL is in the file PATH, like that of store_file",
		"  PATH.yaml      the store of a configuration file",
	}, "\n")
}
