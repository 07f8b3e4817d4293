package sqlstore_test

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"testing"

	"github.com/hufu-io/hufu/internal/broker"
)

// BenchmarkGrant reads one user's grants, by the grant's key and by pages that begin with it.
func BenchmarkGrant(b *testing.B) {
	const n = 20_000
	s := open(b, filepath.Join(b.TempDir(), "hufu.db"), nil)
	if _, err := s.Tables().Grants.Import(b.Context(), users(n)); err != nil {
		b.Fatal(err)
	}
	user := func() string { return fmt.Sprintf("o6_bmjrPTlm6_2sgVt7h%07d", rand.IntN(n)) }
	b.Run("Get", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := s.Grants().Get(b.Context(), broker.Key{App: "shop", Kind: "snsapi_userinfo", Subject: user()}); err != nil {
				b.Fatal(err)
			}
		}
	})
	for _, limit := range []int{1, 2, 3, 4, 16} {
		b.Run(fmt.Sprint("Page of ", limit), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := s.Grants().Page(b.Context(), "shop", broker.Key{Subject: user()}, limit); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
