package config_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestFaultsOfPaths(t *testing.T) {
	t.Parallel()
	runFaultCases(t, []faultCase{
		{"paths", client("key: ${KEY}\nallow: [call]\npaths: [cgi-bin/x, /a//b, \"/a?b=*\", /a/../b, \"/a b\", /%2e, \"\", \"*\"]\n"), `6: clients[0].paths[0]: "cgi-bin/x" is not a path; write one that starts with /, without ? and what follows it, and with * for anything
6: clients[0].paths[1]: "/a//b" is not a path; write one that starts with /, without ? and what follows it, and with * for anything
6: clients[0].paths[2]: "/a?b=*" is not a path; write one that starts with /, without ? and what follows it, and with * for anything
6: clients[0].paths[3]: "/a/../b" is not a path; write one that starts with /, without ? and what follows it, and with * for anything
6: clients[0].paths[4]: "/a b" is not a path; write one that starts with /, without ? and what follows it, and with * for anything
6: clients[0].paths[5]: "/%2e" is not a path; write one that starts with /, without ? and what follows it, and with * for anything
6: clients[0].paths[6]: is empty; give it a value or remove it
6: clients[0].paths[7]: "*" is not a path; write one that starts with /, without ? and what follows it, and with * for anything`},
		{"no paths", client("key: ${KEY}\nallow: [call]\npaths: []\n"), `6: clients[0].paths: is empty; list the paths the client may call, such as "/cgi-bin/message/*", or remove it for all of them`},
		{"paths of a client that may not call", client("key: ${KEY}\npaths: [/x]\n"), `5: clients[0].paths: says what the client may call, but its allow has no call; add call there, or remove paths`},
		{"very many paths", client("key: ${KEY}\nallow: [call]\npaths: [" + strings.Repeat("/x, ", 101) + "]\n"), `6: clients[0].paths: has 101 paths; write at most 100, with * for those that begin or end alike`},
		{"a deny list that says nothing", app("deny:\n  # - /cgi-bin/menu/*\n"), `5: apps[0].deny: is empty; write [] to deny nothing, or remove it for the platform's own list`},
		{"a deny list that is none", app("deny: /cgi-bin/menu/*\n"), `5: apps[0].deny: has to be a list (lines that start with -), but a single value stands here`},
		{"denied paths", app("deny: [menu, /x, \"\"]\n"), `5: apps[0].deny[0]: "menu" is not a path; write one that starts with /, without ? and what follows it, and with * for anything
5: apps[0].deny[2]: is empty; give it a value or remove it`},
	})
}

// No list is the platform's own, and an empty one denies nothing: they are not the same.
func TestADenyListIsAbsentEmptyOrSaysSomething(t *testing.T) {
	t.Parallel()
	for lines, want := range map[string][]string{
		"":           nil,
		"deny: []\n": {},
		"deny: [/cgi-bin/clear_quota, \"/cgi-bin/menu/*\", \"/*\"]\n": {"/cgi-bin/clear_quota", "/cgi-bin/menu/*", "/*"},
		"deny:\n  - /cgi-bin/${NAME}\n":                               {"/cgi-bin/menu"},
	} {
		got := mustLoad(t, app(lines), options("NAME", "menu")).Apps[0].Deny
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q (-want +got):\n%s", lines, diff)
		}
	}
}

func TestPathsLimitClientsThatMayCall(t *testing.T) {
	t.Parallel()
	for lines, want := range map[string][]string{
		"allow: [call]\n": nil,
		"allow: [call]\npaths: [\"/cgi-bin/message/*\"]\n": {"/cgi-bin/message/*"},
		"allow: [admin]\npaths: [/x, /y/]\n":               {"/x", "/y/"},
	} {
		got := mustLoad(t, client("key: ${KEY}\n"+lines), options()).Clients[0].Paths
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q (-want +got):\n%s", lines, diff)
		}
	}
}
