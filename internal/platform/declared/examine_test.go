package declared_test

import (
	"slices"
	"testing"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/platform/declared"
)

// A call that came through proves nothing of a whitelist that nobody has heard of.
func TestAWhitelistIsLookedForOnlyWhereTheTableHasOne(t *testing.T) {
	t.Parallel()
	for _, listed := range []bool{true, false} {
		d, want := modern(), broker.FindingOK
		if !listed {
			d.Codes = slices.DeleteFunc(d.Codes, func(c declared.Code) bool { return c.Name == "ip_not_allowed" })
			want = broker.FindingUnknown
		}
		s := &server{answers: []string{`200 {"code":"4001","msg":"no token"}`, `200 {"code":0}`}}
		found := build(t, d, s).Examiner.Examine(t.Context(), testApp(d), broker.NewSecret(given))
		i := slices.IndexFunc(found, func(f broker.Finding) bool { return f.Name == "whitelist" })
		if i < 0 || found[i].State != want || found[i].Detail == "" {
			t.Errorf("with a code for addresses %t: %+v, want %s", listed, found, want)
		}
	}
}
