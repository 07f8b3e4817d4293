package storetest

import (
	"strings"
	"testing"

	"github.com/hufu-io/hufu/internal/broker"
)

func (s suite) keys() []test {
	return []test{
		{"HostileKeysAreKeptApart_I8", s.hostileKeys},
		{"AnIncompleteKeyIsRefused", s.incompleteKey},
	}
}

func hostileKeys() []broker.Key {
	k := func(app, kind, subject string) broker.Key {
		return broker.Key{App: app, Kind: broker.Kind(kind), Subject: subject}
	}
	return []broker.Key{
		k("a", "b", ""), k("a", "b", "c"), k("a", "b/c", ""), k("a/b", "c", ""), k("a/b", "c", "d"),
		k("a", "b/c", "d"), k("a", "b", "c/d"), k("a", "b", "/"), k("/", "/", "/"),
		k("a%2Fb", "c", ""), k("a", "b%2Fc", ""), k("a", "b", "%"), k("a", "b", "%%"), k("a", "b", "%00"),
		k("a", "b", "\x00"), k("a", "b", "\x00\x00"), k("a\x00", "b", ""), k("a", "\x00b", ""),
		k("a", "b", "'"), k("a", "b", `"`), k("a", "b", "`"), k("a", "b", `\`), k("a", "b", `\'`), k("a", "b", "''"),
		k("a", "b", "'; DROP TABLE records; --"), k("a", "b", "?"), k("a", "b", "$1"), k("a", "b", ":name"), k("a", "b", "_"),
		k("a", "b", "{c}"), k("{a}", "b", "c"), k("a", "b", ":"), k("a:b", "c", ""), k("a", "b", "*"), k("a", "b", "[a-z]"),
		k("A", "b", ""), k("a", "B", ""), k("a", "b", "C"), // case counts
		k("a", "b", " "), k("a", "b", "  "), k("a ", "b", ""), k("a", "b ", ""), k("a", "b", "c "), k("a", "b", "\t\r\n"),
		k("a", "b", "."), k("a", "b", ".."), k("..", "..", ".."), k("a", "b", "../../c"),
		k("虎符", "令牌", "企业"), k("a", "b", "é"), k("a", "b", "e\u0301"), k("a", "b", "ß"), k("a", "b", "ss"), k("a", "b", "ſ"),
		k("a", "b", "\u202e"), k("a", "b", "\ufeff"), k("a", "b", "😀"), k("a", "b", "\xff"), k("a", "b", "\xc3\x28"),
		k("a", "b", "NULL"), k("a", "b", "0"), k("a", "b", "00"), k("a", "b", "1e3"), k("a", "b", "1000"),
		k(strings.Repeat("a", broker.MaxAppID), "b", strings.Repeat("x", 500)),
		k(strings.Repeat("a", broker.MaxAppID), "b", strings.Repeat("x", 499)+"y"),
		k("a", "b", strings.Repeat("虎", 100)), k("a", "b", strings.Repeat("虎", 99)+"符"),
	}
}

func (s suite) hostileKeys(t *testing.T) {
	st := s.Open(t).Store
	want := map[broker.Key]broker.Record{}
	for i, k := range hostileKeys() {
		r := numbered(i)
		r.Key = k
		r.Current = broker.SealedToken{Version: 1, Box: []byte(k.String())}
		want[k] = put(t, st, r)
	}
	check(t, "all", want, all(t, st))
	for k, r := range want {
		check(t, "get", r, get(t, st, k))
		want[k] = put(t, st, r)
	}
	check(t, "all after every record was written again", want, all(t, st))
	for k, r := range want {
		ok(t, "delete", st.Delete(t.Context(), k, r.Version))
		delete(want, k)
		if len(want)%16 == 0 {
			check(t, "all but the deleted", want, all(t, st))
		}
	}
}

func (s suite) incompleteKey(t *testing.T) {
	st := s.Open(t).Store
	for _, k := range []broker.Key{{}, {App: "a"}, {Kind: "b"}, {Subject: "c"}, {App: "a", Subject: "c"}} {
		if _, err := st.Put(t.Context(), broker.Record{Key: k}); err == nil {
			t.Errorf("a record was stored under the key %#v", k)
		}
	}
	check(t, "all", map[broker.Key]broker.Record{}, all(t, st))
}
