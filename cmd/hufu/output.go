package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
)

// output prints what a command has found, as a table or as JSON.
type output struct{ json *bool }

// outputFlag gives a command the flag --json.
func outputFlag(cmd *cobra.Command) output {
	return output{cmd.Flags().Bool("json", false, "print JSON, as the server answered it")}
}

// print shows v as JSON if that is wanted, else what text makes of it.
func (o output) print(cmd *cobra.Command, v any, text func(*table)) error {
	w := cmd.OutOrStdout()
	if *o.json {
		return writeJSON(w, v)
	}
	t := &table{tw: tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)}
	text(t)
	return t.tw.Flush()
}

func writeJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

// table lines up columns.
type table struct{ tw *tabwriter.Writer }

// row prints one line. What came from elsewhere cannot steer the terminal. A cell that is
// empty is shown as one: without it the columns would not stay in line.
func (t *table) row(cells ...string) {
	for i, c := range cells {
		if cells[i] = printable(c); len(cells) > 1 {
			cells[i] = orDash(cells[i])
		}
	}
	_, _ = io.WriteString(t.tw, strings.Join(cells, "\t")+"\n") // Flush reports errors.
}

func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 {
			return '?'
		}
		return r
	}, s)
}

// orDash shows that there is nothing.
func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// count says how many there are of something whose plural ends in s.
func count(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return fmt.Sprintf("%d %s", n, what)
}

// moment shows an instant in UTC, with how far away it is.
func moment(t, now time.Time) string {
	if t.IsZero() {
		return "-"
	}
	d := t.Sub(now)
	if d < 0 {
		return fmt.Sprintf("%s (%s ago)", t.UTC().Format(time.RFC3339), span(-d))
	}
	return fmt.Sprintf("%s (in %s)", t.UTC().Format(time.RFC3339), span(d))
}

// span shows a time of some days in days, because nobody counts those in hours.
func span(d time.Duration) string {
	const day = 24 * time.Hour
	if d >= 2*day {
		return count(int(d.Round(day)/day), "day")
	}
	return d.Round(time.Second).String()
}
