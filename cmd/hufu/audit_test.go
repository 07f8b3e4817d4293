package main

import (
	"os"
	"strings"
	"testing"
)

func TestTheActionsOfTheAuditAreThoseOfTheDocumentation(t *testing.T) {
	t.Parallel()
	doc, err := os.ReadFile("../../docs/api.md")
	if err != nil {
		t.Fatal(err)
	}
	_, part, _ := strings.Cut(string(doc), "| action | is |")
	part, _, _ = strings.Cut(part, "\n\n")
	known := map[string]bool{}
	for _, a := range auditActions() {
		known[a] = true
	}
	n := 0
	for line := range strings.Lines(part) {
		cells := strings.Split(line, "|")
		if len(cells) < 2 || !strings.Contains(cells[1], "`") {
			continue
		}
		for a := range strings.SplitSeq(cells[1], ",") {
			a = strings.Trim(a, " `")
			if n++; !known[a] {
				t.Errorf("action %q is not known to hufu audit", a)
			}
		}
	}
	if n != len(known) {
		t.Errorf("%d actions are documented, and %d known", n, len(known))
	}
}
