package broker_test

import (
	"testing"

	"github.com/hufu-io/hufu/internal/broker"
)

// TestAllowsKeepsToThePath: no way of writing a path leads out of an allowed one.
func TestAllowsKeepsToThePath(t *testing.T) {
	t.Parallel()
	l := &broker.Login{Redirects: []string{"https://www.example.com/login/"}}
	for to, want := range map[string]bool{
		"https://www.example.com/login/":            true,
		"https://www.example.com/login/a;b=c":       true,
		"https://www.example.com/login/a..b":        true,
		"https://www.example.com/login/..;/other":   false,
		"https://www.example.com/login/.;x=1/other": false,
		"https://www.example.com/login/..":          false,
		"https://www.example.com/login/%2e%2E;/x":   false,
	} {
		if got := l.Allows(to); got != want {
			t.Errorf("%s is allowed: %v, want %v", to, got, want)
		}
	}
}
