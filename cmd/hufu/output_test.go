package main

import (
	"strings"
	"testing"
	"text/tabwriter"
	"time"
)

func TestWhatComesFromElsewhereCannotSteerTheTerminal(t *testing.T) {
	t.Parallel()
	if got, want := printable("a\x1b[2Jb\tc\n\u009bé虎"), "a?[2Jb?c??é虎"; got != want {
		t.Errorf("printable = %q, want %q", got, want)
	}
}

func TestMomentsAreShownWithHowFarAwayTheyAre(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC)
	for _, tc := range []struct {
		at   time.Time
		want string
	}{
		{time.Time{}, "-"},
		{now.Add(90 * time.Second), "2026-11-21T10:01:30Z (in 1m30s)"},
		{now.Add(-time.Hour), "2026-11-21T09:00:00Z (1h0m0s ago)"},
	} {
		if got := moment(tc.at, now); got != tc.want {
			t.Errorf("moment(%v) = %q, want %q", tc.at, got, tc.want)
		}
	}
}

func TestColumnsStayInLineWhereACellIsEmpty(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	tab := &table{tw: tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)}
	tab.row("ID", "MODE", "PROBLEM")
	tab.row("a-long-one", "", "")
	tab.row("", "stable", "late")
	tab.row("")
	if err := tab.tw.Flush(); err != nil {
		t.Fatal(err)
	}
	want := "ID          MODE    PROBLEM\na-long-one  -       -\n-           stable  late\n\n"
	if b.String() != want {
		t.Errorf("%q, want %q", b.String(), want)
	}
}
