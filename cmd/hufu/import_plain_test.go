package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// I6: who leaves secrets where others can read them is told so, and not with the secrets.
func TestSecretsThatOthersCanReadAreWarnedOf_I6(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		mode os.FileMode
		text string
		warn bool
	}{
		"a secret":            {0o644, "- {id: shop, secret: SECRET}", true},
		"for the group":       {0o640, "- {id: shop, secret: SECRET}", true},
		"one of several":      {0o644, "- {id: shop, secret: ['${A}', SECRET]}", true},
		"a token":             {0o644, "- {id: shop, token: SECRET}", true},
		"a ticket":            {0o644, "- {id: shop, jsapi_ticket: SECRET}", true},
		"a token of a list":   {0o644, "- {id: shop, tokens: [{kind: access_token, token: SECRET}]}", true},
		"a refresh token":     {0o644, "- {id: shop, refresh_token: SECRET}", true},
		"kept from others":    {0o600, "- {id: shop, secret: SECRET}", false},
		"in the environment":  {0o644, "- {id: shop, secret: '${A}', token: '${B}'}", false},
		"in files of its own": {0o644, "- {id: shop, secret_file: a, token_file: b}", false},
	} {
		path := filepath.Join(t.TempDir(), "apps.yaml")
		if err := os.WriteFile(path, []byte(tc.text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, tc.mode); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		items, faults := readList([]byte(tc.text))
		got := exposed("apps.yaml", info, items)
		if (got != "") != tc.warn || strings.Contains(got, "SECRET") || len(faults) > 0 {
			t.Errorf("I6: %s: %q, %v", name, got, faults)
		}
		if got := exposed("-", nil, items); got != "" {
			t.Errorf("%s: standard input: %q", name, got)
		}
	}
}
