package config_test

import (
	"strings"
	"testing"

	"github.com/hufu-io/hufu/internal/config"
)

// I6: addresses of databases in other forms than URLs hold passwords too.
func TestAPasswordInADatabasesOwnFormIsNotQuotedI6(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"hufu:hunter2@tcp(db)/hufu", `"host=db password=hunter2"`, ":hunter2@cache:6379", "hunter2@db/hufu"} {
		_, err := config.Load(put(t, t.TempDir(), "hufu.yaml", "store: "+text+"\n", 0o600), options())
		if err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v", text, err)
		}
	}
}
