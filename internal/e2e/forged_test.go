package e2e_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/hufu-io/hufu/internal/sandbox"
)

// A virtual token that was changed, made elsewhere, or whose client is gone, is what a
// wrong token is at the platform, and nothing arrives there for it.
func TestForgedAndForeignVirtualTokensAreRefused(t *testing.T) {
	t.Parallel()
	up := startUpstream(t, sandbox.Config{}, nil)
	server := start(t, configure(t, up.url, "overlap: 5m", callers), "serve")
	foreign := start(t, configure(t, up.url, "overlap: 5m", callers), "serve")
	const path = "/cgi-bin/user/get"
	call := func(tok string) reply {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.url+path+"?access_token="+url.QueryEscape(tok), nil)
		if err != nil {
			t.Fatal(err)
		}
		a, err := ask(r)
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	refused := func(what, tok string) {
		t.Helper()
		if a := call(tok); a.status != http.StatusOK || a.Errcode != 40001 {
			t.Errorf("%s: %v, want 40001", what, a)
		}
	}
	tok := server.handedOut(t, stableID, virtualKey)
	if a := call(tok); !a.ok() || !strings.HasPrefix(tok, "hv1_") || len(tok) > 512 {
		t.Fatalf("the token itself: %v", a)
	}
	// A client that is added, removed, and added again under its name.
	add := func() string {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.url+"/v1/clients",
			strings.NewReader(`{"name":"passing","apps":["stable"],"allow":["read","call"],"handout":"virtual"}`))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+key)
		a, err := ask(r)
		if err != nil || a.status/100 != 2 {
			t.Fatal(a, err)
		}
		return server.handedOut(t, stableID, a.Key)
	}
	first := add()
	if a := call(first); !a.ok() {
		t.Fatalf("a client that was added: %v", a)
	}
	if status, _, err := server.call(http.MethodDelete, "/v1/clients/passing", ""); err != nil || status/100 != 2 {
		t.Fatal(status, err)
	}
	arrived := up.Calls(stableID, path) + up.Calls("", path)
	refused("of a client that was removed", first)
	second := add()
	refused("of a client that was removed and is there again", first)

	refused("of another server", foreign.handedOut(t, stableID, virtualKey))
	for i := range len(tok) {
		for _, c := range []byte{'A', '_', tok[i] ^ 1, tok[i] ^ 0x20} {
			if c != tok[i] {
				refused("changed", tok[:i]+string(rune(c))+tok[i+1:])
			}
		}
		if i > 0 {
			refused("cut off", tok[:i])
		}
	}
	for _, more := range []string{"A", "=", "\n", "\r\n", " ", "\x00", "&access_token=", ".", "%00", strings.Repeat("A", 4000)} {
		refused("longer", tok+more)
		refused("with something before it", more+tok)
	}
	refused("two of them", tok+first)
	refused("parts of two", tok[:len(tok)/2]+second[len(second)/2:])
	if n := up.Calls(stableID, path) + up.Calls("", path) - arrived; n > 0 {
		t.Errorf("%d calls with tokens that are none arrived at the platform", n)
	}
	if a := call(second); !a.ok() {
		t.Errorf("a good token after all that: %v", a)
	}
}
