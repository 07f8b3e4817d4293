package redisstore_test

import (
	"errors"
	"testing"

	"github.com/hufu-io/hufu/internal/broker"
	"github.com/hufu-io/hufu/internal/servertest"
)

func TestAFieldThatCannotBeDecodedHidesNoOther_I3(t *testing.T) {
	t.Parallel()
	for name, value := range map[string]string{"no version": "soon", "no record": "2:soon", "another kind": `2:{"current":7}`} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := servertest.StartRedis(t, servertest.RedisConfig{})
			s := open(t, server.URL)
			f := follow(t, s)
			for i := range 4 {
				put(t, s, broker.Record{Key: key(i)})
			}
			bad := key(1)
			find := "for _, k in ipairs(redis.call('KEYS', '{hufu}:records:*')) do if redis.call('HEXISTS', k, ARGV[1]) == 1 then return k end end"
			bucket := command(t, server, "EVAL", find, "0", bad.String())
			command(t, server, "HSET", bucket, bad.String(), value)
			read, undecodable := map[broker.Key]bool{}, 0
			for r, err := range s.All(t.Context()) {
				switch {
				case err == nil:
					read[r.Key] = true
				case errors.Is(err, broker.ErrUndecodable):
					undecodable++
					if r.Key != bad || r.Version != 0 {
						t.Errorf("of what cannot be decoded there is %+v", r)
					}
				default:
					t.Fatal(err)
				}
			}
			if len(read) != 3 || undecodable != 1 || read[bad] {
				t.Errorf("%d records were read and %d cannot be decoded, want 3 and 1", len(read), undecodable)
			}
			if _, err := s.Get(t.Context(), bad); !errors.Is(err, broker.ErrUndecodable) {
				t.Errorf("read by itself it gives %v", err)
			}
			for range s.All(t.Context()) { //nolint:errcheck // See above.
				break // and a reader who has had enough is left alone
			}
			// Nor does a watch stop at it.
			command(t, server, "XADD", "{hufu}:changes", "*", "record", bad.String(), "value", value)
			r := put(t, s, broker.Record{Key: key(2), Version: 1})
			f.until(t, r.Key, r.Version)
		})
	}
}
