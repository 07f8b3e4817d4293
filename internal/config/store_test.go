package config_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/config"
)

func TestStoresAreReadByTheirScheme(t *testing.T) {
	t.Parallel()
	for text, engine := range map[string]config.Engine{
		"embedded":                              config.Embedded,
		"postgres://hufu:pw@db.internal/hufu":   config.PostgreSQL,
		"postgresql:///hufu?host=/run/pg":       config.PostgreSQL,
		"mysql://hufu:pw@db:3306/hufu?tls=true": config.MySQL,
		"redis://127.0.0.1:6379/0":              config.Redis,
		"REDISS://:pw@h:6379":                   config.Redis,
		"postgres://u:pw@a:5432,b:5432/hufu":    config.PostgreSQL,
		"valkey://h":                            config.Redis,
	} {
		t.Run(text, func(t *testing.T) {
			t.Parallel()
			want := config.Store{Engine: engine}
			if engine != config.Embedded {
				want.URL = broker.NewSecret(text)
			}
			dir := t.TempDir()
			put(t, dir, "store", text+"\n", 0o600)
			for _, line := range []string{"store: " + text, "store: ${URL}", "store_file: store"} {
				c, err := config.Load(put(t, dir, "hufu.yaml", line+"\n", 0o600), options("URL", text))
				if err != nil {
					t.Fatalf("%s: %v", line, err)
				}
				if diff := cmp.Diff(want, c.Store, compareSecrets); diff != "" {
					t.Errorf("%s (-want +got):\n%s", line, diff)
				}
			}
		})
	}
}

// I6: a password that stands in a file that others can open is a fault, as every secret is.
func TestAPasswordInAStoresURLIsASecretI6(t *testing.T) {
	t.Parallel()
	for text, open := range map[string]bool{
		"store: redis://127.0.0.1:6379":               true,
		"store: embedded":                             true,
		"store: postgres://u@h/hufu":                  true,
		"store: postgres://u:hunter2@h/hufu":          false,
		"store: postgres://u@h/hufu?password=hunter2": false,
	} {
		_, err := config.Load(put(t, t.TempDir(), "hufu.yaml", text+"\n", 0o644), options())
		if open != (err == nil) {
			t.Errorf("%s in a file that others can open: %v", text, err)
		}
		if err != nil && strings.Contains(err.Error(), "hunter2") {
			t.Errorf("the password is repeated in %v", err)
		}
	}
}

func TestTheAdminKeyMayLieElsewhere(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	c, err := config.Load(put(t, dir, "hufu.yaml", "admin_key_file: shared/admin.key\n", 0o644), options())
	if err != nil {
		t.Fatal(err)
	}
	if want := filepath.Join(dir, "shared", "admin.key"); c.AdminKeyFile != want {
		t.Errorf("got %s, want %s", c.AdminKeyFile, want)
	}
}

func TestAStoresURLIsCheckedByWhoKnowsIt(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	put(t, dir, "store", "redis://h\n", 0o600)
	for _, line := range []string{"store: redis://h", "store_file: store"} {
		opt := options()
		opt.CheckStore = func(s config.Store) error {
			return fmt.Errorf("%s does not like it", s.Engine)
		}
		_, err := config.Load(put(t, dir, "hufu.yaml", "\n"+line+"\n", 0o600), opt)
		if err == nil || !strings.Contains(err.Error(), "redis does not like it") || !strings.Contains(err.Error(), ":2:") {
			t.Errorf("%s: %v", line, err)
		}
	}
}
